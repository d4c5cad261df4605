"""The files of a data set: which they are, and what those beside the series say.

Read `bids`, `patterns` and `naming` first (the file of a subject and run), then `inventory` (which
are there, and what they share), `sidecars`, `space` (which voxels are read) and `nuisance`. Nothing
here reads a series: that is done by the readers. A name that fits no file, or several, is an error.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "bids",
        "inventory",
        "naming",
        "nuisance",
        "patterns",
        "sidecars",
        "space",
    ],
    submod_attrs={
        "naming": [
            "bold_path",
        ],
        "nuisance": [
            "nuisance_run",
        ],
        "patterns": [
            "find_one",
        ],
        "space": [
            "mask_array",
            "mask_of",
        ],
    },
)
