"""fMRI: data sets on disk, checked and read.

Read `manifest` first (what a data set declares), then `readers` (the formats of BOLD), `files`
(which files are meant, and what they say), `clock` (where the runs lie in the sound), `dataset`
(the series) and `check`, with `values` and `lag` (every problem in one pass). Nothing is filled in
or guessed without a line that says so.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "check",
        "clock",
        "dataset",
        "files",
        "lag",
        "manifest",
        "problems",
        "readers",
        "tables",
        "values",
    ],
    submod_attrs={
        "check": [
            "check_dataset",
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
        ],
        "files.space": [
            "mask_array",
        ],
        "files.textgrid": [
            "read_textgrid",
        ],
        "lag": [
            "Lag",
            "lag_of",
        ],
        "manifest.models": [
            "Manifest",
            "Run",
        ],
        "manifest.reading": [
            "read_manifest",
        ],
        "problems": [
            "Problem",
            "Problems",
        ],
        "readers": [
            "READERS",
            "BoldHeader",
            "Reader",
            "array_reader",
            "load_image",
        ],
        "tables": [
            "read_table",
        ],
    },
)
