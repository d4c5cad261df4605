"""The start of the demo codec: below 1 kHz the waveform, above it noise at the levels of bands.

A linear codec of few bits must choose; it spends all on the strong low band and leaves the rest
empty. Here 28 latents carry the low band (a reduced-rank regression of the low-passed frame),
companded by its level, and ten carry levels of bands on a scale near decibels. Read `layout` first
(which channel does what), then `gates`, `encoder`, `decoder` and `start`. The same sounds and the
same seed give the same network. Training goes on from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["decoder", "encoder", "gates", "layout", "start"],
    submod_attrs={
        "decoder": ["soften"],
        "start": ["hybrid_start"],
    },
)
