"""Names and inheritance of BIDS as a library of the field reads them (pybids, where installed).

Made-up trees: random entities in the names, JSON files at every level that hold for some images.
At most one file holds at a level, as BIDS asks.
"""

import json

import numpy as np
import pytest

from giblet_core.fmri.files.bids import Wanted, files_of_subject, find_bids, parse_name
from giblet_core.fmri.files.sidecars import sidecar_of

bids = pytest.importorskip("bids", reason="the oracle pybids is not installed")
N_TREES = 12
#: Our entities and what the library calls them.
LONG_NAMES = {
    "sub": "subject",
    "ses": "session",
    "task": "task",
    "acq": "acquisition",
    "rec": "reconstruction",
    "dir": "direction",
    "run": "run",
    "echo": "echo",
    "part": "part",
    "space": "space",
    "res": "res",
    "desc": "desc",
}
#: Values that an entity may have; None: it is absent.
VALUES = {
    "task": ("film", "filmX", "rest"),
    "acq": (None, "fast"),
    "dir": (None, "AP", "PA"),
    "run": (None, "1", "01", "10"),
    "echo": (None, "1", "2"),
    "space": (None, "T1w", "MNI152NLin2009cAsym"),
    "desc": ("preproc",),
}
SUBJECTS = ("01", "011", "1")
LEVELS = ("", "sub-{sub}", "sub-{sub}/ses-{ses}", "sub-{sub}/ses-{ses}/func")


def name_of(entities):
    """Return the stem of a name, its entities in the order of BIDS."""
    return "_".join(f"{key}-{entities[key]}" for key in LONG_NAMES if entities.get(key))


def drawn(rng, subject):
    """Draw the entities of a series."""
    entities = {"sub": subject, "ses": str(rng.choice(["a", "b"]))}
    for key, values in VALUES.items():
        entities[key] = values[rng.integers(len(values))]
    return {key: value for key, value in entities.items() if value}


def write_tree(root, rng):
    """Write series, and JSON files that hold for some of them, with a TR of their own each."""
    description = {"Name": "made up", "BIDSVersion": "1.8.0", "DatasetType": "derivative"}
    description["GeneratedBy"] = [{"Name": "test"}]
    root.mkdir()
    (root / "dataset_description.json").write_text(json.dumps(description))
    for subject in SUBJECTS:
        for _ in range(5):
            entities = drawn(rng, subject)
            folder = root / f"sub-{subject}" / f"ses-{entities['ses']}" / "func"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name_of(entities)}_bold.nii.gz").touch()
            _write_sidecar(root, entities, rng)


def _write_sidecar(root, entities, rng):
    """Write a JSON file at a random level, unless another one there holds for the same series."""
    level = rng.integers(len(LEVELS))
    folder = root / LEVELS[level].format(**entities)
    own = ("sub", "ses")[: min(level, 2)]
    kept = {key: entities[key] for key in [*own, "task", "desc"] if key in entities}
    if level == len(LEVELS) - 1:
        kept = entities
    path = folder / f"{name_of(kept)}_bold.json"
    path.write_text(json.dumps({"RepetitionTime": round(float(rng.uniform(0.5, 3)), 3)}))


@pytest.fixture(scope="module", params=range(N_TREES))
def tree(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("trees") / "derivative"
    write_tree(root, np.random.default_rng(request.param))
    return root


@pytest.fixture(scope="module")
def layout(tree):
    return bids.BIDSLayout(tree, validate=False, config=["bids", "derivatives"])


def series_of(layout):
    return layout.get(suffix="bold", extension=".nii.gz")


def test_entities_are_those_of_the_library(tree, layout):
    theirs = {}
    for file in series_of(layout):
        entities = file.get_entities()
        theirs[file.path] = {
            key: str(entities[long_name])
            for key, long_name in LONG_NAMES.items()
            if long_name in entities
        }
    ours = {
        str(file.path): file.entities
        for subject in SUBJECTS
        for file in files_of_subject(tree, subject)
        if file.suffix == "bold" and file.extension == ".nii.gz"
    }
    assert ours == theirs
    assert len(ours) >= 10


def test_inherited_times_are_those_of_the_library(tree, layout):
    n_told = 0
    for file in series_of(layout):
        sidecar = sidecar_of(tree / file.relpath, tree)
        ours = None if sidecar is None else sidecar.t_r
        assert ours == file.get_metadata().get("RepetitionTime"), file.path
        n_told += ours is not None
    assert n_told >= 3


def test_what_is_wanted_is_what_the_library_finds(tree, layout):
    for file in series_of(layout):
        entities = parse_name(tree / file.relpath).entities
        asked = {LONG_NAMES[key]: value for key, value in entities.items() if key != "run"}
        absent = [name for key, name in LONG_NAMES.items() if key not in entities]
        found = layout.get(
            suffix="bold",
            extension=".nii.gz",
            **asked,
            **dict.fromkeys(absent, bids.layout.Query.NONE),
        )
        same_run = [
            other
            for other in found
            if parse_name(tree / other.relpath).entities.get("run") == entities.get("run")
        ]
        wanted = Wanted({**dict.fromkeys(LONG_NAMES, "none"), **entities}, ("bold",), (".nii.gz",))
        ours = find_bids(tree, entities["sub"], wanted)
        assert [other.path for other in same_run] == [str(ours.path)]
