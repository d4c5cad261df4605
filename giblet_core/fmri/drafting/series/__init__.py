"""Series of a folder: which files are BOLD, and whose they are.

Read `layout` first (series, and the runs that all subjects share), then `derivative` (names of
BIDS) and `plain` (names of any kind). Files that are left out are named in the remarks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["derivative", "layout", "plain"],
)
