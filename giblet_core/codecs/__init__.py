"""Codecs: sound to codes to latents and back.

Read `codes` first (what a codec returns), then `encodec` and `loading`, then `streaming` and
`quantisation` for how exact streaming works; `mel` and `opus` are the two comparisons. Codes are
labels, and remember the weights that made them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codes",
        "encodec",
        "loading",
        "mel",
        "opus",
        "quantisation",
        "streaming",
    ],
    submod_attrs={
        "codes": [
            "CARDINALITY",
            "Codes",
            "frame_at",
        ],
        "encodec": [
            "EncodecCodec",
        ],
        "loading": [
            "load_codec",
        ],
        "mel": [
            "MelCodec",
        ],
        "opus": [
            "fit_length",
            "opus_round_trip",
        ],
        "quantisation": [
            "nearest",
            "residual_codes",
        ],
        "streaming": [
            "by_threads",
            "chunk_bounds",
            "reach",
            "stream",
            "stream_encoder",
        ],
    },
)
