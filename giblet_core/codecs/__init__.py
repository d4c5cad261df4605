"""Codecs: sound to codes to latents and back.

Read `codes` first (what a codec returns), then `base` (what the package may ask of a codec) and
`loading` (the registry of codecs by name). `residual` is what codecs share whose codebooks add up,
`encodec` the one that comes with the book, `streaming` how it is exact in flat memory. `mel` and
`opus` are two coders of other kinds, for comparison. The room promises that codes are labels and
remember the weights that made them, that a codec decodes no others, and that nothing outside the
room knows how many entries, samples a frame or frames a second a codec has.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "base",
        "codes",
        "encodec",
        "loading",
        "mel",
        "opus",
        "residual",
        "streaming",
    ],
    submod_attrs={
        "base": [
            "Codec",
            "ExportableDecoder",
            "TrainableDecoder",
            "UntrainedEncoder",
            "check_made_by",
            "check_offers",
        ],
        "codes": [
            "Codes",
            "as_written",
            "frame_at",
        ],
        "encodec": [
            "EncodecCodec",
        ],
        "loading": [
            "CODECS",
            "CodecEntry",
            "SOURCES",
            "load_codec",
        ],
        "mel": [
            "MelCodec",
        ],
        "opus": [
            "OPUS_RATES",
            "fit_length",
            "opus_round_trip",
        ],
        "residual": [
            "CodecShape",
            "ResidualCodec",
            "chunk_bounds",
            "nearest",
            "residual_codes",
        ],
        "streaming": [
            "by_threads",
            "reach",
            "stream",
            "stream_encoder",
        ],
    },
)
