"""A codec, a sound and simulations of coarse voxels that the tests of the simulator share."""

import math

import numpy as np
import pytest
from made_codes import made_up_codes
from scipy.signal import lfilter

from giblet_core.validation.simulation import simulate, stand_in_sound

COARSE = 12  # mm; about 1,100 voxels
RATE = 24_000


class FakeCodec:
    """Eight codebooks of vectors, and latents looked up in them.

    It guarantees only that codebook k shapes slice k.
    """

    sample_rate = RATE
    frame_rate = 75
    bandwidths_kbps = (1.5, 6.0)

    def __init__(self):
        steps = np.random.default_rng(5).standard_normal((8, 1024, 16))
        self.codebooks = steps.cumsum(axis=1).astype(np.float32)

    def latents(self, codes, start_s=0.0, stop_s=None):
        start = round(start_s * codes.frame_rate)
        stop = codes.n_frames if stop_s is None else round(stop_s * codes.frame_rate)
        slices = []
        for codebook, indices in zip(self.codebooks, codes.indices[:, start:stop]):
            slices.append(codebook[indices].T)
        return np.stack(slices)

    def encode(self, wave, bandwidth_kbps):
        n_frames = math.ceil(len(wave) / 320)
        noise = np.random.default_rng(6).standard_normal((8, n_frames))
        drifting = lfilter([1], [1, -0.98], noise)
        indices = np.clip(512 + 200 * drifting / drifting.std(), 0, 1023).astype(np.uint16)
        return made_up_codes(indices, n_samples=len(wave))


@pytest.fixture(scope="session")
def codec():
    return FakeCodec()


@pytest.fixture(scope="session")
def sound():
    return stand_in_sound(np.random.default_rng(0), 600.0, RATE)


@pytest.fixture(scope="session")
def codes(codec, sound):
    return codec.encode(sound, 6.0)


@pytest.fixture(scope="session")
def simulation(codec, codes, sound):
    return simulate(3, codes, 8, codec=codec, wave=sound, run_n_trs=(200, 200), voxel_mm=COARSE)


@pytest.fixture(scope="session")
def short(codec, sound):
    """A minute and a half of the sound, its codes, and what a small simulation needs."""
    wave = sound[: RATE * 91]
    return codec.encode(wave, 6.0), {"codec": codec, "wave": wave, "voxel_mm": COARSE}


@pytest.fixture(scope="session")
def saved(short, tmp_path_factory):
    """A small simulation and the folder of its files."""
    codes, options = short
    folder = tmp_path_factory.mktemp("simulation") / "data"
    simulation = simulate(0, codes, 2, run_n_trs=(30, 30), **options)
    simulation.save(folder)
    return simulation, folder
