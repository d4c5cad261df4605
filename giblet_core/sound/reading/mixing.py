"""From channels to one: the mean of two, ITU-R BS.775 for surround sound, or a channel alone.

References
----------
ITU-R BS.775-4 (2022), Multichannel stereophonic sound system with and without accompanying picture.
"""

from pathlib import Path

import numpy as np

from giblet_core.errors import InputError

# What each place adds to the mean of left and right after ITU-R BS.775-4, table 2: centre and
# surrounds are 3 dB down in left and right; the low-frequency channel is left out.
BS775 = {
    **dict.fromkeys(("FL", "FR", "FLC", "FRC", "BC"), 0.5),
    **dict.fromkeys(("BL", "BR", "SL", "SR"), 0.5 * np.sqrt(0.5)),
    "FC": np.sqrt(0.5),
    "LFE": 0.0,
}
# How a channel is called, and the places that it may have.
NAMES = {
    "left": ("FL",),
    "right": ("FR",),
    "centre": ("FC",),
    "center": ("FC",),
    "lfe": ("LFE",),
    "left_surround": ("SL", "BL"),
    "right_surround": ("SR", "BR"),
    "back_centre": ("BC",),
}
MAX_LOSS_DB = 20.0  # of a mix against its loudest channel
HIGHEST_PEAK = 10.0  # sound in floating point may exceed 1, but not by 20 dB
SILENT = 1e-4  # RMS (-80 dB) below which a loss says nothing

Channel = int | str | None


class Mixer:
    """Mixes blocks of a sound to mono, and watches that nothing is lost.

    Parameters
    ----------
    path : Path
        Of the sound, for messages.
    places : tuple of str
        Where each channel belongs ("FL", "FR", "FC", ...), () where the file does not say.
    n_channels : int
    channel : int or str, optional
        One channel alone: its number from 0, its place, or its name (`NAMES`).

    Attributes
    ----------
    n_samples : int
        Mixed so far.
    notes : tuple of str
        What a user should know of the mix.
    """

    def __init__(
        self, path: Path, places: tuple[str, ...], n_channels: int, channel: Channel = None
    ) -> None:
        self.path = path
        self.n_channels = n_channels
        self.places = places or {1: ("FC",), 2: ("FL", "FR")}.get(n_channels, ())
        self.notes: tuple[str, ...] = ()
        self.n_samples = 0
        self._peak = 0.0
        self._n_bad = 0
        self._mix_energy = 0.0
        self._energies = np.zeros(n_channels)
        self._alone = None if channel is None else self._index_of(channel)
        self._weights = self._mixing_weights()
        self._even = len(set(self._weights.tolist())) == 1

    def _mixing_weights(self) -> np.ndarray:
        """Return what each channel counts in the mix, (n_channels,)."""
        if self.n_channels > 2 and set(self.places) <= set(BS775) and self.places:
            if self._alone is None:
                self.notes = (
                    f"{self.n_channels} channels ({', '.join(self.places)}) are mixed after ITU-R "
                    "BS.775",
                )
            return np.array([BS775[place] for place in self.places], np.float32)
        if self.n_channels > 2 and self._alone is None:
            self.notes = (
                f"the places of its {self.n_channels} channels are not named: their mean is "
                f"taken, not ITU-R BS.775; one alone with channel: {self._choices()}",
            )
        return np.full(self.n_channels, 1 / self.n_channels, np.float32)

    def _index_of(self, channel: int | str) -> int:
        """Return the number of a channel that is given by number, place or name."""
        text = str(channel).strip()
        if text.isdecimal() and int(text) < self.n_channels:
            return int(text)
        wanted = NAMES.get(text.lower(), (text.upper(),))
        matching = [i for i, place in enumerate(self.places) if place in wanted]
        if self.n_channels == 1 or not matching:
            raise InputError(
                f"channel={channel!r}: must be a channel of {self.path}: {self._choices()}. "
                "Choose one of them."
            )
        return matching[0]

    def _choices(self) -> str:
        """List the names of the channels, with bars between them."""
        named = {places: name for name, places in reversed(NAMES.items())}
        of_place = {place: name for places, name in named.items() for place in places}
        if self.n_channels == 1 or not self.places:
            return "|".join(str(i) for i in range(self.n_channels))
        return "|".join(of_place.get(place, place) for place in self.places)

    def mix(self, block: np.ndarray) -> np.ndarray:
        """Mix a block of shape (n_channels, n) to (n,), float32."""
        with np.errstate(all="ignore"):  # NaN and infinity are counted, and refused at the end
            if self._alone is not None:
                mono = block[self._alone]
            elif self._even:
                mono = block.mean(0, dtype=np.float32)
            else:
                mono = self._weights @ block
            self._watch(block, mono)
        return np.ascontiguousarray(mono)

    def _watch(self, block: np.ndarray, mono: np.ndarray) -> None:
        """Add a block to what is known of the sound."""
        self.n_samples += mono.size
        peak = max(float(mono.max(initial=0.0)), -float(mono.min(initial=0.0)))
        if np.isfinite(peak):
            self._peak = max(self._peak, peak)
        else:
            self._n_bad += mono.size - int(np.isfinite(mono).sum())
        if self.n_channels > 1 and self._alone is None:
            self._energies += [np.dot(channel, channel) for channel in block]
            self._mix_energy += float(np.dot(mono, mono))

    def check(self) -> None:
        """Refuse what was mixed: NaN or infinity, far beyond [-1, 1], or channels that cancel.

        Raises
        ------
        InputError
        """
        if self._n_bad:
            raise InputError(
                f"path={self.path}: {self._n_bad} of {self.n_samples} samples are NaN or "
                "infinite; all must be finite. Repair the sound first."
            )
        if self._peak > HIGHEST_PEAK:
            raise InputError(
                f"path={self.path}: its samples reach {self._peak:.3g}; they must lie in about "
                "[-1, 1]. Scale them: divide numbers of 16 bits by 32768."
            )
        loudest = max(self._energies[self._weights > 0], default=0.0)
        if loudest <= SILENT**2 * self.n_samples:
            return
        if self._mix_energy < loudest * 10 ** (-MAX_LOSS_DB / 10):
            loss = "silent"
            if self._mix_energy:
                loss = (
                    f"{10 * np.log10(loudest / self._mix_energy):.0f} dB below the loudest of them"
                )
            raise InputError(
                f"path={self.path}: the mix of its {self.n_channels} channels is {loss}, as with "
                f"opposite phase; it may lose {MAX_LOSS_DB:g} dB. "
                f"Choose one with channel: {self._choices()}."
            )
