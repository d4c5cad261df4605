"""Timing: the scanner's clock over a sound.

Read `grid` first (which frames belong to which TR), then `hrf` (the haemodynamic response),
`delays` and `latency` (clock and latency told apart), `folds` (training and test time) and
`stimulus` (a sound with its codes and its clock); `processor` is the door of the original design.
The room promises that no frame is lost or counted twice, that nothing later than a TR shapes its
value, and that no training row lies within the embargo of a test row. Times are seconds; `frame_at`
alone rounds them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "delays",
        "folds",
        "grid",
        "hrf",
        "latency",
        "processor",
        "stimulus",
    ],
    submod_attrs={
        "delays": [
            "Answers",
            "answers_by_delay",
        ],
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
            "Windows",
            "cut",
            "pool",
            "refuse_labels",
            "run_onsets",
            "uncut",
        ],
        "latency": [
            "PEAK_RANGE_S",
            "ClockAndLatency",
            "Estimates",
            "clock_and_latency",
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
