"""Exact bookkeeping between codec frames and TRs: no frame lost, none counted twice, any TR.

Time is absolute seconds of the stimulus. At 75 frames a second a TR of 1.5 s holds 112.5 frames:
windows of 112 and 113 alternate. The seed's ``(n_trs, K, 112)`` array is a view; the odd frames
travel beside it, so that nothing is spliced.
"""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

import numpy as np

from giblet_core.codecs import Codes, frame_at
from giblet_core.errors import InputError, require


@dataclass(frozen=True)
class TRWindows:
    """Codes cut at the TRs.

    Attributes
    ----------
    array : array of shape (n_trs, K, n), int32
        The first n frames of each TR; n is the floor of the frames a TR.
    odd : array of shape (n_odd, K), int32
        The one frame more that some TRs hold.
    odd_trs : array of shape (n_odd,), int64
        Which TRs these are.
    header : Codes
        One frame of the same codec: rate and identity for `TRGrid.join`.
    """

    array: np.ndarray
    odd: np.ndarray
    odd_trs: np.ndarray
    header: Codes


@dataclass(frozen=True)
class TRGrid:
    """The scanner's clock over the stimulus.

    Parameters
    ----------
    t_r : float
        Seconds a TR, taken as written in decimals (0.72 is exactly 72/100).
    n_trs : int
        Number of TRs.
    onset_s : float
        Stimulus time at which TR 0 begins; negative where the scanner started first.

    Raises
    ------
    InputError
        A TR or a number of TRs that is not positive.
    """

    t_r: float
    n_trs: int
    onset_s: float = 0.0

    def __post_init__(self) -> None:
        require(
            self.t_r > 0 and np.isfinite(self.t_r),
            f"t_r={self.t_r}: must be positive seconds. Take it from the scanner's protocol.",
        )
        if self.n_trs < 1 or self.n_trs != int(self.n_trs):
            raise InputError(
                f"n_trs={self.n_trs}: must be a whole number of at least 1. The sound may be shorter than one TR."
            )

    @classmethod
    def covering(cls, duration_s: float, t_r: float, onset_s: float = 0.0) -> "TRGrid":
        """Return the grid of all whole TRs between `onset_s` and the end of a sound."""
        n_trs = (
            floor((Fraction(str(duration_s)) - Fraction(str(onset_s))) / Fraction(str(t_r)))
            if t_r > 0
            else 0
        )
        require(
            n_trs >= 1,
            f"duration_s={duration_s}, t_r={t_r}, onset_s={onset_s}: hold no whole TR; at least one is needed. Give a "
            "longer sound.",
        )
        return cls(t_r, n_trs, onset_s)

    def edge(self, i: int) -> Fraction:
        """Return the exact stimulus time (s) at which TR `i` begins."""
        return Fraction(str(self.onset_s)) + i * Fraction(str(self.t_r))

    def frame_edges(self, rate: float) -> np.ndarray:
        """Return the frames (or samples) at which TRs begin, and the end of the last.

        ``floor((onset_s + i * t_r) * rate)`` in rational arithmetic.

        Returns
        -------
        array of shape (n_trs + 1,), int64
            Not monotone steps of 112 but exact ones: the error never exceeds one frame, however
            long the film.
        """
        return np.array(
            [frame_at(self.edge(i), rate) for i in range(self.n_trs + 1)], dtype=np.int64
        )

    def times(self, slice_time_ref: float = 0.0) -> np.ndarray:
        """Return the stimulus time (s) of each TR's sample: its beginning plus `slice_time_ref`
        TRs; shape (n_trs,).
        """
        return np.array(
            [
                float(self.edge(i) + Fraction(str(slice_time_ref)) * Fraction(str(self.t_r)))
                for i in range(self.n_trs)
            ]
        )

    def edges_within(self, n_frames: int, rate: float) -> np.ndarray:
        """Return `frame_edges`, having checked that the grid lies inside a sound of `n_frames`.

        Raises
        ------
        InputError
            The grid begins before the sound or ends after it.
        """
        edges = self.frame_edges(rate)
        require(
            edges[0] >= 0,
            f"onset_s={self.onset_s}: TR 0 begins before the sound. Drop the first {-int(self.onset_s // self.t_r)} TRs "
            "(dummy_trs), or start the sound earlier.",
        )
        whole = int(np.searchsorted(edges, n_frames, side="right")) - 1
        require(
            edges[-1] <= n_frames,
            f"n_trs={self.n_trs}: ends at {float(self.edge(self.n_trs)):g} s but the sound at "
            f"{n_frames / rate:g} s; BOLD must not be longer than the sound. Use n_trs={whole}, or check the onset and t_r={self.t_r}.",
        )
        return edges

    def windows(self, codes: Codes) -> TRWindows:
        """Cut codes at the TRs, without losing a frame.

        Raises
        ------
        InputError
            The grid is not inside the sound, or a TR is shorter than a frame.
        """
        edges = self.edges_within(codes.n_frames, codes.frame_rate)
        array, odd, odd_trs = cut(
            codes.indices.astype(np.int32),
            edges,
            frame_at(Fraction(str(self.t_r)), codes.frame_rate),
        )
        return TRWindows(array, odd, odd_trs, codes.crop_frames(0, 1))

    def join(self, w: TRWindows) -> Codes:
        """Undo `windows`: return the codes of frames ``edges[0]:edges[-1]``."""
        indices = uncut(w.array, w.odd, self.frame_edges(w.header.frame_rate))
        return replace(w.header, indices=indices, n_samples=indices.shape[1] * w.header.hop_length)


def cut(x: np.ndarray, edges: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cut (K, n_frames) at `edges` into windows (n_trs, K, n), the odd frames (n_odd, K) beyond n,
    and their TRs (n_odd,).
    """
    require(
        n >= 1,
        f"frames a TR: {n} must be at least 1; the TR is shorter than a frame. Choose a longer t_r.",
    )
    windows = x[:, edges[:-1, None] + np.arange(n)].transpose(1, 0, 2)
    odd_trs = np.flatnonzero(np.diff(edges) > n)
    return np.ascontiguousarray(windows), np.ascontiguousarray(x[:, edges[odd_trs] + n].T), odd_trs


def uncut(windows: np.ndarray, odd: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Undo `cut`: return the (K, n_frames) between the first edge and the last."""
    n_trs, n_rows, n = windows.shape
    at = edges - edges[0]
    odd_trs = np.flatnonzero(np.diff(edges) > n)
    require(
        n_trs == len(edges) - 1 and odd.shape == (len(odd_trs), n_rows),
        f"windows.shape={windows.shape}, odd.shape={odd.shape}: must "
        f"be cut by a grid of {len(edges) - 1} TRs with {len(odd_trs)} odd frames. Join with the grid that cut.",
    )
    x = np.zeros((n_rows, at[-1]), windows.dtype)
    x[:, at[:-1, None] + np.arange(n)] = windows.transpose(1, 0, 2)
    x[:, at[odd_trs] + n] = odd.T
    return x


def pool(x: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Average a signal inside each TR.

    Parameters
    ----------
    x : array of shape (n_features, n_frames)
        Float: latents, envelopes. Code indices are refused.
    edges : array of shape (n_trs + 1,)
        From `TRGrid.frame_edges`.

    Returns
    -------
    array of shape (n_trs, n_features)
    """
    x = refuse_labels(x)
    sums = np.add.reduceat(x[:, : edges[-1]], edges[:-1], axis=1, dtype=np.float64)
    return (sums / np.diff(edges)).T.astype(x.dtype)


def refuse_labels(x: np.ndarray) -> np.ndarray:
    """Return a float array, or raise: integers are code labels, on which arithmetic means nothing.

    Raises
    ------
    InputError
        Integer input.
    """
    x = np.asarray(x)
    require(
        x.dtype.kind == "f",
        f"x.dtype={x.dtype}: must be float; integer codes are labels and cannot be averaged or convolved. Use "
        "codec.latents(codes).",
    )
    return x
