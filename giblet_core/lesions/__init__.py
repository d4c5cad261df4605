"""Lesions: take a part of the code away.

Read `codebooks` first (kinds of lesion), then `controls` (what a claim about a codebook has to
survive) and `effects` (what a lesion does to the sound). A lesion changes latents; the indices stay
labels.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codebooks",
        "controls",
        "effects",
    ],
    submod_attrs={
        "codebooks": [
            "DEFINITIONS",
            "LESIONS",
            "book_set",
            "lesion",
        ],
        "controls": [
            "envelope_matched_noise",
            "flat_envelope_sound",
            "matched_removal",
            "reconstruction_matched",
            "smooth_level",
        ],
        "effects": [
            "Piece",
            "sound_effects",
            "subset_quality",
        ],
    },
)
