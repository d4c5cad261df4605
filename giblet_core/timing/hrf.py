"""The haemodynamic response: causal, oversampled, sampled at the TRs; and finite impulse response
delays inside each run.

References
----------
Glover (1999), Deconvolution of impulse response in event-related BOLD fMRI.
doi:10.1006/nimg.1998.0419
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

import numpy as np
from nilearn.glm.first_level import hemodynamic_models
from scipy.sparse import csr_array

from giblet_core.codecs import frame_at
from giblet_core.errors import InputError, require
from giblet_core.timing.grid import TRGrid, refuse_labels

MODELS = ("glover", "spm")
LENGTH_S = 32.0  # nilearn's default length of a response
MIN_RATE_HZ = 10.0  # below this a kernel's peak moves by seconds: nilearn's at 1.5 s peaks at 6.4 s instead of 5
_HELD_RATE_HZ = 25.0  # slower signals are held up to this


def kernel(model: str = "glover", dt_s: float = 0.1, peak_s: float | None = None) -> np.ndarray:
    """Return a response sampled every `dt_s`, with unit sum.

    Parameters
    ----------
    model : {"glover", "spm"}
    dt_s : float
        At most 0.1 s.
    peak_s : float, optional
        Stretch the response so that it peaks here; nilearn's own peak (about 5 s) by default.

    Returns
    -------
    array of shape (round(32 / dt_s),), float64
    """
    require(
        model in MODELS,
        f"model={model!r}: must be one of {', '.join(MODELS)}. Choose one of them, or delays with hrf.fir.",
    )
    require(
        0 < dt_s <= 1 / MIN_RATE_HZ,
        f"dt_s={dt_s}: must be positive and at most {1 / MIN_RATE_HZ} s. Sample the response more finely.",
    )
    h = getattr(hemodynamic_models, f"{model}_hrf")(dt_s, oversampling=1, time_length=LENGTH_S)
    if peak_s is not None:
        t = np.arange(len(h)) * dt_s
        h = np.interp(t * t[np.argmax(h)] / peak_s, t, h, right=0.0)
    return h / h.sum()


def convolve(
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

    ``y(t) = (x * h)(t)``, causal: the value at a TR depends on nothing that came later.

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
        Integer or NaN input, or TRs beyond the signal.
    """
    x = refuse_labels(x)
    require(
        x.ndim == 2,
        f"x.shape={x.shape}: must be (n_frames, n_features). Use x[:, None] for one feature, z.T for latents.",
    )
    if not np.isfinite(x).all():
        raise InputError(
            f"x: {int((~np.isfinite(x)).sum())} values are NaN or infinite; all must be finite. Find where they arose."
        )
    grid = (
        TRGrid(t_r, n_trs, onset_s)
        if n_trs
        else TRGrid.covering(float(Fraction(len(x)) / Fraction(str(rate_hz))), t_r, onset_s)
    )
    return _response(len(x), rate_hz, grid, model, slice_time_ref, peak_s).astype(x.dtype) @ x


@lru_cache(maxsize=16)
def _response(
    n_frames: int,
    rate_hz: float,
    grid: TRGrid,
    model: str,
    slice_time_ref: float,
    peak_s: float | None,
) -> csr_array:
    """Return what the response takes from each frame at each TR, (n_trs, n_frames): only the TRs of
    a convolution are ever looked at.
    """
    grid.edges_within(n_frames, rate_hz)
    hold = max(1, int(np.ceil(_HELD_RATE_HZ / rate_hz)))
    h = kernel(model, float(1 / (Fraction(str(rate_hz)) * hold)), peak_s)
    shift = Fraction(str(slice_time_ref)) * Fraction(str(grid.t_r))
    at = np.array([frame_at((grid.edge(i) + shift) * hold, rate_hz) for i in range(grid.n_trs)])
    past = np.minimum(at, n_frames * hold - 1)[:, None] - np.arange(len(h))
    trs, lags = np.nonzero(past >= 0)
    return csr_array((h[lags], (trs, past[trs, lags] // hold)), shape=(grid.n_trs, n_frames))


def fir(
    x: np.ndarray, delays: Sequence[int] = (1, 2, 3, 4), run_onsets: Sequence[int] = (0,)
) -> np.ndarray:
    """Stack delayed copies of features, never across a run's border.

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
    """
    x = refuse_labels(x)
    require(
        min(delays) >= 0,
        f"delays={tuple(delays)}: must be 0 or more; a negative delay would look into the future. Drop it.",
    )
    out = np.zeros((len(x), len(delays), x.shape[1]), x.dtype)
    for start, stop in zip(run_onsets, [*run_onsets[1:], len(x)]):
        for j, d in enumerate(delays):
            if d < stop - start:
                out[start + d : stop, j] = x[start : stop - d]
    return out.reshape(len(x), -1)


def round_after_hrf(codes: np.ndarray, rate_hz: float, t_r: float) -> np.ndarray:
    """Apply the seed's recipe to code indices: to float, convolve, round back to int. Kept to show
    what it does.

    Indices are labels, so the result is a code of nothing: averages of labels, drawn to the middle
    of the range.

    Parameters
    ----------
    codes : array of shape (n_frames, K), integer

    Returns
    -------
    array of shape (n_trs, K), int32
        Rounded and clipped to [0, 1023].
    """
    smooth = convolve(np.asarray(codes, np.float64), rate_hz, t_r)
    return np.clip(np.round(smooth), 0, 1023).astype(np.int32)
