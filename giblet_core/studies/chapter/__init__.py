"""The chapter "What this method cannot see".

Read `attacks` first (what a hostile review tried, and what still succeeds), then `page`, which
joins them with the records of the studies. The page is made from rows and from the list of attacks;
nothing on it is typed, and a test holds it beside them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["attacks", "page"],
    submod_attrs={
        "attacks": [
            "ATTACKS",
            "Attack",
        ],
        "page": [
            "STUDIES",
            "blind_page",
        ],
    },
)
