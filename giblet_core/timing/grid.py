"""Exact bookkeeping between codec frames and TRs: no frame lost, none counted twice, any TR.

Time is absolute seconds of the stimulus. TRs rarely hold a whole number of frames: 1.5 s at 75
frames a second are 112.5, so that windows of 112 and 113 frames alternate. The seed's
``(n_trs, K, 112)`` array is a view; the extra frames travel beside it, so that nothing is spliced.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from giblet_core.codecs import Codes, as_written, frame_at
from giblet_core.errors import InputError, require


@dataclass(frozen=True, eq=False)
class Windows:
    """A signal cut at the TRs, as `cut` does.

    Attributes
    ----------
    array : array of shape (n_trs, n_rows, n)
        The first n frames of each TR.
    extra_frames : array of shape (n_extra, n_rows)
        The one frame more that some TRs hold.
    extra_trs : array of shape (n_extra,), int64
        Which TRs these are.
    """

    array: np.ndarray
    extra_frames: np.ndarray
    extra_trs: np.ndarray


@dataclass(frozen=True, eq=False)
class TRWindows:
    """Codes cut at the TRs.

    Attributes
    ----------
    array : array of shape (n_trs, K, n), int32
        The first n frames of each TR; n is the floor of the frames a TR.
    extra_frames : array of shape (n_extra, K), int32
        The one frame more that some TRs hold.
    extra_trs : array of shape (n_extra,), int64
        Which TRs these are.
    header : Codes
        One frame of the same codec: rate and identity for `TRGrid.join`.
    """

    array: np.ndarray
    extra_frames: np.ndarray
    extra_trs: np.ndarray
    header: Codes

    @property
    def odd(self) -> np.ndarray:
        """Old name of `extra_frames`."""
        _warn_renamed("odd", "extra_frames")
        return self.extra_frames

    @property
    def odd_trs(self) -> np.ndarray:
        """Old name of `extra_trs`."""
        _warn_renamed("odd_trs", "extra_trs")
        return self.extra_trs


def _warn_renamed(old: str, new: str) -> None:
    warnings.warn(
        f"TRWindows: {old} has been renamed {new}; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=3,
    )


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
    slice_time_ref : float
        Where in the TR its sample belongs, 0 (its beginning) to 1 (its end): volume i stands for
        ``onset_s + (i + slice_time_ref) * t_r``. fMRIPrep's data: 0.5.
    history_s : float
        Seconds of the stimulus that were heard without a break before TR 0, such as those of
        dropped volumes: their responses reach into the run.

    Raises
    ------
    InputError
        A TR or a number of TRs that is not positive, a sample outside its TR, a negative history.
    """

    t_r: float
    n_trs: int
    onset_s: float = 0.0
    slice_time_ref: float = 0.0
    history_s: float = 0.0

    def __post_init__(self) -> None:
        require(
            0 <= self.slice_time_ref <= 1,
            f"slice_time_ref={self.slice_time_ref}: must lie in 0 to 1 TRs. fMRIPrep uses 0.5.",
        )
        require(
            self.history_s >= 0 and np.isfinite(self.history_s),
            f"history_s={self.history_s}: must be 0 or more seconds heard before TR 0. Use 0 where "
            "the sound began with the run.",
        )
        require(
            self.t_r > 0 and np.isfinite(self.t_r),
            f"t_r={self.t_r}: must be positive seconds. Take it from the scanner's protocol.",
        )
        if self.n_trs < 1 or self.n_trs != int(self.n_trs):
            raise InputError(
                f"n_trs={self.n_trs}: must be a whole number of at least 1. "
                "The sound may be shorter than one TR."
            )

    @classmethod
    def covering(cls, duration_s: float, t_r: float, onset_s: float = 0.0) -> "TRGrid":
        """Return the grid of all whole TRs between an onset and the end of a sound.

        Parameters
        ----------
        duration_s : float
            Length of the sound, s.
        t_r : float
            Seconds a TR.
        onset_s : float
            Stimulus time at which TR 0 begins.

        Returns
        -------
        TRGrid

        Raises
        ------
        InputError
            Not even one TR fits.
        """
        n_trs = 0
        if t_r > 0:
            n_trs = frame_at(as_written(duration_s) - as_written(onset_s), 1 / as_written(t_r))
        require(
            n_trs >= 1,
            f"duration_s={duration_s}, t_r={t_r}, onset_s={onset_s}: hold no whole TR; at least "
            "one is needed. Give a longer sound.",
        )
        return cls(t_r, n_trs, onset_s)

    def edge(self, i: int) -> Fraction:
        """Return the exact stimulus time (s) at which TR `i` begins."""
        return as_written(self.onset_s) + i * as_written(self.t_r)

    def frame_edges(self, rate: float) -> np.ndarray:
        """Return the frames (or samples) at which TRs begin, and the end of the last.

        ``floor((onset_s + i * t_r) * rate)`` in rational arithmetic.

        Returns
        -------
        array of shape (n_trs + 1,), int64
            Rising, in steps of either the floor of the frames a TR or one more, so that no edge is
            ever a whole frame off, however long the film.
        """
        edges = [frame_at(self.edge(i), rate) for i in range(self.n_trs + 1)]
        return np.array(edges, dtype=np.int64)

    def frames_a_tr(self, rate: float) -> int:
        """Return how many whole frames every TR holds: ``floor(t_r * rate)``."""
        return frame_at(self.t_r, rate)

    def sample_time(self, i: int) -> Fraction:
        """Return the exact stimulus time (s) for which the sample of TR `i` stands."""
        return self.edge(i) + as_written(self.slice_time_ref) * as_written(self.t_r)

    def times(self) -> np.ndarray:
        """Return the stimulus time (s) for which each TR's sample stands, shape (n_trs,).

        It lies `slice_time_ref` TRs after the TR's beginning.
        """
        return np.array([float(self.sample_time(i)) for i in range(self.n_trs)])

    def middles(self) -> np.ndarray:
        """Return the stimulus time (s) of each TR's middle, shape (n_trs,), however sampled."""
        half = as_written(self.t_r) / 2
        return np.array([float(self.edge(i) + half) for i in range(self.n_trs)])

    @property
    def heard_from(self) -> Fraction:
        """The exact stimulus time (s) from which on the sound was heard without a break."""
        return max(Fraction(0), self.edge(0) - as_written(self.history_s))

    def edges_within(self, n_frames: int, rate: float) -> np.ndarray:
        """Return `frame_edges`, having checked that the grid lies inside a sound of `n_frames`.

        Raises
        ------
        InputError
            The grid begins before the sound or ends after it.
        """
        edges = self.frame_edges(rate)
        if edges[0] < 0:
            n_before = -int(self.onset_s // self.t_r)
            raise InputError(
                f"onset_s={self.onset_s}: TR 0 begins before the sound. Drop the first {n_before} "
                "TRs (dummy_trs), or start the sound earlier."
            )
        if edges[-1] > n_frames:
            n_inside = int(np.searchsorted(edges, n_frames, side="right")) - 1
            raise InputError(
                f"n_trs={self.n_trs}: ends at {float(self.edge(self.n_trs)):g} s but the sound at "
                f"{n_frames / rate:g} s; BOLD must not be longer than the sound. "
                f"Use n_trs={n_inside}, or check the onset and t_r={self.t_r}."
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
        indices = codes.indices.astype(np.int32)
        parts = cut(indices, edges, self.frames_a_tr(codes.frame_rate))
        return TRWindows(
            parts.array, parts.extra_frames, parts.extra_trs, header=codes.crop_frames(0, 1)
        )

    def join(self, windows: TRWindows) -> Codes:
        """Undo `windows`: return the codes of frames ``edges[0]:edges[-1]``."""
        header = windows.header
        edges = self.frame_edges(header.frame_rate)
        indices = uncut(windows.array, windows.extra_frames, edges)
        n_samples = indices.shape[1] * header.hop_length
        return replace(header, indices=indices, n_samples=n_samples)


def cut(x: np.ndarray, edges: np.ndarray, n: int) -> Windows:
    """Cut a signal at the TRs.

    Parameters
    ----------
    x : array of shape (n_rows, n_frames)
    edges : array of shape (n_trs + 1,)
        From `TRGrid.frame_edges`.
    n : int
        Frames that every TR holds; some hold one more.

    Returns
    -------
    Windows

    Raises
    ------
    InputError
        A TR is shorter than a frame.
    """
    require(
        n >= 1,
        f"frames a TR: {n} must be at least 1; the TR is shorter than a frame. "
        "Choose a longer t_r.",
    )
    begins = edges[:-1]
    frames = begins[:, None] + np.arange(n)  # (n_trs, n)
    array = x[:, frames].transpose(1, 0, 2)
    extra_trs = np.flatnonzero(np.diff(edges) > n)
    extra_frames = x[:, begins[extra_trs] + n].T
    return Windows(np.ascontiguousarray(array), np.ascontiguousarray(extra_frames), extra_trs)


def uncut(array: np.ndarray, extra_frames: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Undo `cut`.

    Parameters
    ----------
    array : array of shape (n_trs, n_rows, n)
    extra_frames : array of shape (n_extra, n_rows)
    edges : array of shape (n_trs + 1,)
        The edges that `cut` was given.

    Returns
    -------
    array of shape (n_rows, n_frames)
        The frames between the first edge and the last.

    Raises
    ------
    InputError
        Windows of another grid.
    """
    n_trs, n_rows, n = array.shape
    extra_trs = np.flatnonzero(np.diff(edges) > n)
    require(
        n_trs == len(edges) - 1 and extra_frames.shape == (len(extra_trs), n_rows),
        f"windows.shape={array.shape}, extra_frames.shape={extra_frames.shape}: must be cut by a "
        f"grid of {len(edges) - 1} TRs with {len(extra_trs)} extra frames. "
        "Join with the grid that cut.",
    )
    begins = edges[:-1] - edges[0]
    x = np.zeros((n_rows, edges[-1] - edges[0]), array.dtype)
    x[:, begins[:, None] + np.arange(n)] = array.transpose(1, 0, 2)
    x[:, begins[extra_trs] + n] = extra_frames.T
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


def run_onsets(grids: Sequence[TRGrid]) -> tuple[int, ...]:
    """Return the row at which each run begins where runs are laid end to end.

    Examples
    --------
    >>> run_onsets([TRGrid(1.5, 400), TRGrid(1.5, 300, 600.0)])
    (0, 400)
    """
    lengths = [grid.n_trs for grid in grids]
    return tuple(int(onset) for onset in np.cumsum([0, *lengths[:-1]]))


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
        f"x.dtype={x.dtype}: must be float; integer codes are labels and cannot be averaged or "
        "convolved. Use codec.latents(codes).",
    )
    return x
