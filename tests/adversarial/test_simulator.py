"""Attack: simulate what the analysis looks at, and draw until it passes."""

import gzip
import json

import numpy as np
import pytest
import yaml

from giblet_core.errors import InputError
from giblet_core.features import slow_directions
from giblet_core.simulations import HeardCodebook, SubjectDraws
from giblet_core.studies import begin_draw, end_draw, lock, read_study, write_study
from giblet_core.studies import designs as study_designs
from giblet_core.studies import records as study_records
from giblet_core.studies import register as study_register
from giblet_core.validation.simulation.codebook_drivers import moving_directions

N_LOOKED_AT = 8  # slow directions of each codebook


@pytest.fixture
def project(tmp_path, monkeypatch):
    for module in (study_designs, study_records, study_register):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    return tmp_path


@pytest.fixture
def locked(project):
    """Return a function that reads a small design with some limit, and lock it at .85."""

    def read(limit):
        content = {
            "name": "attacked",
            "title": "A small study",
            "question": "Does it pass?",
            "statistic": "codebook recovery",
            "films": [
                {"name": "one", "kind": "demo film", "seed": 1, "t_r": 1.5, "run_n_trs": [40]}
            ],
            "generators": ["power"],
            "first_seed": 9001,
            "n_simulations": 2,
            "n_draws": 19,
            "bars": [{"figure": "AUC", "of": ["power"], "side": "at least", "limit": limit}],
        }
        path = project / "attacked.yaml"
        path.write_text(yaml.safe_dump(content))
        known = study_designs.KnownParts(("codebook recovery",), ("AUC",))
        return study_designs.read_design(path, known)

    lock(read(0.85))
    return read


@pytest.mark.slow
def test_the_family_does_not_live_in_the_analysis_own_directions(film):
    """Of the demo's simulator nearly all lies there, of random directions little."""
    stimulus = film.stimulus
    codebook = HeardCodebook(film.heard, 0)
    tr_of_frame = (np.arange(stimulus.codes.n_frames) / 75 / 1.5).astype(int)
    latents = stimulus.codec.codebooks[0][stimulus.codes.indices[0]].astype(float)
    counts = np.bincount(tr_of_frame)
    sums = np.zeros((len(counts), latents.shape[1]))
    np.add.at(sums, tr_of_frame, latents)
    looked_at = slow_directions(sums / counts[:, None], N_LOOKED_AT)

    def share_inside(directions):
        inside = directions @ looked_at.T
        return np.mean((inside**2).sum(1) / (directions**2).sum(1))

    of_the_demo = moving_directions(stimulus.codec, stimulus.codes)[0]
    draws = SubjectDraws(50, 0.0, np.random.default_rng(0))
    of_any = draws.weights(latents.shape[1])
    of_spread = draws.weights(len(codebook.spread)) @ codebook.spread
    assert share_inside(of_the_demo) > 0.8
    assert share_inside(of_any) < 0.15
    assert share_inside(of_spread) < share_inside(of_the_demo)


def test_a_study_cannot_be_drawn_again_unseen(locked):
    design = locked(0.85)
    for _ in range(3):
        number = begin_draw(design)
    assert number == 3
    end_draw(design, write_study("attacked", [{"seed": 9001, "codebooks": "0", "p": 0.5}], {}))
    register = study_register.register_path()
    whole = register.read_text()
    entries = json.loads(whole)
    register.write_text(json.dumps([entries[0], *entries[3:]]))
    with pytest.raises(InputError, match="never taken out"):
        study_register.read_register()
    register.write_text(whole)
    better = gzip.decompress(study_records.rows_path("attacked").read_bytes())
    study_records.rows_path("attacked").write_bytes(gzip.compress(better.replace(b"0.5", b"0.1")))
    with pytest.raises(InputError, match="not those that were drawn"):
        read_study("attacked")


def test_a_bar_cannot_be_moved_afterwards(locked):
    moved = locked(0.5)
    with pytest.raises(InputError, match="was changed after it was locked"):
        begin_draw(moved)
    with pytest.raises(InputError, match="A design is locked once"):
        lock(moved)
