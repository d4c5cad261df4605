"""Claims from the results that carry them: a mean over units, a share, a test of a null."""

from giblet_core.encoding import Null
from giblet_core.errors import InputError
from giblet_core.inference.claims import Claim
from giblet_core.inference.corrections import Corrected
from giblet_core.inference.intervals import Proportion, Summary


def claim_of_summary(subject: str, statistic: str, summary: Summary, **fields) -> Claim:
    """Make a claim from a mean over units.

    Parameters
    ----------
    subject, statistic : str
        As in `Claim`.
    summary : Summary
        From `summarise`; without an interval where there are too few units.
    **fields
        More of `Claim`: reference, above, p, null, controls, ...

    Returns
    -------
    Claim
    """
    return Claim(
        subject,
        statistic,
        summary.mean,
        summary.unit,
        summary.n,
        low=summary.low,
        high=summary.high,
        level=summary.level,
        **fields,
    )


def claim_of_proportion(
    subject: str, statistic: str, share: Proportion, unit: str, limit: float, **fields
) -> Claim:
    """Make a claim that something happens less often than a limit, by its exact interval.

    It is shown only where the *upper* bound lies below the limit: 0 of 20 says nothing of 7 %.

    Parameters
    ----------
    subject, statistic : str
        As in `Claim`.
    share : Proportion
        From `proportion`.
    unit : str
        What was counted, in the plural.
    limit : float
        A share.
    **fields
        More of `Claim`; ``above=True`` claims that it happens more often.

    Returns
    -------
    Claim
        In per cent.
    """
    fields = {"above": False, "digits": 1} | fields
    return Claim(
        subject,
        statistic,
        100 * share.value,
        unit,
        share.n,
        low=100 * share.low,
        high=100 * share.high,
        level=share.level,
        reference=100 * limit,
        unit_of_measure="%",
        **fields,
    )


def claim_of_null(  # noqa: PLR0913 - a claim names all that carries it
    subject: str,
    statistic: str,
    null: Null | Corrected,
    unit: str,
    n: int,
    *,
    index: int | tuple[int, ...] = 0,
    estimate: float | None = None,
    kind: str = "",
    **fields,
) -> Claim:
    """Make a claim from one of the tests of a null, or of a corrected family of tests.

    Parameters
    ----------
    subject, statistic : str
        As in `Claim`.
    null : Null or Corrected
        From `make_null`, or `correct`.
    unit : str
        What was counted, in the plural.
    n : int
        How many.
    index : int or tuple
        Which test.
    estimate : float, optional
        By default the observed statistic of a `Null`; needed with `Corrected`.
    kind : str
        What was randomised; by default what a `Null` says.
    **fields
        More of `Claim`.

    Returns
    -------
    Claim
        Its p is that of a single test of a `Null`, or the corrected one of `Corrected`.

    Raises
    ------
    InputError
        `Corrected` without an estimate.
    """
    if isinstance(null, Corrected):
        if estimate is None:
            raise InputError("estimate=None: corrected tests hold none. Pass the statistic.")
        correction = f"{null.method} over {null.n_tests} tests"
        evidence = {"p": float(null.p[index]), "correction": correction, "p_floor": null.floor}
    else:
        estimate = float(null.observed[index]) if estimate is None else estimate
        kind = kind or null.kind
        evidence = {"p": float(null.p[index]), "p_floor": null.p_floor}
    return Claim(subject, statistic, float(estimate), unit, n, null=kind, **evidence, **fields)
