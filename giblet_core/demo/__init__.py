"""Demo: the embedded film and the embedded codec, and how they were made.

Read `film` first (the sound track, rendered from a score), then `voices` (how its voices were
spoken) and `codec` (how the small EnCodec was trained that speaks by default). The film and the
codec can be made anew from here; nothing else in the package depends on how they were made.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codec",
        "film",
        "voices",
    ],
    submod_attrs={},
)
