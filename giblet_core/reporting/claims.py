"""Claims on a page: sentences made from results, those with a failed control first."""

from collections.abc import Iterable

import pandas as pd
from IPython.display import Markdown

from giblet_core.inference import Claim, failed_first


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
