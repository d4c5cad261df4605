"""Features: from codes and sound to design matrices.

Read `spaces` first (a named design matrix), then `pooling` (frames to TRs), then `codebooks`,
`acoustic` and `controls`. Nothing here is fitted to brain data: scaling and reduction belong to the
folds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "acoustic",
        "codebooks",
        "controls",
        "pooling",
        "spaces",
    ],
    submod_attrs={
        "acoustic": [
            "BASE_RATE_HZ",
            "baseline_features",
            "envelope",
            "momentary_loudness",
            "strong_baselines",
        ],
        "codebooks": [
            "codebook_features",
            "codebook_means",
            "energy_features",
            "histogram_features",
            "latent_features",
            "slow_codebooks",
            "summed_features",
        ],
        "controls": [
            "code_surprisal",
            "previous_tr",
            "random_codec_features",
            "surprisal_features",
        ],
        "pooling": [
            "PEAKS_S",
            "modulation_power",
            "over_peaks",
            "pooled",
            "slow_directions",
        ],
        "spaces": [
            "FeatureSpace",
        ],
    },
)
