"""The wrong ways, each plainly named, and the switch that shows them beside the right one.

Nothing else in the package uses these. What each costs in false positives is counted on series
that have nothing to do with each other.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve
from scipy.stats import t as student
from tqdm import tqdm

from giblet_core.encoding import (
    Interval,
    correlate,
    fit_ridge,
    null_circular_shift,
)
from giblet_core.files import content_hash, in_memory
from giblet_core.inference import proportion, summarise
from giblet_core.timing import Fold, contiguous_folds, hrf
from giblet_core.validation.rows import StudyRows, record_row

WRONG_WAYS = {
    "shuffled folds": (
        "TRs are dealt to folds at random: each test row has its neighbours in training"
    ),
    "concatenated scoring": (
        "one r over the predictions of all folds: each fold's training mean tells of its test mean"
    ),
    "HRF twice": (
        "the response is applied to labels already shifted or convolved: features come too late"
    ),
    "acausal HRF": "the convolution is centred: features come before the sound",
    "index averaging": "code indices are averaged as if they were quantities",
    "near foils": "foils come from the neighbouring TRs, which are nearly what was heard",
}
STYLE = (
    "<style>"
    ".wrong-ways{display:flex;flex-wrap:wrap;gap:.2em .6em;align-items:center}"
    ".wrong-ways>div{display:none;order:1;width:100%}"
    ".wrong-ways>input:checked+label+div{display:block}"
    "</style>"
)
FINE_S = 0.1  # step of the response before it is sampled at the TRs
ALPHA = 0.05


def shuffled_folds(n_trs: int, n_folds: int = 5, seed: int = 0) -> list[Fold]:
    """Deal TRs to folds at random, without embargo.

    Parameters
    ----------
    n_trs : int
    n_folds : int
    seed : int

    Returns
    -------
    list of (train, test)
        Index arrays.
    """
    order = np.random.default_rng(seed).permutation(n_trs)
    return [(np.setdiff1d(order, test), np.sort(test)) for test in np.array_split(order, n_folds)]


def _response_at_trs(t_r: float, model: str) -> np.ndarray:
    """Return the response, sampled every TR: (n, 1)."""
    fine = hrf.kernel(model, FINE_S)
    fine_times = FINE_S * np.arange(len(fine))
    times = np.arange(0, FINE_S * len(fine), t_r)
    return np.interp(times, fine_times, fine)[:, None]


def hrf_twice(
    x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Apply the response again to features that already hold it.

    Parameters
    ----------
    x : array of shape (n_trs, n_features)
    t_r : float
        Seconds.
    model : str
        Of `giblet_core.timing.hrf`.
    run_onsets : sequence of int

    Returns
    -------
    array of shape (n_trs, n_features)
    """
    response = _response_at_trs(t_r, model)
    runs = np.split(x, list(run_onsets)[1:])
    return np.concatenate([fftconvolve(run, response, axes=0)[: len(run)] for run in runs])


def acausal_hrf(
    x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Convolve features with a centred kernel (mode "same"), as the predecessor did.

    Parameters
    ----------
    x : array of shape (n_trs, n_features)
        Without the response.
    t_r : float
        Seconds.
    model : str
        Of `giblet_core.timing.hrf`.
    run_onsets : sequence of int

    Returns
    -------
    array of shape (n_trs, n_features)
    """
    response = _response_at_trs(t_r, model)
    runs = np.split(x, list(run_onsets)[1:])
    return np.concatenate([fftconvolve(run, response, mode="same", axes=0) for run in runs])


def average_indices(windows: np.ndarray) -> np.ndarray:
    """Average code indices (n_trs, K, n_frames) over the frames of each TR: (n_trs, K).

    Renaming the entries changes the result.
    """
    return np.asarray(windows, dtype=np.float64).mean(2)


@dataclass(frozen=True)
class _Axes:
    """What the plots of a switch share."""

    x: Sequence
    ylabel: str
    limits: tuple[float, float]

    def plot(self, right: tuple[str, np.ndarray], way: tuple[str, np.ndarray], color: str) -> bytes:
        """Draw one way over the right one, each given as (name, values): a PNG."""
        fig, ax = plt.subplots(figsize=(9, 2.8))
        ax.plot(right[1], color="0.6", lw=4, label=right[0])
        ax.plot(way[1], "o-", color=color, label=way[0])
        ax.set(ylabel=self.ylabel, ylim=self.limits)
        rotation = 0 if isinstance(self.x[0], int | np.integer) else 60
        ax.set_xticks(range(len(self.x)), self.x, rotation=rotation)
        ax.legend()
        png = in_memory(fig.savefig, format="png", dpi=70, bbox_inches="tight")
        plt.close(fig)
        return png


def switch(ways: Mapping[str, np.ndarray], x: Sequence, ylabel: str) -> HTML:
    """Show the right way, and at a click each wrong one over it: a static page, without script.

    Parameters
    ----------
    ways : dict of str to array of shape (n,)
        The right way stands first.
    x : sequence of (n,) names or numbers
    ylabel : str

    Returns
    -------
    HTML
    """
    right = next(iter(ways.items()))
    group = content_hash(*ways.values())[:8]
    lowest = min(np.nanmin(values) for values in ways.values())
    highest = max(np.nanmax(values) for values in ways.values())
    axes = _Axes(x, ylabel, (lowest - 0.05, highest + 0.05))
    choices = []
    for index, (name, values) in enumerate(ways.items()):
        png = axes.plot(right, (name, values), "#C00000" if index else "0.3")
        text = f"{name}: {ylabel}, mean {np.nanmean(values):.2f}"
        if name in WRONG_WAYS:
            text += f": {WRONG_WAYS[name]}"
        choices.append(_choice(f"{group}{index}", group, name, text, png))
    body = "".join(choices)
    return HTML(f'{STYLE}<div class="wrong-ways" role="radiogroup">{body}</div>')


def _choice(identity: str, group: str, name: str, text: str, png: bytes) -> str:
    """Return a button and what it shows; the first of its group is chosen."""
    checked = " checked" if identity == f"{group}0" else ""
    image = base64.b64encode(png).decode()
    return (
        f'<input type="radio" name="{group}" id="{identity}"{checked}>'
        f'<label for="{identity}">{name}</label>'
        f'<div><img alt="{text}" src="data:image/png;base64,{image}"><p>{text}</p></div>'
    )


def _t_test_detects(r: Sequence[float], n: int) -> np.ndarray:
    """Say where a one-sided t test that takes TRs for independent calls r significant."""
    r = np.array(r)
    t = r * np.sqrt((n - 2) / (1 - r**2))
    return t > student.ppf(1 - ALPHA, n - 2)


@dataclass(frozen=True)
class _PairScores:
    """What the right way and wrong ways find in pairs of unrelated series, a value each pair."""

    contiguous: list[float] = field(default_factory=list)
    shuffled: list[float] = field(default_factory=list)
    concatenated: list[float] = field(default_factory=list)
    shift_detects: list[bool] = field(default_factory=list)

    def score(self, X: np.ndarray, Y: np.ndarray, seed: int) -> None:
        """Fit one pair, (n_trs, 3) and (n_trs, 1), in every way."""
        alphas = np.logspace(0, 3, 4)
        fit = fit_ridge(X, Y, contiguous_folds(len(Y), 5, 20), alphas, keep_predictions=True)
        self.contiguous.append(fit.r[0])
        self.concatenated.append(correlate(fit.predictions, Y)[0])
        folds = shuffled_folds(len(Y), seed=seed)
        self.shuffled.append(fit_ridge(X, Y, folds, alphas[:1]).r[0])
        self.shift_detects.append(null_circular_shift(X, Y, fit).p[0] <= ALPHA)


def _smooth_noise(n: int, n_columns: int, sigma: float, rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal((n + 40, n_columns))
    return gaussian_filter1d(noise, sigma, axis=0)[20:-20]


def calibration_study(
    n_pairs: int = 500, n_trs: int = 240, sigma: float = 4.0, seed: int = 11
) -> StudyRows:
    """Run the right way and wrong ways on pairs of unrelated series, as smooth as BOLD.

    Every pair has features (3 columns) and a series of its own; nothing is to be found. The right
    way: contiguous folds with a gap, r inside folds, penalty chosen anew for every circular shift.
    The wrong ones: shuffled folds, one r over all folds, a t test.

    Parameters
    ----------
    n_pairs : int
    n_trs : int
    sigma : float
        Of the Gaussian that smooths the noise, TRs.
    seed : int

    Returns
    -------
    StudyRows
        Figures with Student's interval over pairs, rates with the exact one; a row a pair.
    """
    rng = np.random.default_rng(seed)
    scores = _PairScores()
    for _ in tqdm(range(n_pairs), desc="unrelated pairs"):
        X = _smooth_noise(n_trs, 3, sigma, rng)
        Y = _smooth_noise(n_trs, 1, sigma, rng)
        scores.score(X, Y, seed)
    mean_r = {
        "mean r, contiguous folds": scores.contiguous,
        "mean r, shuffled folds": scores.shuffled,
        "mean r, concatenated scoring": scores.concatenated,
    }
    detections = {
        "false positives, contiguous folds, circular shifts": np.array(scores.shift_detects),
        "false positives, contiguous folds, t test": _t_test_detects(scores.contiguous, n_trs),
        "false positives, shuffled folds, t test": _t_test_detects(scores.shuffled, n_trs),
    }
    figures = [record_row(name, _mean_over_pairs(r)) for name, r in mean_r.items()]
    figures += [record_row(name, _rate(detected)) for name, detected in detections.items()]
    of_pairs = {name: np.asarray(r).tolist() for name, r in (mean_r | detections).items()}
    pairs = [dict(zip(of_pairs, values)) for values in zip(*of_pairs.values())]
    rows = [{"seed": seed, "pair": number, **pair} for number, pair in enumerate(pairs)]
    return StudyRows(figures, rows, {"n_trs": n_trs, "smoothness_trs": sigma})


def _mean_over_pairs(r: Sequence[float]) -> Interval:
    summary = summarise(r, "pairs")
    return Interval(summary.mean, summary.low, summary.high, summary.n)


def _rate(detected: np.ndarray) -> Interval:
    share = proportion(int(detected.sum()), len(detected))
    return Interval(share.value, share.low, share.high, share.n)
