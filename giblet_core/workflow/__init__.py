"""Workflow: from parameters to executed notebooks and the built book.

Read `session` first (what a notebook starts from), then `parameters`, `runner`, `staging` and
`sweeps`, then `records` and `scorecard`. A run is keyed by all that shapes its result.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "parameters",
        "records",
        "runner",
        "scorecard",
        "session",
        "staging",
        "sweeps",
    ],
    submod_attrs={
        "parameters": [
            "check_inputs",
            "complete_from_dataset",
            "notebook_parameters",
        ],
        "records": [
            "read_record",
            "write_record",
        ],
        "runner": [
            "RunReport",
            "find_notebooks",
            "input_stamp",
            "run",
        ],
        "scorecard": [
            "VERDICTS",
            "read_figures",
            "score",
            "table",
        ],
        "session": [
            "SMOKE_S",
            "artifacts_folder",
            "ensure_bold",
            "ensure_stimulus",
            "save_results",
        ],
        "staging": [
            "find_remote",
            "move_media",
        ],
        "sweeps": [
            "SweepResult",
            "load_grid",
            "sweep",
        ],
    },
)
