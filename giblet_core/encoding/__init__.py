"""Encoding: from features to the brain, with ceilings, nulls and intervals.

Holds voxelwise ridge and what a score has to be compared with. Read `statistics`, `kernels` and
`regression` first, then `ceilings` (how well any model could do), `randomisation` and `nulls` (what
chance looks like), then `subsets` and the room `recovery`, which ask which codebooks a region
follows. Every score is on time that no fit has seen, and nothing is chosen on it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "ceilings",
        "kernels",
        "nulls",
        "randomisation",
        "recovery",
        "regression",
        "splits",
        "statistics",
        "subsets",
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
            "null_circular_shift",
            "null_phase",
        ],
        "randomisation": [
            "PhaseRotation",
            "draw_shifts",
            "phase_rotation",
            "shift_sizes",
        ],
        "recovery": [
            "Calibration",
            "Design",
            "Ground",
            "Recovery",
            "Regressors",
            "SHARES",
            "beyond",
            "codebook_gain",
            "codebooks_beyond",
            "conditional_nulls",
            "conditional_test",
            "fit_calibration",
            "largest_of",
            "leading_directions",
            "make_design",
            "moved_control",
            "recover",
            "recover_regions",
            "remaining",
            "residual_scores",
            "subset_log_likelihood",
            "tested_families",
            "whiten",
            "whiteners",
        ],
        "regression": [
            "ALPHAS",
            "EncodingResult",
            "FitSettings",
            "fit_banded",
            "fit_ridge",
            "simplex",
        ],
        "splits": [
            "Splits",
            "product_measure",
            "split_scores",
            "unique_scores",
        ],
        "statistics": [
            "Hypothesis",
            "Interval",
            "Null",
            "TIE",
            "binomial_interval",
            "bootstrap",
            "correlate",
            "draw_circular_blocks",
            "fdr",
            "fisher_mean",
            "holm",
            "make_null",
            "seed_interval",
            "signed_square",
        ],
        "subsets": [
            "Penalties",
            "SubsetScores",
            "shapley",
            "subset_scores",
        ],
    },
)
