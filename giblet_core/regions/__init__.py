"""Regions: what a brain region hears.

Read `voxels` first (the group's responses, and random regions to compare with), then `decoder` and
`lesions` (take the region away, or everything else), `explained` (what each group of features
adds) and `findings`, which measures all of it; `parts` is the older measure, with shifts. `scenes`
and `generation` make it audible; `cards` puts one region on a page. Every claim stands beside
random regions of the same size and reliability, and beside a null of its own.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "cards",
        "decoder",
        "explained",
        "findings",
        "generation",
        "lesions",
        "parts",
        "scenes",
        "voxels",
    ],
    submod_attrs={
        "cards": [
            "LesionClaims",
            "RegionCard",
            "codebook_claims",
            "codebooks_add",
            "draw_region",
            "lesion_claims",
            "plot_lesions",
            "region_card",
            "write_region_page",
        ],
        "decoder": [
            "SegmentScorer",
            "choose_penalties",
            "make_scorer",
            "read_out",
        ],
        "explained": [
            "Explained",
            "UniqueParts",
            "explain",
        ],
        "findings": [
            "Findings",
            "Protocol",
            "count_foils",
            "lesion_study",
            "protocol_for",
            "recover_once",
            "region_findings",
        ],
        "generation": [
            "SOURCES",
            "Generator",
            "ReadingProtocol",
            "bottlenecks",
            "generate",
            "generated_claim",
            "generated_scores",
            "generated_sounds",
            "trained_generator",
            "trained_model",
        ],
        "lesions": [
            "RegionLesions",
            "region_lesions",
        ],
        "parts": [
            "ShiftedParts",
            "shifted_parts",
            "unique_parts",
            "with_shifts",
        ],
        "scenes": [
            "Scenes",
            "ranked_scenes",
        ],
        "voxels": [
            "GroupResponses",
            "group_responses",
            "matched_regions",
        ],
    },
)
