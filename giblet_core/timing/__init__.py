"""Timing: the scanner's clock over a sound.

Read `grid` first (which frames belong to which TR), then `hrf` (the response), `folds` (training
and test time), `stimulus` (a sound with its codes and clock) and `processor`, the door of the
original design. Times are seconds; one function rounds.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "folds",
        "grid",
        "hrf",
        "processor",
        "stimulus",
    ],
    submod_attrs={
        "folds": [
            "Fold",
            "check_runs",
            "contiguous_folds",
            "inner_folds",
            "leave_one_subject_out",
            "run_index",
            "shift_within_runs",
        ],
        "grid": [
            "TRGrid",
            "TRWindows",
            "cut",
            "pool",
            "refuse_labels",
            "uncut",
        ],
        "processor": [
            "AudioProcessor",
            "detect_audio_format",
        ],
        "stimulus": [
            "Stimulus",
        ],
    },
)
