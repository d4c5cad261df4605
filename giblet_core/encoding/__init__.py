"""Encoding: from features to the brain, with ceilings, nulls and intervals.

Holds voxelwise ridge and what a score has to be compared with. Read `statistics`, `kernels` and
`regression` first, then `ceilings` (how well any model could do) and `nulls` (what chance looks
like), then `subsets`, `variance_components` and `codebook_recovery`, which ask which codebooks a
region follows. Every score is on time that no fit has seen, and nothing is chosen on it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "ceilings",
        "codebook_recovery",
        "kernels",
        "nulls",
        "regression",
        "statistics",
        "subsets",
        "variance_components",
    ],
    submod_attrs={
        "ceilings": [
            "Ceiling",
            "LagScan",
            "ceiling",
            "lag_scan",
            "noise_ceiling",
            "pairwise_from_isc",
            "spearman_brown",
        ],
        "codebook_recovery": [
            "Design",
            "codebook_gain",
            "make_design",
            "recover_regions",
            "residual_scores",
        ],
        "kernels": [
            "Spectrum",
            "centre",
            "check_matrix",
            "decompose",
            "inner_hats",
            "kernel",
            "ridge",
            "standardise",
        ],
        "nulls": [
            "Hypothesis",
            "PhaseRotation",
            "draw_shifts",
            "null_circular_shift",
            "null_phase",
            "phase_rotation",
            "shift_sizes",
        ],
        "regression": [
            "ALPHAS",
            "EncodingResult",
            "FitSettings",
            "fit_banded",
            "fit_ridge",
            "simplex",
        ],
        "statistics": [
            "Interval",
            "Null",
            "binomial_interval",
            "bootstrap",
            "correlate",
            "fdr",
            "fisher_mean",
            "holm",
            "make_null",
            "seed_interval",
        ],
        "subsets": [
            "Penalties",
            "SubsetScores",
            "shapley",
            "subset_scores",
        ],
        "variance_components": [
            "Recovery",
            "Regressors",
            "SHARES",
            "recover",
            "remaining",
            "subset_log_likelihood",
        ],
    },
)
