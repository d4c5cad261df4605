"""What holds over subjects: signs flipped at random, and how many subjects show it alone.

References
----------
.. [1] Nichols & Holmes 2002, Hum Brain Mapp 15, 1. doi:10.1002/hbm.1058 (sign flips; the largest
   statistic of all voxels bounds the family-wise error)
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from giblet_core.derivatives.statistics.intervals import LARGEST_R, Ends

MOST_EXACT = 12  # subjects up to which all flips are made (4096)
N_RANDOM = 4999  # flips beside the identity, with more subjects
FEW_SUBJECTS = 6  # below, the smallest p is above 1/64


@dataclass(frozen=True, eq=False)
class SignFlips:
    """A test of the mean over subjects.

    Attributes
    ----------
    p : array of shape (n_voxels,)
        One-sided: the share of flips whose t is as large; NaN where a subject has no value.
    p_fwe : array of shape (n_voxels,)
        Against the largest t of all voxels in each flip.
    n_flips : int
        The identity among them; no p is below 1 / n_flips.
    """

    p: np.ndarray
    p_fwe: np.ndarray
    n_flips: int

    @property
    def p_floor(self) -> float:
        """The smallest p there can be."""
        return 1 / self.n_flips


def n_sign_flips(n_subjects: int) -> int:
    """Return how many flips there are, that of nobody among them; no p is below one over it.

    Examples
    --------
    >>> n_sign_flips(6), n_sign_flips(20)
    (64, 5000)
    """
    return 2**n_subjects if n_subjects <= MOST_EXACT else 1 + N_RANDOM


def sign_flips(values: np.ndarray, seed: int = 0) -> SignFlips:
    """Test whether subjects' values are above 0 on average, by flipping their signs.

    Values must be symmetric about 0 in each subject where there is no effect. All subjects heard
    one sound: the test speaks of other subjects, not of other sounds.

    Parameters are values (n_subjects, n_voxels), e.g. Fisher's z of r, and the seed of random
    flips, which are drawn with more than 12 subjects.
    """
    n_subjects, n_voxels = values.shape
    signs = _signs(n_subjects, seed)
    defined = np.isfinite(values).all(0)
    p = np.full(n_voxels, np.nan)
    p_fwe = np.full(n_voxels, np.nan)
    if n_subjects > 1 and defined.any():
        tested = values[:, defined]
        observed = _t(tested, signs[:1])[0]
        n_as_good = np.zeros(len(observed), int)
        n_max_as_good = np.zeros(len(observed), int)
        for sign in signs:
            t = _t(tested, sign[None])[0]
            n_as_good += t >= observed
            n_max_as_good += t.max() >= observed
        p[defined] = n_as_good / len(signs)
        p_fwe[defined] = n_max_as_good / len(signs)
    return SignFlips(p, p_fwe, len(signs))


def _signs(n_subjects: int, seed: int) -> np.ndarray:
    """Return flips (n_flips, n_subjects) of 1 and -1; the first flips nothing."""
    if n_subjects <= MOST_EXACT:
        numbers = np.arange(2**n_subjects)
        bits = (numbers[:, None] >> np.arange(n_subjects)) & 1
        return 1.0 - 2.0 * bits
    rng = np.random.default_rng(seed)
    random = rng.choice([-1.0, 1.0], size=(N_RANDOM, n_subjects))
    return np.vstack([np.ones(n_subjects), random])


def _t(values: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Return Student's t of flipped values, (n_flips, n_voxels)."""
    n = len(values)
    mean = signs @ values / n
    power = (values**2).sum(0)
    # the last digits differ with the order of summation: what is equal must compare as equal
    variance = np.maximum(power - n * mean**2, 1e-12 * power) / (n - 1)
    scale = np.sqrt(np.where(variance > 0, variance, 1) / n)
    return np.round(mean / scale, 9)


def subject_interval(r: np.ndarray, level: float = 0.95) -> Ends:
    """Return the interval of the mean r of subjects (n_subjects, n_voxels): Student, on Fisher's z.

    One subject has no interval over subjects: NaN.
    """
    n_subjects = len(r)
    if n_subjects < 2:
        return Ends(np.full(r.shape[1], np.nan), np.full(r.shape[1], np.nan))
    z = fisher_z(r)
    half = student.ppf((1 + level) / 2, n_subjects - 1) * z.std(0, ddof=1) / np.sqrt(n_subjects)
    return Ends(np.tanh(z.mean(0) - half), np.tanh(z.mean(0) + half))


def fisher_z(r: np.ndarray) -> np.ndarray:
    """Return arctanh r, finite also for r = 1."""
    return np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))


def replications(q: np.ndarray, level: float) -> np.ndarray:
    """Count the subjects in whom q (n_subjects, n_voxels) is at or below a level; NaN counts not.

    Examples
    --------
    >>> replications(np.array([[0.01, 0.2], [0.05, np.nan]]), 0.05).tolist()
    [2, 0]
    """
    return (q <= level).sum(0)
