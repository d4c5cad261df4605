"""Decoding: from the brain back to sound.

Read `regression` first: ridge from BOLD to latents, on held-out time. Then `segments` (stretches of
time and their foils), `patterns` and `identification` (which stretch was heard?), `refitting`
(what chance gives) and `retrieval` (what can be played). `spaces` says what is decoded of a sound;
`subjects` joins voxels and subjects. Every prediction comes from a model that never saw that time,
and foils are fair: of the same run, fold and kind of sound, and outside the embargo.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "identification",
        "patterns",
        "refitting",
        "regression",
        "retrieval",
        "segments",
        "spaces",
        "subjects",
    ],
    submod_attrs={
        "identification": [
            "CHANCE",
            "Identification",
            "NULL_KIND",
            "accuracy_of_pairs",
            "chance_control",
            "identify",
            "identify_stacked",
            "pairwise_accuracy",
        ],
        "patterns": [
            "similarity",
        ],
        "refitting": [
            "MovableDecoder",
            "movable_decoder",
        ],
        "regression": [
            "DecodingResult",
            "fit_decoder",
            "haufe_patterns",
            "rest_beyond",
        ],
        "retrieval": [
            "Retrieval",
            "retrieve",
        ],
        "segments": [
            "Segments",
            "foil_pairs",
            "fold_numbers",
            "make_segments",
        ],
        "spaces": [
            "BEYOND",
            "LATENTS",
            "PLAIN",
            "SETS",
            "DecodingSpaces",
            "fair_segments",
            "make_spaces",
        ],
        "subjects": [
            "GroupSeries",
            "SharedResponse",
            "decode_unseen",
            "fit_shared_response",
            "group_series",
            "procrustes",
            "region_means",
            "standardise_voxels",
        ],
    },
)
