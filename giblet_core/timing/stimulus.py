"""`Stimulus`: a sound, its code, and the scanner's clock over it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.codecs import Codec, Codes, frame_at
from giblet_core.sound import KINDS, Annotation
from giblet_core.timing.grid import TRGrid

STEP_S = 0.5  # between the beginnings that `excerpt` tries
OTHERS_WEIGHT = 0.3  # how much other sounds count against an excerpt of one kind


@dataclass(frozen=True, eq=False)
class Stimulus:
    """A sound, its code, and the scanner's clock over it.

    Attributes
    ----------
    name, label : str
        What it is; `label` is printed with every figure.
    wave : array of shape (n_samples,), float32
        At the codec's rate.
    codec : Codec
    codes : Codes
        At the bandwidth asked for.
    codes_all : Codes
        At the codec's highest rate; lower rates are ``codes_all.first(k)``.
    grids : tuple of TRGrid
        One a run.
    annotation : Annotation or None
        What sounds when; None for a user's sound without a table of events.
    folder : Path
        Where its artifacts lie.
    key : str
        Hash of sound and codec.
    is_demo : bool
        Sound and codec are the embedded ones, by their content.
    """

    name: str
    label: str
    wave: np.ndarray
    codec: Codec
    codes: Codes
    codes_all: Codes
    grids: tuple[TRGrid, ...]
    annotation: Annotation | None
    folder: Path
    key: str
    is_demo: bool = False

    @property
    def n_trs(self) -> int:
        """TRs of all runs."""
        return sum(grid.n_trs for grid in self.grids)

    @property
    def duration_s(self) -> float:
        """Length of the sound, s."""
        return len(self.wave) / self.codec.sample_rate

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of annotation (speech, music, ...) that there are."""
        return tuple(self.annotation.counts) if self.annotation else ()

    @property
    def spoken(self) -> Annotation | None:
        """The annotation, where it tells speech."""
        return self.annotation if "speech" in self.kinds else None

    def place(self, time_s: float) -> str:
        """Say where a time lies: its second, after the name of an annotated scene."""
        scene = self.annotation.scene_at(time_s) if self.annotation else ""
        second = f"{time_s:.0f} s"
        return f"{scene}, {second}" if scene else second

    def _frames(self, start_s: float, stop_s: float) -> tuple[int, int]:
        rate = self.codes.frame_rate
        first = frame_at(start_s, rate)
        last = min(frame_at(stop_s, rate), self.codes.n_frames)
        return first, last

    def piece(self, start_s: float, stop_s: float) -> np.ndarray:
        """Return the sound between two times, cut at the frames.

        So it lies sample by sample over `codes_piece`.
        """
        first, last = self._frames(start_s, stop_s)
        hop_length = self.codec.hop_length
        return self.wave[first * hop_length : last * hop_length]

    def codes_piece(self, start_s: float, stop_s: float, k: int | None = None) -> Codes:
        """Return the codes between two times.

        Parameters
        ----------
        start_s, stop_s : float
            Seconds of the sound.
        k : int, optional
            How many codebooks; those of the bandwidth asked for by default.

        Returns
        -------
        Codes
        """
        first, last = self._frames(start_s, stop_s)
        codes = self.codes if k is None else self.codes_all.first(k)
        return codes.crop_frames(first, last)

    def excerpt(self, kind: str = "speech", seconds: float = 10.0) -> tuple[float, float]:
        """Choose a piece to hear: where `kind` is on longest and the least else.

        Where `kind` is not annotated, it is the loudest piece. A silent piece is chosen only where
        all are silent.

        Returns
        -------
        start_s, stop_s : float
        """
        length_s = min(seconds, self.duration_s)
        starts_s = np.arange(0, self.duration_s - length_s + 1e-9, STEP_S)
        pieces = [self.piece(start_s, start_s + length_s) for start_s in starts_s]
        if kind in self.kinds:
            purity = self._purity(kind, starts_s, length_s)
            is_silent = [not piece.any() for piece in pieces]
            scores = np.where(is_silent, -np.inf, purity)
        else:
            scores = [float(np.mean(piece**2)) for piece in pieces]
        start_s = float(starts_s[int(np.argmax(scores))])
        return start_s, start_s + length_s

    def _purity(self, kind: str, starts_s: np.ndarray, length_s: float) -> list[float]:
        """Score pieces: the share of time with `kind`, less a part of that with other kinds."""
        times_s = np.arange(0, self.duration_s, STEP_S)
        others = [self.annotation.active(other, times_s) for other in KINDS if other != kind]
        penalty = sum(OTHERS_WEIGHT * active for active in others)
        purity = self.annotation.active(kind, times_s) - penalty
        scores = []
        for start_s in starts_s:
            inside = (times_s >= start_s) & (times_s < start_s + length_s)
            scores.append(purity[inside].mean())
        return scores

    def enough(self, n_trs: int, what: str) -> bool:
        """Say whether there are `n_trs` TRs for a section, printing what it needs where not."""
        is_enough = self.n_trs >= n_trs
        if not is_enough:
            print(
                f"Left out: {what} needs at least {n_trs} TRs; this sound has {self.n_trs} "
                f"({self.n_trs * self.grids[0].t_r:g} s)."
            )
        return is_enough
