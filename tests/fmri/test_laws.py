"""Laws: no order matters, and damaged files give an error, never a traceback and never a hang."""

import shutil
import time
import warnings
from contextlib import suppress

import fmriprep
import numpy as np
import pandas as pd
import pytest
import yaml
from data_sets import manifest_of, problems_of, write_image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset
from giblet_core.sound import save_audio

FUZZ_S = 10.0
HANG_S = 5.0
REGIONS = ("V1", "A1", "STG")
RUNS = {"a": 12, "b": 15, "c": 9}


def write_tables(folder, rng):
    """One table a subject and run, each with its own values."""
    tables = {}
    for subject in ("1", "2", "10"):
        for run, n_trs in RUNS.items():
            values = np.round(100 + rng.standard_normal((n_trs, 3)), 4)
            tables[subject, run] = dict(zip(REGIONS, values.T))
    return tables


def save_tables(folder, tables, columns):
    for i, ((subject, run), table) in enumerate(tables.items()):
        order = columns[i % len(columns)]
        lines = ["\t".join(order)]
        lines += [
            "\t".join(f"{table[name][row]:.4f}" for name in order) for row in range(RUNS[run])
        ]
        (folder / f"s{subject}_{run}.tsv").write_text("\n".join(lines) + "\n")


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    subjects=st.permutations(["1", "2", "10"]),
    runs=st.permutations(list(RUNS)),
    columns=st.lists(st.permutations(REGIONS), min_size=1, max_size=9),
)
def test_no_order_of_subjects_runs_or_columns_changes_a_result(
    tmp_path_factory, subjects, runs, columns
):
    folder = tmp_path_factory.mktemp("laws")
    tables = write_tables(folder, np.random.default_rng(0))
    save_tables(folder, tables, columns)
    starts = {"a": 0.0, "b": 30.0, "c": 60.0}
    path = manifest_of(
        folder,
        mask=None,
        runs=[{"name": r, "n_trs": RUNS[r], "stimulus_start_s": starts[r]} for r in runs],
        bold={"pattern": "s{subject}_{run}.tsv", "subjects": list(subjects), "format": "roi_table"},
    )
    data = load_dataset(path)
    assert not check_dataset(path).errors
    for subject in subjects:
        bold = data.bold(subject)
        for run, onset, grid in zip(data.runs, data.run_onsets, data.grids):
            assert grid.onset_s == starts[run.name]
            for name in REGIONS:
                series = bold[onset : onset + grid.n_trs, data.region_names.index(name)]
                expected = tables[subject, run.name][name]
                assert np.allclose(series, expected, atol=1e-4)


# --- damaged files ---------------------------------------------------------------------------


def damaged(content, rng):
    """Return bytes with one of the faults that files get."""
    data = bytearray(content)
    kind = rng.integers(6)
    place = int(rng.integers(len(data) + 1))
    length = int(rng.integers(1, 40))
    if kind == 0:
        return bytes(data[:place])
    if kind == 1:
        data[place : place + length] = rng.bytes(length)
    elif kind == 2:
        data[place:place] = rng.bytes(length)
    elif kind == 3:
        del data[place : place + length]
    elif kind == 4:
        data[place : place + 1] = rng.choice([b"\0", b"\t", b"\n", b'"', b",", b":", b"-", b"\xff"])
    else:
        for _ in range(3):
            if data:
                data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def write_small(folder, rng):
    """A data set with a file of every kind that is read."""
    for subject in ("1", "2"):
        write_image(folder / f"s{subject}.nii.gz", 100 + rng.standard_normal((3, 3, 3, 8)))
        write_image(folder / f"u{subject}.nii", 100 + rng.standard_normal((3, 3, 3, 8)))
        motion = pd.DataFrame(rng.standard_normal((8, 2)), columns=["a", "b"])
        motion.to_csv(folder / f"m{subject}.tsv", sep="\t", index=False)
        np.savetxt(folder / f"t{subject}.csv", rng.standard_normal((8, 2)), delimiter=",")
        np.savez(folder / f"z{subject}.npz", bold=rng.standard_normal((8, 2)))
        (folder / f"s{subject}.json").write_text('{"RepetitionTime": 1.5}')
    labels = np.zeros((3, 3, 3))
    labels[0] = 1
    write_image(folder / "atlas.nii", labels, None)
    write_image(folder / "mask.nii.gz", np.ones((3, 3, 3)), None)
    (folder / "names.tsv").write_text("index\tname\n1\tleft\n")
    save_audio(folder / "film.wav", 0.1 * rng.standard_normal(8000 * 13).astype(np.float32), 8000)
    (folder / "film_events.tsv").write_text("onset\tduration\ttrial_type\n0\t5\tspeech\n")
    common = {
        "name": "small",
        "t_r": 1.5,
        "stimulus": {"file": "film.wav"},
        "runs": [{"name": "r", "n_trs": 8, "stimulus_start_s": 0.0}],
    }
    space = {"mask": "mask.nii.gz", "atlas": {"file": "atlas.nii", "names": "names.tsv"}}
    for name, kind, pattern, more in (
        (
            "images",
            "nifti",
            "s{subject}.nii.gz",
            {**space, "nuisance": {"pattern": "m{subject}.tsv"}},
        ),
        ("plain", "nifti", "u{subject}.nii", space),
        ("tables", "roi_table", "t{subject}.csv", {}),
        ("arrays", "npz", "z{subject}.npz", {}),
    ):
        bold = {"pattern": pattern, "subjects": ["1", "2"], "format": kind}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**common, "bold": bold, **more}))


def read_whole(path):
    data = load_dataset(path)
    for subject in data.subjects:
        data.bold(subject)
        data.nuisance(subject)


def survives(path):
    """Check and read a data set; anything but an answer or an InputError is a failure."""
    for use in (check_dataset, read_whole):
        start = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with suppress(InputError):
                use(path)
        assert time.monotonic() - start < HANG_S


@pytest.mark.slow
def test_damaged_files_give_an_error_and_no_traceback(tmp_path):
    rng = np.random.default_rng(0)
    write_small(tmp_path, rng)
    paths = sorted(tmp_path.glob("*.yaml"))
    files = sorted(path for path in tmp_path.iterdir())
    assert all(problems_of(path) is not None for path in paths)
    deadline = time.monotonic() + FUZZ_S
    n_tried = 0
    while time.monotonic() < deadline:
        file = files[n_tried % len(files)]
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, rng))
        for path in paths:
            if file.suffix != ".yaml" or file == path:
                survives(path)
        file.write_bytes(whole)
        n_tried += 1
    assert n_tried > 20


@pytest.mark.slow
def test_a_damaged_derivative_gives_an_error_and_no_traceback(tmp_path):
    rng = np.random.default_rng(1)
    path = fmriprep.write_derivative(tmp_path / "data")
    kinds = (
        "*bold.json",
        "*timeseries.tsv",
        "*timeseries.json",
        "*mask.nii.gz",
        "*events.tsv",
        "*dseg.tsv",
    )
    files = [file for kind in kinds for file in sorted(path.parent.rglob(kind))[:1]]
    deadline = time.monotonic() + FUZZ_S / 2
    n_tried = 0
    while time.monotonic() < deadline:
        file = files[n_tried % len(files)]
        whole = file.read_bytes()
        file.write_bytes(damaged(whole, rng))
        survives(path)
        file.write_bytes(whole)
        n_tried += 1
    shutil.rmtree(tmp_path / "data")
    assert n_tried >= len(files)
