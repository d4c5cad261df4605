"""Notebooks run in this process, one shell each: no kernel starts, modules are loaded once."""

import traceback
import warnings
from dataclasses import dataclass

import matplotlib.pyplot as plt
import papermill
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook


@dataclass(frozen=True)
class Ran:
    """What a notebook showed (text and HTML of every cell) and the error that ended it, or ""."""

    shown: tuple[str, ...]
    error: str


def run_notebook(path, parameters):
    """Run the code cells of a notebook with its share of the parameters."""
    known = papermill.inspect_notebook(str(path))
    share = {name: value for name, value in parameters.items() if name in known}
    notebook = parameterize_notebook(load_notebook_node(str(path)), share)
    shell = InteractiveShell()
    shown = []
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        with capture_output() as captured, warnings.catch_warnings():
            warnings.simplefilter("default")  # as in a kernel: a warning ends no cell
            result = shell.run_cell(cell.source)
        plt.close("all")
        shown.append(captured.stdout)
        for output in captured.outputs:
            data = output.data or {}
            shown += [text for kind, text in data.items() if kind.startswith("text/")]
        error = result.error_before_exec or result.error_in_exec
        if error is not None:
            trace = "".join(traceback.format_exception(error, limit=-3))
            return Ran(tuple(shown), f"{path.stem}, cell {number}:\n{cell.source[:300]}\n{trace}")
    return Ran(tuple(shown), "")
