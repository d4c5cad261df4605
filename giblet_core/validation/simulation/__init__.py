"""Simulated subjects: BOLD whose truth is known.

Read `drivers` first (what a region follows), then `signal`, `noise`, `study` and `files`. The truth
is kept apart from the data.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "drivers",
        "files",
        "noise",
        "signal",
        "study",
    ],
    submod_attrs={
        "drivers": [
            "band_energy",
            "project_latents",
            "respond",
            "response_kernel",
            "shape_track",
            "sound_tracks",
            "speech_proxy",
            "stand_in_sound",
            "to_bins",
        ],
        "noise": [
            "make_head",
            "make_noise",
        ],
        "signal": [
            "CODEBOOK_KINDS",
            "codebooks_of_kind",
            "pairwise_from_isc",
        ],
        "study": [
            "SOURCES",
            "MIN_TRS",
            "Truth",
            "leave_one_out",
            "simulate",
        ],
    },
)
