"""Plots: an axis in, the axis out. No function computes a result."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
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
LINE_ORDER = ("sound", "codec", "mel", "brain", "control", "floor")
N_BANDS = 128  # of spectrograms
MOST_COLUMNS = 1500  # of a spectrogram: more are not seen
TICKS_HZ = (250, 500, 1000, 2000, 4000, 8000)
SCRAMBLE = 2654435761  # Knuth's multiplicative hash: neighbours get unrelated colours


def use_style() -> None:
    """Set the book's look, once a notebook: legible at page width, no frames, vector-sharp."""
    plt.style.use(ASSETS / "book.mplstyle")
    line_colours = [COLOURS[name] for name in LINE_ORDER]
    plt.rcParams["axes.prop_cycle"] = plt.cycler(color=line_colours)


def _axis(ax: Axes | None, **options: Any) -> Axes:
    if ax is not None:
        return ax
    _, new_axis = plt.subplots(**options)
    return new_axis


def plot_spectrogram(
    wave: np.ndarray,
    sample_rate: int,
    ax: Axes | None = None,
    *,
    start_s: float = 0.0,
    range_db: float = 80.0,
    top_db: float | None = None,
) -> Axes:
    """Draw a mel spectrogram of 128 bands.

    Parameters
    ----------
    wave : array of shape (n_samples,)
        The sound.
    sample_rate : int
        Hz.
    ax : Axes, optional
        Where to draw; a new axis by default.
    start_s : float
        Time of the first sample, for the labels.
    range_db : float
        From the darkest to the brightest colour.
    top_db : float, optional
        The brightest colour; the loudest point by default. Fix it for pictures to be compared.

    Returns
    -------
    Axes
    """
    ax = _axis(ax)
    hop_length = max(128, len(wave) // MOST_COLUMNS)
    samples = np.asarray(wave, np.float32)
    image = log_mel(samples, sample_rate, n_mels=N_BANDS, hop_length=hop_length, n_fft=1024)
    top = image.max() if top_db is None else top_db
    extent = (start_s, start_s + len(wave) / sample_rate, 0, N_BANDS)
    ax.imshow(image, origin="lower", extent=extent, vmin=top - range_db, vmax=top, cmap="magma")
    nyquist_hz = sample_rate / 2
    ticks_hz = [frequency for frequency in TICKS_HZ if frequency < nyquist_hz]
    ticks_mel = hertz_to_mel(np.array([*ticks_hz, nyquist_hz]), "slaney")
    places = ticks_mel[:-1] / ticks_mel[-1] * N_BANDS
    ax.set_yticks(places, [f"{frequency / 1000:g}" for frequency in ticks_hz])
    ax.set(xlabel="time (s)", ylabel="kHz (mel)")
    ax.grid(False)
    return ax


def plot_codes(
    indices: np.ndarray, frame_rate: float, ax: Axes | None = None, *, start_s: float = 0.0
) -> Axes:
    """Draw codes as a raster, one row a codebook.

    Colours are labels: near colours are not near sounds.

    Parameters
    ----------
    indices : array of shape (num_codebooks, n_frames), integer
        Entries.
    frame_rate : float
        Frames a second.
    ax : Axes, optional
        Where to draw; a new axis by default.
    start_s : float
        Time of the first frame, for the labels.

    Returns
    -------
    Axes
    """
    ax = _axis(ax)
    colours = np.asarray(indices).astype(np.int64) * SCRAMBLE % 2**32 / 2**32
    num_codebooks, n_frames = indices.shape
    extent = (start_s, start_s + n_frames / frame_rate, num_codebooks - 0.5, -0.5)
    ax.imshow(colours, extent=extent, cmap="twilight", interpolation="nearest", vmin=0, vmax=1)
    ax.set(xlabel="time (s)", ylabel="codebook", yticks=range(num_codebooks))
    ax.grid(False)
    return ax


def plot_curve(
    x: Sequence[float],
    y: np.ndarray,
    ax: Axes | None = None,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    **options: Any,
) -> Axes:
    """Draw a line with its interval as a band.

    Parameters
    ----------
    x, y : array of shape (n_points,)
        The line.
    ax : Axes, optional
        Where to draw; a new axis by default.
    low, high : array of shape (n_points,), optional
        The interval.
    **options
        For ``Axes.plot``: label, marker, colour.

    Returns
    -------
    Axes
    """
    ax = _axis(ax)
    (line,) = ax.plot(x, y, **{"marker": "o", "ms": 4, **options})
    if low is not None and high is not None:
        ax.fill_between(x, low, high, color=line.get_color(), alpha=0.2, lw=0)
    return ax


def plot_units(
    x: Sequence[float], values: np.ndarray, ax: Axes | None = None, **options: Any
) -> Axes:
    """Draw a line for each unit and their mean: what there is, where there are few for an interval.

    Parameters
    ----------
    x : array of shape (n_points,)
    values : array of shape (n_units, n_points)
        A row a unit, such as a piece.
    ax : Axes, optional
        Where to draw; a new axis by default.
    **options
        Of the mean's line, for ``Axes.plot``: label, marker, colour.

    Returns
    -------
    Axes
    """
    values = np.asarray(values, dtype=float)
    n_defined = np.isfinite(values).sum(0)
    sums = np.nansum(values, axis=0)
    mean = np.where(n_defined > 0, sums / np.maximum(n_defined, 1), np.nan)
    ax = plot_curve(x, mean, ax, **options)
    colour = ax.lines[-1].get_color()
    ax.plot(x, values.T, color=colour, lw=0.7, alpha=0.35)
    return ax


def plot_bars(
    values: Mapping[str, float],
    ax: Axes | None = None,
    *,
    intervals: Mapping[str, tuple[float, float]] | None = None,
    colours: Mapping[str, str] | None = None,
) -> Axes:
    """Draw named values as horizontal bars; the first name is on top.

    Parameters
    ----------
    values : mapping
        Name -> length of its bar.
    ax : Axes, optional
        Where to draw; a new axis by default.
    intervals : mapping, optional
        Name -> (low, high), drawn over the bar.
    colours : mapping, optional
        Name -> colour.

    Returns
    -------
    Axes
    """
    ax = _axis(ax, figsize=(7, 0.6 + 0.32 * len(values)))
    names = list(values)
    bar_colours = [(colours or {}).get(name, COLOURS["sound"]) for name in names]
    ax.barh(names, list(values.values()), color=bar_colours, alpha=0.85)
    for row, name in enumerate(names):
        if intervals and name in intervals:
            ax.plot(intervals[name], (row, row), color="black", lw=1.2)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return ax


def plot_matrix(  # noqa: PLR0913 - a table, its names, and how it is drawn
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
    """Draw a small table as colours with its numbers written in; NaN is left blank.

    Parameters
    ----------
    values : array of shape (n_rows, n_columns)
        The table.
    rows, columns : sequence of str
        Their names.
    ax : Axes, optional
        Where to draw; a new axis by default.
    label : str
        Of the colour bar.
    fmt : str
        Format of the numbers.
    cmap : str
        Name of the colour map.
    centre : float, optional
        The value of the middle colour, for maps with two directions.

    Returns
    -------
    Axes
    """
    ax = _axis(ax, figsize=(1.6 + 0.75 * len(columns), 0.8 + 0.34 * len(rows)))
    values = np.asarray(values, float)
    limits = {}
    if centre is not None:
        reach = np.nanmax(np.abs(values - centre))
        limits = {"vmin": centre - reach, "vmax": centre + reach}
    image = ax.imshow(values, cmap=cmap, **limits)
    _write_numbers(ax, image, values, fmt)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label=label, shrink=0.9)
    return ax


def plot_reliability(
    stated: np.ndarray,
    observed: np.ndarray,
    ax: Axes | None = None,
    *,
    low: np.ndarray | None = None,
    high: np.ndarray | None = None,
    label: str = "",
) -> Axes:
    """Draw a reliability diagram: how often events happened against their stated probability.

    On the diagonal, what is called 70 % happens in 70 % of cases.

    Parameters
    ----------
    stated, observed : arrays of shape (n_bins,)
        Mean probability and share of events in each bin (`inference.reliability`).
    ax : Axes, optional
        A new one by default.
    low, high : arrays of shape (n_bins,), optional
        Intervals of the shares.
    label : str
        For the legend.

    Returns
    -------
    Axes
    """
    ax = _axis(ax, figsize=(3.4, 3.2))
    ax.plot([0, 1], [0, 1], color=COLOURS["floor"], lw=1, ls="--")
    if low is not None and high is not None:
        ax.vlines(stated, low, high, color=COLOURS["codec"], lw=1.2)
    ax.plot(stated, observed, "o-", color=COLOURS["codec"], label=label or None)
    ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="stated probability", ylabel="share that was so")
    return ax


def _write_numbers(ax: Axes, image: AxesImage, values: np.ndarray, fmt: str) -> None:
    """Write each number into its field, light on dark and dark on light."""
    for (row, column), value in np.ndenumerate(values):
        if not np.isfinite(value):
            continue
        red_green_blue = image.cmap(image.norm(value))[:3]
        colour = "white" if sum(red_green_blue) < 1.5 else "black"
        text = format(value, fmt)
        ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
