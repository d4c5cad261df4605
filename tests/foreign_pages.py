"""What must not stand on a page of other material, outside the boxes that say "demo"."""

import html
import re
from functools import lru_cache

import giblet_core as gc
from giblet_core import reporting

#: Names of the demo and of the real data set that comes with a chapter of its own.
NAMES = ("demo film", "demo run", "alice", "scandal in bohemia", "red-headed league", "lestrade")
BOX_OF_HTML = re.compile(r'<aside class="gb-demo-box">.*?</aside>', re.DOTALL)
BOX_OF_TEXT = re.compile(
    re.escape(f"[{reporting.DEMO_LABEL}]") + r".*?\[end of the box\]", re.DOTALL
)
BREAK = re.compile(r"(?<=[a-z)%])[.;:,] ")


def without_boxes(page):
    return BOX_OF_TEXT.sub("", BOX_OF_HTML.sub("", page))


@lru_cache
def demo_figures():
    """Return the parts of sentences of the demo's records that hold figures, and their headers."""
    sha256 = gc.load_codec("demo").sha256
    simulations = reporting.read_simulations(sha256)
    boxes = (reporting.recovery_box(simulations), reporting.identification_box(simulations))
    texts = [part for box in boxes for part in box.parts if isinstance(part, str)]
    pieces = [piece for text in texts for piece in BREAK.split(text)]
    headers = [text for text in texts if text.startswith("Recorded")]
    figures = [piece for piece in pieces if len(re.findall(r"\d+\.\d+|\d\d+ %", piece)) >= 1]
    return tuple({*figures, *(header[:24] for header in headers)})


def borrowed(page):
    """Return the names and figures of the demo on a page, outside its boxes."""
    text = html.unescape(without_boxes(page))
    lower = text.lower()
    return [name for name in NAMES if name in lower] + [
        figure for figure in demo_figures() if figure in text
    ]
