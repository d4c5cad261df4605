"""Validation: does the analysis find what was planted?

Read `simulation` first (subjects whose truth is known), then `recovery` (what is found in them),
`planning` and `wrong_ways`. No figure here is of real data. Analyses of real data import nothing
from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "alice",
        "planning",
        "recovery",
        "wrong_ways",
        "simulation",
    ],
    submod_attrs={
        "alice": [
            "alice_report",
            "shift_null",
            "word_rate",
        ],
        "planning": [
            "FIGURE",
            "SHARE",
            "plan",
            "reliability",
        ],
        "recovery": [
            "CONTROLS",
            "SEEDS",
            "decoding_rows",
            "make_rows",
        ],
        "wrong_ways": [
            "WRONG_WAYS",
            "acausal_hrf",
            "average_indices",
            "hrf_twice",
            "shuffled_folds",
            "switch",
        ],
    },
)
