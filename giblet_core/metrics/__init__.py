"""Metrics: how far one sound is from another, and how loud it is.

Read `scores` first (one function a metric), then `pesq` (scored in a child process) and `registry`
(the list of metrics, where a new one is entered), then `alignment`, `loudness` and `comparison`,
which puts them together. A metric that is not defined is NaN with a reason, never a number and
never an exception of a comparison.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["alignment", "comparison", "loudness", "pesq", "registry", "scores"],
    submod_attrs={
        "alignment": ["AlignedPair", "aligned"],
        "comparison": [
            "FLOOR",
            "Quality",
            "noise_floor",
            "qualities",
            "quality",
            "quality_table",
        ],
        "loudness": [
            "k_weighted",
            "level_match",
            "loudness_change_lu",
            "loudness_lufs",
            "noise_like",
        ],
        "pesq": ["pesq_pairs", "pesq_wb"],
        "registry": ["METRICS", "Metric", "metric_headings"],
        "scores": ["Score", "attempt", "log_mel_distance", "si_sdr", "stoi"],
    },
)
