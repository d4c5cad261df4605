"""Simulations as a family: regions that follow many things, some of them codebooks, with truth.

The room is independent on purpose: it imports nothing of features, encoding or decoding, nor the
response that the analysis uses, so that an error in one does not hide in both. Read `generators`
first (the list of what a region may follow), then `heard_sound`, `codebook_drivers` and
`sound_drivers` (how they are made), `responses`, `noise`, and `family`, which puts a region
together. The same seed gives the same series.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "codebook_drivers",
        "family",
        "generators",
        "heard_sound",
        "noise",
        "responses",
        "sound_drivers",
        "subjects",
    ],
    submod_attrs={
        "family": [
            "RegionSimulation",
            "RegionTruth",
            "Subjects",
            "pairwise_for",
            "simulate_regions",
        ],
        "generators": [
            "GENERATORS",
            "Generator",
        ],
        "heard_sound": [
            "HeardCodebook",
            "HeardSound",
        ],
        "responses": [
            "RESPONSES",
            "RegionResponse",
            "respond",
        ],
        "noise": [
            "region_noise",
        ],
        "subjects": [
            "SubjectDraws",
        ],
    },
)
