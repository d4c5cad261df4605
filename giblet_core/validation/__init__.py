"""Validation: whether the analysis finds what was planted.

Read `simulation` first (subjects whose truth is known), then `recovery` and `decoding_recovery`
(what the analysis finds in them), `identification_null` (is its p fair?), `planning` (what a study
of some size would find) and `wrong_ways` (what is found where nothing is). The truth of a
simulation is read by the scoring alone, and analyses of real data import nothing from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "decoding_recovery",
        "identification_null",
        "planning",
        "recovery",
        "rows",
        "simulation",
        "wrong_ways",
    ],
    submod_attrs={
        "decoding_recovery": [
            "decoding_study",
        ],
        "planning": [
            "DETECTION_FIGURE",
            "SHARE_FIGURE",
            "Plan",
            "plan",
            "reliability",
        ],
        "recovery": [
            "CONTROLS",
            "SEEDS",
            "SIZES",
            "StudySize",
            "recovery_study",
        ],
        "identification_null": [
            "SmallStudy",
            "identification_null_study",
            "simulate_identification",
        ],
        "rows": [
            "StudyRows",
            "record_row",
            "seed_row",
        ],
        "wrong_ways": [
            "WRONG_WAYS",
            "acausal_hrf",
            "average_indices",
            "calibration_study",
            "hrf_twice",
            "shuffled_folds",
            "switch",
        ],
    },
)
