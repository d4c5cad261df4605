"""Grayordinates: BOLD on the cortical surface, with or without volumes below it.

Read `places` first (where each column lies, and which are read), then `cifti` and `gifti` (the two
kinds of files), and last `choice` (the columns that all subjects share, and their regions). The
axis of the files is kept as nibabel gives it, so that results can be written back the same way.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["choice", "cifti", "gifti", "places"],
    submod_attrs={
        "places": [
            "Grayordinates",
        ],
    },
)
