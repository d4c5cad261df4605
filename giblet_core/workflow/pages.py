"""Pages: build the static book with Jupyter Book, offline, and check what came out."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from giblet_core.errors import RunFailed
from giblet_core.files import write_text

PAGE_BYTES = 1_000_000
LINKED_BYTES = 8_000_000  # a page of its own that holds its data: a brain view, a listening test
BOOK_BYTES = 80_000_000
LINKED_FOLDERS = ("listening", "views", "live")  # artifacts that are copied to the site as they are
#: What a page may load: files of the book and data inside the page, nothing from elsewhere.
#: Sphinx and the players use scripts inside the page; plotly and MathJax make functions.
SECURITY_POLICY = (
    "default-src 'self' file: data: blob: 'unsafe-inline'; "
    "script-src 'self' file: blob: 'unsafe-inline' 'unsafe-eval'; "
    "object-src 'none'; base-uri 'none'; form-action 'none'"
)
MATHJAX_NEEDED = ("tex-chtml.js", "core.js", "loader.js", "startup.js")

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_THEBE = re.compile(
    r"<script\b[^>]*>[^<]*THEBE_JS_URL[^<]*</script>"
    r'|<script\b[^>]*src="[^"]*sphinx-thebe\.js[^"]*"></script>'
)
_HOST = r"(?:https?:)?//"
#: What a browser fetches by itself: sources of elements, linked resources, imports and urls of CSS.
_REMOTE = re.compile(
    rf"<(?:script|img|source|audio|video|iframe|embed)\b[^>]*?\bsrc=[\"']?{_HOST}[^\"'\s>]+"
    r"|<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|modulepreload|icon|preconnect))"
    rf"[^>]*?\bhref=[\"']?{_HOST}[^\"'\s>]+"
    rf"|@import\s+(?:url\()?[\"']?{_HOST}[^\"'\s);]+"
    rf"|url\([\"']?{_HOST}[^\"')]+",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Built:
    """What Jupyter Book made.

    Attributes
    ----------
    pages : Path
        The folder of pages.
    problems : tuple of str
        Warnings and errors of the build; empty where all is well.
    """

    pages: Path
    problems: tuple[str, ...] = ()


def build_pages(site: Path, target: Path, log: Path) -> Built:
    """Run Jupyter Book; a warning is a problem, but loses no page.

    Parameters
    ----------
    site : path
        The staged sources.
    target : path
        Where Jupyter Book works.
    log : path
        Receives all that it printed.

    Returns
    -------
    Built

    Raises
    ------
    RunFailed
        There is no page.
    """
    options = ["--warningiserror", "--keep-going", "--quiet"]
    places = [
        str(site),
        "--config",
        str(site / "_config.yml"),
        "--toc",
        str(site / "_toc.yml"),
        "--path-output",
        str(target),
    ]
    program = "from jupyter_book.cli.main import main; main()"
    command = [sys.executable, "-c", program, "build", *places, *options]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    text = _ANSI.sub("", done.stdout + done.stderr)
    write_text(log, text)
    pages = target / "_build" / "html"
    problems = _reasons(text) if done.returncode else []
    if not (pages / "index.html").is_file():
        reasons = "\n".join(problems)
        raise RunFailed(f"The book could not be built:\n{reasons}\nThe whole log: {log}")
    _finish(pages)
    return Built(pages, tuple(problems))


def _reasons(log: str) -> list[str]:
    """Return the first warnings and errors of a log, or its last lines."""
    lines = log.splitlines()
    reasons = [line for line in lines if "WARNING" in line or "ERROR" in line]
    return (reasons or lines[-15:])[:20]


def _finish(pages: Path) -> None:
    """Remove what no page loads, and give every page its security policy.

    No page loads most of MathJax (20 MB), nor the scripts of live cells.
    """
    mathjax = pages / "_static" / "mathjax"
    for path in [*mathjax.glob("*.js"), *mathjax.rglob("*.map")]:
        if path.name not in MATHJAX_NEEDED:
            path.unlink(missing_ok=True)
    for page in pages.rglob("*.html"):
        text = _THEBE.sub("", page.read_text(encoding="utf-8"))
        write_text(page, with_security_policy(text))


def with_security_policy(page: str) -> str:
    """Return a page whose head forbids to load anything from elsewhere."""
    meta = f'<meta http-equiv="Content-Security-Policy" content="{SECURITY_POLICY}">'
    return re.sub(r"(<head\b[^>]*>)", rf"\1\n{meta}", page, count=1)


def site_problems(pages: Path) -> list[str]:
    """List pages over their size, and what would be fetched from the network."""
    problems = []
    for page in sorted(path for path in pages.rglob("*") if path.suffix in (".html", ".css")):
        name = page.relative_to(pages).as_posix()
        size = page.stat().st_size
        limit = LINKED_BYTES if name.split("/")[0] in LINKED_FOLDERS else PAGE_BYTES
        if page.suffix == ".html" and size > limit:
            problems.append(
                f"{name}: {size:,} bytes, the limit is {limit:,}. "
                "Move data or pictures out of the page."
            )
        for text in find_remote(page.read_text(encoding="utf-8")):
            problems.append(f"{name}: fetches from the network: {text[:150]}")
    total = sum(path.stat().st_size for path in pages.rglob("*") if path.is_file())
    if total > BOOK_BYTES:
        problems.append(f"the book: {total:,} bytes, the limit is {BOOK_BYTES:,}.")
    return problems


def find_remote(text: str) -> list[str]:
    """Return the parts of a page or style that a browser would fetch from elsewhere by itself."""
    return [match.group(0) for match in _REMOTE.finditer(text)]
