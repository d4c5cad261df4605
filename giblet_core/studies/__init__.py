"""Studies: what the analysis is worth on simulations that it was not made for.

A study is a design file that is locked before its seeds are drawn. Read `designs` and `register`
first (what is decided beforehand, and how draws are counted), then `films`, `series`, `statistics`
(what of the analysis is evaluated), `figures` (what rows give), `records` and `runner`; the room
`chapter` writes the page of what is missed. Every row of every draw is kept, figures come from rows
alone, and a figure that misses its bar is printed as missed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "chapter",
        "designs",
        "figures",
        "films",
        "records",
        "register",
        "runner",
        "series",
        "statistics",
    ],
    submod_attrs={
        "chapter": [
            "STUDIES",
        ],
        "designs": [
            "Bar",
            "FilmSpec",
            "KnownParts",
            "StudyDesign",
            "SubjectsSpec",
            "design_path",
            "read_design",
        ],
        "figures": [
            "FIGURES",
            "Estimate",
            "Figure",
            "area",
            "calibration_claim",
            "figure_table",
            "reliability_of",
        ],
        "films": [
            "FILMS",
            "StudyFilm",
            "make_film",
            "sounds_folder",
        ],
        "records": [
            "StudyRecord",
            "is_drawn",
            "read_study",
            "write_study",
        ],
        "register": [
            "Entry",
            "begin_draw",
            "check_locked",
            "end_draw",
            "lock",
            "n_draws",
            "note_series",
            "read_register",
        ],
        "runner": [
            "Verdict",
            "draw",
            "find_design",
            "judge",
            "known_parts",
            "rehearse",
            "report",
            "simulate_ahead",
        ],
        "series": [
            "SimulatedSeries",
            "kept_series",
            "simulate_series",
        ],
        "statistics": [
            "STATISTICS",
            "Statistic",
        ],
    },
)
