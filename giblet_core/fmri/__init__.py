"""fMRI: data sets on disk, checked and read.

Read `manifest` first (what a data set declares), then `readers` and `files` (what lies on disk),
`dataset` (the series) and `check` (every problem in one pass). Nothing is filled in or guessed
without a line that says so.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "check",
        "dataset",
        "files",
        "manifest",
        "readers",
    ],
    submod_attrs={
        "check": [
            "check_dataset",
            "lag_of",
        ],
        "dataset": [
            "Dataset",
            "load_dataset",
        ],
        "files": [
            "mask_array",
        ],
        "manifest": [
            "read_manifest",
        ],
        "readers": [
            "find_one",
            "load_image",
            "read_table",
            "read_textgrid",
        ],
    },
)
