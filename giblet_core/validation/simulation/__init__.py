"""Simulated subjects: BOLD whose truth is known; the demo's world, and a best case.

Regions follow projections on the six slowest directions of each codebook, and the analysis looks at
the eight slowest: what it recovers here is the most that it can. The family of
`giblet_core.simulations`, made without the analysis, says what it recovers elsewhere.

Read `sound_drivers` and `codebook_drivers` first (what a region can follow, on the time line of
`timeline`), then `head`, `signal` (which region follows what), `noise`, `study` (the whole) and
`dataset` (what comes out). The simulator shares no code with the analysis, so that an error in
one does not hide in both. The truth is kept apart from the data, and the names of regions say
nothing about it. The same seed gives the same simulation, bit for bit.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codebook_drivers",
        "dataset",
        "head",
        "noise",
        "signal",
        "sound_drivers",
        "study",
        "timeline",
    ],
    submod_attrs={
        "codebook_drivers": [
            "Projection",
            "project_latents",
            "shape_track",
        ],
        "dataset": [
            "Simulation",
            "Truth",
        ],
        "head": [
            "make_head",
        ],
        "noise": [
            "make_noise",
        ],
        "signal": [
            "CODEBOOK_KINDS",
            "codebooks_of_kind",
        ],
        "sound_drivers": [
            "band_energy",
            "sound_tracks",
            "speech_proxy",
            "stand_in_sound",
        ],
        "study": [
            "MIN_TRS",
            "SOURCES",
            "correlation_for_isc",
            "leave_one_out",
            "simulate",
        ],
        "timeline": [
            "respond",
            "response_kernel",
            "to_bins",
        ],
    },
)
