"""The sounds of the film: music, ambiences, effects and rooms.

Read `synthesis` first (what all sounds are made with), then `instruments` and `music`, then
`effects`, `ambiences` and `rooms`; `material` holds the score. All of it follows from a generator
that the caller gives: the same seed gives the same samples.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "ambiences",
        "effects",
        "instruments",
        "material",
        "music",
        "rooms",
        "synthesis",
    ],
    submod_attrs={
        "ambiences": ["AMBIENCES", "ambience"],
        "effects": ["EFFECTS", "effect"],
        "instruments": ["INSTRUMENTS", "play"],
        "material": ["CUES", "FILM", "SCORE"],
        "music": ["compose"],
        "rooms": ["reverberate"],
        "synthesis": ["RATE"],
    },
)
