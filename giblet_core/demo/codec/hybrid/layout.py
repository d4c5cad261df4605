"""Which channel of the demo codec does what when training begins, and the bands it hears."""

import numpy as np
from scipy.signal import fftconvolve, firwin

from giblet_core.demo.codec.codebooks import LATENT_DIM
from giblet_core.demo.codec.network import HOP_LENGTH, WIDTH

SAMPLE_RATE = 24_000

# Latents
N_LOW = 28  # of the low band
N_BANDS = 10  # of levels
N_USED = N_LOW + N_BANDS
N_MIXED = 64  # channels of the decoder that scramble signs

# Bands
CROSSOVER_HZ = 1000.0
MEL_EDGES_HZ = 700 * (10 ** (np.linspace(999.99, 2840.02, N_BANDS - 1) / 2595) - 1)  # 1 to 8 kHz
EDGES_HZ = np.concatenate([[200.0], MEL_EDGES_HZ, [11_800.0]])  # the first band is the waveform's
CENTRES_HZ = np.sqrt(EDGES_HZ[1:] * EDGES_HZ[:-1])

# Levels
LOUD = 2000.0  # scale at which an ELU is a rectifier
DECADES = 0.4  # of amplitude in a unit of level
LEVEL_DB = 6.9  # measured: what a unit of level means in decibels
LEVEL_SCALE = 0.15  # latent per unit of level: chosen by STOI and PESQ of the quantised sound
BAND_SCALE = [0.7] + [1.0] * (N_BANDS - 2) + [0.4]  # how finely each level is sent
NOISE_DB = -4.0  # noise weaker than the sound it stands for: PESQ gains .1, STOI loses .004
EXPONENT = 0.6  # the low band is sent as its power .6

# Channels of the LSTMs
COMPANDED = np.arange(LATENT_DIM, LATENT_DIM + N_LOW)  # of the encoder's, which divide
EXPANDED = np.arange(WIDTH - 1 - N_LOW, WIDTH - 1)  # of the decoder's, which multiply
NOISE = np.arange(N_USED + N_MIXED, WIDTH - 1 - N_LOW)  # and those that make noise
NOISE_HZ = np.interp(np.linspace(0, 1, len(NOISE)), [0, 0.45, 0.8, 1.0], [1000, 4000, 8000, 11_500])


def frames_of(wave: np.ndarray) -> np.ndarray:
    """Cut (n_samples,) into whole frames (n_frames, 320)."""
    n_frames = len(wave) // HOP_LENGTH
    return wave[: n_frames * HOP_LENGTH].reshape(n_frames, HOP_LENGTH)


def low_pass(wave: np.ndarray) -> np.ndarray:
    """Keep what is below the crossover, without delay: (n_samples,) float32."""
    taps = firwin(257, CROSSOVER_HZ, fs=SAMPLE_RATE)
    return fftconvolve(wave, taps, "same").astype(np.float32)


def with_frame_before(frames: np.ndarray) -> np.ndarray:
    """Put beside each frame the one before it: (n_frames, d) to (n_frames, 2 d)."""
    before = np.vstack([0 * frames[:1], frames[:-1]])
    return np.concatenate([frames, before], 1)


def now_and_before(channels: np.ndarray) -> np.ndarray:
    """Return the columns of the synthesis that these channels drive.

    The first are their share of this frame, the others what they leave for the next.
    """
    return np.concatenate([channels, WIDTH + channels])
