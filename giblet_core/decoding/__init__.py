"""Decoding: from the brain back to sound.

Read `regression` first: ridge from BOLD to latents, on held-out time. Then `segments` (stretches of
time and their foils), `patterns` and `identification` (which stretch was heard?) and `retrieval`
(what can be played). `spaces` says what is decoded of a sound; `voxels` and `shared_response` join
voxels and subjects. Every prediction comes from a model that never saw that time, and foils are
fair: of the same run, fold and kind of sound, and outside the embargo.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "identification",
        "patterns",
        "regression",
        "retrieval",
        "segments",
        "shared_response",
        "spaces",
        "voxels",
    ],
    submod_attrs={
        "identification": [
            "Identification",
            "identify",
            "identify_stacked",
            "pairwise_accuracy",
        ],
        "patterns": [
            "similarity",
        ],
        "regression": [
            "DecodingResult",
            "decode_beyond",
            "fit_decoder",
            "haufe_patterns",
        ],
        "retrieval": [
            "Retrieval",
            "retrieve",
        ],
        "segments": [
            "Segments",
            "fold_numbers",
            "make_segments",
        ],
        "shared_response": [
            "SharedResponse",
            "decode_unseen",
            "fit_shared_response",
            "procrustes",
        ],
        "spaces": [
            "LATENTS",
            "PLAIN",
            "DecodingSpaces",
            "fair_segments",
            "make_spaces",
        ],
        "voxels": [
            "region_means",
            "standardise_voxels",
        ],
    },
)
