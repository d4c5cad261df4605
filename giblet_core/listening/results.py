"""What listeners said: collected result files of the blind tests, screened, averaged, with
intervals over listeners.

Post-screening follows ITU-R BS.1534-3, 4.1.2, fixed before any data: a listener is left out of the
ratings who rates the hidden reference below 90 in more than 15 % of the passages, or the 7 kHz
anchor above 90 in more than 15 % of them. Nobody is left out of ABX, where guessing is the null
hypothesis.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from giblet_core.encoding import bootstrap, holm
from giblet_core.errors import require

SCREEN_RATING = 90
SCREEN_SHARE = 0.15
NOBODY = "Nobody has listened yet: there are no result files, so there is nothing to report."


@dataclass(frozen=True, repr=False)
class ListeningResults:
    """Screened results.

    ``excluded`` (who or what, test, reason); ``ratings`` a row per test and condition (n_listeners,
    mean, low, high: 95 % bootstrap interval over listeners, NaN below two); ``abx`` a row per test,
    passage and condition (n_listeners, n, correct, share, its interval over listeners, p binomial,
    p_holm).
    """

    n_files: int
    n_listeners: int
    excluded: pd.DataFrame
    ratings: pd.DataFrame
    abx: pd.DataFrame

    def __str__(self) -> str:
        if not self.n_files:
            return NOBODY
        return f"{self.n_files} result files, {self.n_listeners} listeners." + "".join(
            f"\n\n{title}: "
            + ("none" if table.empty else "\n" + table.round(3).to_string(index=False))
            for title, table in self._tables()
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.n_files:
            return f'<div class="giblet-box"><p><b>{NOBODY}</b></p></div>'
        return f"<p>{self.n_files} result files, {self.n_listeners} listeners.</p>" + "".join(
            f"<p><b>{t}</b></p>" + ("<p>none</p>" if d.empty else d.round(3).to_html(index=False))
            for t, d in self._tables()
        )

    def _tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        return ("Left out", self.excluded), ("Ratings (0-100)", self.ratings), ("ABX", self.abx)


def analyse_results(
    paths: Iterable[str | Path] | str | Path, seed: int = 0, n_boot: int = 2000
) -> ListeningResults:
    """Read and analyse result files of the ABX and rating pages.

    Parameters
    ----------
    paths : paths, or a folder
        JSON files as the pages hand them over; a folder means all ``*.json`` in it. None at all is
        a valid answer: nobody listened.
    seed, n_boot : int
        For the bootstrap over listeners.

    Returns
    -------
    ListeningResults
        Files that are not results, and sessions given twice, are in ``excluded`` with the reason.
    """
    files = _files(paths)
    excluded, rated, trials, seen, people = [], [], [], {}, set()
    for path in files:
        try:
            session = json.loads(path.read_text(encoding="utf-8"))
            rows = _READERS[session["format"]](session)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            excluded.append(
                (
                    path.name,
                    "",
                    f"not a result file of these tests ({type(error).__name__}: {error})",
                )
            )
            continue
        key = (session["format"], session["test"], session["listener"], session["started"])
        if key in seen:
            excluded.append((path.name, session["test"], f"the same session as {seen[key]}"))
            continue
        seen[key] = path.name
        people.add(session["listener"])
        (rated if session["format"] == "giblet-mushra" else trials).extend(rows)
    ratings, screened = _ratings(pd.DataFrame(rated), seed, n_boot)
    table = pd.DataFrame(excluded + screened, columns=["who", "test", "reason"])
    return ListeningResults(
        len(files), len(people), table, ratings, _abx(pd.DataFrame(trials), seed, n_boot)
    )


def _files(paths) -> list[Path]:
    if isinstance(paths, str | Path):
        paths = sorted(Path(paths).glob("*.json")) if not str(paths).endswith(".json") else [paths]
    files = [Path(p) for p in paths]
    missing = [str(p) for p in files if not p.is_file()]
    require(not missing, f"paths={', '.join(missing)}: there is no such file. Check the names.")
    return files


def _read_mushra(session: dict) -> list[dict]:
    rows = [
        {
            "test": session["test"],
            "listener": session["listener"],
            "item": item["item"],
            "condition": r["condition"],
            "role": r["role"],
            "rating": float(r["rating"]),
        }
        for item in session["items"]
        for r in item["ratings"]
    ]
    if beyond := [row["rating"] for row in rows if not 0 <= row["rating"] <= 100]:
        raise ValueError(f"rating {beyond[0]:g} outside 0-100")
    return rows


def _read_abx(session: dict) -> list[dict]:
    # whether an answer was right is worked out again from what was shown and said, not taken from
    # the file
    return [
        {"test": session["test"], "listener": session["listener"], "item": pair["item"], "reference": pair["reference"],
         "condition": pair["condition"], "right": {"A": 0, "B": 1}[t["x"]] == {"A": 0, "B": 1}[t["answer"]]}
        for pair in session["pairs"] for t in pair["trials"]
    ]  # fmt: skip


_READERS = {"giblet-mushra": _read_mushra, "giblet-abx": _read_abx}


def _ratings(
    rows: pd.DataFrame, seed: int, n_boot: int
) -> tuple[pd.DataFrame, list[tuple[str, str, str]]]:
    """Screen listeners, then average: passages within a listener first, so that each listener
    counts once.
    """
    columns = ["test", "condition", "n_listeners", "mean", "low", "high"]
    if rows.empty:
        return pd.DataFrame(columns=columns), []
    screened = [
        (listener, test, why)
        for (test, listener), mine in rows.groupby(["test", "listener"])
        if (why := _screen(mine))
    ]
    out = {(test, listener) for listener, test, _ in screened}
    kept = rows[[key not in out for key in zip(rows.test, rows.listener)]]
    by_listener = kept.groupby(["test", "condition", "listener"]).rating.mean()
    table = []
    for (test, condition), values in by_listener.groupby(level=["test", "condition"]):
        table.append(
            (
                test,
                condition,
                len(values),
                values.mean(),
                *_interval(values.to_numpy(), seed, n_boot),
            )
        )
    return pd.DataFrame(table, columns=columns).sort_values(
        ["test", "mean"], ascending=[True, False], ignore_index=True
    ), screened


def _screen(mine: pd.DataFrame) -> str:
    """Return why a listener is left out, or nothing."""
    broke = {
        f"rated the hidden reference below {SCREEN_RATING}": mine.rating[mine.role == "reference"]
        < SCREEN_RATING,
        f"rated the 7 kHz anchor above {SCREEN_RATING}": mine.rating[mine.role == "anchor70"]
        > SCREEN_RATING,
    }
    return "; ".join(f"{what} in {cases.mean():.0%} of the passages (more than {SCREEN_SHARE:.0%})"
                     for what, cases in broke.items() if len(cases) and cases.mean() > SCREEN_SHARE)  # fmt: skip


def _interval(values: np.ndarray, seed: int, n_boot: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over listeners; NaN with fewer than two, who
    have no spread.
    """
    if len(values) < 2:
        return np.nan, np.nan
    found = bootstrap(values, n_draws=n_boot, seed=seed)
    return float(found.low), float(found.high)


def _abx(rows: pd.DataFrame, seed: int, n_boot: int) -> pd.DataFrame:
    """Count right answers; p of at least so many by guessing; Holm over all rows; interval of the
    share over listeners.
    """
    names = ["test", "item", "reference", "condition"]
    columns = [*names, "n_listeners", "n", "correct", "share", "low", "high", "p", "p_holm"]
    if rows.empty:
        return pd.DataFrame(columns=columns)
    table = []
    for key, group in rows.groupby(names, sort=True):
        shares = group.groupby("listener").right.mean().to_numpy()
        n, correct = len(group), int(group.right.sum())
        p = binomtest(correct, n, 0.5, alternative="greater").pvalue
        table.append(
            (*key, len(shares), n, correct, correct / n, *_interval(shares, seed, n_boot), p)
        )
    result = pd.DataFrame(table, columns=columns[:-1])
    return result.assign(p_holm=holm(result.p.to_numpy()))
