"""The wrong ways, each plainly named, and the switch that shows them beside the right one.

No other module uses these.
"""

import base64
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve
from scipy.stats import t as student
from tqdm import tqdm

from giblet_core.encoding import (
    Interval,
    binomial_interval,
    bootstrap,
    correlate,
    fit_ridge,
    null_circular_shift,
)
from giblet_core.files import content_hash, in_memory
from giblet_core.timing import Fold, contiguous_folds, hrf

WRONG_WAYS = {
    "shuffled folds": "TRs are dealt to folds at random: each test row has its neighbours in training",
    "concatenated scoring": "one r over the predictions of all folds: each fold's training mean tells of its test mean",
    "HRF twice": "the response is applied to labels already shifted or convolved: features come too late",
    "acausal HRF": "the convolution is centred: features come before the sound",
    "index averaging": "code indices are averaged as if they were quantities",
    "near foils": "foils come from the neighbouring TRs, which are nearly what was heard",
}

STYLE = (
    "<style>.wrong-ways{display:flex;flex-wrap:wrap;gap:.2em .6em;align-items:center}.wrong-ways>div{display:none;order:1;width:100%}"
    ".wrong-ways>input:checked+label+div{display:block}</style>"
)


def shuffled_folds(n_trs: int, n_folds: int = 5, seed: int = 0) -> list[Fold]:
    """Deal TRs to folds at random, without embargo."""
    order = np.random.default_rng(seed).permutation(n_trs)
    return [(np.setdiff1d(order, test), np.sort(test)) for test in np.array_split(order, n_folds)]


def hrf_twice(
    x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Apply the response again to features (n_trs, n_features) that already hold it."""
    return np.concatenate(
        [
            fftconvolve(run, _at_tr(t_r, model), axes=0)[: len(run)]
            for run in np.split(x, list(run_onsets)[1:])
        ]
    )


def acausal_hrf(
    x: np.ndarray, t_r: float, model: str = "glover", run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Convolve features (n_trs, n_features) without the response with a centred kernel (mode
    "same"), as the predecessor did.
    """
    return np.concatenate(
        [
            fftconvolve(run, _at_tr(t_r, model), mode="same", axes=0)
            for run in np.split(x, list(run_onsets)[1:])
        ]
    )


def _at_tr(t_r: float, model: str) -> np.ndarray:
    fine = hrf.kernel(model, 0.1)
    return np.interp(np.arange(0, 0.1 * len(fine), t_r), 0.1 * np.arange(len(fine)), fine)[:, None]


def average_indices(windows: np.ndarray) -> np.ndarray:
    """Average code indices (n_trs, K, n_frames) over the frames of each TR, (n_trs, K): renaming
    the entries changes the result.
    """
    return np.asarray(windows, dtype=np.float64).mean(2)


def switch(ways: Mapping[str, np.ndarray], x: Sequence, ylabel: str) -> HTML:
    """Show the right way, which stands first, and at a click each wrong one over it: a static page,
    without script.

    Parameters
    ----------
    ways : dict of name to array of shape (n,)
    x : sequence of (n,) names or numbers
    """
    (right, best), parts, group = next(iter(ways.items())), [], content_hash(*ways.values())[:8]
    for i, (name, values) in enumerate(ways.items()):
        fig, ax = plt.subplots(figsize=(9, 2.8))
        ax.plot(best, color="0.6", lw=4, label=right)
        ax.plot(values, "o-", color="#C00000" if i else "0.3", label=name)
        ax.set(
            ylabel=ylabel,
            ylim=(
                min(map(np.nanmin, ways.values())) - 0.05,
                max(map(np.nanmax, ways.values())) + 0.05,
            ),
        )
        ax.set_xticks(range(len(x)), x, rotation=0 if isinstance(x[0], int | np.integer) else 60)
        ax.legend()
        png = in_memory(fig.savefig, format="png", dpi=70, bbox_inches="tight")
        plt.close(fig)
        text = f"{name}: {ylabel}, mean {np.nanmean(values):.2f}" + (
            f": {WRONG_WAYS[name]}" if name in WRONG_WAYS else ""
        )
        parts.append(
            f'<input type="radio" name="{group}" id="{group}{i}"{"" if i else " checked"}><label for="{group}{i}">{name}</label>'
            f'<div><img alt="{text}" src="data:image/png;base64,{base64.b64encode(png).decode()}"><p>{text}</p></div>'
        )
    return HTML(f'{STYLE}<div class="wrong-ways" role="radiogroup">{"".join(parts)}</div>')


def _t_test(r: np.ndarray, n: int) -> np.ndarray:
    """Return whether a t test that takes TRs for independent calls r significant at .05, one-sided."""
    return r * np.sqrt((n - 2) / (1 - r**2)) > student.ppf(0.95, n - 2)


def calibration_rows(
    n_pairs: int = 500, n_trs: int = 240, sigma: float = 4.0, seed: int = 11
) -> list[dict]:
    """Run the right way and wrong ways on pairs of unrelated series, as smooth as BOLD: rows of a
    record.

    Every pair has features (3 columns) and a series of its own; nothing is to be found. The right
    way: contiguous folds with a gap, r inside folds, penalty chosen anew for every circular shift.
    The wrong ones: shuffled folds, one r over all folds, a t test.
    """
    rng, folds, alphas = (
        np.random.default_rng(seed),
        contiguous_folds(n_trs, 5, 20),
        np.logspace(0, 3, 4),
    )
    r, found = (
        {name: [] for name in ("contiguous folds", "shuffled folds", "concatenated scoring")},
        [],
    )
    for _ in tqdm(range(n_pairs), desc="unrelated pairs"):
        X, Y = (
            gaussian_filter1d(rng.standard_normal((n_trs + 40, n)), sigma, axis=0)[20:-20]
            for n in (3, 1)
        )
        fit = fit_ridge(X, Y, folds, alphas, keep_predictions=True)
        r["contiguous folds"].append(fit.r[0])
        r["concatenated scoring"].append(correlate(fit.predictions, Y)[0])
        r["shuffled folds"].append(
            fit_ridge(X, Y, shuffled_folds(n_trs, seed=seed), alphas[:1]).r[0]
        )
        found.append(null_circular_shift(X, Y, fit).p[0] <= 0.05)
    tests = {
        "contiguous folds, circular shifts": found,
        **{
            f"{name}, t test": _t_test(np.array(r[name]), n_trs)
            for name in ("contiguous folds", "shuffled folds")
        },
    }
    intervals = {f"mean r, {name}": bootstrap(np.array(values)) for name, values in r.items()}
    intervals |= {
        f"false positives, {name}": Interval(
            np.mean(hits), *binomial_interval(int(np.sum(hits)), n_pairs), n_pairs
        )
        for name, hits in tests.items()
    }
    return [
        {
            "figure": name,
            "value": float(i.mean),
            "low": float(i.low),
            "high": float(i.high),
            "n": i.n,
        }
        for name, i in intervals.items()
    ]
