"""Every null distribution of the project on series without effect, one simulation at a time.

A case makes autocorrelated series that have nothing to do with each other, tests them as the
project does, and returns one p value. Series are short, runs several, draws few: where a null
fails, it fails there.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from giblet_core.decoding import fold_numbers, make_segments
from giblet_core.derivatives.statistics import (
    Followed,
    MapSettings,
    fit_models,
    random_phases,
    sign_flips,
    voxel_model,
)
from giblet_core.encoding import (
    Hypothesis,
    beyond,
    conditional_nulls,
    conditional_test,
    fit_banded,
    fit_ridge,
    largest_of,
    null_circular_shift,
    null_phase,
    whiten,
    whiteners,
)
from giblet_core.inference import correct
from giblet_core.regions import (
    GroupResponses,
    region_lesions,
    shifted_parts,
    unique_parts,
    with_shifts,
)
from giblet_core.timing import TRGrid, answers_by_delay, clock_and_latency, contiguous_folds
from giblet_core.validation import simulate_identification

LEVEL = 0.05
WARM_UP = 60  # TRs before a series begins
ONE_RUN = (140,)
TWO_RUNS = (90, 80)
EMBARGO = 6
MIN_SHIFT = 20
ALPHAS = (1.0, 30.0)
N_DRAWS = 19
T_R = 1.5


def autoregressive(rng, run_n_trs, n_columns, memory):
    """Draw AR(1) series run by run, (n_trs, n_columns), of SD 1."""
    runs = [
        lfilter([1], [1, -memory], rng.standard_normal((WARM_UP + n_trs, n_columns)), axis=0)
        for n_trs in run_n_trs
    ]
    series = np.concatenate([run[WARM_UP:] for run in runs])
    return series * np.sqrt(1 - memory**2)


def onsets_of(run_n_trs):
    return tuple(int(onset) for onset in np.cumsum([0, *run_n_trs[:-1]]))


def timing_of(run_n_trs):
    """Return folds and the keywords of a fit."""
    onsets = onsets_of(run_n_trs)
    n_folds = 3 if len(run_n_trs) == 1 else 2 * len(run_n_trs)
    folds = contiguous_folds(sum(run_n_trs), n_folds, EMBARGO, onsets)
    return folds, {"run_onsets": onsets, "embargo": EMBARGO, "n_inner": 2}


@dataclass(frozen=True)
class NullCase:
    """A null, where it stands and how one simulation without effect is tested.

    Attributes
    ----------
    null : str
        What is randomised.
    statistic : str
    place : str
        Function that a user calls.
    p_of : callable
        ``p_of(rng)`` returns the p of one simulation.
    """

    null: str
    statistic: str
    place: str
    p_of: Callable[[np.random.Generator], float]


# --- encoding -------------------------------------------------------------------------------


def shifts_one_run(rng):
    folds, options = timing_of(ONE_RUN)
    x = autoregressive(rng, ONE_RUN, 3, 0.9)
    y = autoregressive(rng, ONE_RUN, 1, 0.7)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    return null_circular_shift(x, y, fit, min_shift=MIN_SHIFT).p[0]


def shifts_two_runs_largest(rng):
    folds, options = timing_of(TWO_RUNS)
    x = autoregressive(rng, TWO_RUNS, 3, 0.9)
    y = autoregressive(rng, TWO_RUNS, 5, 0.5)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    return null_circular_shift(x, y, fit, min_shift=MIN_SHIFT).p_max.min()


def shifts_kept_choice(rng):
    folds, options = timing_of(TWO_RUNS)
    x = autoregressive(rng, TWO_RUNS, 3, 0.9)
    y = autoregressive(rng, TWO_RUNS, 1, 0.7)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    return null_circular_shift(x, y, fit, min_shift=MIN_SHIFT, reselect=False).p[0]


def _two_spaces(rng, run_n_trs):
    """Return a space that is followed, one that knows it in part and is not, and a series."""
    followed = autoregressive(rng, run_n_trs, 2, 0.9)
    own = autoregressive(rng, run_n_trs, 3, 0.9)
    tested = followed @ rng.standard_normal((2, 3)) + 0.5 * own
    y = followed.sum(1, keepdims=True) + autoregressive(rng, run_n_trs, 1, 0.6)
    return [followed, tested], y


def shifts_unique(rng):
    folds, options = timing_of(TWO_RUNS)
    spaces, y = _two_spaces(rng, TWO_RUNS)
    fit = fit_banded(spaces, y, folds, ALPHAS, **options)
    return null_circular_shift(
        spaces, y, fit, min_shift=MIN_SHIFT, hypothesis=Hypothesis(tested=[1])
    ).p[0]


def phases(rng):
    folds, options = timing_of(TWO_RUNS)
    x = autoregressive(rng, TWO_RUNS, 3, 0.9)
    y = autoregressive(rng, TWO_RUNS, 1, 0.7)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    seed = int(rng.integers(2**31))
    return null_phase(x, y, fit, n_draws=N_DRAWS, seed=seed).p[0]


def phases_one_run(rng):
    folds, options = timing_of(ONE_RUN)
    x = autoregressive(rng, ONE_RUN, 3, 0.9)
    y = autoregressive(rng, ONE_RUN, 1, 0.9)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    seed = int(rng.integers(2**31))
    return null_phase(x, y, fit, n_draws=N_DRAWS, seed=seed).p[0]


def _of_subjects(rng, draws, is_shared):
    folds, options = timing_of(TWO_RUNS)
    x = autoregressive(rng, TWO_RUNS, 3, 0.9)
    y = autoregressive(rng, TWO_RUNS, 3, 0.7)
    if is_shared:
        y = y + autoregressive(rng, TWO_RUNS, 1, 0.7)
    fit = fit_ridge(x, y, folds, ALPHAS, **options)
    seed = int(rng.integers(2**31))
    hypothesis = Hypothesis(n_subjects=3, draws=draws)
    return null_phase(x, y, fit, n_draws=N_DRAWS, seed=seed, hypothesis=hypothesis).p[0]


def phases_of_independent_subjects(rng):
    return _of_subjects(rng, "independent", is_shared=False)


def phases_shared_by_subjects(rng):
    return _of_subjects(rng, "shared", is_shared=True)


def phases_unique(rng):
    folds, options = timing_of(TWO_RUNS)
    spaces, y = _two_spaces(rng, TWO_RUNS)
    fit = fit_banded(spaces, y, folds, ALPHAS, **options)
    seed = int(rng.integers(2**31))
    hypothesis = Hypothesis(tested=[1])
    return null_phase(spaces, y, fit, n_draws=N_DRAWS, seed=seed, hypothesis=hypothesis).p[0]


# --- the conditional test of codebooks ----------------------------------------------------------


def _base_and_series(rng, run_n_trs, n_series=1):
    """Return a base, columns that know it in part, and series that follow the base alone."""
    base = autoregressive(rng, run_n_trs, 4, 0.9)
    known = base @ rng.standard_normal((4, 6))
    tested = known + autoregressive(rng, run_n_trs, 6, 0.8)
    weights = rng.standard_normal((4, n_series))
    series = 0.7 * base @ weights + autoregressive(rng, run_n_trs, n_series, 0.6)
    return base, tested, series


def conditional_one_run(rng):
    base, tested, series = _base_and_series(rng, ONE_RUN)
    return conditional_test({"tested": tested}, base, series, T_R, n_draws=N_DRAWS)["tested"].p[0]


def conditional_two_runs(rng):
    base, tested, series = _base_and_series(rng, TWO_RUNS)
    onsets = onsets_of(TWO_RUNS)
    return conditional_test({"tested": tested}, base, series, T_R, onsets, N_DRAWS)["tested"].p[0]


def _families(rng, n_series=1, n_draws=N_DRAWS):
    base, signed, series = _base_and_series(rng, TWO_RUNS, n_series)
    onsets = onsets_of(TWO_RUNS)
    left = beyond(base, T_R, onsets)
    noises = whiten(whiteners(left, T_R, onsets), series)
    families = {"signed": signed, "energy": autoregressive(rng, TWO_RUNS, 4, 0.9)}
    return conditional_nulls(
        families,
        noises,
        left,
        groups={"codebook 0": np.array([0, 1, 6])},
        run_onsets=onsets,
        n_draws=n_draws,
        seed=int(rng.integers(2**31)),
    )


def largest_of_two_families(rng):
    nulls = _families(rng, n_draws=19)
    return largest_of({name: nulls[name] for name in ("signed", "energy")}).p[0]


def conditional_codebook(rng):
    return _families(rng)["codebook 0"].p[0]


def conditional_corrected(rng):
    nulls = _families(rng, n_series=5)
    largest = largest_of({name: nulls[name] for name in ("signed", "energy")})
    return correct(largest.observed, largest.null).p.min()


# --- maps -------------------------------------------------------------------------------------


def _map_chance(rng, codebooks_alone, n_subjects=1):
    settings = MapSettings(
        n_folds=4, embargo=EMBARGO, n_draws=N_DRAWS, seed=int(rng.integers(2**31)), n_weights=1
    )
    spaces, y = _two_spaces(rng, TWO_RUNS)
    model = voxel_model(
        {"envelope": [spaces[0]], "codebooks": [spaces[1]]}, onsets_of(TWO_RUNS), settings
    )
    series = [y + autoregressive(rng, TWO_RUNS, 1, 0.7) for _ in range(n_subjects)]
    if not codebooks_alone:
        series = [autoregressive(rng, TWO_RUNS, 1, 0.7) for _ in range(n_subjects)]
    series = [one.astype(np.float32) for one in series]
    followed = Followed(series, [fit_models(model, one) for one in series])
    return random_phases(model, followed, codebooks_alone)


def map_of_r(rng):
    return _map_chance(rng, codebooks_alone=False).subjects[0, 0]


def map_of_codebooks(rng):
    return _map_chance(rng, codebooks_alone=True).subjects[0, 0]


def map_of_the_group(rng):
    return _map_chance(rng, codebooks_alone=True, n_subjects=3).group[0]


def signs_of_subjects(rng):
    values = rng.standard_normal((7, 40)) + rng.standard_normal((7, 1))  # voxels alike
    return sign_flips(values * np.linspace(0.2, 3, 7)[:, None]).p_fwe.min()


# --- identification and regions -----------------------------------------------------------------


def identification_refitted(rng):
    return simulate_identification(int(rng.integers(2**31)), 0.0)["p"]


def _lesions(rng):
    run_n_trs = (120, 110)
    onsets = onsets_of(run_n_trs)
    n_trs = sum(run_n_trs)
    folds = contiguous_folds(n_trs, 2, 8, onsets)
    segments = make_segments(fold_numbers(n_trs, folds), 8, run_onsets=onsets)
    atlas = np.repeat([1, 2, 3, 0], [8, 8, 8, 20])
    common = autoregressive(rng, run_n_trs, 3, 0.7)
    bold = autoregressive(rng, run_n_trs, len(atlas), 0.7)
    bold += common @ rng.standard_normal((3, len(atlas)))
    group = GroupResponses(
        mean_bold=bold.astype(np.float32),
        isc=0.3 + 0.03 * rng.standard_normal(len(atlas)),
        region_series=np.empty((2, n_trs, 3)),
        atlas=atlas,
        names=tuple("ABC"),
        labels=np.arange(1, 4),
        xyz_mm=rng.uniform(-60, 60, (len(atlas), 3)),
    )
    return region_lesions(
        group,
        autoregressive(rng, run_n_trs, 4, 0.8),
        segments,
        folds,
        run_onsets=onsets,
        embargo=8,
        n_random=2,
        n_shifts=19,
        min_shift=MIN_SHIFT,
        seed=int(rng.integers(2**31)),
        progress=False,
    )


def region_alone(rng):
    return _lesions(rng).p_alone[0]


def regions_corrected(rng):
    lesions = _lesions(rng)
    return lesions.against_shifts().p.min()


def parts_shifted(rng):
    onsets = onsets_of(TWO_RUNS)
    folds, _ = timing_of(TWO_RUNS)
    level = autoregressive(rng, TWO_RUNS, 2, 0.9)
    knowing = [
        level @ rng.standard_normal((2, 3)) + 0.5 * autoregressive(rng, TWO_RUNS, 3, 0.9)
        for _ in range(3)
    ]
    series = level.sum(1, keepdims=True) + autoregressive(rng, TWO_RUNS, 3, 0.6)
    spaces = [level, *knowing]
    both = with_shifts(series, onsets, MIN_SHIFT)
    values = unique_parts(spaces, [0.25] * 4, [[1], [2], [3]], both, folds, 10.0)
    return shifted_parts(values, 3).corrected().p.min()


# --- clock ------------------------------------------------------------------------------------


def clock_follows(rng):
    rate_hz = 10.0
    run_n_trs = (100, 90)
    track = lfilter([0.1], [1, -0.9], rng.standard_normal(int((sum(run_n_trs) * T_R + 40) * 10)))
    grids = [TRGrid(T_R, n, float(s) * T_R) for n, s in zip(run_n_trs, onsets_of(run_n_trs))]
    bold = autoregressive(rng, run_n_trs, 3, 0.7)
    seed = int(rng.integers(2**31))
    found = clock_and_latency(answers_by_delay(track, rate_hz, grids), bold, n_draws=99, seed=seed)
    return 0.0 if found.follows.any() else 1.0


SHIFTS = "circular shifts of the features"
PHASES = "phase randomisation of the features"
CONDITIONAL = "phase randomisation of what baselines leave of the codebooks"
CASES = {
    "shifts, one run": NullCase(SHIFTS, "r", "encoding.null_circular_shift", shifts_one_run),
    "shifts, two runs, five series": NullCase(
        SHIFTS, "largest r", "encoding.null_circular_shift", shifts_two_runs_largest
    ),
    "shifts, penalties kept": NullCase(
        SHIFTS, "r", "encoding.null_circular_shift(reselect=False)", shifts_kept_choice
    ),
    "shifts, unique": NullCase(
        SHIFTS + ", one space", "r|r| added", "encoding.null_circular_shift", shifts_unique
    ),
    "phases, one run": NullCase(PHASES, "r", "encoding.null_phase", phases_one_run),
    "phases, two runs": NullCase(PHASES, "r", "encoding.null_phase", phases),
    "phases, independent subjects": NullCase(
        PHASES, "mean r", "encoding.null_phase", phases_of_independent_subjects
    ),
    "phases, subjects alike": NullCase(
        PHASES + ", shared", "mean r", "encoding.null_phase", phases_shared_by_subjects
    ),
    "phases, unique": NullCase(
        PHASES + ", one space", "r|r| added", "encoding.null_phase", phases_unique
    ),
    "conditional, one run": NullCase(
        CONDITIONAL, "sum of squared r", "encoding.conditional_test", conditional_one_run
    ),
    "conditional, two runs": NullCase(
        CONDITIONAL, "sum of squared r", "encoding.conditional_test", conditional_two_runs
    ),
    "conditional, two families": NullCase(
        CONDITIONAL,
        "largest of families",
        "encoding.recover_regions",
        largest_of_two_families,
    ),
    "conditional, one codebook": NullCase(
        CONDITIONAL, "sum of squared r", "encoding.recover_regions", conditional_codebook
    ),
    "conditional, five regions": NullCase(
        CONDITIONAL, "scaled maximum", "inference.correct", conditional_corrected
    ),
    "maps, r": NullCase("random phases of BOLD", "r", "derivatives maps", map_of_r),
    "maps, codebooks": NullCase(
        "random phases of the codebooks", "r|r| added", "derivatives maps", map_of_codebooks
    ),
    "maps, group": NullCase(
        "random phases of the codebooks", "mean r|r| added", "derivatives maps", map_of_the_group
    ),
    "maps, signs": NullCase(
        "flipped signs", "largest t", "derivatives.sign_flips", signs_of_subjects
    ),
    "identification": NullCase(
        "refits on shifted BOLD",
        "pairwise accuracy",
        "DecodingSpaces.tested",
        identification_refitted,
    ),
    "a region alone": NullCase(
        "refits on shifted BOLD", "pairwise accuracy", "regions.region_lesions", region_alone
    ),
    "three regions": NullCase(
        "refits on shifted BOLD", "largest accuracy", "RegionLesions.table", regions_corrected
    ),
    "parts": NullCase(
        "circular shifts of BOLD", "largest r|r| added", "regions.shifted_parts", parts_shifted
    ),
    "clock": NullCase(
        "circular shifts of BOLD", "largest |r|", "timing.clock_and_latency", clock_follows
    ),
}
