"""Do series follow codebooks beyond baselines? A test that is conditional on the baselines.

What the baselines explain is removed from series and codebooks alike; then the phases of what is
left of the codebooks are randomised [1]_. Each draw keeps the spectrum of the codebooks and the
correlations between their columns, and, as it is freed of the baselines again, knows of level what
the codebooks know beyond the baselines: nothing. Shifting the series instead would break their tie
to the baselines as well, and call significant whatever mops up what a baseline leaves.

References
----------
.. [1] Freedman & Lane 1983, J Bus Econ Stat 1, 292. doi:10.2307/1391660 (what is tested is
   randomised after the rest is removed)
"""

from collections.abc import Mapping, Sequence

import numpy as np

from giblet_core.encoding.randomisation import phase_rotation
from giblet_core.encoding.recovery.whitening import (
    WhitenedSeries,
    leading_directions,
    remaining,
    standardised_columns,
    whiten,
    whiteners,
)
from giblet_core.encoding.statistics import Null, make_null

WARP_DRAWS = 30
TRS_A_DIRECTION = 4  # of the base that is removed; fewer would leave too few TRs
KIND = "phase randomisation of the codebooks"


def conditional_nulls(  # noqa: PLR0913 - public interface
    families: Mapping[str, np.ndarray],
    series: WhitenedSeries,
    left: np.ndarray,
    *,
    groups: Mapping[str, np.ndarray] | None = None,
    run_onsets: Sequence[int] = (0,),
    n_draws: int = 1000,
    seed: int = 0,
) -> dict[str, Null]:
    """Compare how columns are followed with phase randomisations of them.

    The statistic of a family is the sum of the squared correlations of a series with its columns.

    Parameters
    ----------
    families : mapping of str to array of shape (n_trs, n_columns)
        Columns with the response, e.g. of codebooks by sign and by energy.
    series : WhitenedSeries
        From `whiten`.
    left : array of shape (n_left, n_trs)
        From `remaining`.
    groups : mapping of str to int array, optional
        More sums: of some columns, counted over all families laid side by side.
    run_onsets : sequence of int
        Row at which each run begins; phases are drawn run by run.
    n_draws : int
        The same draw for all columns and targets.
    seed : int

    Returns
    -------
    dict of str to Null
        One a family, then one a group.
    """
    rng = np.random.default_rng(seed)
    followed_left = []
    warped = []
    for columns in families.values():
        columns_left = left.T @ (left @ standardised_columns(columns))
        followed_left.append(columns_left)
        warped.append(_warped(columns_left, left, run_onsets, rng))
    sums = _sums(families, groups or {})
    randomised = np.concatenate(warped, axis=1)
    draws = np.empty((n_draws, len(sums), len(series.noise)))
    for draw in range(n_draws):
        rotate = phase_rotation(left.shape[1], run_onsets, rng)
        draws[draw] = sums @ series.followed_by_column(rotate(randomised))
    observed = sums @ series.followed_by_column(np.concatenate(followed_left, axis=1))
    names = [*families, *(groups or {})]
    return {name: make_null(observed[i], draws[:, i], KIND) for i, name in enumerate(names)}


def _sums(families: Mapping[str, np.ndarray], groups: Mapping[str, np.ndarray]) -> np.ndarray:
    """Say which columns each family and each group adds up: (n_sums, n_columns) of 0 and 1."""
    family_of_column = np.repeat(np.arange(len(families)), [x.shape[1] for x in families.values()])
    of_families = [family_of_column == family for family in range(len(families))]
    of_groups = [np.isin(np.arange(len(family_of_column)), members) for members in groups.values()]
    return np.array([*of_families, *of_groups], dtype=float)


def largest_of(nulls: Mapping[str, Null]) -> Null:
    """Test several families together: the largest counts, in the data as in each draw.

    Each is put on the scale of all its values, the observed one among them, so that p is corrected
    for having several, however few draws there are. A single one stays as it is.
    """
    if len(nulls) == 1:
        return next(iter(nulls.values()))
    standardised = [_standardised(null.observed, null.null) for null in nulls.values()]
    largest = np.max(standardised, axis=0)
    return make_null(largest[0], largest[1:], f"{KIND}, the largest of {', '.join(nulls)}")


def conditional_test(
    tested: Mapping[str, np.ndarray],
    base: np.ndarray,
    Y: np.ndarray,
    t_r: float,
    run_onsets: Sequence[int] = (0,),
    n_draws: int = 1000,
) -> dict[str, Null]:
    """Test whether series follow columns beyond a base that is removed entirely.

    Parameters
    ----------
    tested : mapping of str to array of shape (n_trs, n_columns)
        With the response.
    base : array of shape (n_trs, n_columns)
        Of its directions as many are removed as there are four TRs to each.
    Y : array of shape (n_trs, n_targets)
    t_r : float
        Seconds a TR.
    run_onsets : sequence of int
        Row at which each run begins.
    n_draws : int
        Phase randomisations.

    Returns
    -------
    dict of str to Null
    """
    left = beyond(base, t_r, run_onsets)
    series = whiten(whiteners(left, t_r, run_onsets), Y)
    return conditional_nulls(tested, series, left, run_onsets=run_onsets, n_draws=n_draws)


def beyond(base: np.ndarray, t_r: float, run_onsets: Sequence[int] = (0,)) -> np.ndarray:
    """Span what a base leaves, as `remaining` does, with four TRs to each direction removed.

    Parameters
    ----------
    base : array of shape (n_trs, n_columns)
    t_r : float
        Seconds a TR.
    run_onsets : sequence of int
        Row at which each run begins.

    Returns
    -------
    array of shape (n_left, n_trs)
        Orthonormal rows.
    """
    leading = leading_directions(base, len(base) // TRS_A_DIRECTION)
    return remaining(leading, t_r, run_onsets)


def _standardised(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Standardise a statistic (n_targets,) and its draws: (1 + n_draws, n_targets)."""
    together = np.concatenate([observed[None], draws])
    return (together - together.mean(0)) / np.maximum(together.std(0), 1e-12)


def _warped(
    codebooks: np.ndarray, left: np.ndarray, run_onsets: Sequence[int], rng: np.random.Generator
) -> np.ndarray:
    """Filter codebooks (n_trs, n_columns) so that their randomisation keeps their spectrum.

    Randomised phases bring baselines back, which are removed again; that takes power, which this
    filter adds beforehand.
    """
    spectra = []
    for _ in range(WARP_DRAWS):
        randomised = phase_rotation(len(codebooks), run_onsets, rng)(codebooks)
        spectra.append(_mean_spectrum(left.T @ (left @ randomised)))
    kept = np.mean(spectra, axis=0)
    gain = np.sqrt(_mean_spectrum(codebooks) / np.maximum(kept, 1e-6 * kept.max()))
    return np.fft.irfft(np.fft.rfft(codebooks, axis=0) * gain[:, None], n=len(codebooks), axis=0)


def _mean_spectrum(x: np.ndarray) -> np.ndarray:
    """Return the power of x (n_trs, n_columns), mean over columns, (n_frequencies,)."""
    return (np.abs(np.fft.rfft(x, axis=0)) ** 2).mean(1)
