"""Nuisance tables and fMRIPrep's confounds."""

import fmriprep
import numpy as np
import pandas as pd
import pytest
from data_sets import RUNS, manifest_of, problems_of
from nilearn.interfaces.fmriprep import load_confounds

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset


def test_a_nuisance_table_of_another_length_is_an_error(folder):
    for s in (1, 2, 3):
        for run, n in (("scan1", 70), ("scan2", 80)):
            np.savetxt(folder / f"m{s}_{run}.txt", np.zeros((n + 10 - (s == 2), 6)))
    found = problems_of(
        manifest_of(folder, nuisance={"pattern": "m{subject}_{run}.txt", "drop_first": 10})
    )
    assert [p for p in found if "nuisance of subject 2, scan1=69 rows: BOLD has 70" in p]
    assert len(found) == 2


def write_motion(folder, subject, run, n_trs, columns=("x", "y", "z")):
    rng = np.random.default_rng(subject)
    frame = pd.DataFrame(rng.standard_normal((n_trs, 3)), columns=["x", "y", "z"])
    frame[list(columns)].to_csv(folder / f"m{subject}_{run}.tsv", sep="\t", index=False)
    return frame


@pytest.fixture
def motion(folder):
    return {
        (subject, run): write_motion(folder, subject, run, n_trs)
        for subject in (1, 2, 3)
        for run, n_trs in RUNS
    }


PATTERN = {"pattern": "m{subject}_{run}.tsv"}


def test_columns_in_another_order_are_matched_by_name(folder, motion):
    write_motion(folder, 2, "scan2", 80, columns=("z", "x", "y"))
    path = manifest_of(folder, nuisance=PATTERN)
    assert problems_of(path) == []
    expected = pd.concat([motion[2, "scan1"], motion[2, "scan2"]])
    assert np.allclose(load_dataset(path).nuisance(2), expected)


@pytest.mark.parametrize(
    ("subject", "run", "columns"), [(2, "scan1", ("x", "y")), (1, "scan2", ("x", "y"))]
)
def test_a_table_that_lacks_a_column_is_refused(folder, motion, subject, run, columns):
    write_motion(folder, subject, run, dict(RUNS)[run], columns=columns)
    path = manifest_of(folder, nuisance=PATTERN)
    found = problems_of(path)
    assert any(
        f"error: nuisance of subject {subject}, {run}=x, y: must be those of the first table" in p
        for p in found
    ), found
    with pytest.raises(InputError, match="has no column z"):
        load_dataset(path).nuisance(subject)


def test_columns_are_chosen_and_missing_values_counted(folder, motion):
    path = folder / "m3_scan1.tsv"
    frame = pd.read_csv(path, sep="\t")
    frame.loc[0, "x"] = np.nan
    frame.loc[[4, 5], "y"] = np.nan
    frame["z"] = np.nan
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    manifest = manifest_of(folder, nuisance={**PATTERN, "columns": ["y", "x"]})
    (warning,) = problems_of(manifest)
    assert "nuisance of subject 3, scan1=2 of 70 values of y are n/a" in warning
    nuisance = load_dataset(manifest).nuisance(3)
    assert nuisance[4, 0] == 0
    assert nuisance[0, 1] == 0
    assert np.allclose(nuisance[10], frame.loc[10, ["y", "x"]].to_numpy(float))
    found = problems_of(manifest_of(folder, nuisance=PATTERN))
    assert any("70 of 70 values of z are n/a: the column holds no value" in p for p in found)


def test_an_index_without_a_name_is_no_nuisance_series(folder):
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            table = np.column_stack([np.arange(n_trs), np.random.default_rng(0).random(n_trs)])
            np.savetxt(folder / f"m{subject}_{run}.txt", table, fmt=["%d", "%.3f"])
    path = manifest_of(folder, nuisance={"pattern": "m{subject}_{run}.txt"})
    assert all("column 1 counts the rows" in p for p in problems_of(path))
    with pytest.raises(InputError, match="column 1 counts the rows"):
        load_dataset(path).nuisance(1)


# --- fMRIPrep's confounds --------------------------------------------------------------------


@pytest.fixture
def derivative(tmp_path):
    return fmriprep.write_derivative(tmp_path / "data")


def with_strategy(path, confounds):
    text = path.read_text()
    old = "confounds: {strategy: [motion, wm_csf, high_pass]}"
    assert old in text
    path.write_text(text.replace(old, confounds))
    return path


STRATEGIES = [
    ("confounds: {strategy: [motion], motion: basic}", 6),
    ("confounds: {strategy: [motion], motion: derivatives}", 12),
    ("confounds: {strategy: [motion]}", 24),
    ("confounds: {strategy: [wm_csf]}", 2),
    ("confounds: {strategy: [global_signal, high_pass], global_signal: full}", 4 + 2),
]


@pytest.mark.parametrize(("confounds", "n_columns"), STRATEGIES)
def test_confounds_are_chosen_by_the_names_of_strategies(derivative, confounds, n_columns):
    path = with_strategy(derivative, confounds)
    assert problems_of(path) == []
    assert load_dataset(path).nuisance("01").shape == (80, n_columns)


def test_confounds_are_those_that_nilearn_loads(derivative):
    func = derivative.parent / "fmriprep" / "sub-02" / "func"
    series = func / "sub-02_task-film_run-1_space-T1w_desc-preproc_bold.nii.gz"
    expected, _ = load_confounds(
        str(series), strategy=("motion", "wm_csf", "high_pass"), demean=False
    )
    nuisance = load_dataset(derivative).nuisance("02")
    assert np.allclose(nuisance[:40], np.nan_to_num(expected.to_numpy()), atol=1e-6)


def test_a_run_with_fewer_slow_cosines_has_zeros_in_their_place(derivative):
    func = derivative.parent / "fmriprep" / "sub-01" / "func"
    path = func / "sub-01_task-film_run-2_desc-confounds_timeseries.tsv"
    frame = pd.read_csv(path, sep="\t").drop(columns="cosine01")
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    derivative = with_strategy(derivative, "confounds: {strategy: [high_pass]}")
    assert problems_of(derivative) == []
    nuisance = load_dataset(derivative).nuisance("01")
    assert nuisance.shape == (80, 2)
    assert np.abs(nuisance[:40, 1]).min() > 0
    assert np.abs(nuisance[40:, 1]).max() == 0


def test_volumes_before_the_steady_state_are_told(derivative):
    func = derivative.parent / "fmriprep" / "sub-01" / "func"
    path = func / "sub-01_task-film_run-1_desc-confounds_timeseries.tsv"
    frame = pd.read_csv(path, sep="\t")
    for i in range(2):
        frame[f"non_steady_state_outlier{i:02d}"] = np.eye(40)[i]
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")
    found = "\n".join(problems_of(derivative))
    assert "2 volumes before the steady state: the manifest declares dummy_trs: 0" in found
    assert "note: subject 01, run-1=2 of 40 volumes: are censored" in found
    text = derivative.read_text()
    derivative.write_text(text.replace("n_trs: 40", "n_trs: 40, dummy_trs: 2"))
    found = problems_of(derivative)
    assert not [p for p in found if "steady" in p or "censored" in p]
    assert all("29 regressors: leave 9 of 38 dimensions" in p for p in found)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("confounds: {strategy: []}", "confounds.strategy=(): must list some of motion"),
        ("confounds: {strategy: [ica]}", "confounds.strategy[0]=ica: must list some of motion"),
        ("confounds: {strategy: [compcor]}", "compcor needs high_pass"),
        ("confounds: {strategy: [motion], motion: all}", "must be one of basic, power2"),
        ("confounds: {strategy: [motion], n_compcor: 0}", "n_compcor=0: must lie in 1 to 1000"),
        ("confounds: {strategy: [motion]}\nnuisance: {}", "must not stand beside nuisance"),
    ],
)
def test_strategies_that_cannot_be_are_refused(derivative, line, message):
    found = problems_of(with_strategy(derivative, line))
    assert any(message in p for p in found), found
