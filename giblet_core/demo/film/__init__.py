"""The demo film: a sound track of twenty minutes, rendered from stored voices and one seed.

Read `sounds` first (music, effects, ambiences, rooms), then `arrangement` (which scene comes when),
`stems` (their sum), `mastering` and `film`. The same seed gives the same film, sample by sample,
and its annotation says exactly what sounds when.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "arrangement",
        "film",
        "mastering",
        "sounds",
        "stems",
    ],
    submod_attrs={
        "arrangement": ["voice_files"],
        "film": ["FILM_S", "Film", "FilmRun", "demo_film"],
        "mastering": ["block_power", "integrated", "master"],
        "sounds": [
            "AMBIENCES",
            "CUES",
            "EFFECTS",
            "INSTRUMENTS",
            "RATE",
            "ambience",
            "compose",
            "effect",
            "play",
        ],
        "stems": ["mix"],
    },
)
