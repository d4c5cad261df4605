"""How small an effect would a study find? Read off the record of simulations.

In the record every size of study has a mean z of the test of codebooks in codebook regions, and
the rate of detections (after Holm). The z of a study follows
``log z = a + b log n_trs + c log reliability``, reliability being that of the group's mean
(Spearman-Brown). The effect, the codebooks' share of the variance that sound drives, enters z in
proportion, as z is quadratic in the signal. The answer says whether the record reaches so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from giblet_core.encoding import pairwise_from_isc, spearman_brown
from giblet_core.errors import require

DETECTION_FIGURE = "detections in codebook regions"
SHARE_FIGURE = "codebooks' share of what sound drives"
ISC_SUBJECTS = 8  # for which the record's ISC is stated
LEAST_Z = 0.5  # below it z is noise
LEAST_SIZES = 4  # from which the law is fitted
WIDEST = (
    3.0  # effects beyond this many times the simulated one, or its inverse, are not vouched for
)


@dataclass(frozen=True)
class Plan:
    """The smallest effect found with the wanted power.

    Attributes
    ----------
    effect : float
        Codebooks' share of the sound-driven variance beyond baselines; above 1 no study of this
        size finds any.
    n_trs, n_subjects : int
    isc : float
        Leave-one-out, of `n_subjects` subjects.
    power : float
    inside : bool
        Whether length, reliability, effect and power lie within what was simulated; else the law is
        carried beyond it.
    """

    effect: float
    n_trs: int
    n_subjects: int
    isc: float
    power: float
    inside: bool

    def __str__(self) -> str:
        size = f"{self.n_subjects} subjects, {self.n_trs} TRs, ISC {self.isc:g}"
        answer = "no effect of codebooks is found with that power"
        if self.effect <= 1:
            answer = (
                f"codebooks that make {100 * self.effect:.0f} % of what sound drives are found "
                f"with {100 * self.power:.0f} % power"
            )
        reach = "within" if self.inside else "beyond"
        return f"{size}: {answer} ({reach} what was simulated; group means of regions, one film)."


def reliability(isc: float, n_subjects: int, of: int | None = None) -> float:
    """Return the reliability of the mean of subjects, from their ISC.

    Parameters
    ----------
    isc : float
        Leave-one-out ISC.
    n_subjects : int
        Who have that ISC.
    of : int, optional
        Number of subjects in the mean; by default the same.

    Returns
    -------
    float
    """
    n_in_mean = n_subjects if of is None else of
    return float(spearman_brown(pairwise_from_isc(isc, n_subjects), n_in_mean))


@dataclass(frozen=True, eq=False)
class _Law:
    """How detections depend on the size of a study, fitted to a record.

    Attributes
    ----------
    n_trs, reliability, z : array of shape (n_sizes,)
        The studies of the record.
    share : float
        The simulated effect.
    coefficients : array of shape (3,)
        Of 1, log n_trs and log reliability, in log z.
    probit_slope, probit_start : float
        The probit of the rate of detections is a line in log z.
    """

    n_trs: np.ndarray
    reliability: np.ndarray
    z: np.ndarray
    share: float
    coefficients: np.ndarray
    probit_slope: float
    probit_start: float

    def expected_z(self, n_trs: int, reliability: float) -> float:
        """Return the mean z of a study with the simulated effect."""
        return np.exp(self.coefficients @ [1, np.log(n_trs), np.log(reliability)])

    def needed_z(self, power: float) -> float:
        """Return the mean z with which a share `power` of regions is detected."""
        return np.exp((norm.ppf(power) - self.probit_start) / self.probit_slope)

    def covers(self, n_trs: int, reliability: float, effect: float, needed_z: float) -> bool:
        """Say whether a study and its effect lie within what was simulated."""
        return bool(
            self.n_trs.min() <= n_trs <= self.n_trs.max()
            and self.reliability.min() <= reliability <= self.reliability.max()
            and 1 / WIDEST <= effect / self.share <= WIDEST
            and needed_z <= self.z.max()
        )


def _fit_law(rows: Sequence[dict]) -> _Law:
    sizes = [
        row
        for row in rows
        if row["figure"] == DETECTION_FIGURE and row["z"] >= LEAST_Z and 0 < row["value"] < 1
    ]
    shares = [row["value"] for row in rows if row["figure"] == SHARE_FIGURE]
    require(
        len(sizes) >= LEAST_SIZES and len(shares) > 0,
        "record: holds too few sizes of study. Make it anew: notebook 6 with full=True.",
    )
    n_trs = np.array([row["n_trs"] for row in sizes])
    of_mean = np.array([reliability(row["isc"], ISC_SUBJECTS, row["n_subjects"]) for row in sizes])
    z = np.array([row["z"] for row in sizes])
    rate = np.array([row["value"] for row in sizes])
    terms = np.column_stack([np.ones(len(z)), np.log(n_trs), np.log(of_mean)])
    coefficients = np.linalg.lstsq(terms, np.log(z), rcond=None)[0]
    slope, start = np.polyfit(np.log(z), norm.ppf(rate), 1)
    return _Law(n_trs, of_mean, z, shares[0], coefficients, slope, start)


def plan(rows: Sequence[dict], n_trs: int, n_subjects: int, isc: float, power: float = 0.8) -> Plan:
    """Find the smallest effect of codebooks that a study would find.

    Parameters
    ----------
    rows : sequence of dict
        Of the record of `giblet_core.validation.recovery_study`.
    n_trs : int
        Of all runs.
    n_subjects : int
        At least 2.
    isc : float
        Leave-one-out ISC of a voxel with these subjects.
    power : float
        The wanted rate of detections.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        Values out of range, or a record without sizes.
    """
    require(
        n_subjects >= 2 and n_trs >= 40 and 0 < isc < 1 and 0.05 < power < 1,
        f"n_subjects={n_subjects}, n_trs={n_trs}, isc={isc}, power={power}: must be at least 2 "
        "subjects and 40 TRs, with an ISC in (0, 1) and a power in (.05, 1). Change the plan.",
    )
    law = _fit_law(rows)
    of_mean = reliability(isc, n_subjects)
    needed_z = law.needed_z(power)
    effect = law.share * needed_z / law.expected_z(n_trs, of_mean)
    inside = law.covers(n_trs, of_mean, effect, needed_z)
    return Plan(float(effect), n_trs, n_subjects, isc, power, inside)
