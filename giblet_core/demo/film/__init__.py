"""The demo film: a sound track of 23 minutes, rendered from a score.

Read `score` first (music), then `effects`, `mix` and `film`. The same seed gives the same
film, sample by sample.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "effects",
        "film",
        "mix",
        "score",
    ],
    submod_attrs={
        "effects": [
            "AMBIENCES",
            "EFFECTS",
            "ambience",
            "effect",
        ],
        "film": [
            "Film",
            "demo_film",
        ],
        "score": [
            "CUES",
            "INSTRUMENTS",
            "RATE",
            "compose",
            "play",
        ],
    },
)
