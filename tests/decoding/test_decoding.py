"""Decoding finds what BOLD holds, is at chance where it holds nothing, and retrieves from where it
says.
"""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from giblet_core.decoding import (
    Segments,
    decode_beyond,
    fit_decoder,
    fit_shared_response,
    fold_numbers,
    haufe_patterns,
    identify,
    identify_stacked,
    make_segments,
    pairwise_wins,
    procrustes,
    region_means,
    retrieve,
    scale,
    similarity,
)
from giblet_core.encoding import binomial_interval, correlate
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds, shift_within_runs

RUNS = (0, 200)
FOLDS = contiguous_folds(400, 4, 10, RUNS)


@pytest.fixture
def heard(rng):
    """Latents, and BOLD of 40 voxels that holds them with noise."""
    latents = rng.standard_normal((400, 5))
    return latents, latents @ rng.standard_normal((5, 40)) + 3 * rng.standard_normal((400, 40))


def test_held_out_latents_equal_sklearn_ridge_on_the_training_rows(heard):
    latents, bold = heard
    result = fit_decoder(bold, latents, FOLDS, [0.5], run_onsets=RUNS, embargo=10)
    for f, (train, test) in enumerate(FOLDS):
        scaler = StandardScaler().fit(bold[train])
        expected = (
            Ridge(alpha=0.5 * 40)
            .fit(scaler.transform(bold[train]), latents[train])
            .predict(scaler.transform(bold[test]))
        )
        np.testing.assert_allclose(result.predictions[test], expected, atol=1e-4)
        assert (result.fold_of[test] == f).all()
    assert (result.r > 0.7).all()


def test_haufe_pattern_finds_the_voxel_with_signal_and_not_the_one_that_cancels_noise(rng):
    latent, noise = rng.standard_normal((2, 400, 1))
    bold = np.column_stack(
        [latent + noise, noise]
    )  # the weight of the second voxel is as large as that of the first
    pattern = haufe_patterns(
        bold, fit_decoder(bold, latent, FOLDS, [0.01], run_onsets=RUNS, embargo=10)
    ).mean(0)[:, 0]
    assert abs(pattern[0]) > 0.8
    assert abs(pattern[1]) < 0.2


def test_segments_stay_in_their_fold_and_run():
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    assert segments.rows.shape == (40, 10)
    assert len(np.unique(segments.rows)) == 400
    for f, row in zip(segments.fold_of, segments.rows):
        assert np.isin(row, FOLDS[f][1]).all()


def test_lures_are_of_the_same_fold_and_class_near_in_loudness_and_far_in_time():
    segments = Segments(
        np.array([0, 25, 30, 60, 100, 150]),
        10,
        np.array([0, 0, 0, 0, 1, 0]),
        np.array([1, 1, 1, 1, 1, 2]),
        np.array([-20, -20, -21.9, -22.1, -20, -20.0]),
    )
    allowed = {(a, b) for a, b in zip(*np.nonzero(segments.foils(20, 2.0)))}
    assert allowed == {(0, 2), (2, 0), (2, 3), (3, 2)}
    assert (0, 1) not in allowed  # 15 TRs between them
    assert (0, 3) not in allowed  # 2.1 LU
    assert (0, 4) not in allowed  # other fold
    assert (0, 5) not in allowed  # other class


def test_a_segment_has_its_most_frequent_class_and_the_level_of_its_mean_power():
    classes, loudness = np.repeat([0, 1, 1, 2], 5), np.where(np.arange(20) < 10, -20.0, -30.0)
    segments = make_segments(np.zeros(20, int), 10, classes=classes, loudness=loudness)
    assert segments.class_of[1] == 1
    np.testing.assert_allclose(segments.loudness, [-20, -30])


def test_perfect_predictions_identify_all_and_rank_first(heard):
    latents, _ = heard
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    found = identify(latents, latents, segments, n_draws=200)
    assert found.pairwise == 1
    assert (found.rank == 1).all()
    assert found.p == 1 / 201
    assert "100.0 % pairwise over 40 segments" in str(found)


def test_predictions_turned_upside_down_identify_none(heard):
    latents, _ = heard
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    found = identify(-latents, latents, segments, n_draws=200)
    assert found.pairwise < 0.05
    assert found.p == 1


def test_identification_is_blind_to_bias_and_scale_of_predictions(heard, rng):
    latents, bold = heard
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    noisy = latents + 2 * rng.standard_normal((400, 5))
    np.testing.assert_allclose(
        similarity(5 * noisy + 100, latents, segments),
        similarity(noisy, latents, segments),
        atol=1e-9,
    )


def test_identification_through_the_decoder_is_high_and_at_chance_on_shuffled_bold(rng):
    latents = rng.standard_normal((400, 5))
    bold = latents @ rng.standard_normal((5, 30)) + 6 * rng.standard_normal((400, 30))
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    result = fit_decoder(bold, latents, FOLDS, run_onsets=RUNS, embargo=10)
    assert identify(result.predictions, latents, segments, n_draws=200).pairwise > 0.9
    chance = []
    for shift in (40, 70, 100, 130, 160):
        shuffled = fit_decoder(
            bold[shift_within_runs(400, shift, RUNS)], latents, FOLDS, run_onsets=RUNS, embargo=10
        )
        chance.append(identify(shuffled.predictions, latents, segments, n_draws=1).pairwise)
    assert abs(np.mean(chance) - 0.5) < 0.08


def test_p_of_identification_is_fair_between_unrelated_smooth_series_where_shuffled_segments_are_not(
    rng,
):
    folds = contiguous_folds(800, 5, 10, (0, 400))
    segments, p, shuffled = make_segments(fold_numbers(800, folds), 10, run_onsets=(0, 400)), [], []
    foils = segments.foils()
    for _ in range(100):
        predictions, targets = gaussian_filter1d(rng.standard_normal((2, 880, 3)), 4, axis=1)[
            :, 40:-40
        ]
        found = identify(predictions, targets, segments, n_draws=39)
        p.append(found.p)
        score = similarity(predictions, targets, segments)
        orders = [
            np.concatenate(
                [rng.permutation(np.flatnonzero(segments.fold_of == f)) for f in range(5)]
            )
            for _ in range(39)
        ]
        shuffled.append(
            np.mean(
                [pairwise_wins(score[order], foils).mean() >= found.pairwise for order in orders]
            )
        )
    low, high = binomial_interval(int((np.array(p) <= 0.05).sum()), len(p))
    assert low <= 0.05 <= high
    assert (np.array(shuffled) <= 0.05).mean() > (np.array(p) <= 0.05).mean()


def test_predictions_move_as_one_series_far_from_where_they_were():
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    rows = segments.turned(400, 20, 50)
    assert rows.shape == (50, 400)
    assert (np.sort(rows, axis=1) == np.arange(400)).all()
    assert (
        np.minimum((rows[:20] - np.arange(400)) % 400, (np.arange(400) - rows[:20]) % 400) >= 30
    ).all()
    assert np.isin(np.abs(np.diff(rows, axis=1)), (1, 399)).all()


def test_what_loudness_leaves_of_latents_is_not_decoded_from_bold_that_follows_loudness_alone(rng):
    plain, content = np.split(
        gaussian_filter1d(rng.standard_normal((400, 6)), 2, axis=0), [2], axis=1
    )
    latents, weights = (
        content + 2 * plain @ rng.standard_normal((2, 4)),
        rng.standard_normal((2, 30)),
    )
    segments, options = (
        make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS),
        {"run_onsets": RUNS, "embargo": 10},
    )
    noise = 0.2 * rng.standard_normal((400, 30))
    deaf, keen = (
        plain @ weights + noise,
        plain @ weights + content @ rng.standard_normal((4, 30)) + noise,
    )

    def found(bold, decoder, *spaces):
        decoded = decoder(bold, latents, *spaces, FOLDS, [1.0, 10.0], **options)
        return identify_stacked([decoded.part(0, 4)], segments, n_draws=0).pairwise

    assert found(deaf, fit_decoder) > 0.8  # loudness alone tells segments apart
    assert abs(found(deaf, decode_beyond, plain) - 0.5) < 0.12
    assert found(keen, decode_beyond, plain) > 0.9


def test_a_segment_without_lures_is_counted_not_scored():
    classes = np.zeros(400, int)
    classes[:10] = 1
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS, classes=classes)
    latents = np.random.default_rng(0).standard_normal((400, 2))
    found = identify(latents, latents, segments, n_draws=10)
    assert found.n_without == 1
    assert np.isnan(found.per_segment[0])


def test_retrieval_from_training_time_returns_a_planted_look_alike(rng):
    latents = rng.standard_normal((400, 4))
    segments = make_segments(fold_numbers(400, FOLDS), 10, run_onsets=RUNS)
    latents[300:310] = latents[20:30] + 0.01 * rng.standard_normal((10, 4))
    found = retrieve(latents, latents, segments, FOLDS)
    assert found.starts[2, 0] == 300
    for f, starts in zip(segments.fold_of, found.starts):
        assert np.isin(starts[:, None] + np.arange(10), FOLDS[f][0]).all()
    assert (np.diff(found.similarity, axis=1) <= 0).all()


def test_region_means_average_the_scaled_voxels_of_each_label(rng):
    bold, atlas, train = (
        100 + rng.standard_normal((50, 6)),
        np.array([2, 0, 1, 2, 1, 1]),
        np.arange(30),
    )
    means = region_means(bold, atlas, train)
    z = StandardScaler().fit(bold[train]).transform(bold)
    np.testing.assert_allclose(
        means, np.column_stack([z[:, [2, 4, 5]].mean(1), z[:, [0, 3]].mean(1)])
    )


def planted_group(rng, n_subjects, noise, k=4):
    shared = rng.standard_normal((300, k)) @ np.diag([3.0, 2.5, 2.0, 1.5])
    bases = [np.linalg.qr(rng.standard_normal((60 + 10 * s, k)))[0] for s in range(n_subjects)]
    return (
        shared,
        bases,
        [shared @ basis.T + noise * rng.standard_normal((300, len(basis))) for basis in bases],
    )


def test_procrustes_is_orthonormal_and_undoes_a_rotation(rng):
    shared, bases, bold = planted_group(rng, 1, 0.0)
    w = procrustes(bold[0], shared)
    np.testing.assert_allclose(w.T @ w, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(w, bases[0], atol=1e-8)


def test_shared_response_of_training_time_is_recovered_in_unseen_time_and_subject(rng):
    shared, _, bold = planted_group(rng, 5, 0.3)
    train, test = np.arange(200), np.arange(220, 300)
    model = fit_shared_response(bold[:4], train, 4)
    basis = model.add(bold[4])
    ours, others = (
        model.project(bold[4], basis)[test],
        np.mean([model.project(b, w) for b, w in zip(bold[:4], model.bases)], axis=0)[test],
    )
    assert (correlate(ours, others) > 0.7).all()
    fitted = np.linalg.lstsq(others, shared[test], rcond=None)[0]
    assert (correlate(others @ fitted, shared[test]) > 0.85).all()
    untrained = bold[4] @ np.linalg.qr(rng.standard_normal((100, 4)))[0]
    assert np.abs(correlate(untrained[test], others)).mean() < 0.5 * correlate(ours, others).mean()


def test_shared_response_never_sees_test_time(rng):
    _, _, bold = planted_group(rng, 3, 0.3)
    train = np.arange(200)
    changed = [
        np.where(np.arange(300)[:, None] < 200, b, 1e3 * rng.standard_normal(b.shape)) for b in bold
    ]
    for a, b in zip(
        fit_shared_response(bold, train, 3).bases, fit_shared_response(changed, train, 3).bases
    ):
        assert np.array_equal(a, b)


def test_scale_sets_constant_voxels_to_zero():
    x = np.column_stack([np.arange(6.0), np.ones(6)])
    np.testing.assert_allclose(scale(x, np.arange(4))[:, 1], 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b, z: fit_decoder(b, z[:-1], FOLDS), "399 TRs where 400"),
        (lambda b, z: make_segments(np.zeros(15, int), 10), "at least 2"),
        (
            lambda b, z: identify(
                z, z, make_segments(np.zeros(400, int), 10, classes=np.arange(400) // 20)
            ),
            "has a foil",
        ),
        (lambda b, z: fit_shared_response([b], np.arange(400), 50), "k=50"),
        (lambda b, z: region_means(b, np.zeros(3, int)), "one label for each"),
    ],
)
def test_wrong_input_is_refused_with_the_remedy(heard, call, message):
    latents, bold = heard
    with pytest.raises(InputError, match=message):
        call(bold, latents)
