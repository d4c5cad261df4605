"""The files of a data set: which they are, and what those beside the series say.

Read `naming` first (the file of a subject and run), then `space` (mask, atlas and regions),
`nuisance` and `textgrid`. Nothing here reads a series: that is done by the readers. A name that
fits no file, or several, is an error.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "naming",
        "nuisance",
        "space",
        "textgrid",
    ],
    submod_attrs={
        "naming": [
            "bold_path",
            "find_one",
        ],
        "nuisance": [
            "nuisance_table",
        ],
        "space": [
            "Regions",
            "mask_array",
            "mask_of",
            "regions_of",
        ],
        "textgrid": [
            "read_textgrid",
        ],
    },
)
