"""Comparisons seed by seed: the levels of a factor against a baseline, as claims."""

import pandas as pd

from giblet_core.encoding import seed_interval
from giblet_core.inference.claims import Claim, failed_first
from giblet_core.inference.intervals import LEVEL


def paired_differences(rows: list[dict], factor: str, score: str, baseline: object) -> pd.DataFrame:
    """Compare each level of a factor with a baseline, seed by seed.

    Parameters
    ----------
    rows : list of dict
        Scores of runs: each holds ``seed``, `factor` and `score`.
    factor, score : str
        Keys of the rows.
    baseline : object
        The level of the factor that others are compared with.

    Returns
    -------
    pandas.DataFrame
        A row a level: ``mean`` score; ``difference`` from the baseline with Student's 95 % interval
        over seeds (``low``, ``high``), and one that holds for all levels together
        (``low_together``, ``high_together``); ``shown``: whether that leaves out 0; ``n`` seeds.
    """
    scores = pd.DataFrame(rows).pivot_table(index="seed", columns=factor, values=score)
    level_together = 1 - (1 - LEVEL) / max(1, scores.shape[1] - 1)
    levels = {}
    for level in scores:
        difference = seed_interval(scores[level] - scores[baseline], LEVEL)
        together = seed_interval(scores[level] - scores[baseline], level_together)
        levels[level] = {
            "mean": scores[level].mean(),
            "difference": difference.mean,
            "low": difference.low,
            "high": difference.high,
            "low_together": together.low,
            "high_together": together.high,
            "shown": together.low > 0 or together.high < 0,
            "n": difference.n,
        }
    return pd.DataFrame(levels).T.rename_axis(factor)


def difference_claims(
    table: pd.DataFrame, baseline: object, unit: str, lower_is_better: bool = True
) -> list[Claim]:
    """Claim of each level what `paired_differences` shows: that it is better, or worse.

    Intervals hold for all levels together (Bonferroni); seeds speak of other seeds, of one sound.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `paired_differences`.
    baseline : object
        The level that others were compared with.
    unit : str
        Of the score.
    lower_is_better : bool
        Whether a lower score is better.

    Returns
    -------
    list of Claim
        One a level but the baseline, in the direction of its difference.
    """
    claims = []
    for level, row in table.drop(index=baseline).iterrows():
        is_above = bool(row.difference > 0)
        is_better = is_above != lower_is_better
        claim = Claim(
            f"{str(level)[:1].upper()}{str(level)[1:]} is {'better' if is_better else 'worse'} "
            f"than {baseline}",
            f"mean paired difference in {unit}",
            row.difference,
            "seeds",
            int(row.n),
            low=row.low_together,
            high=row.high_together,
            above=is_above,
            correction=f"interval for {len(table) - 1} levels together",
        )
        claims.append(claim)
    return claims


def verdict(table: pd.DataFrame, baseline: object, unit: str, lower_is_better: bool = True) -> str:
    """Say in words what `paired_differences` shows: the sentences of `difference_claims`.

    Parameters
    ----------
    table : pandas.DataFrame
        Of `paired_differences`.
    baseline : object
        The level that others were compared with.
    unit : str
        Of the score.
    lower_is_better : bool
        Whether a lower score is better.

    Returns
    -------
    str
    """
    claims = difference_claims(table, baseline, unit, lower_is_better)
    return " ".join(claim.sentence() for claim in failed_first(claims))
