"""The test of codebooks beyond baselines is fair where a region follows level in any way."""

import numpy as np

from giblet_core.encoding import (
    Ground,
    conditional_nulls,
    conditional_test,
    largest_of,
    leading_directions,
    remaining,
    whiten,
    whiteners,
)

N_TRS = 300
RUNS = (0, 150)


def null_of(families, base, Y, n_draws=200):
    left = remaining(base, 1.5, RUNS)
    series = whiten(whiteners(left, 1.5, RUNS), Y)
    nulls = conditional_nulls(families, series, left, run_onsets=RUNS, n_draws=n_draws)
    return largest_of(nulls)


def test_series_that_follow_a_baseline_in_a_form_it_holds_are_not_detected(rng, smooth):
    """Codebooks know the level; a baseline that holds level alone would leave its power to them."""
    level = smooth(rng, N_TRS, 1, sigma=2)
    codebooks = np.concatenate([level**2, smooth(rng, N_TRS, 4, sigma=2)], axis=1)
    noise = smooth(rng, N_TRS, 60, sigma=1)
    Y = 3 * noise.std() * (level**2 - (level**2).mean()) / (level**2).std() + noise
    weak = null_of({"codebooks": codebooks}, level, Y)
    family = null_of({"codebooks": codebooks}, np.column_stack([level, level**2]), Y)
    assert (weak.p <= 0.05).mean() > 0.9
    assert (family.p <= 0.05).mean() <= 0.15


def test_several_families_are_corrected_for_and_either_is_found(rng, smooth):
    base = smooth(rng, N_TRS, 2, sigma=2)
    signed = smooth(rng, N_TRS, 3, sigma=2)
    energy = smooth(rng, N_TRS, 3, sigma=2)
    noise = smooth(rng, N_TRS, 102, sigma=1)
    Y = noise / noise.std(0)
    Y[:, 100] += 2 * signed[:, 0] / signed.std()
    Y[:, 101] += 2 * energy[:, 0] / energy.std()
    null = null_of({"signed": signed, "energy": energy}, base, Y)
    assert (null.p[100:] <= 0.01).all()
    assert (null.p[:100] <= 0.05).mean() <= 0.12
    assert "the largest of signed, energy" in null.kind
    alone = null_of({"signed": signed}, base, Y)
    assert alone.p[101] > 0.02


def test_a_ground_makes_noise_and_rival_white(rng):
    rival = rng.standard_normal((50, 3))
    ground = Ground.of(rival, 0.4)
    scaled = rival * np.sqrt(50) / np.linalg.norm(rival)
    covariance = np.eye(50) + 0.4 / 0.6 * scaled @ scaled.T
    half = ground.whiten(np.eye(50))
    np.testing.assert_allclose(half @ covariance @ half.T, np.eye(50), atol=1e-10)
    expected = -np.linalg.slogdet(covariance)[1] / 2
    np.testing.assert_allclose(ground.log_determinant, expected)
    np.testing.assert_allclose(Ground.of(rival, 0.0).whiten(rival), rival)


def test_leading_directions_hold_most_movement_first(rng):
    x = rng.standard_normal((80, 2)) @ rng.standard_normal((2, 9))
    led = leading_directions(x, 5)
    standardised = (x - x.mean(0)) / x.std(0)
    np.testing.assert_allclose(led @ led.T, standardised @ standardised.T, atol=1e-8)
    assert (led[:, :2].std(0) > 0.1).all()
    assert np.abs(led[:, 2:]).max() < 1e-8


def test_groups_add_up_columns_of_all_families(rng, smooth):
    base = smooth(rng, N_TRS, 2, sigma=2)
    left = remaining(base, 1.5, RUNS)
    series = whiten(whiteners(left, 1.5, RUNS), smooth(rng, N_TRS, 5, sigma=1))
    families = {"a": smooth(rng, N_TRS, 2, sigma=2), "b": smooth(rng, N_TRS, 3, sigma=2)}
    groups = {"all": np.arange(5), "one": np.array([3])}
    nulls = conditional_nulls(families, series, left, groups=groups, run_onsets=RUNS, n_draws=9)
    assert list(nulls) == ["a", "b", "all", "one"]
    np.testing.assert_allclose(
        nulls["a"].observed + nulls["b"].observed, nulls["all"].observed, rtol=1e-9
    )
    np.testing.assert_allclose(nulls["a"].null + nulls["b"].null, nulls["all"].null, rtol=1e-9)
    assert (nulls["one"].observed < nulls["b"].observed).all()


def test_a_base_of_many_columns_leaves_enough_time(rng, smooth):
    many = smooth(rng, N_TRS, 250, sigma=1)
    y = rng.standard_normal((N_TRS, 3))
    tested = {"x": smooth(rng, N_TRS, 2, sigma=2)}
    null = conditional_test(tested, many, y, 1.5, RUNS, n_draws=19)["x"]
    assert null.null.shape == (19, 3)
    assert np.isfinite(null.observed).all()
