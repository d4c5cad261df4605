"""Features: from codes and sound to design matrices.

Holds the feature spaces that regions are compared with, and the tools that make them. Read `spaces`
first (a named design matrix), then `pooling` (frames to TRs, with the response), then `codebooks`,
`acoustic` and `controls`, and last `registry`, the list of all spaces: a new one is one function
and one entry there. Every space is exact in time and causal, and nothing here is fitted to brain
data: scaling and reduction belong to the folds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "acoustic",
        "amplitude",
        "codebooks",
        "controls",
        "pooling",
        "quadratic",
        "registry",
        "spaces",
    ],
    submod_attrs={
        "acoustic": [
            "BASELINES",
            "baseline_features",
            "envelope",
            "momentary_loudness",
            "strong_baselines",
            "strong_tracks",
            "time_features",
        ],
        "amplitude": [
            "BASE_RATE_HZ",
            "level_family",
            "onsets",
            "spectrotemporal_modulation",
        ],
        "codebooks": [
            "CodebookMeans",
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
            "RESPONSES",
            "Response",
            "mean_over_responses",
            "modulation_bands",
            "modulation_power",
            "pooled",
            "slow_directions",
        ],
        "quadratic": [
            "CodebookForm",
            "ENERGY",
            "SIGNED",
            "codebook_energy",
            "codebook_forms",
            "second_moments",
        ],
        "registry": [
            "FEATURES",
            "FeatureEntry",
            "CODEBOOK_ENERGY",
            "NUISANCE",
            "STRONG",
            "make_features",
            "make_groups",
        ],
        "spaces": [
            "FeatureSpace",
            "join_spaces",
        ],
    },
)
