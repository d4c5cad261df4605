"""Encoding: from features to the brain, with ceilings, nulls and intervals.

Read `kernels` and `regression` first, then `ceilings`, `nulls` and `statistics`, then `subsets`,
`variance_components` and `codebook_recovery`, which ask which codebooks a region follows. Every
score is on time that no fit has seen.
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
        ],
        "kernels": [
            "centre",
            "check_matrix",
            "correlate",
            "decompose",
            "fisher_mean",
            "inner_hats",
            "kernel",
            "ridge",
            "standardise",
        ],
        "nulls": [
            "make_null",
            "null_circular_shift",
            "null_phase",
            "phase_rotation",
            "shift_sizes",
        ],
        "regression": [
            "ALPHAS",
            "EncodingResult",
            "fit_banded",
            "fit_ridge",
            "simplex",
        ],
        "statistics": [
            "Interval",
            "binomial_interval",
            "bootstrap",
            "fdr",
            "holm",
            "seed_interval",
        ],
        "subsets": [
            "residual_scores",
            "shapley",
            "subset_scores",
        ],
        "variance_components": [
            "Recovery",
            "SHARES",
            "recover",
            "remaining",
            "subset_log_likelihood",
        ],
    },
)
