"""Containers: what a sound file declares, compared with the bytes that are there.

Read `source` first (the bytes of a file, and what is found out), then `identify`, which lists the
kinds of containers; each kind has its file: `chunks` and `uncompressed` (WAV, RF64, W64, AIFF, CAF,
AU), `xiph` (Ogg, FLAC), `frames` (MP3, ADTS, AC-3), `boxes` (MP4, Matroska, AVI, Flash, Voice,
MATLAB), `transport` (MPEG-TS).
Nothing is decoded here. A file that ends early, goes on behind its end, or is two files joined, is
refused with what was declared, what is there and a remedy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        *("boxes", "chunks", "frames", "identify", "source", "transport", "uncompressed", "xiph"),
    ],
    submod_attrs={
        "identify": ["CONTAINERS", "Kind", "inspect_container"],
        "source": ["Container", "Source", "Span", "StoredSamples", "Window"],
    },
)
