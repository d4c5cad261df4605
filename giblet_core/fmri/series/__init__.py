"""What becomes of a series between its file and the analysis.

Read `preparation` first (what is taken out, in a sentence for the pages), then `regression` (how:
one regression a run), `designs` (the tables of the subjects), `standardising` (mean and SD from
training rows) and `caching` (series as memory maps, keyed by all that shaped them). Every series
that `Dataset.bold` returns went this way.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "caching",
        "designs",
        "locks",
        "preparation",
        "regression",
        "standardising",
    ],
    submod_attrs={
        "caching": [
            "cached_series",
        ],
        "designs": [
            "subject_design",
        ],
        "preparation": [
            "Preparation",
            "preparation_of",
        ],
        "regression": [
            "RunDesign",
            "regress_out",
        ],
        "standardising": [
            "standardise_runs",
        ],
    },
)
