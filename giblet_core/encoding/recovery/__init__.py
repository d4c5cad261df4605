"""Which codebooks a region follows, and whether it follows any beyond strong baselines.

Read `design` first (the columns of a sound), then `whitening` (what baselines leave of a series),
`variance_components` (every subset of codebooks weighed), `conditional` (the test of all codebooks
beyond the baselines), `calibration` (probabilities that mean what they say) and `regions`, which
puts them together. `gains` and `residual` ask what codebooks add on unseen time. No probability is
to be read where the test is not passed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "calibration",
        "conditional",
        "design",
        "gains",
        "regions",
        "residual",
        "variance_components",
        "whitening",
    ],
    submod_attrs={
        "calibration": [
            "Calibration",
            "fit_calibration",
        ],
        "conditional": [
            "beyond",
            "conditional_nulls",
            "conditional_test",
            "largest_of",
        ],
        "design": [
            "Design",
            "make_design",
        ],
        "gains": [
            "codebook_gain",
        ],
        "regions": [
            "codebooks_beyond",
            "moved_control",
            "recover_regions",
            "tested_families",
        ],
        "residual": [
            "ResidualScores",
            "residual_scores",
        ],
        "variance_components": [
            "Recovery",
            "Regressors",
            "SHARES",
            "recover",
            "subset_log_likelihood",
        ],
        "whitening": [
            "Ground",
            "leading_directions",
            "remaining",
            "whiten",
            "whiteners",
        ],
    },
)
