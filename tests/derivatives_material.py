"""Material of tests: voxels that follow planted features, of several subjects."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from giblet_core.derivatives import MapSettings
from giblet_core.derivatives.statistics import voxel_model

N_TRS = 160
RUN_ONSETS = (0, 80)


def smooth(rng, n_trs, n_columns, sigma=1.5):
    """Return series as slow as BOLD, of variance 1."""
    series = gaussian_filter1d(rng.standard_normal((n_trs + 40, n_columns)), sigma, axis=0)[20:-20]
    return ((series - series.mean(0)) / series.std(0)).astype(np.float32)


def make_model(rng):
    """Return a model of small feature spaces, smooth and unrelated."""
    groups = {
        "codebooks": [smooth(rng, N_TRS, 6), smooth(rng, N_TRS, 4)],
        "envelope, loudness": [smooth(rng, N_TRS, 2)],
        "mel": [smooth(rng, N_TRS, 5)],
    }
    settings = MapSettings(n_folds=2, embargo=8, n_draws=99, alphas=(0.3, 3.0), n_weights=0)
    return voxel_model(groups, RUN_ONSETS, settings)


def planted(model, rng, space, n_voxels, share=0.6):
    """Return voxels that follow one space with weights of their own, and noise."""
    x = model.groups[space]
    signal = x @ rng.standard_normal((x.shape[1], n_voxels))
    signal /= signal.std(0)
    noise = smooth(rng, len(x), n_voxels)
    return (np.sqrt(share) * signal + np.sqrt(1 - share) * noise).astype(np.float32)
