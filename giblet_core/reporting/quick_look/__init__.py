"""Quick look: the first picture of one's own brain, before the book is run.

Read `measures` first (one subject, loudness and envelope, no statistics) with `blocks` (fewer
series where there are too many), then `figures` and `page` (one HTML file with the sound). It shows
whether sound and BOLD meet at all, and at which lag; it is no result, and says so. What the data do
not allow is left out with a box that says what it needs.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["blocks", "figures", "measures", "page"],
    submod_attrs={
        "measures": ["QuickLook", "take_quick_look"],
        "page": ["quick_look_sentences", "write_quick_look"],
    },
)
