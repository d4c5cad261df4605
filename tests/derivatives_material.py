"""Material of tests: voxels that follow planted features, of several subjects."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from giblet_core.derivatives import MapSettings
from giblet_core.derivatives.statistics import BASELINES, voxel_model

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


def repeating_model(rng):
    """Return a model whose codebooks share four fifths of their variance with the baselines."""
    level = smooth(rng, N_TRS, 3)
    mel = smooth(rng, N_TRS, 8)
    shared = np.concatenate([level, mel], axis=1) @ rng.standard_normal((11, 10)) / np.sqrt(11)
    codebooks = 0.9 * shared + np.sqrt(0.19) * smooth(rng, N_TRS, 10)
    groups = {
        "codebooks": [codebooks.astype(np.float32)],
        "envelope, loudness": [level],
        "mel": [mel],
    }
    settings = MapSettings(n_folds=2, embargo=8, n_draws=39, alphas=(0.3, 3.0, 30.0), n_weights=0)
    return voxel_model(groups, RUN_ONSETS, settings)


def planted_everywhere(model, rng, n_voxels, share=0.5):
    """Return voxels that follow all baselines, with weights of their own, and noise."""
    baselines = np.concatenate(model.models()[BASELINES], axis=1)
    return _beside_noise(baselines, rng, n_voxels, share)


def planted(model, rng, space, n_voxels, share=0.6):
    """Return voxels that follow one space with weights of their own, and noise."""
    return _beside_noise(model.groups[space], rng, n_voxels, share)


def _beside_noise(x, rng, n_voxels, share):
    signal = x @ rng.standard_normal((x.shape[1], n_voxels))
    signal /= signal.std(0)
    noise = smooth(rng, len(x), n_voxels)
    return (np.sqrt(share) * signal + np.sqrt(1 - share) * noise).astype(np.float32)
