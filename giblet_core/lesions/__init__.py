"""Lesions: take a part of the code away.

It holds the kinds of lesion, the controls that a claim about a codebook has to survive, and the
scores of lesioned sound. Read `kinds` first (one function and one entry of `LESIONS` a kind), then
`codebooks` (`lesion`), `controls`, `pieces`, `effects` and `evidence` (claims). A lesion changes
latents and never indices, which are labels; the empty lesion is the identity; the same seed gives
the same lesion.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codebooks",
        "controls",
        "effects",
        "evidence",
        "kinds",
        "pieces",
    ],
    submod_attrs={
        "codebooks": [
            "book_set",
            "lesion",
        ],
        "controls": [
            "at_level_of",
            "envelope_matched_noise",
            "flat_envelope_sound",
            "level_matched_control",
            "Matches",
            "matched_removal",
            "reconstruction_matched",
            "reconstruction_matches",
            "smooth_level",
        ],
        "effects": [
            "sound_effects",
            "subset_quality",
        ],
        "evidence": [
            "beyond_control",
            "energy_claims",
            "fine_structure_claims",
            "noise_of_pieces",
            "omission_effects",
        ],
        "kinds": [
            "LESIONS",
            "LesionContext",
            "LesionKind",
            "kinds_for",
        ],
        "pieces": [
            "Piece",
            "choose_donor",
            "choose_pieces",
            "piece_of_sound",
            "rest_of_sound",
            "spread_pieces",
        ],
    },
)
