"""The family: what a simulated region may follow, each an entry of `GENERATORS`.

To add one, write a function of the sound, or of one of its codebooks, and of the draws of a region,
and give it an entry.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from giblet_core.simulations import codebook_drivers as codebooks
from giblet_core.simulations import sound_drivers as sounds

CODEBOOKS = "codebooks"
SOUND = "sound"
OTHER = "no sound"
NOTHING = "nothing"


@dataclass(frozen=True)
class Generator:
    """What drives a region.

    Attributes
    ----------
    name : str
    definition : str
        One sentence.
    follows : {"codebooks", "sound", "no sound", "nothing"}
        Only the first is a region in which codebooks are to be found.
    drive : function or None
        Of a `HeardCodebook` where it follows codebooks, else of a `HeardSound`, and of the region's
        `SubjectDraws`: tracks of shape (n_subjects or 1, n_bins). None drives nothing.
    envelope_share : float
        Share of the variance driven by sound that is the envelope's; the codebooks' part is freed
        of the envelope where it is above 0.
    """

    name: str
    definition: str
    follows: str
    drive: Callable[..., np.ndarray] | None
    envelope_share: float = 0.0

    @property
    def is_negative(self) -> bool:
        """Whether the region follows no codebook, so that any detection is false."""
        return self.follows != CODEBOOKS


_PURE = (
    Generator(
        "signed level",
        "compressed projections on the directions in which a codebook's vectors differ",
        CODEBOOKS,
        codebooks.signed_level,
    ),
    Generator(
        "slow level",
        "the same projections after a low-pass of 1.5 to 4 s",
        CODEBOOKS,
        codebooks.slow_level,
    ),
    Generator(
        "random direction",
        "compressed projections on directions drawn from the whole latent space",
        CODEBOOKS,
        codebooks.random_direction,
    ),
    Generator(
        "energy",
        "energy of a codebook's vectors in eight random directions, to a power below 1",
        CODEBOOKS,
        codebooks.energy,
    ),
    Generator(
        "modulation energy",
        "how strongly projections of a codebook move within an octave between 1.5 and 20 Hz",
        CODEBOOKS,
        codebooks.modulation_energy,
    ),
    Generator(
        "power",
        "square of the projection of a codebook on one random direction",
        CODEBOOKS,
        codebooks.power,
    ),
    Generator("norm", "length of a codebook's vectors", CODEBOOKS, codebooks.norm),
    Generator(
        "tuned entries",
        "nearness of a codebook's vector to a few prototypes",
        CODEBOOKS,
        codebooks.tuned_entries,
    ),
    Generator(
        "rectified direction",
        "projections on random directions where they are positive",
        CODEBOOKS,
        codebooks.rectified_direction,
    ),
    Generator(
        "product of directions",
        "product of the projections on two random directions",
        CODEBOOKS,
        codebooks.product_of_directions,
    ),
    Generator(
        "change",
        "distance of a codebook's vector from that of the frame before",
        CODEBOOKS,
        codebooks.change,
    ),
    Generator("rarity", "how rare an entry is in the sound, in bits", CODEBOOKS, codebooks.rarity),
)


def _mixed(generator: Generator, envelope_share: float) -> Generator:
    """Return the same generator in a region that also follows the envelope."""
    percent = round(100 * (1 - envelope_share))
    return Generator(
        name=f"{generator.name}, {percent} % beside envelope",
        definition=f"{generator.definition}; freed of the envelope, which has the other "
        f"{100 - percent} %",
        follows=generator.follows,
        drive=generator.drive,
        envelope_share=envelope_share,
    )


_SIGNED, _SLOW, _RANDOM, _ENERGY, _, _POWER = _PURE[:6]
_MIXED = (
    _mixed(_SIGNED, 0.5),
    _mixed(_SIGNED, 0.75),
    _mixed(_SLOW, 0.5),
    _mixed(_RANDOM, 0.5),
    _mixed(_ENERGY, 0.5),
    _mixed(_POWER, 0.5),
)
_NEGATIVE = (
    Generator("envelope", "RMS to a power between .3 and .7", SOUND, sounds.envelope),
    Generator("RMS", "root mean square of the sound", SOUND, sounds.root_mean_square),
    Generator("mean power", "square of the RMS", SOUND, sounds.mean_power),
    Generator("power law", "RMS to a power between .15 and 3", SOUND, sounds.power_law),
    Generator("log level", "level in dB above a random floor", SOUND, sounds.log_level),
    Generator("loudness", "power as the ear weighs it, to the power .3", SOUND, sounds.loudness),
    Generator(
        "loudness x speech",
        "loudness with a gain where somebody speaks",
        SOUND,
        sounds.loudness_in_speech,
    ),
    Generator("speech", "whether somebody speaks", SOUND, sounds.speech),
    Generator("mel bands", "log power of three broad bands", SOUND, sounds.mel_bands),
    Generator(
        "band power",
        "amplitude of three broad bands to a power between .5 and 2",
        SOUND,
        sounds.band_power,
    ),
    Generator("onsets", "rises of the log power over all bands", SOUND, sounds.onsets),
    Generator(
        "modulation",
        "how strongly the level of one broad band moves within an octave of 2 to 16 Hz",
        SOUND,
        sounds.modulation,
    ),
    Generator("brightness", "centre of the spectrum in octaves", SOUND, sounds.brightness),
    Generator(
        "silences",
        "share of time softer than a level between -55 and -35 dB",
        SOUND,
        sounds.silences,
    ),
    Generator(
        "spectral change",
        "how much the log power of bands changes over 50 ms, up or down",
        SOUND,
        sounds.spectral_change,
    ),
    Generator("seen", "something slow that subjects share, and no sound", OTHER, sounds.seen),
    Generator("nothing", "noise alone", NOTHING, None),
)
GENERATORS = {entry.name: entry for entry in (*_PURE, *_MIXED, *_NEGATIVE)}
