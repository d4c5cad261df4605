"""A page as the book has it, with the book's own style and scripts, but without its theme."""

import shutil
from pathlib import Path

from giblet_core.workflow import move_media

ROOT = Path(__file__).resolve().parents[2]
SHELL = """<!doctype html><html lang="en" data-theme="{theme}"><head><meta charset="utf-8">
<title>Players</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="_static/giblet.css">
<style>:root{{--pst-color-border:#6a737d;--pst-color-text-base:#1f2328;--pst-color-surface:#f3f4f5;
--pst-color-primary:#0a7d91}}
html[data-theme=dark]{{--pst-color-border:#48566b;--pst-color-text-base:#ced6dd;--pst-color-surface:#222832;--pst-color-primary:#3fb1c5;
background:#14181e;color:#ced6dd}}body{{font-family:sans-serif}}</style></head><body><main><h1>Players</h1>{body}</main>{scripts}</body></html>"""


def write_site(folder, players, theme="light"):
    """Write a page as the book has it: sound moved to FLAC files by the project's own staging,
    then player and style.
    """
    import nbformat

    output = nbformat.v4.new_output(
        "display_data", {"text/html": "".join(p._repr_html_() for p in players)}
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    move_media(notebook, folder / "media", "media")
    shutil.copytree(ROOT / "book/_static", folder / "_static")
    scripts = "".join(
        f'<script src="_static/{p.name}"></script>'
        for p in sorted((ROOT / "book/_static").glob("*.js"), reverse=True)
    )
    body = notebook.cells[0].outputs[0].data["text/html"]
    (folder / "index.html").write_text(
        SHELL.format(theme=theme, body=body, scripts=scripts), encoding="utf-8"
    )
    return folder
