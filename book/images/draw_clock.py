"""Draw `clock.svg`: how the clock of a manifest lies over the sound.

The times are those that `giblet_core` computes from the manifest below, so the picture cannot say
anything else than the program does. ``python book/images/draw_clock.py`` writes it anew.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import yaml
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from giblet_core.fmri import Manifest, Run, Span, spans_of

SOUND_S = 32.0
MANIFEST = """
name: film
t_r: 2.0
slice_time_ref: 0.5
stimulus: {file: film.wav}
runs:
  - {name: run-1, n_trs: 12, stimulus_start_s: -6.0, dummy_trs: 1}
  - {name: run-2, n_trs: 9, stimulus_start_s: 14.0, dummy_trs: 2}
bold: {format: bids, subjects: ["01"]}
"""
COLOURS = {"kept": "#0072B2", "early": "#B0B0B0", "dummy": "#FFFFFF", "sound": "#009E73"}
INK = "#222222"
BOX_HEIGHT = 0.9
LEFT = -13.0  # where texts begin


def declared() -> Manifest:
    """Return the manifest that is drawn."""
    return Manifest.model_validate(yaml.safe_load(MANIFEST))


def draw_clock() -> Figure:
    """Draw the sound, the volumes of two runs, and what each key of the manifest means."""
    manifest = declared()
    spans, _ = spans_of(manifest, SOUND_S)
    figure, ax = plt.subplots(figsize=(6.4, 6.6))
    _draw_sound(ax)
    for span, y in zip(spans, (6.3, 2.3)):
        _draw_run(ax, manifest, span, y)
    _explain(ax, manifest.runs[0], manifest.t_r)
    _explain_second(ax, manifest.runs[1])
    _legend(ax)
    ax.set(xlim=(LEFT - 0.2, 33), ylim=(-1.9, 11.6), xlabel="seconds of the sound")
    ax.set_xticks(range(-6, 33, 6))
    ax.set_yticks([])
    for side in ("left", "right", "top"):
        ax.spines[side].set_visible(False)
    ax.axvline(0, color=COLOURS["sound"], lw=1, ls=":")
    figure.set_layout_engine("tight")
    return figure


def _draw_sound(ax: Axes) -> None:
    box = Rectangle((0, 9.6), SOUND_S, BOX_HEIGHT, color=COLOURS["sound"], alpha=0.85)
    ax.add_patch(box)
    ax.text(SOUND_S / 2, 10.05, "the sound", color="white", ha="center", va="center", size=13)
    ax.text(0, 10.75, "0 s: it begins", color=INK, ha="center", size=11)


def _draw_run(ax: Axes, manifest: Manifest, span: Span, y: float) -> None:
    """Draw the volumes of a run as boxes, and the moment of each that is kept."""
    run = span.run
    for row in range(run.n_trs):
        begin = run.stimulus_start_s + row * manifest.t_r
        box = Rectangle(
            (begin, y),
            manifest.t_r,
            BOX_HEIGHT,
            facecolor=COLOURS[_state(span, row)],
            edgecolor=INK,
            lw=0.8,
            hatch="////" if _state(span, row) == "dummy" else None,
        )
        ax.add_patch(box)
    for row in range(span.grid.n_trs):
        sampled = span.grid.onset_s + (row + manifest.slice_time_ref) * manifest.t_r
        ax.plot([sampled], [y + BOX_HEIGHT / 2], "o", color="white", ms=3.5)
    ax.text(LEFT, y + BOX_HEIGHT / 2, run.name, color=INK, va="center", size=12, weight="bold")


def _state(span: Span, row: int) -> str:
    """Return what becomes of a volume: dropped, before the sound, or kept."""
    if row < span.run.dummy_trs:
        return "dummy"
    return "early" if row < span.first else "kept"


def _explain(ax: Axes, run: Run, t_r: float) -> None:
    start = run.stimulus_start_s
    arrow = {"arrowstyle": "->", "color": INK}
    options = {"color": INK, "size": 11.5, "ha": "left", "va": "center"}
    ax.annotate(
        f"stimulus_start_s: {start:g}\nwhen volume 0 began",
        (start, 6.3 + BOX_HEIGHT),
        (LEFT, 8.5),
        arrowprops=arrow,
        **options,
    )
    middle = 9.0
    ax.annotate(
        "slice_time_ref: 0.5\na sample belongs to the\nmiddle of its TR",
        (middle, 6.3 + BOX_HEIGHT / 2),
        (12.5, 8.5),
        arrowprops=arrow,
        **options,
    )
    ax.annotate("", (12, 6.0), (12 + t_r, 6.0), arrowprops={"arrowstyle": "<->", "color": INK})
    ax.text(12 + t_r / 2, 5.55, f"t_r: {t_r:g} s", **(options | {"ha": "center"}))
    ax.annotate(
        "dummy_trs: 1, dropped",
        (start + t_r / 2, 6.3),
        (LEFT, 5.2),
        arrowprops=arrow,
        **options,
    )


def _explain_second(ax: Axes, run: Run) -> None:
    arrow = {"arrowstyle": "->", "color": INK}
    options = {"color": INK, "size": 11.5, "ha": "left", "va": "center"}
    ax.annotate(
        f"stimulus_start_s: {run.stimulus_start_s:g}, dummy_trs: {run.dummy_trs}\n"
        "the sound went on at 18 s,\n4 s after volume 0",
        (run.stimulus_start_s, 2.3 + BOX_HEIGHT),
        (LEFT, 4.1),
        arrowprops=arrow,
        **options,
    )


def _legend(ax: Axes) -> None:
    entries = (
        ("kept", "kept: analysed"),
        ("early", "before the sound: left out by itself"),
        ("dummy", "dummy_trs: dropped; the clock does not move"),
    )
    for i, (state, text) in enumerate(entries):
        y = 0.9 - 0.95 * i
        hatch = "////" if state == "dummy" else None
        box = Rectangle((LEFT, y - 0.3), 2, 0.6, fc=COLOURS[state], ec=INK, lw=0.8, hatch=hatch)
        ax.add_patch(box)
        ax.text(LEFT + 2.5, y, text, color=INK, va="center", size=11)


def write_clock(path: Path) -> Path:
    """Write the picture as SVG with its text as text, the same in every run."""
    settings = {"svg.fonttype": "none", "svg.hashsalt": "clock", "font.family": "sans-serif"}
    with plt.rc_context(settings):
        figure = draw_clock()
        figure.savefig(path, format="svg", facecolor="white", metadata={"Date": None})
        plt.close(figure)
    return path


if __name__ == "__main__":
    print(write_clock(Path(__file__).with_name("clock.svg")))
