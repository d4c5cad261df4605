"""Controls of lesions: comparisons that a claim about a codebook has to stand.

Two sounds made from a piece: one without its envelope, one with nothing but its envelope and
spectrum. What a codebook does for fine structure must show on the first and not on the second.
Two removals beside an omission: one of the same energy, one of the same cost to the sound.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.signal import fftconvolve

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError, MetricError, explained
from giblet_core.lesions.codebooks import lesion
from giblet_core.metrics import level_match, log_mel_distance
from giblet_core.sound import check_wave

FLAT_WINDOW_S = 0.05  # over which the level is equalised: shorter than a syllable
LOWEST_LEVEL = 1e-3  # of the largest level: -60 dB
MAX_STRENGTH = 16.0  # turned vectors are removed at most so many times over


def smooth_level(wave: np.ndarray, sample_rate: int, window_s: float = FLAT_WINDOW_S) -> np.ndarray:
    """Return the root mean square in a sliding Hann window.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    window_s : float
        Length of the window in seconds.

    Returns
    -------
    array of shape (n_samples,), float64
        Never below -60 dB of its largest value; 0 throughout for silence.
    """
    length = 2 * (int(window_s * sample_rate) // 2) + 1  # odd, so that it has a middle
    window = np.hanning(length)
    squared = check_wave(wave).astype(np.float64) ** 2
    power = fftconvolve(squared, window / window.sum(), mode="same")
    level = np.sqrt(np.maximum(power, 0))
    return np.maximum(level, LOWEST_LEVEL * level.max())


def flat_envelope_sound(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Equalise the level in windows of 50 ms: fine structure without the envelope.

    An effect that rests on fine structure is there on this sound too; one that rests on the
    envelope is gone.

    Parameters are the sound (n_samples,) and its rate in Hz. Returns (n_samples,), float32, with
    the RMS of `wave`.

    Raises
    ------
    InputError
        Silence, or what is no waveform.
    """
    _refuse_silence(wave)
    flat = (wave / smooth_level(wave, sample_rate)).astype(np.float32)
    return level_match(flat, wave)


def envelope_matched_noise(wave: np.ndarray, sample_rate: int, seed: int = 0) -> np.ndarray:
    """Make noise with the sound's long-term spectrum and its envelope, but no fine structure.

    Phases are random, magnitudes are the sound's; the level is then equalised and the sound's
    envelope laid over it. An effect that rests on fine structure is gone on this sound; one that
    rests on envelope or spectrum is still there.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    seed : int
        Of the phases.

    Returns
    -------
    array of shape (n_samples,), float32
        With the RMS of `wave`.

    Raises
    ------
    InputError
        Silence, or what is no waveform.
    """
    wave = check_wave(wave)
    _refuse_silence(wave)
    magnitude = np.abs(np.fft.rfft(wave))
    turns = np.random.default_rng(seed).random(len(magnitude))
    spectrum = magnitude * np.exp(2j * np.pi * turns)
    noise = np.fft.irfft(spectrum, len(wave)).astype(np.float32)
    envelope = smooth_level(wave, sample_rate).astype(np.float32)
    return level_match(flat_envelope_sound(noise, sample_rate) * envelope, wave)


def _refuse_silence(wave: np.ndarray) -> None:
    if not check_wave(wave).any():
        raise InputError(
            "wave: is silent throughout and has no envelope; a sound is needed. Choose another "
            "piece."
        )


def matched_removal(
    codec: Codec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> np.ndarray:
    """Remove each codebook's vectors turned by a random rotation: the energy control of ``omit``.

    What is removed has the codebook's energy in every frame and its dimension, but not its
    direction. The sound becomes louder by it; `level_matched_control` brings it to the level of the
    omission.

    Parameters
    ----------
    codec : Codec
    codes : Codes
    codebooks : sequence of int
        Which codebooks, counted from 0.
    seed : int
        Of the rotations, one a codebook.

    Returns
    -------
    array of shape (num_codebooks, latent_dim, n_frames), float32
    """
    latents = codec.latents(codes)  # a new array at every call: it may be written into
    for k in codebooks:
        rng = np.random.default_rng([seed, k])
        rotation, _ = np.linalg.qr(rng.standard_normal((codec.latent_dim, codec.latent_dim)))
        latents[k] = latents[k] - rotation.astype(np.float32) @ latents[k]
    return latents


def at_level_of(control: np.ndarray, lesioned: np.ndarray, sample_rate: int) -> np.ndarray:
    """Bring the sound of a control to the level of the lesioned sound it stands beside.

    Turned vectors add energy where omission takes it away: a control that is louder than intact
    sound beside an omission that is all but silent compares levels, not codebooks.

    Parameters
    ----------
    control, lesioned : arrays of shape (n_samples,)
    sample_rate : int
        Hz.

    Returns
    -------
    array of shape (n_samples,), float32
        At the loudness of `lesioned` (LUFS); where that is too short or too quiet to have a
        loudness, at its RMS. A silent sound has no level: then the control stays as it is.
    """
    for rate in (sample_rate, None):
        try:
            return level_match(control, lesioned, rate)
        except MetricError:
            continue
    return control


def level_matched_control(
    codec: Codec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> np.ndarray:
    """Decode the energy control of ``omit``, at the level of the omission.

    Parameters
    ----------
    codec : Codec
    codes : Codes
    codebooks : sequence of int
        Which codebooks, counted from 0.
    seed : int
        Of the rotations.

    Returns
    -------
    array of shape (n_samples,), float32
    """
    omitted = codec.decode_latents(lesion(codec, codes, codebooks).sum(0), codes.n_samples)
    turned = matched_removal(codec, codes, codebooks, seed).sum(0)
    control = codec.decode_latents(turned, codes.n_samples)
    return at_level_of(control, omitted, codec.sample_rate)


def reconstruction_matched(
    codec: Codec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> tuple[np.ndarray, float]:
    """Remove turned vectors until they cost the sound what omitting the codebooks does.

    The vectors are those of `matched_removal`. The cost is the log-mel distance from the intact
    decoding.

    Parameters
    ----------
    codec : Codec
    codes : Codes
    codebooks : sequence of int
        Which codebooks, counted from 0.
    seed : int
        Of the rotations.

    Returns
    -------
    latents : array of shape (num_codebooks, latent_dim, n_frames), float32
    strength : float
        How many times the turned vectors are removed. Above 1, the codebooks cost more than their
        energy does elsewhere.

    Raises
    ------
    InputError
        `MAX_STRENGTH` times the turned vectors do not cost as much, or the codes do not hold one of
        the codebooks.
    """
    omitted = lesion(codec, codes, codebooks)
    latents = codec.latents(codes)
    removal = _Removal(
        codec=codec,
        intact=codec.decode(codes),
        latents=latents,
        change=matched_removal(codec, codes, codebooks, seed) - latents,
    )
    wanted_cost = removal.cost_of(omitted)
    with explained(
        f"codebooks={list(codebooks)}: {MAX_STRENGTH:g} times their energy elsewhere must cost as "
        "much as they do",
        "Match fewer codebooks.",
        ValueError,
    ):
        strength = brentq(removal.excess_cost, 0, MAX_STRENGTH, args=(wanted_cost,), xtol=0.01)
    return removal.at(strength), strength


@dataclass(frozen=True, eq=False)
class _Removal:
    """Turned vectors that are removed, as often as wanted, and what that costs the sound.

    Attributes
    ----------
    codec : Codec
    intact : array of shape (n_samples,)
        The decoding of all codebooks.
    latents, change : arrays of shape (num_codebooks, latent_dim, n_frames)
        Intact, and what a removal of strength 1 adds to them.
    """

    codec: Codec
    intact: np.ndarray
    latents: np.ndarray
    change: np.ndarray

    def at(self, strength: float) -> np.ndarray:
        """Return the latents after a removal of some strength."""
        return self.latents + np.float32(strength) * self.change

    def cost_of(self, lesioned: np.ndarray) -> float:
        """Return the log-mel distance (dB) of lesioned latents from the intact decoding."""
        sound = self.codec.decode_latents(lesioned.sum(0), len(self.intact))
        return log_mel_distance(self.intact, sound, self.codec.sample_rate)

    def excess_cost(self, strength: float, wanted_cost: float) -> float:
        """Return by how much a removal costs more than is wanted (dB)."""
        return self.cost_of(self.at(strength)) - wanted_cost


@dataclass(frozen=True, eq=False)
class Matches:
    """Turned removals that cost the sound what omitting a codebook does.

    Attributes
    ----------
    latents : mapping of int to array of shape (num_codebooks, latent_dim, n_frames)
        Codebook -> what is left.
    strength : mapping of int to float
        Codebook -> how many times the turned vectors were removed.
    reasons : mapping of int to str
        Codebook -> why it has no match, of those that have none.
    """

    latents: Mapping[int, np.ndarray]
    strength: Mapping[int, float]
    reasons: Mapping[int, str]


def reconstruction_matches(
    codec: Codec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> Matches:
    """Match single codebooks by `reconstruction_matched`, and say which have no match.

    Parameters
    ----------
    codec : Codec
    codes : Codes
    codebooks : sequence of int
        Each is matched by itself; counted from 0.
    seed : int
        Of the rotations.

    Returns
    -------
    Matches
    """
    latents = {}
    strength = {}
    reasons = {}
    for k in codebooks:
        try:
            latents[k], strength[k] = reconstruction_matched(codec, codes, [k], seed)
        except (InputError, MetricError) as error:
            reasons[k] = str(error)
    return Matches(latents, strength, reasons)
