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

from giblet_core.encoding.nulls import phase_rotation
from giblet_core.encoding.recovery.whitening import WhitenedSeries, standardised_columns
from giblet_core.encoding.statistics import Null, make_null

WARP_DRAWS = 30
KIND = "phase randomisation of the codebooks"


def conditional_null(
    families: Mapping[str, np.ndarray],
    series: WhitenedSeries,
    left: np.ndarray,
    run_onsets: Sequence[int] = (0,),
    n_draws: int = 1000,
    seed: int = 0,
) -> Null:
    """Compare how families of columns are followed with phase randomisations of them.

    The statistic of a family is the sum of the squared correlations of a series with its columns;
    several families are standardised by their draws, and the largest counts, in the data as in each
    draw, so that p is corrected for having several.

    Parameters
    ----------
    families : mapping of str to array of shape (n_trs, n_columns)
        Columns of codebooks, with the response.
    series : WhitenedSeries
        From `whiten`.
    left : array of shape (n_left, n_trs)
        From `remaining`.
    run_onsets : sequence of int
        Row at which each run begins; phases are drawn run by run.
    n_draws : int
        The same draw for all families and targets.
    seed : int

    Returns
    -------
    Null
        ``observed`` and ``null`` are sums for one family, standardised sums for several.
    """
    rng = np.random.default_rng(seed)
    followed_left = {}
    warped = {}
    for name, columns in families.items():
        followed_left[name] = left.T @ (left @ standardised_columns(columns))
        warped[name] = _warped(followed_left[name], left, run_onsets, rng)
    draws: dict[str, list[np.ndarray]] = {name: [] for name in families}
    for _ in range(n_draws):
        rotate = phase_rotation(left.shape[1], run_onsets, rng)
        for name, columns in warped.items():
            draws[name].append(series.followed(rotate(columns)))
    observed = {name: series.followed(columns) for name, columns in followed_left.items()}
    if len(families) == 1:
        (name,) = families
        return make_null(observed[name], np.array(draws[name]), KIND)
    standardised = [_standardised(observed[name], np.array(draws[name])) for name in families]
    largest = np.max(standardised, axis=0)
    return make_null(largest[0], largest[1:], f"{KIND}, the largest of {', '.join(families)}")


def _standardised(observed: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Standardise a statistic (n_targets,) and its draws: (1 + n_draws, n_targets)."""
    together = np.concatenate([observed[None], draws])
    return (together - draws.mean(0)) / np.maximum(draws.std(0), 1e-12)


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
