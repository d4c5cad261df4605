"""Claims on a page: sentences made from results, those with a failed control first."""

from collections.abc import Iterable, Mapping

import pandas as pd
from IPython.display import Markdown

from giblet_core.inference import VERDICTS, Claim, failed_first

FAILED_FIRST = (VERDICTS[-1], *VERDICTS[:-1])


def claims_text(claims: Iterable[Claim]) -> Markdown:
    """Return the sentences of claims as a list to show; failed controls come first."""
    sentences = [claim.sentence() for claim in failed_first(claims)]
    if len(sentences) == 1:
        return Markdown(sentences[0])
    return Markdown("\n".join(f"* {sentence}" for sentence in sentences))


def claims_table(claims: Iterable[Claim]) -> pd.DataFrame:
    """Return what carries each claim, a row a claim; failed controls come first."""
    rows = []
    for claim in failed_first(claims):
        row = claim.as_row()
        failed = "; ".join(control.name for control in claim.failed_controls)
        rows.append(
            {
                "failed control": failed or "none",
                "claim": row["subject"],
                "verdict": row["verdict"],
                "statistic": row["statistic"],
                "estimate": row["estimate"],
                "low": row["low"],
                "high": row["high"],
                "n": row["n"],
                "unit": row["unit"],
                "p": row["p"],
                "null": row["null"],
                "correction": row["correction"],
            }
        )
    return pd.DataFrame(rows)


def claims_overview(questions: Mapping[str, Mapping[str, Claim]]) -> Markdown:
    """Say of many claims of one kind how they came out, a line a question; failed controls first.

    Parameters
    ----------
    questions : mapping of str to mapping of str to Claim
        What is claimed, without its subject -> name of each subject -> its claim. All claims of a
        question have one statistic, unit, null and correction.

    Returns
    -------
    Markdown
    """
    lines = [f"* {_overview(asked, claims)}" for asked, claims in questions.items()]
    return Markdown("\n".join(lines))


def _overview(asked: str, claims: Mapping[str, Claim]) -> str:
    told = []
    for verdict in FAILED_FIRST:
        names = [name for name, claim in claims.items() if claim.verdict == verdict]
        if names:
            told.append(f"{verdict} for {len(names)} of {len(claims)} ({', '.join(names)})")
    first = next(iter(claims.values()))
    how = [first.statistic, f"n = {first.n} {first.unit}"]
    if first.was_tested:
        how.append(f"p against {first.null}, none below {first.p_floor:.2g}")
    if first.correction:
        how.append(first.correction)
    how.append(_controls(claims.values()))
    return f"*{asked}*: {'; '.join(told)}. ({'; '.join(how)}.)"


def _controls(claims: Iterable[Claim]) -> str:
    outcomes = [control.passed for claim in claims for control in claim.controls]
    if not outcomes:
        return "no control was measured"
    passed, failed, undecided = (outcomes.count(outcome) for outcome in (True, False, None))
    return f"controls: {failed} failed, {passed} passed, {undecided} undecided"
