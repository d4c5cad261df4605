"""A small design on disk, and a project whose register and records are its own."""

import json

import pytest

from giblet_core.studies import KnownParts, designs, records, register

KNOWN = KnownParts(("codebook recovery",), ("AUC", "detections"))


@pytest.fixture
def content():
    """Return what a small design says."""
    return {
        "name": "small",
        "title": "A small study",
        "question": "Is it so?",
        "statistic": "codebook recovery",
        "films": [
            {"name": "one", "kind": "demo film", "seed": 1, "t_r": 1.5, "run_n_trs": [40]},
            {"name": "two", "kind": "demo film", "seed": 2, "t_r": 2.0, "run_n_trs": [40]},
        ],
        "generators": ["signed level", "envelope"],
        "first_seed": 6001,
        "n_simulations": 3,
        "n_draws": 19,
        "bars": [
            {"figure": "AUC", "of": ["signed level"], "side": "at least", "limit": 0.85},
            {"figure": "detections", "of": ["envelope"], "side": "at most", "limit": 0.08},
        ],
    }


@pytest.fixture
def write_design(tmp_path):
    """Return a function that writes a design under its name, and reads it."""

    def write(content, name=None):
        path = tmp_path / f"{name or content['name']}.yaml"
        path.write_text(json.dumps(content))  # which is YAML too
        return designs.read_design(path, KNOWN)

    return write


@pytest.fixture
def own_project(tmp_path, monkeypatch):
    """Let the register and the records lie in a folder of the test."""
    for module in (designs, records, register):
        monkeypatch.setattr(module, "project_root", lambda: tmp_path)
    return tmp_path
