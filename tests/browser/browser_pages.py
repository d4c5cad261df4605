"""A page as the book has it, with the book's own style and scripts, but without its theme."""

import shutil
from pathlib import Path

import nbformat

from giblet_core.workflow import move_media

STATIC = Path(__file__).resolve().parents[2] / "book" / "_static"
SHELL = """<!doctype html>
<html lang="en" data-theme="{theme}">
<head>
<meta charset="utf-8">
<title>Players</title>
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width,initial-scale=1">
<link rel="stylesheet" href="_static/giblet.css">
<style>
:root {{
  --pst-color-border: #6a737d;
  --pst-color-text-base: #1f2328;
  --pst-color-surface: #f3f4f5;
  --pst-color-primary: #0a7d91;
}}
html[data-theme=dark] {{
  --pst-color-border: #48566b;
  --pst-color-text-base: #ced6dd;
  --pst-color-surface: #222832;
  --pst-color-primary: #3fb1c5;
  background: #14181e;
  color: #ced6dd;
}}
body {{ font-family: sans-serif; }}
</style>
</head>
<body><main><h1>Players</h1>{body}</main>{scripts}</body>
</html>
"""


def write_site(folder, players, theme="light"):
    """Write a page with players into a folder.

    The project's own staging moves the sounds to FLAC files; then come the player's scripts and
    style.
    """
    markup = "".join(player._repr_html_() for player in players)
    output = nbformat.v4.new_output("display_data", {"text/html": markup})
    cell = nbformat.v4.new_code_cell("", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    move_media(notebook, folder / "media", "media")
    body = notebook.cells[0].outputs[0].data["text/html"]
    shutil.copytree(STATIC, folder / "_static")
    # the player's script comes before those that build on it
    names = sorted((path.name for path in STATIC.glob("*.js")), reverse=True)
    scripts = "".join(f'<script src="_static/{name}"></script>' for name in names)
    page = SHELL.format(theme=theme, body=body, scripts=scripts)
    (folder / "index.html").write_text(page, encoding="utf-8")
    return folder
