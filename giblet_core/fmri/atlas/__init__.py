"""Regions: which voxel belongs to which, and what each is called.

Read `labels` first (an image of labels and its table of names), then `parcels` (regions made from
the places of voxels alone, where no atlas is given) and `regions` (what a data set uses, and the
sentence that says so). No region is made from the series that are tested in it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["labels", "parcels", "regions"],
    submod_attrs={
        "labels": ["BACKGROUND", "compare_names", "read_atlas", "read_names"],
        "parcels": ["Parcels", "make_parcels"],
        "regions": ["Regions", "regions_of"],
    },
)
