"""Reporting: what was found, kept and set beside what was expected.

Read `material` first (what a build was made from, and whether that is the demo), then `needs` (what
each section requires of it), `records` (results of long runs, kept with the project), `demo_boxes`
(where those of the demo may be shown), `claims` (sentences made from results), `scorecard`
(expectations beside figures), `surface`, `front_page` and `quick_look` (a first picture before the
book is run). No figure is typed here: each one is read from a file that a notebook or a long run
wrote.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "claims",
        "demo_boxes",
        "front_page",
        "material",
        "needs",
        "quick_look",
        "records",
        "scorecard",
        "surface",
    ],
    submod_attrs={
        "claims": ["claims_overview", "claims_table", "claims_text"],
        "demo_boxes": [
            "DEMO_LABEL",
            "DemoBox",
            "demo_box",
            "identification_box",
            "identification_claims",
            "is_about_the_demo",
            "leave_out_the_demo",
            "linked_page",
            "planned_rows",
            "record_box",
            "read_simulations",
            "recovery_box",
            "recovery_claims",
            "simulation_figures",
            "unlink_the_demo",
            "without_demo_links",
        ],
        "front_page": [
            "citation_html",
            "fill_front_page",
            "front_page_html",
            "players_of",
            "real_or_simulated",
        ],
        "material": [
            "PROJECT",
            "SIMULATION_RECORD",
            "Material",
            "describe_material",
            "is_demo",
            "material_key",
            "material_keys",
            "read_material",
            "renew_material",
            "save_material",
        ],
        "needs": [
            "FACTS",
            "SECTIONS",
            "Readiness",
            "dataset_if_there",
            "measure_material",
            "sounding_s",
        ],
        "quick_look.measures": ["QuickLook", "take_quick_look"],
        "quick_look.page": ["quick_look_sentences", "write_quick_look"],
        "records": [
            "Record",
            "demo_record",
            "own_record",
            "own_record_name",
            "read_record",
            "write_record",
        ],
        "scorecard": [
            "STATES",
            "Row",
            "count_states",
            "read_figures",
            "score_expectations",
            "scorecard_table",
            "unexpected_table",
        ],
        "surface": ["SurfaceMap", "map_on_surface"],
    },
)
