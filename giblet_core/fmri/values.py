"""What is wrong with the values of a series: NaN, constants, padding, z-scores."""

import numpy as np

from giblet_core.fmri.clock import Span
from giblet_core.fmri.problems import Problems

LEAST_PADDING = 5  # this many equal first (or last) TRs are padding, not chance


def check_values(
    where: str, subject: str, span: Span, bold: np.ndarray, problems: Problems
) -> None:
    """Look for NaN, constants and padding in one series.

    Parameters
    ----------
    where : str
        What to call the series.
    subject : str
    span : Span
    bold : array of shape (n_trs, n_voxels)
    problems : Problems
        What is found is added here.
    """
    n_voxels = bold.shape[1]
    n_bad = int(np.count_nonzero(~np.isfinite(bold).all(0)))
    if n_bad:
        problems.error(
            where,
            f"{n_bad} of {n_voxels} voxels hold NaN or infinity",
            "all must be finite",
            "Mask them out.",
        )
    steps_with_change = np.flatnonzero((np.diff(bold, axis=0) != 0).any(1))
    if not len(steps_with_change):
        problems.error(
            where,
            "every voxel is constant",
            "a series must change over time",
            f'Exclude the subject: exclude: [{{subject: {subject}, why: "constant"}}].',
        )
        return
    n_first = int(steps_with_change[0]) + 1
    n_last = len(bold) - 1 - int(steps_with_change[-1])
    left_out_first = span.first - span.run.dummy_trs
    left_out_last = span.run.n_trs - span.first - len(bold)
    for side, n_equal, left_out in (
        ("first", n_first, left_out_first),
        ("last", n_last, left_out_last),
    ):
        if n_equal >= LEAST_PADDING:
            problems.error(
                where,
                f"the {side} {n_equal} TRs are constant in every voxel",
                "padding is not data",
                f"exclude: [{{subject: {subject}, run: {span.run.name}, "
                f"{side}_trs: {n_equal + left_out}, why: 'constant padding'}}].",
            )
    n_constant = int(np.count_nonzero(np.ptp(bold, axis=0) == 0))
    if n_constant:
        problems.warning(
            where,
            f"{n_constant} of {n_voxels} voxels are constant",
            "they should change",
            "Mask them out.",
        )


def looks_zscored(bold: np.ndarray) -> bool:
    """Tell whether a series (n_trs, n_voxels) was z-scored over time.

    The limits are loose: the rows left may be a part of those that were scored.
    """
    sd = bold.std(0)
    changing = sd > 0
    if not changing.any():
        return False
    middle_mean = np.median(np.abs(bold[:, changing].mean(0)))
    middle_sd = np.median(sd[changing])
    return bool(middle_mean < 0.5 and 0.75 < middle_sd < 1.25)
