"""What listeners said: result files of the blind tests, screened, averaged, with intervals.

Post-screening follows ITU-R BS.1534-3, 4.1.2, fixed before any data: a listener is left out of the
ratings who rates the hidden reference below 90 in more than 15 % of the passages, or the 7 kHz
anchor above 90 in more than 15 % of them. Nobody is left out of ABX, where guessing is the null
hypothesis. Intervals are over listeners: ten ratings of one person are one opinion.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from giblet_core.encoding import bootstrap, holm
from giblet_core.errors import InputError
from giblet_core.inference import LEAST_UNITS

SCREEN_RATING = 90
SCREEN_SHARE = 0.15
NOBODY = "Nobody has listened yet: there are no result files, so there is nothing to report."

_EXCLUDED_COLUMNS = ["who", "test", "reason"]
_RATING_COLUMNS = ["test", "condition", "n_listeners", "mean", "low", "high"]
_ABX_KEYS = ["test", "item", "reference", "condition"]
_ABX_COLUMNS = [*_ABX_KEYS, "n_listeners", "n", "correct", "share", "low", "high", "p", "p_holm"]


@dataclass(frozen=True, repr=False)
class ListeningResults:
    """Screened results.

    ``excluded`` (who or what, test, reason); ``ratings`` a row per test and condition (n_listeners,
    mean, low, high: 95 % bootstrap interval over listeners, NaN below `LEAST_UNITS` of them);
    ``abx`` a row per test, passage and condition (n_listeners, n, correct, share, its interval over
    listeners, p binomial, p_holm).
    """

    n_files: int
    n_listeners: int
    excluded: pd.DataFrame
    ratings: pd.DataFrame
    abx: pd.DataFrame

    def __str__(self) -> str:
        if not self.n_files:
            return NOBODY
        paragraphs = [self._counts()]
        for title, table in self._tables().items():
            rows = "none" if table.empty else "\n" + table.round(3).to_string(index=False)
            paragraphs.append(f"{title}: {rows}")
        return "\n\n".join(paragraphs)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        if not self.n_files:
            return f'<div class="giblet-box"><p><b>{NOBODY}</b></p></div>'
        markup = f"<p>{self._counts()}</p>"
        for title, table in self._tables().items():
            rows = "<p>none</p>" if table.empty else table.round(3).to_html(index=False)
            markup += f"<p><b>{title}</b></p>{rows}"
        return markup

    def _counts(self) -> str:
        return f"{self.n_files} result files, {self.n_listeners} listeners."

    def _tables(self) -> dict[str, pd.DataFrame]:
        return {"Left out": self.excluded, "Ratings (0-100)": self.ratings, "ABX": self.abx}


@dataclass(frozen=True)
class _Exclusion:
    """A file or a listener that does not count: its name, the test, why."""

    who: str
    test: str
    reason: str


@dataclass(frozen=True)
class _SessionKey:
    """What two files of the same session share."""

    format: str
    test: str
    listener: str
    started: str


@dataclass(frozen=True)
class _Session:
    """One listener's answers to one test: a row a rating, or a row a trial."""

    key: _SessionKey
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class _Collection:
    """What the files hold: sessions, each once, and the files that do not count."""

    sessions: list[_Session]
    excluded: list[_Exclusion]

    def rows(self, result_format: str) -> pd.DataFrame:
        """Return the answers of all sessions of one format."""
        sessions = [session for session in self.sessions if session.key.format == result_format]
        return pd.DataFrame([row for session in sessions for row in session.rows])


def analyse_results(
    paths: Iterable[str | Path] | str | Path, seed: int = 0, n_boot: int = 2000
) -> ListeningResults:
    """Read and analyse result files of the ABX and rating pages.

    Parameters
    ----------
    paths : paths, or a folder
        JSON files as the pages hand them over; a folder means all ``*.json`` in it. None at all is
        a valid answer: nobody listened.
    seed : int
        Of the bootstrap over listeners.
    n_boot : int
        Draws of the bootstrap.

    Returns
    -------
    ListeningResults
        Files that are not results, and sessions given twice, are in ``excluded`` with the reason.

    Raises
    ------
    InputError
        A file that is named is not there.
    """
    files = _files(paths)
    collection = _read_all(files)
    ratings = collection.rows("giblet-mushra")
    screened = _screened_listeners(ratings)
    excluded = [asdict(exclusion) for exclusion in (*collection.excluded, *screened)]
    return ListeningResults(
        n_files=len(files),
        n_listeners=len({session.key.listener for session in collection.sessions}),
        excluded=pd.DataFrame(excluded, columns=_EXCLUDED_COLUMNS),
        ratings=_mean_ratings(_without(ratings, screened), seed, n_boot),
        abx=_abx_table(collection.rows("giblet-abx"), seed, n_boot),
    )


# --- files ---------------------------------------------------------------------------------


def _files(paths: Iterable[str | Path] | str | Path) -> list[Path]:
    if not isinstance(paths, str | Path):
        files = [Path(path) for path in paths]
    elif str(paths).endswith(".json"):
        files = [Path(paths)]
    else:
        files = sorted(Path(paths).glob("[!.]*.json"))
    missing = [str(path) for path in files if not path.is_file()]
    if missing:
        raise InputError(f"paths={', '.join(missing)}: there is no such file. Check the names.")
    return files


def _read_all(files: list[Path]) -> _Collection:
    """Read sessions in the order of the files, and say which files do not count."""
    sessions = []
    excluded = []
    first_files: dict[_SessionKey, str] = {}
    for path in files:
        try:
            session = _read_session(path)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = f"not a result file of these tests ({type(error).__name__}: {error})"
            excluded.append(_Exclusion(path.name, "", reason))
            continue
        if session.key in first_files:
            reason = f"the same session as {first_files[session.key]}"
            excluded.append(_Exclusion(path.name, session.key.test, reason))
            continue
        first_files[session.key] = path.name
        sessions.append(session)
    return _Collection(sessions, excluded)


def _read_session(path: Path) -> _Session:
    content = json.loads(path.read_text(encoding="utf-8"))
    rows = _READERS[content["format"]](content)
    key = _SessionKey(content["format"], content["test"], content["listener"], content["started"])
    return _Session(key, rows)


def _rating_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row a rating of a session of the rating page."""
    rows = []
    for item in content["items"]:
        for rating in item["ratings"]:
            rows.append(
                {
                    "test": content["test"],
                    "listener": content["listener"],
                    "item": item["item"],
                    "condition": rating["condition"],
                    "role": rating["role"],
                    "rating": float(rating["rating"]),
                }
            )
    for row in rows:
        if not 0 <= row["rating"] <= 100:
            raise ValueError(f"rating {row['rating']:g} outside 0-100")
    return rows


def _abx_rows(content: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a row a trial of a session of the ABX page.

    Whether an answer was right is worked out again from what was shown and said, not taken from the
    file.
    """
    rows = []
    for pair in content["pairs"]:
        for trial in pair["trials"]:
            rows.append(
                {
                    "test": content["test"],
                    "listener": content["listener"],
                    "item": pair["item"],
                    "reference": pair["reference"],
                    "condition": pair["condition"],
                    "right": _letter(trial["x"]) == _letter(trial["answer"]),
                }
            )
    return rows


def _letter(answer: str) -> int:
    """Return the place of A or B; anything else is a KeyError, which excludes the file."""
    return {"A": 0, "B": 1}[answer]


#: Format of a result file: how its answers are read.
_READERS: dict[str, Callable[[dict[str, Any]], list[dict[str, Any]]]] = {
    "giblet-mushra": _rating_rows,
    "giblet-abx": _abx_rows,
}


# --- ratings -------------------------------------------------------------------------------


def _screened_listeners(ratings: pd.DataFrame) -> list[_Exclusion]:
    """Find who is left out of the ratings of a test, and why."""
    if ratings.empty:
        return []
    screened = []
    for (test, listener), own_ratings in ratings.groupby(["test", "listener"]):
        reasons = _screening_reasons(own_ratings)
        if reasons:
            screened.append(_Exclusion(listener, test, "; ".join(reasons)))
    return screened


def _screening_reasons(ratings: pd.DataFrame) -> list[str]:
    """Say which rules of post-screening the ratings of one listener break."""
    reference = ratings.rating[ratings.role == "reference"]
    anchor = ratings.rating[ratings.role == "anchor70"]
    violations = {
        f"rated the hidden reference below {SCREEN_RATING}": reference < SCREEN_RATING,
        f"rated the 7 kHz anchor above {SCREEN_RATING}": anchor > SCREEN_RATING,
    }
    reasons = []
    for rule, violated in violations.items():
        if len(violated) and violated.mean() > SCREEN_SHARE:
            share = f"{violated.mean():.0%} of the passages (more than {SCREEN_SHARE:.0%})"
            reasons.append(f"{rule} in {share}")
    return reasons


def _without(ratings: pd.DataFrame, screened: list[_Exclusion]) -> pd.DataFrame:
    """Return the ratings of those who were not left out."""
    if ratings.empty:
        return ratings
    left_out = {(exclusion.test, exclusion.who) for exclusion in screened}
    is_kept = [key not in left_out for key in zip(ratings.test, ratings.listener)]
    return ratings[is_kept]


def _mean_ratings(ratings: pd.DataFrame, seed: int, n_boot: int) -> pd.DataFrame:
    """Average passages within a listener first, so that each listener counts once."""
    if ratings.empty:
        return pd.DataFrame(columns=_RATING_COLUMNS)
    by_listener = ratings.groupby(["test", "condition", "listener"]).rating.mean()
    rows = []
    for (test, condition), means in by_listener.groupby(level=["test", "condition"]):
        low, high = _interval(means.to_numpy(), seed, n_boot)
        rows.append((test, condition, len(means), means.mean(), low, high))
    table = pd.DataFrame(rows, columns=_RATING_COLUMNS)
    return table.sort_values(["test", "mean"], ascending=[True, False], ignore_index=True)


def _interval(values: np.ndarray, seed: int, n_boot: int) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of a mean over listeners.

    NaN with fewer than `LEAST_UNITS`: a bootstrap over five would cover 84 % of the time.
    """
    if len(values) < LEAST_UNITS:
        return np.nan, np.nan
    interval = bootstrap(values, n_draws=n_boot, seed=seed)
    return float(interval.low), float(interval.high)


# --- ABX -----------------------------------------------------------------------------------


def _abx_table(trials: pd.DataFrame, seed: int, n_boot: int) -> pd.DataFrame:
    """Count right answers, with the p of at least so many by guessing (Holm over all rows)."""
    if trials.empty:
        return pd.DataFrame(columns=_ABX_COLUMNS)
    rows = []
    for key, group in trials.groupby(_ABX_KEYS, sort=True):
        shares = group.groupby("listener").right.mean().to_numpy()
        n_trials = len(group)
        n_correct = int(group.right.sum())
        low, high = _interval(shares, seed, n_boot)
        rows.append(
            {
                **dict(zip(_ABX_KEYS, key)),
                "n_listeners": len(shares),
                "n": n_trials,
                "correct": n_correct,
                "share": n_correct / n_trials,
                "low": low,
                "high": high,
                "p": binomtest(n_correct, n_trials, 0.5, alternative="greater").pvalue,
            }
        )
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table.p.to_numpy()))
