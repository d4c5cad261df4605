"""fMRI: data sets on disk, checked and read.

Read `manifest` first (what a data set declares), then `readers` and `selection` (the formats of
BOLD, and what is read of them), `files` (which files are meant, and what they say), `clock` (where
the runs lie in the sound), `dataset` (the series) and `check` with `checks` (every problem in one
pass). Nothing is filled in or guessed without a line that says so.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "check",
        "checks",
        "clock",
        "dataset",
        "files",
        "manifest",
        "problems",
        "readers",
        "selection",
    ],
    submod_attrs={
        "check": [
            "check_dataset",
        ],
        "checks.lag": [
            "Lag",
            "lag_of",
        ],
        "clock": [
            "Span",
            "spans_of",
        ],
        "dataset": [
            "Dataset",
            "load_dataset",
        ],
        "files.naming": [
            "find_one",
            "sound_path",
        ],
        "files.space": [
            "mask_array",
        ],
        "files.textgrid": [
            "read_textgrid",
        ],
        "manifest.models": [
            "Manifest",
        ],
        "manifest.reading": [
            "read_manifest",
        ],
        "manifest.sections": [
            "Run",
        ],
        "problems": [
            "Problem",
            "Problems",
        ],
        "readers": [
            "READERS",
            "BoldHeader",
            "Columns",
            "Reader",
            "array_reader",
            "load_image",
        ],
    },
)
