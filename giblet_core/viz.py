"""Plots: an axis in, the axis out. No function computes a result."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from transformers.audio_utils import hertz_to_mel

from giblet_core.files import ASSETS
from giblet_core.sound import log_mel

#: One colour a role on every page (Okabe-Ito: distinguishable with colour-blind eyes).
COLOURS = {
    "sound": "#0072B2",
    "codec": "#D55E00",
    "mel": "#009E73",
    "brain": "#CC79A7",
    "floor": "#7F7F7F",
    "control": "#E69F00",
}


def use_style() -> None:
    """Set the codebook's look, once a notebook: legible at page width, no frames, vector-sharp."""
    plt.style.use(ASSETS / "book.mplstyle")
    plt.rcParams["axes.prop_cycle"] = plt.cycler(
        color=[COLOURS[name] for name in ("sound", "codec", "mel", "brain", "control", "floor")]
    )


def _axis(ax: Axes | None, **options) -> Axes:
    return plt.subplots(**options)[1] if ax is None else ax


def plot_spectrogram(
    wave: np.ndarray,
    sample_rate: int,
    ax: Axes | None = None,
    *,
    start_s: float = 0.0,
    range_db: float = 80.0,
    top_db: float | None = None,
) -> Axes:
    """Draw a mel spectrogram (128 bands); `top_db` fixes the scale across pictures that are to be
    compared.
    """
    ax = _axis(ax)
    hop_length = max(128, len(wave) // 1500)
    image = log_mel(
        np.asarray(wave, np.float32), sample_rate, n_mels=128, hop_length=hop_length, n_fft=1024
    )
    top = image.max() if top_db is None else top_db
    extent = (start_s, start_s + len(wave) / sample_rate, 0, 128)
    ax.imshow(image, origin="lower", extent=extent, vmin=top - range_db, vmax=top, cmap="magma")
    marks = [f for f in (250, 500, 1000, 2000, 4000, 8000) if f < sample_rate / 2]
    slaney = hertz_to_mel(np.array([*marks, sample_rate / 2]), "slaney")
    ax.set_yticks(slaney[:-1] / slaney[-1] * 128, [f"{f / 1000:g}" for f in marks])
    ax.set(xlabel="time (s)", ylabel="kHz (mel)")
    ax.grid(False)
    return ax


def plot_codes(
    indices: np.ndarray, frame_rate: float, ax: Axes | None = None, *, start_s: float = 0.0
) -> Axes:
    """Draw codes as a raster, one row a codebook.

    Colours are labels: near colours are not near sounds.
    """
    ax = _axis(ax)
    # labels have no order: a scrambled colour tells entries apart without suggesting one
    colours = np.asarray(indices).astype(np.int64) * 2654435761 % 2**32 / 2**32
    k, n = indices.shape
    extent = (start_s, start_s + n / frame_rate, k - 0.5, -0.5)
    ax.imshow(colours, extent=extent, cmap="twilight", interpolation="nearest", vmin=0, vmax=1)
    ax.set(xlabel="time (s)", ylabel="codebook", yticks=range(k))
    ax.grid(False)
    return ax


def plot_curve(
    x: Sequence[float],
    y: np.ndarray,
    ax: Axes | None = None,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    label: str | None = None,
    **options,
) -> Axes:
    """Draw a line with its interval as a band."""
    ax = _axis(ax)
    (line,) = ax.plot(x, y, label=label, **{"marker": "o", "ms": 4, **options})
    if low is not None and high is not None:
        ax.fill_between(x, low, high, color=line.get_color(), alpha=0.2, lw=0)
    return ax


def plot_bars(
    values: Mapping[str, float],
    ax: Axes | None = None,
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Axes:
    """Draw named values as horizontal bars, with intervals where given; the first name is on top."""
    ax = _axis(ax, figsize=(7, 0.6 + 0.32 * len(values)))
    names = list(values)
    ax.barh(
        names,
        list(values.values()),
        color=[(colours or {}).get(n, COLOURS["sound"]) for n in names],
        alpha=0.85,
    )
    for i, name in enumerate(names):
        if intervals and name in intervals:
            ax.plot(intervals[name], (i, i), color="black", lw=1.2)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return ax


def plot_matrix(
    values: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    ax: Axes | None = None,
    *,
    label: str = "",
    fmt: str = ".2f",
    cmap: str = "viridis",
    centre: float | None = None,
) -> Axes:
    """Draw a small table as colours with its numbers written in; NaN is left blank."""
    ax = _axis(ax, figsize=(1.6 + 0.75 * len(columns), 0.8 + 0.34 * len(rows)))
    values = np.asarray(values, float)
    reach = None if centre is None else np.nanmax(np.abs(values - centre))
    image = ax.imshow(
        values,
        cmap=cmap,
        vmin=None if reach is None else centre - reach,
        vmax=None if reach is None else centre + reach,
    )
    for (i, j), v in np.ndenumerate(values):
        if np.isfinite(v):
            light = sum(image.cmap(image.norm(v))[:3]) < 1.5
            ax.text(
                j,
                i,
                format(v, fmt),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if light else "black",
            )
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9)
    return ax
