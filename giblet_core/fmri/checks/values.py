"""What is wrong with the values of a series: NaN, constants, padding, z-scores."""

from dataclasses import dataclass

import numpy as np

from giblet_core.fmri.clock import Span
from giblet_core.fmri.problems import Problems

LEAST_PADDING = 5  # this many equal first (or last) TRs are padding, not chance
LEAST_COLUMNS = 3  # so many columns are not equal by chance, unless they hold whole numbers,
LEAST_WHOLE_COLUMNS = 20  # as of an image of a scanner
N_16_BITS = 1 << 16  # values that 16 bits tell apart
LEAST_WRAP = 50_000  # no voxel jumps so far from a TR to the next, within 16 bits
MOST_NAMED = 5  # TRs that a message names


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
    _check_padding(series, span, (n_first, n_last), problems)
    inner = slice(n_first, len(bold) - n_last)  # what stands before and behind is told above
    _check_volumes(series, inner, problems)
    _check_wrapped(series, problems)
    _check_constant(series, problems)


def _check_padding(
    series: Series, span: Span, n_equal_ends: tuple[int, int], problems: Problems
) -> None:
    """Refuse many equal TRs at the beginning or the end: (first, last) counts them."""
    own_rows = span.of(series.subject)
    n_first, n_last = n_equal_ends
    for side, n_equal, left_out in (
        ("first", n_first, own_rows.left_out_first),
        ("last", n_last, own_rows.left_out_last),
    ):
        if n_equal >= LEAST_PADDING:
            problems.error(
                series.where,
                f"the {side} {n_equal} TRs are constant in every voxel",
                "padding is not data",
                f"exclude: [{{subject: {series.subject}, run: {span.run.name}, "
                f"{side}_trs: {n_equal + left_out}, why: 'constant padding'}}].",
            )


def _check_constant(series: Series, problems: Problems) -> None:
    """Look for columns that hold one value: an error of a region, a warning of voxels."""
    bold = series.bold
    is_constant = (bold == bold[:1]).all(0)
    n_constant = int(np.count_nonzero(is_constant))
    if n_constant and series.columns is not None:
        names = ", ".join(np.asarray(series.columns)[is_constant])
        problems.error(
            series.where,
            f"columns {names} hold one value each",
            "a region must change over time",
            "Leave them out: bold.columns lists those wanted.",
        )
    elif n_constant:
        problems.warning(
            series.where,
            f"{n_constant} of {bold.shape[1]} voxels are constant",
            "they should change",
            "Mask them out.",
        )


def _check_volumes(series: Series, inner: slice, problems: Problems) -> None:
    """Look for TRs that hold one value everywhere, and for TRs that were written twice.

    Parameters
    ----------
    series : Series
    inner : slice
        The rows between equal first and last ones.
    problems : Problems
        What is found is added here.
    """
    bold = series.bold
    if bold.shape[1] < LEAST_COLUMNS:
        return
    is_empty = (bold == bold[:, :1]).all(1)
    if is_empty.any():
        problems.error(
            series.where,
            f"TRs {_listed(is_empty)} hold one value everywhere ({bold[is_empty][0, 0]:g})",
            "a volume must be an image; they were lost or blanked",
            "Export the run again, or exclude the subject or the run.",
        )
    rows = bold[inner]
    is_repeated = np.zeros(len(bold), bool)
    is_repeated[inner][1:] = (rows[1:] == rows[:-1]).all(1)
    is_repeated &= ~is_empty
    is_whole = np.array_equal(rows, np.round(rows))
    if is_repeated.any() and (not is_whole or bold.shape[1] >= LEAST_WHOLE_COLUMNS):
        problems.warning(
            series.where,
            f"TRs {_listed(is_repeated)} are those before them, in every voxel",
            "a scanner never measures the same twice",
            "Check whether volumes were copied, or others lost.",
        )


def _listed(is_meant: np.ndarray) -> str:
    """Return the places of some TRs, from 0, and how many there are beyond the first ones."""
    places = np.flatnonzero(is_meant)
    named = ", ".join(map(str, places[:MOST_NAMED]))
    n_more = len(places) - MOST_NAMED
    return f"{named} and {n_more} more" if n_more > 0 else named


def _check_wrapped(series: Series, problems: Problems) -> None:
    """Look for whole numbers that ran over the limit of 16 bits and came back at its other end."""
    bold = series.bold
    low = bold.min()
    high = bold.max()
    if not LEAST_WRAP < high - low < N_16_BITS:  # not so for NaN, which is told elsewhere
        return
    steps = [np.abs(later - earlier) > LEAST_WRAP for earlier, later in zip(bold, bold[1:])]
    has_jump = np.any(steps, 0)
    jumping = bold[:, has_jump]
    if jumping.size and np.array_equal(jumping, np.round(jumping)):
        problems.error(
            series.where,
            f"{jumping.shape[1]} of {bold.shape[1]} voxels jump by more than {LEAST_WRAP}",
            f"whole numbers from {low:g} to {high:g} ran over the limit of 16 bits",
            "Save the series in floating point, or with another scale factor.",
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
