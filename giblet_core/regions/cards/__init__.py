"""The region card: all that is known of one region on one page.

Read `card` first (what a card holds), then `claims` and `verdict` (in words), `figures` (in
pictures) and `page` (with sound, as HTML). A card is the same for the demo, an atlas and a table of
regions, and says nothing that its findings do not hold. `giblet region NAME` writes one.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "card",
        "claims",
        "figures",
        "page",
        "verdict",
    ],
    submod_attrs={
        "card": [
            "RegionCard",
            "region_card",
        ],
        "claims": [
            "LesionClaims",
            "codebook_claims",
            "codebooks_add",
            "lesion_claims",
        ],
        "figures": [
            "draw_region",
            "plot_lesions",
        ],
        "page": [
            "write_region_page",
        ],
        "verdict": [
            "Verdict",
            "verdict_on",
        ],
    },
)
