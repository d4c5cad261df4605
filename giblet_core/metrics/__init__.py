"""Metrics: how far one sound is from another, and how loud it is.

Read `loudness` and `scores` first (one function a metric), then `pesq` (scored in a child process),
`alignment` and `comparison`, which puts them together. A metric that is not defined is NaN with a
reason, never a number.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "alignment",
        "comparison",
        "loudness",
        "pesq",
        "scores",
    ],
    submod_attrs={
        "pesq": [
            "pesq_pairs",
            "pesq_wb",
        ],
        "comparison": [
            "FLOOR",
            "Quality",
            "attempt",
            "noise_floor",
            "qualities",
            "quality",
            "quality_table",
        ],
        "loudness": [
            "level_match",
            "loudness_lufs",
            "noise_like",
        ],
        "scores": [
            "log_mel_distance",
            "si_sdr",
            "stoi",
        ],
    },
)
