"""Decoding: from the brain back to sound.

Read `regression` first, then `segments` and `identification` (which stretch of sound was it?),
`spaces` (what is decoded) and `shared_response` (across subjects). Foils are fair: of the same run,
fold and kind, and outside the embargo.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "identification",
        "regression",
        "segments",
        "shared_response",
        "spaces",
    ],
    submod_attrs={
        "identification": [
            "identify",
            "identify_by",
            "identify_stacked",
            "retrieve",
            "pairwise_wins",
        ],
        "regression": [
            "decode_beyond",
            "fit_decoder",
            "haufe_patterns",
        ],
        "segments": [
            "Segments",
            "fold_numbers",
            "make_segments",
            "similarity",
        ],
        "shared_response": [
            "decode_unseen",
            "fit_shared_response",
            "procrustes",
            "region_means",
            "scale",
        ],
        "spaces": [
            "LATENTS",
            "PLAIN",
            "fair_segments",
            "make_spaces",
        ],
    },
)
