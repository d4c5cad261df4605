"""What is declared as done to the series is held against them."""

import fmriprep
import numpy as np
import pandas as pd
import pytest
from data_sets import SHAPE, T_R, manifest_of, problems_of, write_image
from nilearn.signal import butterworth, clean

from giblet_core.fmri.checks.preparation import slow_share

RUNS = (("scan1", 220), ("scan2", 260))
DECLARED = [
    {"name": "scan1", "n_trs": 220, "stimulus_start_s": 0.0},
    {"name": "scan2", "n_trs": 260, "stimulus_start_s": 330.0},
]


def red_noise(rng, n_trs, n_voxels):
    """Return noise with drift, as scanners give it."""
    white = rng.standard_normal((n_trs, n_voxels))
    return 100 + white + 0.15 * np.cumsum(rng.standard_normal((n_trs, n_voxels)), axis=0)


def write_series(folder, change):
    rng = np.random.default_rng(4)
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            series = change(red_noise(rng, n_trs, int(np.prod(SHAPE))))
            write_image(folder / f"s{subject}_{run}.nii.gz", series.T.reshape(*SHAPE, n_trs))


def as_scanned(series):
    return series


def with_cosines_taken_out(series):
    return 100 + clean(series, filter="cosine", high_pass=1 / 128, t_r=T_R, standardize=None)


def through_a_butterworth(series):
    slow_is_gone = butterworth(series - series.mean(0), 1 / T_R, high_pass=1 / 120, order=5)
    return 100 + slow_is_gone


def with_cosines_taken_out_and_a_start_dropped_since(series):
    longer = np.concatenate([series[:9], series])
    return with_cosines_taken_out(longer)[9:]


COSINES = [with_cosines_taken_out, with_cosines_taken_out_and_a_start_dropped_since]


def found(folder, **changes):
    return problems_of(manifest_of(folder, runs=DECLARED, **changes))


@pytest.mark.parametrize("change", COSINES)
def test_cosines_that_were_taken_out_and_not_declared_are_noticed(folder, change):
    write_series(folder, change)
    (problem,) = found(folder)
    assert problem.startswith("warning: preprocessing.high_pass_s=None: changes slower than 150 s")


@pytest.mark.parametrize("change", [*COSINES, through_a_butterworth])
def test_a_high_pass_that_was_made_and_declared_is_no_problem(folder, change):
    write_series(folder, change)
    assert found(folder, preprocessing={"high_pass_s": 128}) == []


def test_a_high_pass_that_is_declared_and_was_not_made_is_noticed(folder):
    write_series(folder, as_scanned)
    (problem,) = found(folder, preprocessing={"high_pass_s": 128})
    assert "changes slower than that are in the series" in problem
    assert "denoising: {high_pass_s: 128}" in problem


def test_drift_that_nothing_takes_out_is_noted_and_gone_where_it_is_taken_out(folder):
    write_series(folder, as_scanned)
    (note,) = found(folder)
    assert note.startswith("note: denoising.high_pass_s=None: changes slower than 150 s make up")
    assert found(folder, denoising={"high_pass_s": 128}) == []


def test_white_noise_is_neither(folder):
    rng = np.random.default_rng(0)

    def white(series):
        return 100 + rng.standard_normal(series.shape)

    write_series(folder, white)
    assert found(folder) == []


def test_the_share_of_white_noise_is_that_of_the_cosines(rng):
    runs = [rng.standard_normal((300, 400)), rng.standard_normal((200, 400))]
    share = slow_share(runs, 2.0, 40.0)
    assert share.n_cosines == 30 + 20
    assert share.of_white_noise == pytest.approx(50 / 498)
    assert share.ratio == pytest.approx(1, abs=0.05)


def test_confounds_that_bring_drift_back_are_named(folder):
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            rows = np.random.default_rng(subject).standard_normal((n_trs, 2))
            pd.DataFrame(rows, columns=["x", "y"]).to_csv(
                folder / f"m{subject}_{run}.tsv", sep="\t", index=False
            )
    write_series(folder, with_cosines_taken_out)
    nuisance = {"pattern": "m{subject}_{run}.tsv"}
    before = {"high_pass_s": 128}
    (problem,) = found(folder, nuisance=nuisance, preprocessing=before)
    assert "brings slow changes back" in problem
    for denoising in ({"high_pass_s": 128}, {"regress": False}):
        assert not found(folder, nuisance=nuisance, preprocessing=before, denoising=denoising)


def test_censored_volumes_and_used_up_runs_are_counted(tmp_path):
    path = fmriprep.write_derivative(tmp_path / "data")
    old = "confounds: {strategy: [motion, wm_csf, high_pass]}"
    new = "confounds: {strategy: [motion, wm_csf, global_signal, scrub], wm_csf: full}"
    path.write_text(path.read_text().replace(old, new))
    for table in (tmp_path / "data").rglob("*_desc-confounds_timeseries.tsv"):
        frame = pd.read_csv(table, sep="\t")
        frame["framewise_displacement"] = 0.1
        frame.loc[20, "framewise_displacement"] = 2.0
        frame["std_dvars"] = 1.0
        frame.to_csv(table, sep="\t", index=False, na_rep="n/a")
    problems = problems_of(path)
    assert "note: subject 01, run-1=1 of 40 volumes: are censored" in "\n".join(problems)
    assert "subject 01, run-1=34 regressors: leave 5 of 40 dimensions" in "\n".join(problems)
