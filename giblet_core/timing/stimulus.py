"""TODO: timing/stimulus."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.codecs import Codec, Codes, frame_at
from giblet_core.sound import KINDS, Annotation
from giblet_core.timing.grid import TRGrid


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

    n_trs = property(lambda self: sum(grid.n_trs for grid in self.grids), doc="TRs of all runs.")
    kinds = property(
        lambda self: tuple(self.annotation.counts if self.annotation else ()),
        doc="`TYPES` of annotation that there are.",
    )
    spoken = property(
        lambda self: self.annotation if "speech" in self.kinds else None,
        doc="The annotation, where it tells speech.",
    )

    def place(self, time_s: float) -> str:
        """Say where a time lies: its second, after the name of the scene where scenes are
        annotated.
        """
        scene = self.annotation.scene_at(time_s) if self.annotation else ""
        return f"{scene}, {time_s:.0f} s" if scene else f"{time_s:.0f} s"

    def _frames(self, start_s: float, stop_s: float) -> tuple[int, int]:
        rate = self.codes.frame_rate
        return frame_at(start_s, rate), min(frame_at(stop_s, rate), self.codes.n_frames)

    def piece(self, start_s: float, stop_s: float) -> np.ndarray:
        """Return the sound between two times, cut at the frames, so that it lies sample by sample
        over `codes_piece`.
        """
        first, last = self._frames(start_s, stop_s)
        return self.wave[first * self.codec.hop_length : last * self.codec.hop_length]

    def codes_piece(self, start_s: float, stop_s: float, k: int | None = None) -> Codes:
        """Return the codes between two times, of the first `k` codebooks."""
        return (self.codes if k is None else self.codes_all.first(k)).crop_frames(
            *self._frames(start_s, stop_s)
        )

    def excerpt(self, kind: str = "speech", seconds: float = 10.0) -> tuple[float, float]:
        """Choose a piece to hear: where `kind` is on longest and the least else; where `kind` is
        not annotated, the loudest piece.

        Returns
        -------
        start_s, stop_s : float
        """
        step = 0.5
        rate, length = self.codec.sample_rate, min(seconds, len(self.wave) / self.codec.sample_rate)
        starts = np.arange(0, len(self.wave) / rate - length + 1e-9, step)
        if kind not in self.kinds:
            score = [float(np.mean(self.piece(a, a + length) ** 2)) for a in starts]
        else:
            times = np.arange(0, len(self.wave) / rate, step)
            others = [k for k in KINDS if k != kind]
            on = self.annotation.active(kind, times) - sum(
                0.3 * self.annotation.active(k, times) for k in others
            )
            score = [on[(times >= a) & (times < a + length)].mean() for a in starts]
        start = float(starts[int(np.argmax(score))])
        return start, start + length

    def enough(self, n_trs: int, what: str) -> bool:
        """Say whether there are `n_trs` TRs for a section, printing what it needs where not."""
        if self.n_trs < n_trs:
            print(
                f"Left out: {what} needs at least {n_trs} TRs; this sound has {self.n_trs} ({self.n_trs * self.grids[0].t_r:g} s)."
            )
        return self.n_trs >= n_trs
