"""The manifest, ``dataset.yaml``: what it may say, and how it is read.

Read `models` first: one frozen model a section, each field with its unit, meaning, default and
example. Then `reading`, which turns a file into a `Manifest`. Every problem of a manifest is found
in one pass, and an unknown key is an error.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "fields",
        "models",
        "reading",
    ],
    submod_attrs={
        "models": [
            "Exclusion",
            "Manifest",
            "Run",
        ],
        "reading": [
            "read_manifest",
        ],
    },
)
