"""What is wrong with the values of a series: NaN, constants, padding, z-scores."""

from dataclasses import dataclass

import numpy as np

from giblet_core.fmri.clock import Span
from giblet_core.fmri.problems import Problems

LEAST_PADDING = 5  # this many equal first (or last) TRs are padding, not chance


@dataclass(frozen=True, eq=False)
class Series:
    """The series of a subject in a run.

    Attributes
    ----------
    where : str
        What to call it in a message.
    subject : str
    bold : array of shape (n_trs, n_voxels), float32
    columns : tuple of str or None
        Names of the columns; None where they are voxels.
    """

    where: str
    subject: str
    bold: np.ndarray
    columns: tuple[str, ...] | None


def check_values(series: Series, span: Span, problems: Problems) -> None:
    """Look for NaN, constants and padding in one series.

    Parameters
    ----------
    series : Series
    span : Span
    problems : Problems
        What is found is added here.
    """
    bold = series.bold
    where = series.where
    subject = series.subject
    if not bold.size:
        problems.error(
            where, "no values", "must hold some TRs and voxels", "Correct n_trs or mask."
        )
        return
    n_voxels = bold.shape[1]
    _check_finite(series, problems)
    steps_with_change = np.flatnonzero((bold[1:] != bold[:-1]).any(1))
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
    own_rows = span.of(subject)
    for side, n_equal, left_out in (
        ("first", n_first, own_rows.left_out_first),
        ("last", n_last, own_rows.left_out_last),
    ):
        if n_equal >= LEAST_PADDING:
            problems.error(
                where,
                f"the {side} {n_equal} TRs are constant in every voxel",
                "padding is not data",
                f"exclude: [{{subject: {subject}, run: {span.run.name}, "
                f"{side}_trs: {n_equal + left_out}, why: 'constant padding'}}].",
            )
    n_constant = int(np.count_nonzero((bold == bold[:1]).all(0)))
    if n_constant:
        problems.warning(
            where,
            f"{n_constant} of {n_voxels} voxels are constant",
            "they should change",
            "Mask them out.",
        )


def _check_finite(series: Series, problems: Problems) -> None:
    """Count what is NaN or infinite: by column where columns have names."""
    is_bad = ~np.isfinite(series.bold)
    n_bad = int(is_bad.any(0).sum())
    if not n_bad:
        return
    if series.columns is None:
        problems.error(
            series.where,
            f"{n_bad} of {series.bold.shape[1]} voxels hold NaN or infinity",
            "all must be finite",
            "Mask them out.",
        )
        return
    counts = [
        f"{name} ({n} of {len(is_bad)})" for name, n in zip(series.columns, is_bad.sum(0)) if n
    ]
    problems.error(
        series.where,
        f"columns {', '.join(counts)} hold n/a, NaN or infinity",
        "all must be finite",
        "Complete the table, or leave them out (bold.columns lists those wanted).",
    )


def looks_zscored(bold: np.ndarray) -> bool:
    """Tell whether a series (n_trs, n_voxels) was z-scored over time.

    The limits are loose: the rows left may be a part of those that were scored.
    """
    sd = bold.std(0, dtype=np.float64)  # squares of large values overflow in float32
    changing = sd > 0
    if not changing.any():
        return False
    middle_mean = np.median(np.abs(bold[:, changing].mean(0, dtype=np.float64)))
    middle_sd = np.median(sd[changing])
    return bool(middle_mean < 0.5 and 0.75 < middle_sd < 1.25)
