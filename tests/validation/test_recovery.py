"""Codebooks planted in a series come back with their shares, beyond baselines; the null is fair.

Plans follow the record's law.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import giblet_core as gc
from giblet_core.encoding import SHARES, recover, remaining, subset_log_likelihood
from giblet_core.errors import InputError
from giblet_core.validation import (
    CONTROLS,
    DETECTION_FIGURE,
    SHARE_FIGURE,
    StudySize,
    make_rows,
    recovery,
)
from giblet_core.validation.recovery import SimulatedStudy

RUNS = (0, 150)


def smooth(rng, *shape):
    return gaussian_filter1d(rng.standard_normal((shape[0] + 40, *shape[1:])), 2, axis=0)[20:-20]


def test_evidence_of_a_subset_is_the_likelihood_of_its_covariance(rng):
    spaces, y = [rng.standard_normal((60, p)) for p in (2, 3)], rng.standard_normal((60, 4))

    def likelihood(chosen, share):
        parts = [60 * x @ x.T / np.linalg.norm(x) ** 2 for x in chosen]
        v = (1 - share) * np.eye(60) + share * sum(parts) / len(parts)
        return (
            -30 * np.log((y * np.linalg.solve(v, y)).sum(0)) - np.linalg.slogdet(v)[1] / 2
        )  # the scale is the likeliest

    subsets, log_likelihood = subset_log_likelihood(spaces, y)
    np.testing.assert_array_equal(subsets, [[0, 0], [0, 1], [1, 0], [1, 1]])
    np.testing.assert_allclose(log_likelihood[0], -30 * np.log((y**2).sum(0)))
    for chosen, found in zip((spaces[1:], spaces[:1], spaces), log_likelihood[1:]):
        np.testing.assert_allclose(
            found,
            np.log(np.mean([np.exp(likelihood(chosen, share)) for share in SHARES], axis=0)),
            rtol=1e-9,
        )


def test_more_books_than_have_their_subsets_counted_are_refused():
    with pytest.raises(InputError, match="spaces: 11"):
        subset_log_likelihood([np.ones((20, 1))] * 11, np.ones((20, 1)))


def test_nothing_of_baselines_drift_or_run_means_remains(rng):
    base = smooth(rng, 300, 4)
    left = remaining(base, 1.5, RUNS)
    np.testing.assert_allclose(left @ left.T, np.eye(len(left)), atol=1e-9)
    assert np.abs(left @ (base - base.mean(0))).max() < 1e-8
    assert np.abs(left @ (np.arange(300) >= 150)).max() < 1e-8


def test_recover_finds_the_planted_codebook_beyond_a_like_baseline_and_nothing_without_one(rng):
    base = smooth(rng, 300, 2)
    codebooks = [smooth(rng, 300, 3) + 0.5 * base[:, :1] for _ in range(3)]
    own = codebooks[1] @ np.ones((3, 1))
    noise = 1.5 * np.stack([smooth(rng, 300, 21) for _ in range(2)]) * base.std() * 2
    y = np.column_stack([own + base[:, :1] * 3, np.tile(base[:, :1] * 3, 20)]) + noise
    found = recover(codebooks, base, y, t_r=1.5, run_onsets=RUNS, n_draws=200)
    assert found.probability[1, 0] > 0.9 > 0.6 > found.probability[[0, 2], 0].max()
    assert found.null.p[0] == found.null.p_floor
    assert (found.null.p[1:] <= 0.05).sum() <= 4  # of 20; more than 4 in one of 400 seeds


def test_a_book_is_found_in_the_form_in_which_it_is_followed_and_one_form_twice_changes_nothing(
    rng,
):
    base, late = smooth(rng, 300, 2), [smooth(rng, 300, 3) for _ in range(2)]
    early = [np.roll(x, 40, axis=0) for x in late]
    y = (late[1] @ np.ones((3, 1)) + 1.5 * rng.standard_normal((300, 1)))[None]
    wrong, right, both, twice = (
        recover(early, base, y, forms, t_r=1.5, run_onsets=RUNS, n_draws=20)
        for forms in ((), (late,), (early, late), (early, early))
    )
    assert right.probability[1, 0] > 0.95 > 0.8 > wrong.probability[1, 0]
    np.testing.assert_allclose(
        both.probability, right.probability, atol=0.02
    )  # the form that fits speaks
    np.testing.assert_allclose(twice.probability, wrong.probability, rtol=1e-9)
    np.testing.assert_array_equal(
        both.null.null, wrong.null.null
    )  # the test of all codebooks knows no forms


def test_the_null_of_the_books_is_fair_for_series_of_any_smoothness(rng):
    base, codebooks = smooth(rng, 300, 3), [smooth(rng, 300, 3) for _ in range(2)]
    rough, slow = (
        rng.standard_normal((300, 150)),
        gaussian_filter1d(rng.standard_normal((300, 150)), 3, axis=0),
    )
    p = recover(
        codebooks, base, np.column_stack([rough, slow])[None], t_r=1.5, run_onsets=RUNS, n_draws=200
    ).null.p
    assert 0.01 <= (p[:150] <= 0.05).mean() <= 0.12
    assert 0.01 <= (p[150:] <= 0.05).mean() <= 0.12


def study_of(kinds, codebooks):
    """Return a study whose truth alone is read."""
    truth = SimpleNamespace(kinds=kinds, codebooks=codebooks)
    series = np.zeros((4, 10, len(kinds)), np.float32)
    return SimulatedStudy(truth, means=series, voxels=None, voxel_max_r=None)


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
    rows = recovery.recovery_rows(None, studies, StudySize(10, 3, 0.29), n_draws=50)
    by_name = {row["figure"]: row for row in rows}
    assert scored == [((3, 10, 8), 10, 50)]
    assert by_name["AUC of codebook recovery"]["value"] == 1
    assert by_name["detections in null regions"]["value"] == 0.5
    assert by_name["detections in envelope regions"]["value"] == 0
    assert by_name["detections in codebook regions"]["value"] == 1
    assert by_name["detections in codebook regions"]["n"] == 4
    assert by_name["detections in null regions"]["z"] == pytest.approx(3)
    assert by_name["detections in null regions"]["n_subjects"] == 3


@pytest.mark.slow
def test_small_simulations_go_through_the_whole_recovery():
    stimulus = gc.ensure_stimulus(smoke=True)
    rows = make_rows(stimulus, seeds=(1, 2, 3), sizes=(StudySize(88, 8, 0.29),), n_draws=20)
    figures = {row["figure"] for row in rows}
    assert {
        "AUC of codebook recovery",
        SHARE_FIGURE,
        DETECTION_FIGURE,
        "gain in codebook regions",
        *(f"detections in {kind} regions" for kind in CONTROLS),
    } <= figures
