"""What the analysis recovers of simulations is scored against their truth."""

from types import SimpleNamespace

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.validation import (
    CONTROLS,
    DETECTION_FIGURE,
    SHARE_FIGURE,
    StudySize,
    recovery,
    recovery_study,
)
from giblet_core.validation.recovery import SimulatedStudy


def study_of(kinds, codebooks):
    """Return a study whose truth alone is read."""
    truth = SimpleNamespace(kinds=kinds, codebooks=codebooks)
    series = np.zeros((4, 10, len(kinds)), np.float32)
    return SimulatedStudy(7, truth, means=series, voxels=None, voxel_max_r=None)


def test_detections_and_probabilities_are_scored_against_the_truth(monkeypatch):
    kinds = ("null", "single_codebook", "envelope", "all_codebooks")
    planted = np.array([[0, 0], [0, 1], [0, 0], [1, 1]], bool)
    studies = [study_of(kinds, planted), study_of(kinds[::-1], planted[::-1])]
    p = np.array([0.9, 0.001, 0.8, 0.001, 0.001, 0.9, 0.001, 0.001])  # one false: the last
    draws = np.random.default_rng(0).standard_normal((50, 8))
    null = SimpleNamespace(p=p, observed=draws.mean(0) + 3 * draws.std(0), null=draws)
    probability = np.column_stack([study.truth.codebooks.T for study in studies])
    scored = []

    def recover_the_truth(design, means, n_trs, n_draws):
        scored.append((means.shape, n_trs, n_draws))
        return SimpleNamespace(probability=probability + 0.1, null=null)

    monkeypatch.setattr(recovery, "recover_regions", recover_the_truth)
    monkeypatch.setattr(recovery, "CONTROLS", ("null", "envelope"))
    result = recovery.recovery_at_size(None, studies, StudySize(10, 3, 0.29), n_draws=50)
    by_name = {row["figure"]: row for row in result.figures}
    assert scored == [((3, 10, 8), 10, 50)]
    assert by_name["AUC of codebook recovery"]["value"] == 1
    assert by_name["detections in null regions"]["value"] == 0.5
    assert by_name["detections in envelope regions"]["value"] == 0
    assert by_name["detections in codebook regions"]["value"] == 1
    assert by_name["detections in codebook regions"]["n"] == 4
    assert by_name["detections in null regions"]["z"] == pytest.approx(3)
    assert by_name["detections in null regions"]["n_subjects"] == 3
    assert [row["region"] for row in result.regions] == [*kinds, *kinds[::-1]]
    assert [row["codebooks"] for row in result.regions[:4]] == ["none", "1", "none", "0+1"]
    assert [row["p"] for row in result.regions] == p.tolist()
    assert result.regions[3]["probability_1"] == 1.1
    assert {(row["seed"], row["n_trs"], row["isc"]) for row in result.regions} == {(7, 10, 0.29)}


@pytest.mark.slow
def test_small_simulations_go_through_the_whole_recovery():
    stimulus = gc.ensure_stimulus(smoke=True)
    sizes = (StudySize(88, 8, 0.29),)
    study = recovery_study(stimulus, seeds=(1, 2, 3), sizes=sizes, n_draws=20)
    figures = {row["figure"] for row in study.figures}
    assert {row["seed"] for row in study.simulations} == {1, 2, 3}
    assert {
        "AUC of codebook recovery",
        SHARE_FIGURE,
        DETECTION_FIGURE,
        "gain in codebook regions",
        *(f"detections in {kind} regions" for kind in CONTROLS),
    } <= figures
