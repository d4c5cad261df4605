"""A small data set: three subjects, two runs, a mask and a sound."""

import numpy as np
import pytest
from data_sets import SHAPE, write_image

from giblet_core.sound import save_audio


@pytest.fixture
def volumes(rng):
    """Three subjects, two runs, whose values are not z-scored."""
    return {
        (s, run): 100 + 3 * rng.standard_normal((*SHAPE, n)).astype(np.float32)
        for s in (1, 2, 3)
        for run, n in (("scan1", 70), ("scan2", 80))
    }


@pytest.fixture
def folder(tmp_path, volumes, rng):
    for (s, run), data in volumes.items():
        write_image(tmp_path / f"s{s}_{run}.nii.gz", data)
    mask = np.zeros(SHAPE)
    mask[1:4, 1:5, 1:3] = 1
    write_image(tmp_path / "mask.nii.gz", mask, None)
    wave = 0.1 * rng.standard_normal(int(8000 * 226)).astype(np.float32)
    save_audio(tmp_path / "film.wav", np.clip(wave, -1, 1), 8000)
    return tmp_path
