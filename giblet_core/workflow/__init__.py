"""Workflow: from parameters to executed notebooks and the built book.

Read `session` first (what a notebook starts from), then `parameters` (what a run is given), `keys`
(what shapes a result), `execution` (one notebook), `runner` (all of them), `staging` and `pages`
(the static book), and `sweeps` (many runs). What is unchanged is never run again, and a failure is
kept, named and published.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "execution",
        "keys",
        "pages",
        "parameters",
        "runner",
        "session",
        "staging",
        "sweeps",
    ],
    submod_attrs={
        "keys": ["find_notebooks", "input_stamp"],
        "pages": ["find_remote"],
        "parameters": [
            "check_inputs",
            "complete_from_dataset",
            "notebook_parameters",
            "read_parameters",
        ],
        "runner": ["RunReport", "run_book"],
        "session": [
            "SMOKE_S",
            "artifacts_folder",
            "ensure_bold",
            "ensure_stimulus",
            "save_results",
        ],
        "staging": ["move_media"],
        "sweeps": ["SweepResult", "load_grid", "run_sweep"],
    },
)
