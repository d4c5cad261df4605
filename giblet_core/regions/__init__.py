"""Regions: what a brain region hears.

Read `voxels` first, then `lesions` (take the region away), `findings`, `sound` and `cards`. Every
claim stands beside random regions of the same size and signal.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "cards",
        "findings",
        "lesions",
        "sound",
        "voxels",
    ],
    submod_attrs={
        "cards": [
            "RegionCard",
            "plot_lesions",
            "region_card",
            "write_region_page",
        ],
        "findings": [
            "parts_of",
            "region_findings",
            "unique_parts",
            "with_shifts",
        ],
        "lesions": [
            "choose_penalties",
            "read_out",
            "region_lesions",
            "scorer",
        ],
        "sound": [
            "SOURCES",
            "bottlenecks",
            "generate",
            "generated_scores",
            "listened",
            "trained_generator",
            "trained_model",
        ],
        "voxels": [
            "Subjects",
            "matched_regions",
        ],
    },
)
