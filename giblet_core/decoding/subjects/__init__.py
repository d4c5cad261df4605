"""Subjects: voxels and the brains they belong to.

Read `voxels` first (standardised, or averaged in regions), then `shared_response` (what subjects
have in common). The shared response of a held-out subject is fitted on training time alone.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["shared_response", "voxels"],
    submod_attrs={
        "shared_response": [
            "SharedResponse",
            "decode_unseen",
            "fit_shared_response",
            "procrustes",
        ],
        "voxels": ["GroupSeries", "group_series", "region_means", "standardise_voxels"],
    },
)
