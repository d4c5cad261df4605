"""Inference: from figures to claims, and what a claim may say.

Read `intervals` first (one function decides whether a mean gets an interval at all), then
`corrections` (many tests, and whether their correction could detect anything), `calibration` (are
probabilities what they say?), `claims` (a sentence from a result, its failed control first),
`claim_sources` (the results that claims are made from) and `comparisons` (seed by seed).
Nothing here is about sound or brains. A claim that the figures do not decide cannot be told.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "calibration",
        "claim_sources",
        "claims",
        "comparisons",
        "corrections",
        "intervals",
    ],
    submod_attrs={
        "calibration": ["Reliability", "reliability"],
        "claim_sources": ["claim_of_null", "claim_of_proportion", "claim_of_summary"],
        "claims": [
            "Claim",
            "Control",
            "SHOWN",
            "VERDICTS",
            "failed_first",
        ],
        "comparisons": [
            "difference_claims",
            "paired_differences",
            "verdict",
        ],
        "corrections": [
            "ALPHA",
            "Corrected",
            "MAXIMA",
            "MAXIMUM",
            "METHODS",
            "UNSCALED_MAXIMUM",
            "correct",
            "draws_needed",
            "maximum_statistic",
            "smallest_corrected_p",
        ],
        "intervals": [
            "LEAST_UNITS",
            "Proportion",
            "Summary",
            "crossed_bootstrap",
            "proportion",
            "summarise",
        ],
    },
)
