"""Drafting: a manifest written from a folder, with what its files do not say.

Read `draft` first (the order of the work), then `series` (which files are BOLD, and whose),
`clock` with `events` (when the sound began), `companions` and `confounds` (what lies
beside the series), and `remarks` with `writing` (the text). What the files do not say is a TODO in
the text, which `check_dataset` refuses.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "clock",
        "companions",
        "confounds",
        "draft",
        "events",
        "remarks",
        "series",
        "writing",
    ],
    submod_attrs={
        "draft": [
            "Draft",
            "draft_dataset",
        ],
        "remarks": [
            "REMARK_LEVELS",
            "Remark",
            "Remarks",
        ],
    },
)
