"""Chance by random phases: the same as the plain null, sooner; uniform where there is nothing."""

from dataclasses import replace

import numpy as np
import pytest
from derivatives_material import (
    N_TRS,
    make_model,
    planted,
    planted_everywhere,
    repeating_model,
    smooth,
)
from scipy import stats

from giblet_core.derivatives.statistics import (
    BASELINES,
    ChanceTest,
    Followed,
    fit_models,
    random_phases,
)
from giblet_core.encoding import (
    Hypothesis,
    fit_banded,
    null_phase,
    phase_rotation,
    signed_square,
)


def followed(model, *series):
    return Followed(series, [fit_models(model, one) for one in series])


def few_draws(model):
    return replace(model, settings=replace(model.settings, n_draws=19, seed=4))


def rotations(model):
    """Return the draws of a model's settings."""
    generators = np.random.default_rng(model.settings.seed).spawn(1)[0]
    children = generators.spawn(model.settings.n_draws)
    return [phase_rotation(N_TRS, model.run_onsets, child) for child in children]


def refit(model, spaces, Y, like):
    """Fit with the penalties that an earlier fit chose."""
    return fit_banded(
        spaces,
        Y,
        model.folds,
        like=like,
        run_onsets=model.run_onsets,
        embargo=model.settings.embargo,
        keep_predictions=True,
    )


def test_p_is_the_plain_one_where_all_draws_are_seen(rng):
    """Voxels that are never decided early: (1 + as good) / (1 + draws)."""
    observed = np.array([2.0, 3.0, np.nan])
    draws = rng.standard_normal((400, 3))
    test = ChanceTest(observed, 400)
    for block in np.split(draws, 8):
        test.add(block)
    plain = (1 + (draws[:, :2] >= observed[:2]).sum(0)) / 401
    assert test.p[:2] == pytest.approx(plain)
    assert np.isnan(test.p[2])


@pytest.mark.parametrize("n_blocks", [1, 7, 400])
def test_a_decided_voxel_has_p_of_the_draw_that_decided_it(rng, n_blocks):
    """Besag and Clifford: h / l at the h-th draw as good, however the draws come in blocks."""
    draws = rng.standard_normal((400, 50))
    observed = rng.standard_normal(50)
    test = ChanceTest(observed, 400)
    for block in np.array_split(draws, n_blocks):
        test.add(block)
    as_good = np.cumsum(draws >= observed, axis=0)
    for voxel, p in enumerate(test.p):
        reached = np.flatnonzero(as_good[:, voxel] == 20)
        expected = 20 / (reached[0] + 1) if len(reached) else (1 + as_good[-1, voxel]) / 401
        assert p == pytest.approx(expected)


def test_sequential_p_is_never_too_small():
    """P(p <= a) <= a at every level, and about a where p can take it."""
    rng = np.random.default_rng(0)
    test = ChanceTest(rng.standard_normal(20_000), 999)
    for _ in range(9):
        test.add(rng.standard_normal((111, 20_000)))
    for level in (0.01, 0.05, 0.2, 0.5):
        share = (test.p <= level).mean()
        assert share <= level + 3 * np.sqrt(level / 20_000)
        assert share >= 0.85 * level


def smoothed(model, spaces, Y, fit, fold):
    """Fit Y to all time, by primal ridge with the penalty and weights that a fold chose."""
    fitted = np.empty(Y.shape)
    for voxel, candidate in enumerate(fit.choice[fold]):
        alpha, *weights = fit.candidates[candidate]
        scaled = [
            np.sqrt(weight / x.shape[1]) * (x - x.mean(0)) / x.std(0)
            for weight, x in zip(weights, spaces)
        ]
        X = np.concatenate(scaled, axis=1).astype(float)
        y = Y[:, voxel] - Y[:, voxel].mean(dtype=float)
        coefficients = np.linalg.solve(X.T @ X + alpha * np.eye(X.shape[1]), X.T @ y)
        fitted[:, voxel] = X @ coefficients
    return fitted


def test_parts_of_draws_are_those_of_models_refitted_to_fit_and_turned_residuals(model, rng):
    """With as many draws as decide nothing, p is that of fits by `fit_banded` to every draw."""
    few = few_draws(model)
    baselines = few.models()[BASELINES]
    Y = planted(few, rng, "codebooks", 6, share=0.3)
    full = few.fit(few.spaces, Y)
    rest = few.fit(baselines, Y)
    kept = np.mean([smoothed(few, baselines, Y, rest, fold) for fold in range(2)], axis=0)
    centred = Y - Y.mean(0)
    as_good = np.zeros(6)
    for rotation in rotations(few):
        drawn = kept + rotation(centred - kept)
        part = signed_square(refit(few, few.spaces, drawn, full).r)
        part -= signed_square(refit(few, baselines, drawn, rest).r)
        as_good += part >= signed_square(full.r) - signed_square(rest.r) - 1e-5
    own = random_phases(few, followed(few, Y), codebooks_alone=True)
    expected = np.where(as_good >= 20, 1, (1 + as_good) / 20)
    assert own.subjects[0] == pytest.approx(expected)
    assert own.group == pytest.approx(own.subjects[0])


@pytest.mark.slow
def test_codebooks_that_repeat_the_baselines_add_nothing():
    """BOLD follows the baselines, and so do the codebooks; what they have of their own is unheard.

    A null that turns the codebooks takes from them what they know of the baselines, and calls half
    of these voxels found. Both of ours keep it. Voxels of one sound share its chance: a rate a
    sound.
    """
    found = {"null of encoding": [], "maps": []}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        model = repeating_model(rng)
        Y = planted_everywhere(model, rng, 6)
        what = followed(model, Y)
        fit = model.fit(model.spaces, Y)
        hypothesis = Hypothesis(tested=model.tested)
        null = null_phase(model.spaces, Y, fit, n_draws=19, hypothesis=hypothesis)
        found["null of encoding"].append((null.p <= 0.05).mean())
        p = random_phases(model, what, codebooks_alone=True).subjects[0]
        found["maps"].append((p <= 0.05).mean())
    assert np.mean(found["maps"]) <= 0.1
    assert np.mean(found["null of encoding"]) <= 0.1


def test_what_chance_gives_on_average_is_the_mean_of_the_draws(rng):
    draws = rng.standard_normal((60, 3))
    test = ChanceTest(np.array([0.0, 9.0, np.nan]), 60)
    for block in np.split(draws, 3):
        test.add(block)
    assert test.mean_of_draws[1] == pytest.approx(draws[:, 1].mean())
    n_until_decided = 20 * -(-int(test.decided_at[0]) // 20)
    assert test.mean_of_draws[0] == pytest.approx(draws[:n_until_decided, 0].mean())
    assert np.isnan(test.mean_of_draws[2])


@pytest.mark.slow
@pytest.mark.parametrize("alone", [False, True])
def test_p_of_voxels_that_follow_nothing_is_uniform_or_larger(alone):
    """Other voxels of other sounds: voxels of one sound share its chance."""
    rng = np.random.default_rng(21)
    p = []
    for _ in range(8):
        other = make_model(rng)
        noise = followed(other, smooth(rng, N_TRS, 25))
        p.append(random_phases(other, noise, codebooks_alone=alone).subjects[0])
    p = np.concatenate(p)
    assert stats.kstest(p, "uniform", alternative="greater").pvalue > 0.01
    if not alone:
        assert stats.kstest(p, "uniform").pvalue > 0.01
    low, _ = stats.binomtest(int((p <= 0.05).sum()), len(p)).proportion_ci(0.99, "exact")
    assert low <= 0.05


def test_r_of_turned_bold_is_that_of_a_fit_to_turned_bold(model, rng):
    """The draws of r are what `fit_banded` gives for BOLD with the same random phases."""
    few = few_draws(model)
    Y = smooth(rng, N_TRS, 5)
    p = random_phases(few, followed(few, Y), codebooks_alone=False).subjects[0]
    fit = few.fit(few.spaces, Y)
    as_good = np.zeros(5)
    for rotation in rotations(few):
        draw = refit(few, few.spaces, rotation(Y - Y.mean(0)), fit)
        as_good += draw.r >= fit.r - 1e-5
    expected = np.where(as_good >= 20, 20 / 20, (1 + as_good) / 20)
    assert p == pytest.approx(expected)


def test_a_draw_that_changes_nothing_counts_as_good():
    """Rounding must not turn a part that no draw can change into the smallest p."""
    test = ChanceTest(np.array([0.25]), 99)
    test.add(np.full((99, 1), 0.25 - 2e-7))
    assert test.p[0] == 1


def test_what_is_planted_reaches_the_floor_and_the_baselines_alone_do_not(model, rng):
    """Codebook voxels: r and unique part; mel voxels: r alone; noise: neither."""
    Y = np.concatenate(
        [
            planted(model, rng, "codebooks", 10),
            planted(model, rng, "mel", 10),
            smooth(rng, N_TRS, 10),
        ],
        axis=1,
    )
    what = followed(model, Y)
    p = random_phases(model, what, codebooks_alone=False).subjects[0]
    unique_p = random_phases(model, what, codebooks_alone=True).subjects[0]
    assert (p[:20] == model.settings.p_floor).mean() >= 0.9
    assert (unique_p[:10] == model.settings.p_floor).mean() >= 0.9
    assert (unique_p[10:] > 0.02).mean() >= 0.85
    assert (p[20:] > 0.02).mean() >= 0.8


def test_the_group_is_tested_on_the_same_draws_as_its_subjects(model, rng):
    """Twins give the group's test exactly what each of them gives."""
    Y = planted(model, rng, "codebooks", 8, share=0.15)
    chance = random_phases(model, followed(model, Y, Y), codebooks_alone=True)
    assert np.array_equal(chance.subjects[0], chance.subjects[1])
    assert np.array_equal(chance.group, chance.subjects[0])
