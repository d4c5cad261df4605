"""Output: what lies in the folder of results, in the layout of BIDS derivatives.

Read `names` (what files are called), `images` (values back on the grid they came from), `tables`
(with a JSON sidecar for each), `sidecars` (what programs are told of a map), `provenance` (how it
was made), `page` (what each file is, for people) and `writing`, which writes all of it. No file is
written without its explanation, and the folder of another program is never touched.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["images", "names", "page", "provenance", "sidecars", "tables", "writing"],
    submod_attrs={
        "images": ["MAP_FORMATS", "MapFormat", "format_of"],
        "names": ["MAP_NAME", "TABLE_NAME", "Names", "subject_labels"],
        "page": ["results_page"],
        "provenance": ["Source", "provenance_of"],
        "sidecars": ["sidecar_of"],
        "tables": ["column_descriptions", "region_table", "subjects_table"],
        "writing": ["WrittenFile", "write_derivatives"],
    },
)
