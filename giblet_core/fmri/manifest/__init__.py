"""The manifest, ``dataset.yaml``: what it may say, and how it is read.

Read `models`, `sections` and `cleaning` first: one frozen model a section, each field with its
unit, meaning, default and example. Then `rules` (what several values must fulfil together) and
`reading`, which turns a file into a `Manifest`. Every problem of a manifest is found in one pass,
and an unknown key is an error.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "cleaning",
        "fields",
        "models",
        "reading",
        "rules",
        "sections",
    ],
    submod_attrs={
        "models": [
            "Manifest",
        ],
        "reading": [
            "read_manifest",
        ],
        "sections": [
            "Exclusion",
            "Run",
        ],
    },
)
