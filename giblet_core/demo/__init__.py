"""Demo: the embedded film and the embedded codec, and how they were made.

`film` renders the sound track from a score; `codec` trains the small EnCodec that speaks by
default. Nothing else in the package depends on how they were made.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codec",
        "film",
    ],
    submod_attrs={},
)
