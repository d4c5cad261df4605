"""The wrong ways find something where there is nothing, and are shown doing it."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import correlate, fit_ridge, lag_scan
from giblet_core.timing import contiguous_folds, hrf
from giblet_core.validation import (
    WRONG_WAYS,
    acausal_hrf,
    average_indices,
    calibration_study,
    hrf_twice,
    shuffled_folds,
    switch,
)

N = 240
T_R = 1.5


def smooth(rng, n_trs, n_columns, sigma=4):
    """Make stationary series as smooth as BOLD.

    They are cut from longer ones: a filter's edges would be events in common.
    """
    noise = rng.standard_normal((n_trs + 40, n_columns))
    return gaussian_filter1d(noise, sigma, axis=0)[20:-20]


def test_shuffled_folds_report_high_r_between_unrelated_smooth_series(rng):
    X = smooth(rng, N, 30)
    Y = smooth(rng, N, 40)
    wrong = fit_ridge(X, Y, shuffled_folds(N), [1e-3])
    right = fit_ridge(X, Y, contiguous_folds(N, 5, 20), [1e-3])
    assert wrong.r.mean() > 0.8
    assert abs(right.r.mean()) < 0.1


def test_concatenated_scoring_is_biased_downwards_and_scoring_in_folds_is_not(rng):
    X = smooth(rng, N, 3)
    Y = smooth(rng, N, 400)
    fit = fit_ridge(X, Y, contiguous_folds(N, 5, 20), [100.0], keep_predictions=True)
    assert correlate(fit.predictions, Y).mean() < -0.07
    assert abs(fit.r.mean()) < 0.05


@pytest.fixture
def events(rng):
    """Events at random: features without the response, with it, and BOLD, TR by TR."""
    fine = (rng.random((int(400 * T_R * 10), 1)) < 0.02).astype(float)
    without = fine.reshape(400, -1).mean(1)[:, None]
    with_response = hrf.convolve(fine, 10.0, T_R, n_trs=400)
    noise = 0.5 * with_response.std() * rng.standard_normal((400, 20))
    return {"without": without, "with": with_response, "bold": with_response + noise}


def test_hrf_twice_comes_late_and_the_lag_scan_says_so(events):
    assert lag_scan(events["with"], events["bold"]).peak_of_mean == 0
    late = hrf_twice(events["with"], T_R)
    assert lag_scan(late, events["bold"]).peak_of_mean <= -3  # features 4.5 s late
    folds = contiguous_folds(400, 5, 20)
    right = fit_ridge(events["with"], events["bold"], folds).r.mean()
    assert fit_ridge(late, events["bold"], folds).r.mean() < 0.7 * right


def test_acausal_hrf_comes_early_and_the_lag_scan_says_so(events):
    early = acausal_hrf(events["without"], T_R)
    assert lag_scan(early, events["bold"]).peak_of_mean >= 3  # BOLD seems to come after them
    folds = contiguous_folds(400, 5, 20)
    right = fit_ridge(events["with"], events["bold"], folds).r.mean()
    assert fit_ridge(early, events["bold"], folds).r.mean() < 0.7 * right


def test_acausal_hrf_answers_before_the_sound_and_the_right_one_does_not():
    impulse = np.zeros((100, 1))
    impulse[50] = 1
    early = acausal_hrf(impulse, T_R)
    assert np.abs(early[:50]).max() > 0.5 * early.max()
    assert np.abs(hrf_twice(impulse, T_R)[:50]).max() < 1e-12


def test_index_averaging_depends_on_the_names_of_codes_and_latents_do_not(rng):
    windows = rng.integers(0, 64, (300, 1, 12))
    names = rng.permutation(64)
    vectors = rng.standard_normal((64, 3))
    renamed_windows = names[windows]
    renamed_vectors = vectors[np.argsort(names)]
    assert np.array_equal(vectors[windows], renamed_vectors[renamed_windows])
    averaged = average_indices(windows)[:, 0]
    renamed = average_indices(renamed_windows)[:, 0]
    assert abs(np.corrcoef(averaged, renamed)[0, 1]) < 0.5


def test_calibration_scores_the_right_way_and_the_wrong_ones():
    study = calibration_study(n_pairs=20)
    rows = {row["figure"]: row for row in study.figures}
    assert rows["mean r, shuffled folds"]["value"] > rows["mean r, contiguous folds"]["value"]
    assert rows["false positives, shuffled folds, t test"]["value"] > 0.2
    assert rows["false positives, contiguous folds, circular shifts"]["value"] <= 0.25
    assert {row["n"] for row in rows.values()} == {20}
    assert len(study.simulations) == 20
    for name, row in rows.items():
        assert row["value"] == pytest.approx(np.mean([pair[name] for pair in study.simulations]))


def test_every_wrong_way_is_described():
    assert list(WRONG_WAYS) == [
        "shuffled folds",
        "concatenated scoring",
        "HRF twice",
        "acausal HRF",
        "index averaging",
        "near foils",
    ]


def test_the_switch_shows_the_right_way_first_and_every_wrong_one_at_a_click_without_script():
    ways = {"right": np.array([0.5, 0.3]), "shuffled folds": np.array([0.9, 0.95])}
    page = switch(ways, ["A1", "STG"], "r").data
    assert page.count('type="radio"') == page.count("data:image/png;base64,") == 2
    assert page.count(" checked>") == 1
    assert page.index(" checked>") < page.index("shuffled folds")
    assert "mean 0.40" in page
    assert f"mean {(0.9 + 0.95) / 2:.2f}: {WRONG_WAYS['shuffled folds']}" in page
    assert "<script" not in page
    assert "http" not in page


def test_two_switches_of_a_page_do_not_turn_each_other():
    def group_of(values):
        page = switch({"right": np.array(values)}, ["A1", "STG"], "r").data
        return page.split('name="')[1].split('"')[0]

    assert group_of([0.5, 0.3]) != group_of([0.0, 0.0])
