"""Reporting: what was found, kept and set beside what was expected.

Read `needs` first (what each section requires of the material), then `records` (results of long
runs, kept with the project), `claims` (sentences made from results), `scorecard` (expectations
beside figures) and `front_page` (what a build of the book was made from). No figure is typed here:
each one is read from a file that a notebook or a long run wrote.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["claims", "front_page", "needs", "records", "scorecard"],
    submod_attrs={
        "claims": ["claims_table", "claims_text"],
        "front_page": [
            "Material",
            "front_page_html",
            "players_of",
            "read_material",
            "save_material",
        ],
        "needs": ["FACTS", "SECTIONS", "Readiness", "measure_material"],
        "records": ["Record", "read_record", "write_record"],
        "scorecard": ["VERDICTS", "read_figures", "score_expectations", "scorecard_table"],
    },
)
