"""fMRI: data sets on disk, checked and read.

Read `manifest` first (what a data set declares), then `readers` with `selection` and `images` (the
formats of BOLD, and what is read of them), `files` (which files are meant, and what they say),
`atlas` (regions), `grayordinates` (the surface), `clock` (where the runs lie in the sound),
`dataset` (the series) with `series` (what is taken out of them), and `check` with `checks` (every
problem in one pass); `drafting` writes a manifest from a folder. Nothing is filled in or guessed
without a line that says so.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "atlas",
        "check",
        "checks",
        "clock",
        "dataset",
        "drafting",
        "files",
        "grayordinates",
        "images",
        "manifest",
        "problems",
        "readers",
        "selection",
        "series",
        "textgrid",
    ],
    submod_attrs={
        "atlas.parcels": [
            "Parcels",
            "make_parcels",
        ],
        "check": [
            "check_dataset",
        ],
        "checks.lag": [
            "Lag",
            "lag_of",
        ],
        "clock": [
            "Span",
            "spans_of",
        ],
        "dataset": [
            "Dataset",
            "load_dataset",
        ],
        "drafting.draft": [
            "draft_dataset",
        ],
        "drafting.remarks": [
            "REMARK_LEVELS",
            "Remark",
        ],
        "files.naming": [
            "bold_path",
            "sound_path",
        ],
        "files.patterns": [
            "find_one",
        ],
        "files.space": [
            "mask_array",
        ],
        "grayordinates.places": [
            "Grayordinates",
        ],
        "images": [
            "load_image",
            "refuse_damaged",
        ],
        "manifest.models": [
            "Manifest",
        ],
        "manifest.reading": [
            "read_manifest",
        ],
        "manifest.sections": [
            "Run",
        ],
        "problems": [
            "Problem",
            "Problems",
        ],
        "readers": [
            "READERS",
            "BoldHeader",
            "Columns",
            "ReadOptions",
            "Reader",
            "array_reader",
        ],
        "series.preparation": [
            "Preparation",
            "preparation_of",
        ],
        "series.standardising": [
            "standardise_runs",
        ],
        "textgrid": [
            "read_textgrid",
            "spoken_words",
        ],
    },
)
