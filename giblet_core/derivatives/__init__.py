"""Derivatives: results to take away, as maps, tables and a page that says what each file is.

Read `statistics` first (what is computed for every voxel, in each subject and over subjects), then
`output` (names, images, tables, page, provenance) and `maps`, which does both in one call. The room
promises that r is of time no fit has seen, that a value that cannot be had is NaN with its reason,
and that every file and every column is explained beside it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["maps", "output", "statistics"],
    submod_attrs={
        "maps": ["write_maps"],
        "output": ["write_derivatives"],
        "statistics": ["MapSettings", "VoxelMaps", "map_settings", "voxel_maps"],
    },
)
