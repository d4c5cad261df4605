"""Whether series are what the manifest declares was done to them, and what is still to be done.

Slow changes betray a high-pass filter. White noise spreads its variance evenly over frequencies, so
cosines of slow periods hold a share of it that their number gives. A series that went through a
high-pass holds next to nothing there; BOLD that went through none holds far more. What is not
seen: a Butterworth filter over a short run, whose ends hold as much slow change as white noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from nilearn.glm.first_level.design_matrix import create_cosine_drift

from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.series.preparation import preparation_of
from giblet_core.fmri.series.regression import RunDesign

UNDECLARED_PERIOD_S = 150.0  # high-passes are made at 100 to 128 s as a rule; slower is then gone
LEAST_COSINES = 4  # of all runs: fewer may hold little by chance
ABSENT = 0.1  # times the share of white noise: a filter took it
PRESENT = 2.0  # times the share of white noise: no filter took it
MUCH = 0.25  # of the variance: drift that should be taken out
LEAST_FREE_SHARE = 0.25  # of a run's volumes that should stay free of regressors
MOST_CENSORED = 0.2  # of a run's volumes


@dataclass(frozen=True)
class SlowShare:
    """How much of a subject's variance lies in slow changes.

    Attributes
    ----------
    share : float
        Of the variance, within runs: the median over voxels.
    of_white_noise : float
        The share that white noise would have.
    n_cosines : int
        Slow cosines of all runs.
    """

    share: float
    of_white_noise: float
    n_cosines: int

    @property
    def ratio(self) -> float:
        """The share beside that of white noise."""
        return self.share / self.of_white_noise if self.n_cosines else float("nan")


def slow_share(runs: Sequence[np.ndarray], t_r: float, period_s: float) -> SlowShare:
    """Measure how much of the variance of series lies in changes slower than a period.

    Parameters
    ----------
    runs : sequence of arrays of shape (n_trs, n_voxels)
    t_r : float
        Seconds.
    period_s : float
        Seconds.

    Returns
    -------
    SlowShare
    """
    slow = 0.0
    total = 0.0
    n_cosines = 0
    n_rows = 0
    for run in runs:
        centred = run - run.mean(0, dtype=np.float64)
        cosines = create_cosine_drift(1 / period_s, np.arange(len(run)) * t_r)[:, :-1]
        slow = slow + ((cosines.T @ centred) ** 2).sum(0)
        total = total + (centred**2).sum(0)
        n_cosines += cosines.shape[1]
        n_rows += len(run) - 1
    changing = np.asarray(total) > 0
    share = float(np.median(slow[changing] / total[changing])) if changing.any() else 0.0
    return SlowShare(share, n_cosines / max(n_rows, 1), n_cosines)


def check_slow_changes(
    manifest: Manifest, subjects: Sequence[Sequence[np.ndarray]], problems: Problems
) -> None:
    """Compare slow changes with what is declared and what is asked for.

    Parameters
    ----------
    manifest : Manifest
    subjects : sequence of sequences of arrays of shape (n_trs, n_voxels)
        The runs of each subject, as read.
    problems : Problems
        What is found is added here.
    """
    if not subjects:
        return
    declared_s = manifest.preprocessing.high_pass_s
    period_s = declared_s or UNDECLARED_PERIOD_S
    shares = [slow_share(runs, manifest.t_r, period_s) for runs in subjects]
    ratio = float(np.median([share.ratio for share in shares]))
    share = float(np.median([share.share for share in shares]))
    fewest = min(share.n_cosines for share in shares)
    slow_part = f"{100 * share:.2g} % of the variance, {ratio:.2g} times that of white noise"
    if declared_s is not None:
        if fewest and ratio > PRESENT:
            problems.warning(
                "preprocessing.high_pass_s",
                f"{declared_s:g}",
                f"changes slower than that are in the series ({slow_part})",
                f"Correct it, or take them out: denoising: {{high_pass_s: {declared_s:g}}}.",
            )
    elif fewest >= LEAST_COSINES and ratio < ABSENT:
        problems.warning(
            "preprocessing.high_pass_s",
            None,
            f"changes slower than {period_s:g} s are absent from the series ({slow_part}): they "
            "look high-passed",
            "Declare what was done, such as preprocessing: {high_pass_s: 128}.",
        )
    elif share > MUCH and manifest.denoising.high_pass_s is None:
        problems.note(
            "denoising.high_pass_s",
            None,
            f"changes slower than {period_s:g} s make up {slow_part}, and nothing takes them out",
            "If they are drift: denoising: {high_pass_s: 128, detrend: true}.",
        )


def check_design(where: str, design: RunDesign, problems: Problems) -> None:
    """Say how much of a run its regressors and censored volumes leave.

    Parameters
    ----------
    where : str
        What to call the run in a message.
    design : RunDesign
    problems : Problems
        What is found is added here.
    """
    n_trs = len(design.kept)
    n_censored = n_trs - int(design.kept.sum())
    if n_censored:
        add = problems.warning if n_censored > MOST_CENSORED * n_trs else problems.note
        add(
            where,
            f"{n_censored} of {n_trs} volumes",
            "are censored by the table of confounds",
            "They shape no coefficient, and count as the run's mean.",
        )
    if design.n_free < LEAST_FREE_SHARE * n_trs:
        problems.warning(
            where,
            f"{design.rank} regressors",
            f"leave {design.n_free} of {n_trs} dimensions of the run",
            "Name fewer confounds.",
        )


def check_order(manifest: Manifest, problems: Problems) -> None:
    """Say where what is regressed out now would bring back what was taken out before."""
    preparation = preparation_of(manifest)
    declared_s = manifest.preprocessing.high_pass_s
    now_s = preparation.high_pass_s
    takes_out_less = now_s is None or (declared_s is not None and now_s > declared_s)
    if declared_s is not None and preparation.confounds and takes_out_less:
        problems.warning(
            "preprocessing.high_pass_s",
            f"{declared_s:g}",
            "the series were high-passed before, the confounds were not: regressing them out "
            "brings slow changes back",
            f"Take both out together: denoising: {{high_pass_s: {declared_s:g}}}.",
        )
