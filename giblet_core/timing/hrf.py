"""The haemodynamic response: causal, oversampled, sampled at the TRs; and delays inside each run.

References
----------
Glover (1999), Deconvolution of impulse response in event-related BOLD fMRI.
doi:10.1006/nimg.1998.0419
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil

import numpy as np
from nilearn.glm.first_level import glover_hrf, spm_hrf
from scipy.sparse import csr_array

from giblet_core.codecs import as_written, frame_at
from giblet_core.errors import InputError, require
from giblet_core.timing.grid import TRGrid, refuse_labels

#: Name -> nilearn's function.
MODELS = {"glover": glover_hrf, "spm": spm_hrf}
LENGTH_S = 32.0  # nilearn's default length of a response
MIN_RATE_HZ = 10.0  # below it the peak moves by seconds: nilearn's at 1.5 s peaks at 6.4 s, not 5
HELD_RATE_HZ = 25.0  # slower signals are held up to this


def kernel(model: str = "glover", dt_s: float = 0.1, peak_s: float | None = None) -> np.ndarray:
    """Return a response sampled every `dt_s`, with unit sum.

    Parameters
    ----------
    model : {"glover", "spm"}
    dt_s : float
        Seconds; at most 0.1.
    peak_s : float, optional
        Stretch the response so that it peaks here; nilearn's own peak (about 5 s) by default.

    Returns
    -------
    array of shape (round(32 / dt_s),), float64

    Raises
    ------
    InputError
        An unknown model, or too coarse a step.
    """
    require(
        model in MODELS,
        f"model={model!r}: must be one of {', '.join(MODELS)}. Choose one of them, or delays with "
        "hrf.fir.",
    )
    require(
        0 < dt_s <= 1 / MIN_RATE_HZ,
        f"dt_s={dt_s}: must be positive and at most {1 / MIN_RATE_HZ} s. Sample the response more "
        "finely.",
    )
    response = MODELS[model](dt_s, oversampling=1, time_length=LENGTH_S)
    if peak_s is not None:
        times = np.arange(len(response)) * dt_s
        own_peak_s = times[np.argmax(response)]
        response = np.interp(times * own_peak_s / peak_s, times, response, right=0.0)
    return response / response.sum()


def convolve(  # noqa: PLR0913 - public interface
    x: np.ndarray,
    rate_hz: float,
    t_r: float,
    model: str = "glover",
    *,
    n_trs: int | None = None,
    onset_s: float = 0.0,
    slice_time_ref: float = 0.0,
    peak_s: float | None = None,
) -> np.ndarray:
    """Convolve a signal with the response and sample it at the TRs.

    ``y(t) = (x * h)(t)``, causal: the value at a TR depends on nothing that came later. All of the
    signal before a TR was heard; for runs of a study use `at_trs`, whose grid knows what was heard.

    Parameters
    ----------
    x : array of shape (n_frames, n_features)
        Float (latents, envelopes). Integer input is refused: codes are labels.
    rate_hz : float
        Frames a second. Signals slower than 25 Hz are held between their samples.
    t_r : float
        Seconds a TR.
    model : {"glover", "spm"}
    n_trs : int, optional
        How many TRs; by default all whole TRs that the signal covers.
    onset_s : float
        Stimulus time at which TR 0 begins.
    slice_time_ref : float
        Where in the TR the sample belongs, 0 (its beginning) to 1; fMRIPrep's data: 0.5.
    peak_s : float, optional
        As in `kernel`.

    Returns
    -------
    array of shape (n_trs, n_features), same dtype
        Value at ``onset_s + (i + slice_time_ref) * t_r``.

    Raises
    ------
    InputError
        Integer or NaN input, ``n_trs`` below 1, or TRs beyond the signal.
    """
    x = _checked(x)
    if n_trs is None:
        duration_s = float(Fraction(len(x)) / as_written(rate_hz))
        n_trs = TRGrid.covering(duration_s, t_r, onset_s).n_trs
    grid = TRGrid(t_r, n_trs, onset_s, slice_time_ref, history_s=max(0.0, onset_s))
    return at_trs(x, rate_hz, grid, model, peak_s)


def at_trs(
    x: np.ndarray,
    rate_hz: float,
    grid: TRGrid,
    model: str = "glover",
    peak_s: float | None = None,
) -> np.ndarray:
    """Convolve a signal with the response and sample it as a run's grid says.

    Parameters
    ----------
    x : array of shape (n_frames, n_features)
        Float, from second 0 of the stimulus.
    rate_hz : float
        Frames a second.
    grid : TRGrid
        When the samples stand for (`TRGrid.times`), and since when the sound was heard
        (`TRGrid.heard_from`): nothing before that shapes the run.
    model : {"glover", "spm"}
    peak_s : float, optional
        As in `kernel`.

    Returns
    -------
    array of shape (n_trs, n_features), same dtype

    Raises
    ------
    InputError
        Integer or NaN input, or TRs beyond the signal.
    """
    x = _checked(x)
    return _weights(len(x), rate_hz, grid, (model, peak_s)).astype(x.dtype) @ x


def _checked(x: np.ndarray) -> np.ndarray:
    """Return a float matrix (n_frames, n_features) without NaN, or raise."""
    x = refuse_labels(x)
    require(
        x.ndim == 2,
        f"x.shape={x.shape}: must be (n_frames, n_features). Use x[:, None] for one feature, z.T "
        "for latents.",
    )
    finite = np.isfinite(x)
    if not finite.all():
        raise InputError(
            f"x: {int((~finite).sum())} values are NaN or infinite; all must be finite. "
            "Find where they arose."
        )
    return x


@lru_cache(maxsize=16)
def _weights(
    n_frames: int, rate_hz: float, grid: TRGrid, response: tuple[str, float | None]
) -> csr_array:
    """Return what the response takes from each frame at each TR, (n_trs, n_frames).

    A convolution has a value at every step; only those at the TRs are wanted, so only these rows
    are computed. The response is its model and its peak.
    """
    grid.edges_within(n_frames, rate_hz)
    model, peak_s = response
    n_held = max(1, ceil(HELD_RATE_HZ / rate_hz))  # steps for which each frame is held
    step_s = 1 / (as_written(rate_hz) * n_held)
    h = kernel(model, float(step_s), peak_s)
    sampled = [frame_at(grid.sample_time(i) * n_held, rate_hz) for i in range(grid.n_trs)]
    first_step = frame_at(grid.heard_from * n_held, rate_hz)
    last_step = n_frames * n_held - 1
    now = np.minimum(sampled, last_step)
    steps = now[:, None] - np.arange(len(h))  # (n_trs, n_lags): the step that each lag looks at
    trs, lags = np.nonzero(steps >= first_step)
    frames = steps[trs, lags] // n_held
    return csr_array((h[lags], (trs, frames)), shape=(grid.n_trs, n_frames))


def fir(
    x: np.ndarray, delays: Sequence[int] = (1, 2, 3, 4), run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Stack delayed copies of features (finite impulse response), never across a run's border.

    Parameters
    ----------
    x : array of shape (n_trs, n_features)
    delays : sequence of int
        In TRs; a delay of 1 uses the features of the TR before.
    run_onsets : sequence of int
        First TR of each run.

    Returns
    -------
    array of shape (n_trs, n_features * len(delays))
        Delay by delay; 0 where a run has not begun.

    Raises
    ------
    InputError
        A negative delay, or integer input.
    """
    x = refuse_labels(x)
    require(
        min(delays) >= 0,
        f"delays={tuple(delays)}: must be 0 or more; a negative delay would look into the future. "
        "Drop it.",
    )
    n_trs, n_features = x.shape
    delayed = np.zeros((n_trs, len(delays), n_features), x.dtype)
    run_ends = [*run_onsets[1:], n_trs]
    for start, stop in zip(run_onsets, run_ends):
        for column, delay in enumerate(delays):
            if delay < stop - start:
                delayed[start + delay : stop, column] = x[start : stop - delay]
    return delayed.reshape(n_trs, -1)


def round_after_hrf(codes: np.ndarray, rate_hz: float, t_r: float, cardinality: int) -> np.ndarray:
    """Apply the seed's recipe to code indices: to float, convolve, round back to int.

    Kept to show what it does. Indices are labels, so the result is a code of nothing: averages of
    labels, drawn to the middle of the range.

    Parameters
    ----------
    codes : array of shape (n_frames, K), integer
    rate_hz : float
        Frames a second.
    t_r : float
        Seconds a TR.
    cardinality : int
        Entries a codebook.

    Returns
    -------
    array of shape (n_trs, K), int32
        Rounded and clipped to [0, cardinality - 1].
    """
    smooth = convolve(np.asarray(codes, np.float64), rate_hz, t_r)
    return np.clip(np.round(smooth), 0, cardinality - 1).astype(np.int32)
