"""TODO: lesions/controls."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.signal import fftconvolve

from giblet_core.codecs import Codes, EncodecCodec
from giblet_core.errors import explained
from giblet_core.lesions.codebooks import lesion
from giblet_core.metrics import level_match, log_mel_distance
from giblet_core.sound import check_wave

FLAT_WINDOW_S, MAX_STRENGTH = 0.05, 16.0


def smooth_level(wave: np.ndarray, sample_rate: int, window_s: float = FLAT_WINDOW_S) -> np.ndarray:
    """Return the RMS in a sliding Hann window, shape (n_samples,), never below -60 dB of its
    largest value.
    """
    window = np.hanning(int(window_s * sample_rate) | 1)
    power = fftconvolve(
        check_wave(wave).astype(np.float64) ** 2, window / window.sum(), mode="same"
    )
    level = np.sqrt(np.maximum(power, 0))
    return np.maximum(level, 1e-3 * level.max())


def flat_envelope_sound(wave: np.ndarray, sample_rate: int) -> np.ndarray:
    """Equalise the level in 50 ms windows: fine structure without the envelope. A claim about a
    codebook survives on it.
    """
    return level_match((wave / smooth_level(wave, sample_rate)).astype(np.float32), wave)


def envelope_matched_noise(wave: np.ndarray, sample_rate: int, seed: int = 0) -> np.ndarray:
    """Make noise with the sound's long-term spectrum and its envelope: no fine structure. A claim
    about a codebook vanishes on it.
    """
    wave = check_wave(wave)
    phase = np.exp(2j * np.pi * np.random.default_rng(seed).random(len(wave) // 2 + 1))
    noise = np.fft.irfft(np.abs(np.fft.rfft(wave)) * phase, len(wave)).astype(np.float32)
    return level_match(
        flat_envelope_sound(noise, sample_rate)
        * smooth_level(wave, sample_rate).astype(np.float32),
        wave,
    )


def matched_removal(
    codec: EncodecCodec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> np.ndarray:
    """Remove, instead of each codebook's vectors, the same vectors turned by a random rotation: the
    energy control.

    The part removed has the codebook's energy in every frame and its dimension, but no longer its
    direction.

    Returns
    -------
    array of shape (num_codebooks, latent_dim, n_frames), float32
    """
    z = codec.latents(codes)
    for k in codebooks:
        rotation, _ = np.linalg.qr(
            np.random.default_rng([seed, k]).standard_normal((codec.latent_dim, codec.latent_dim))
        )
        z[k] = z[k] - rotation.astype(np.float32) @ z[k]
    return z


def reconstruction_matched(
    codec: EncodecCodec, codes: Codes, codebooks: Sequence[int], seed: int = 0
) -> tuple[np.ndarray, float]:
    """Remove as much of the turned vectors of `matched_removal` as costs the sound what omitting
    the codebooks does: the same log-mel distance.

    Returns
    -------
    z : array of shape (num_codebooks, latent_dim, n_frames), float32
    strength : float
        How many times the turned vectors: above 1 the codebooks cost more than their energy does
        elsewhere.

    Raises
    ------
    InputError
        `MOST_DOSE` times the turned vectors do not cost as much.
    """
    z, intact = codec.latents(codes), codec.decode(codes)

    def cost(z: np.ndarray) -> float:
        return log_mel_distance(
            intact, codec.decode_latents(z.sum(0), codes.n_samples), codec.sample_rate
        )

    wanted = cost(
        lesion(codec, codes, codebooks)
    )  # first, for it refuses codebooks that the codes do not hold
    turned = matched_removal(codec, codes, codebooks, seed) - z
    with explained(
        f"codebooks={list(codebooks)}: {MAX_STRENGTH:g} times their energy elsewhere must cost as much as they do",
        "Match fewer codebooks.",
        ValueError,
    ):
        strength = brentq(
            lambda strength: cost(z + np.float32(strength) * turned) - wanted,
            0,
            MAX_STRENGTH,
            xtol=0.01,
        )
    return z + np.float32(strength) * turned, strength
