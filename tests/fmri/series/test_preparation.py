"""What is declared is done to every series, and said."""

import fmriprep
import numpy as np
import pandas as pd
import pytest
from data_sets import RUNS, SHAPE, T_R, manifest_of, problems_of
from nilearn.image import load_img, smooth_img
from nilearn.interfaces.fmriprep import load_confounds
from nilearn.masking import apply_mask
from nilearn.signal import clean

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset

MOTION = {"pattern": "m{subject}_{run}.tsv"}
HIGH_PASS_S = 40.0


@pytest.fixture
def motion(folder):
    """Drifting motion: taken out one after the other, it would bring drift back."""
    tables = {}
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            rng = np.random.default_rng((subject, n_trs))
            steps = rng.standard_normal((n_trs, 3))
            table = pd.DataFrame(np.cumsum(steps, axis=0), columns=["x", "y", "z"])
            table.to_csv(folder / f"m{subject}_{run}.tsv", sep="\t", index=False)
            tables[subject, run] = table.to_numpy()
    return tables


def raw_runs(data, subject):
    return np.split(data.raw_bold(subject).astype(float), data.run_onsets[1:])


def prepared_runs(data, subject, **options):
    return np.split(data.bold(subject, **options), data.run_onsets[1:])


def test_without_a_word_series_are_as_they_were_read(folder):
    data = load_dataset(manifest_of(folder))
    assert np.array_equal(data.bold(1), data.raw_bold(1))
    assert str(data.preparation).startswith("The series are used as they were read")


def test_one_regression_a_run_is_that_of_nilearn(folder, motion):
    denoising = {"high_pass_s": HIGH_PASS_S, "detrend": True}
    data = load_dataset(manifest_of(folder, nuisance=MOTION, denoising=denoising))
    for (run, _), raw, prepared in zip(RUNS, raw_runs(data, 2), prepared_runs(data, 2)):
        expected = clean(
            raw,
            confounds=motion[2, run],
            detrend=True,
            standardize=None,
            filter="cosine",
            high_pass=1 / HIGH_PASS_S,
            t_r=T_R,
        )
        assert np.allclose(prepared, expected, atol=1e-4)


def test_nothing_that_was_taken_out_comes_back(folder, motion):
    """The series are free of every regressor at once; two regressions in turn are not."""
    denoising = {"high_pass_s": HIGH_PASS_S, "detrend": True}
    data = load_dataset(manifest_of(folder, nuisance=MOTION, denoising=denoising))
    for design, prepared in zip(data.designs(1), prepared_runs(data, 1)):
        columns = design.regressors - design.regressors.mean(0)
        columns /= np.linalg.norm(columns, axis=0)
        share = np.abs(columns.T @ prepared) / np.linalg.norm(prepared, axis=0)
        assert share.max() < 1e-4
        assert np.abs(prepared.mean(0)).max() < 1e-4
    raw = raw_runs(data, 1)[0]
    slow = clean(raw, filter="cosine", high_pass=1 / HIGH_PASS_S, t_r=T_R, standardize=None)
    in_turn = clean(slow, confounds=motion[1, "scan1"], detrend=False, standardize=None)
    back = clean(in_turn, filter="cosine", high_pass=1 / HIGH_PASS_S, t_r=T_R, standardize=None)
    assert np.abs(in_turn - back).max() > 0.05


def test_runs_and_subjects_do_not_shape_each_other(folder, motion, volumes):
    denoising = {"high_pass_s": HIGH_PASS_S, "detrend": True}
    path = manifest_of(folder, nuisance=MOTION, denoising=denoising)
    before = load_dataset(path).bold(1)
    table = folder / "m1_scan2.tsv"
    pd.read_csv(table, sep="\t")[::-1].to_csv(table, sep="\t", index=False)
    (folder / "m2_scan1.tsv").write_text((folder / "m2_scan2.tsv").read_text())
    after = load_dataset(path).bold(1)
    assert np.array_equal(before[:70], after[:70])
    assert not np.allclose(before[70:], after[70:])


def test_what_is_named_is_not_regressed_out_where_the_manifest_says_so(folder, motion):
    path = manifest_of(folder, nuisance=MOTION, denoising={"regress": False})
    data = load_dataset(path)
    assert np.array_equal(data.bold(1), data.raw_bold(1))
    assert "Not regressed out, although named: all columns of the nuisance tables." in str(
        data.preparation
    )


def test_dropped_rows_shape_nothing(folder, motion):
    """Dummies are left out of series and confounds before the regression."""
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0, "dummy_trs": 5},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    denoising = {"high_pass_s": HIGH_PASS_S}
    data = load_dataset(manifest_of(folder, runs=runs, nuisance=MOTION, denoising=denoising))
    expected = clean(
        raw_runs(data, 3)[0],
        confounds=motion[3, "scan1"][5:],
        detrend=False,
        standardize=None,
        filter="cosine",
        high_pass=1 / HIGH_PASS_S,
        t_r=T_R,
    )
    expected -= expected.mean(0)
    assert np.allclose(prepared_runs(data, 3)[0], expected, atol=1e-4)


def test_smoothing_is_that_of_nilearn_on_whole_volumes(folder):
    data = load_dataset(manifest_of(folder, denoising={"smooth_mm": 5.0}))
    image = smooth_img(load_img(folder / "s1_scan1.nii.gz"), 5.0)
    expected = apply_mask(image, load_img(folder / "mask.nii.gz"))
    assert np.allclose(prepared_runs(data, 1)[0], expected, atol=1e-3)
    assert "smoothed by a Gaussian of 5 mm" in str(data.preparation)


def test_tables_cannot_be_smoothed(folder):
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            values = np.random.default_rng(subject).standard_normal((n_trs, 3))
            np.savetxt(folder / f"t{subject}_{run}.txt", values)
    bold = {"pattern": "t{subject}_{run}.txt", "subjects": [1, 2, 3], "format": "roi_table"}
    path = manifest_of(folder, bold=bold, mask=None, denoising={"smooth_mm": 4})
    assert any(
        "denoising.smooth_mm=4: series of format roi_table have no space" in problem
        for problem in problems_of(path)
    )


def test_a_run_that_confounds_would_use_up_is_refused(folder):
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            values = np.random.default_rng(subject).standard_normal((n_trs, 69))
            np.savetxt(folder / f"m{subject}_{run}.tsv", values, delimiter="\t")
    data = load_dataset(manifest_of(folder, nuisance=MOTION))
    with pytest.raises(InputError, match="denoising of subject 1, scan1: 70 regressors"):
        data.bold(1)


def test_the_cache_knows_the_preparation_and_its_tables(folder, motion):
    cache = folder / "cache"
    raw = load_dataset(manifest_of(folder, nuisance=MOTION), cache=cache).raw_bold(1)
    first = load_dataset(manifest_of(folder, nuisance=MOTION), cache=cache).bold(1)
    assert isinstance(first, np.memmap)
    denoising = {"high_pass_s": HIGH_PASS_S}
    path = manifest_of(folder, nuisance=MOTION, denoising=denoising)
    second = load_dataset(path, cache=cache).bold(1)
    table = folder / "m1_scan1.tsv"
    pd.read_csv(table, sep="\t")[::-1].to_csv(table, sep="\t", index=False)
    third = load_dataset(path, cache=cache).bold(1)
    assert not np.allclose(raw, first, atol=0.1)
    assert not np.allclose(first, second, atol=0.1)
    assert not np.allclose(second, third, atol=0.1)
    assert np.array_equal(third, load_dataset(path).bold(1))


# --- standardising ---------------------------------------------------------------------------


def test_mean_and_sd_are_learned_from_training_rows(folder):
    data = load_dataset(manifest_of(folder, denoising={"standardise": True}))
    train = np.r_[0:30, 70:150]
    first, second = prepared_runs(data, 1, train=train)
    assert np.abs(first[:30].mean(0)).max() < 1e-4
    assert np.abs(first[:30].std(0) - 1).max() < 1e-4
    assert np.abs(first[30:].mean(0)).max() > 0.05
    assert np.abs(second.std(0) - 1).max() < 1e-4


def test_a_run_without_training_rows_takes_those_of_the_others(folder):
    data = load_dataset(manifest_of(folder, denoising={"standardise": True}))
    _, second = prepared_runs(data, 1, train=np.arange(70))
    raw = data.raw_bold(1).astype(float)
    expected = (raw[70:] - raw[:70].mean(0)) / raw[:70].std(0)
    assert np.allclose(second, expected, atol=1e-3)


# --- fMRIPrep --------------------------------------------------------------------------------


def test_confounds_by_strategy_and_scrubbed_volumes_are_those_of_nilearn(tmp_path):
    path = fmriprep.write_derivative(tmp_path / "data")
    text = path.read_text()
    old = "confounds: {strategy: [motion, wm_csf, high_pass]}"
    new = "confounds: {strategy: [motion, high_pass, scrub], motion: basic, scrub_fd_mm: 0.98}"
    path.write_text(text.replace(old, new))
    for table in (tmp_path / "data").rglob("*_desc-confounds_timeseries.tsv"):
        frame = pd.read_csv(table, sep="\t")
        frame["std_dvars"] = 1.0
        frame["non_steady_state_outlier00"] = np.eye(len(frame))[0]
        frame.to_csv(table, sep="\t", index=False, na_rep="n/a")
    data = load_dataset(path)
    series = next((tmp_path / "data").rglob(f"{fmriprep.stem('01', '1')}*MNI*_bold.nii.gz"))
    confounds, kept = load_confounds(
        str(series),
        strategy=("motion", "high_pass", "scrub"),
        motion="basic",
        fd_threshold=0.98,
        demean=False,
    )
    prepared = prepared_runs(data, "01")[0]
    assert 0 < len(prepared) - len(kept) < 20
    raw = raw_runs(data, "01")[0]
    expected = clean(
        raw, confounds=confounds, sample_mask=kept, detrend=False, standardize=None, filter=False
    )
    assert np.allclose(prepared[kept], expected - expected.mean(0), atol=1e-3)
    left_out = np.setdiff1d(np.arange(len(prepared)), kept)
    assert not prepared[left_out].any()
    assert "motion (basic), high_pass, scrub" in str(data.preparation)


def test_a_voxel_of_which_nothing_is_left_is_zero_not_noise(folder, volumes):
    table = pd.DataFrame({"x": volumes[1, "scan1"][1, 1, 1]})
    for subject in (1, 2, 3):
        for run, n_trs in RUNS:
            rows = np.resize(table["x"], n_trs)
            pd.DataFrame({"x": rows}).to_csv(
                folder / f"m{subject}_{run}.tsv", sep="\t", index=False
            )
    prepared = prepared_runs(load_dataset(manifest_of(folder, nuisance=MOTION)), 1)[0]
    assert not prepared[:, 0].any()
    assert prepared[:, 1:].any(0).all()
    assert SHAPE == (5, 6, 4)
