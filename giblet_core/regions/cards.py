"""The region card: all that is known of one region on one page, for demo, atlas and ROI table
alike; `giblet region NAME` writes it.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from jinja2 import Template
from matplotlib.figure import Figure

from giblet_core import viz
from giblet_core.encoding import holm
from giblet_core.errors import require
from giblet_core.files import ASSETS, in_memory, project_root, write_text
from giblet_core.fmri import Dataset
from giblet_core.listening import Players, inline_to_files, listen
from giblet_core.regions.findings import RESPONSE_S, Findings, Parts, region_findings
from giblet_core.regions.sound import (
    Generator,
    Scenes,
    bottlenecks,
    generated_scores,
    listened,
    ranked_scenes,
)
from giblet_core.timing import Stimulus


@dataclass(frozen=True, eq=False, repr=False)
class RegionCard:
    """One region on a page.

    Attributes
    ----------
    name : str
    findings : Findings
    lesion : Series
        Its row of the lesion table.
    scenes : Scenes
        Best first.
    verdict : tuple of str
        In words, a sentence a question.
    """

    name: str
    findings: Findings
    lesion: pd.Series
    scenes: Scenes
    verdict: tuple[str, ...]

    index = property(
        lambda self: self.findings.names.index(self.name), doc="Place among the regions measured."
    )

    def players(self, n: int = 5, seconds: float | None = None) -> dict[str, Players]:
        """Return the `n` best and the `n` worst scenes: true, retrieved, retrieved by a matched
        random region, at their own levels.
        """
        f, s, out = self.findings, self.scenes, {}
        n_trs = None if seconds is None else max(1, round(seconds / f.data.t_r))
        n = min(n, len(s.segment) // 2)
        for kind, places in (
            ("best", range(n)),
            ("worst", range(len(s.segment) - n, len(s.segment))),
        ):
            for number, i in enumerate(places, 1):
                sounds = {
                    "heard": s.true[i],
                    f"retrieved by {self.name}": s.retrieved[i],
                    "by a matched random region": s.random[i],
                }
                title = f"{kind} scene {number}: {100 * s.wins[i]:.0f} % of its foils beaten"
                heard = {
                    f"{label}: {f.stim.place(f.start_s(tr))}": f.sound(tr, n_trs)
                    for label, tr in sounds.items()
                }
                out[f"{kind} {number}"] = listen(heard, f.stim.codec.sample_rate, title=title)
        return out

    def figure(self) -> Figure:
        """Draw the card: where it is, what predicts it, what adds, the profile over codebooks, and
        what its lesion does.
        """
        f, i = self.findings, self.index
        fig = plt.figure(figsize=(12, 7))
        grid = fig.add_gridspec(2, 6, height_ratios=(1, 1.15))
        brain = fig.add_subplot(grid[0, :3])
        models = {"ceiling": float(f.top.group[i]), **f.r.iloc[i].to_dict()}
        ax = viz.plot_bars(
            models,
            fig.add_subplot(grid[0, 3:]),
            colours={"ceiling": viz.COLOURS["floor"], "codebooks": viz.COLOURS["codec"]},
        )
        ax.set(xlabel="r, unseen time, group mean", title="what predicts it")
        _draw_parts(f.spaces, i, fig.add_subplot(grid[1, :2]), "what adds beyond the rest")
        _draw_parts(f.codebooks, i, fig.add_subplot(grid[1, 2:4]), "profile over codebooks")
        _draw_lesion(self, fig.add_subplot(grid[1, 4:]))
        brain.set_title(f"{self.name} on the brain" if f.data.mask_img is not None else "no map")
        fig.draw_without_rendering()  # the map is drawn into the place that the layout gives it
        _draw_map(self, brain)
        return fig

    def __repr__(self) -> str:
        return "\n".join((self.name, *self.verdict))

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{text}</li>" for text in self.verdict)
        return f'<div class="giblet-box"><p><b>{self.name}</b>, {self.findings.data.label} BOLD</p><ul>{items}</ul></div>'


def _draw_map(card: RegionCard, ax: Any) -> None:
    ax.grid(False)
    image = card.findings.image([float(name == card.name) for name in card.findings.names])
    if image is None:
        ax.axis("off")
        ax.text(
            0.5,
            0.5,
            "A table of regions has no volume:\nthe map is left out.",
            ha="center",
            va="center",
        )
        return
    from nilearn import plotting

    plotting.plot_glass_brain(image, axes=ax, threshold=0.5, cmap="autumn", colorbar=False)


def _draw_parts(parts: Parts, i: int, ax: Any, title: str) -> None:
    t = parts.table(i)
    y = np.arange(len(t))
    ax.barh(
        y,
        t["null, high"] - t["null, low"],
        left=t["null, low"],
        height=0.8,
        color=viz.COLOURS["floor"],
        alpha=0.3,
        label="null 95 %",
    )
    ax.hlines(y, t["low"], t["high"], color="black", lw=1.2)
    ax.plot(t["unique"], y, "o", color=viz.COLOURS["codec"], label="unique, interval over folds")
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(y, t.index)
    ax.invert_yaxis()
    ax.set(xlabel="explained variance, r|r|", title=title)
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2)


def _draw_lesion(card: RegionCard, ax: Any) -> None:
    lesions, i = card.findings.lesions, card.index
    random = 100 * np.nanmean(lesions.random[i], axis=1)
    ax.hist(
        random,
        bins=15,
        color=viz.COLOURS["floor"],
        alpha=0.5,
        label=f"{len(random)} random regions",
    )
    for label, values, colour in (
        (f"{card.name} alone", lesions.alone[i], "brain"),
        ("all regions", lesions.whole, "sound"),
        (f"all but {card.name}", lesions.all_but[i], "control"),
    ):
        ax.axvline(100 * np.nanmean(values), color=viz.COLOURS[colour], lw=2, label=label)
    ax.axvline(50, color="black", ls=":", lw=1, label="chance")
    ax.set(xlabel="segments identified (%)", ylabel="random regions", title="what it hears")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)


def plot_lesions(table: pd.DataFrame, label: str) -> Figure:
    """Draw the lesion table of all regions: what each hears alone beside its random regions, and
    what is lost without it.
    """
    fig, axes = plt.subplots(1, 2, figsize=(11, 1.4 + 0.3 * len(table)), sharey=True)
    y, width = np.arange(len(table)), table["random, high"] - table["random, low"]
    axes[0].barh(
        y,
        width,
        left=table["random, low"],
        color=viz.COLOURS["floor"],
        alpha=0.35,
        label="random regions, 95 %",
    )
    for ax, name, colour, shift in (
        (axes[0], "alone", "brain", 0),
        (axes[1], "lost without", "codec", -0.15),
        (axes[1], "lost, frozen", "control", 0.15),
    ):
        ax.hlines(
            y + shift, table[f"{name}, low"], table[f"{name}, high"], color=viz.COLOURS[colour]
        )
        ax.plot(table[f"{name} (%)"], y + shift, "o", color=viz.COLOURS[colour], label=name)
    for ax, line, text, title in (
        (axes[0], 50, "segments identified (%)", f"what a region hears alone ({label})"),
        (axes[1], 0, "points of identification", "what is lost without it"),
    ):
        ax.axvline(line, color="black", ls=":")
        ax.set(xlabel=text, title=title)
        ax.legend(
            fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.12 - 0.6 / len(table)), ncols=2
        )
    axes[0].set_yticks(y, table.index)
    axes[0].invert_yaxis()
    return fig


def region_card(
    name: str,
    stim: Stimulus,
    data: Dataset,
    *,
    n_random: int = 200,
    seed: int = 0,
    findings: Findings | None = None,
) -> RegionCard:
    """Put one region on a page.

    Parameters
    ----------
    name : str
        Of the atlas, or a column of a ROI table.
    stim, data :
        Of `ensure_stimulus` and `ensure_bold`.
    n_random : int
        Random regions matched for size and ISC.
    findings : Findings, optional
        Of `region_findings`, where several cards are made; by default this region alone is
        measured, and p is then not corrected over regions.

    Returns
    -------
    RegionCard
    """
    known = data.region_names if findings is None else findings.names
    require(
        name in known,
        f"name={name!r}: must be one of {', '.join(known) or '(the data set has no atlas)'}. Choose one.",
    )
    if findings is None:
        findings = region_findings(stim, data, [name], n_random=n_random, seed=seed, progress=False)
    i = findings.names.index(name)
    lesion = findings.lesions.table(seed).iloc[i]
    scenes = ranked_scenes(findings.lesions, i, findings.latents, findings.segments, findings.folds)
    return RegionCard(name, findings, lesion, scenes, _verdict(findings, i, lesion))


def _verdict(f: Findings, i: int, lesion: Mapping[str, float]) -> tuple[str, ...]:
    """Say in words what was found, with the numbers; the bound is .05 throughout."""
    n, r, top = f.lesions.size[i], f.r["codebooks"].iloc[i], f.top.group[i]
    share = f.top.normalise(np.array(f.r["codebooks"]), "group")[i]
    of = (
        f"{100 * share:.0f} % of its ceiling"
        if np.isfinite(share)
        else "its ceiling is too low to say how much of it"
    )
    adds, over = f.spaces.table(i).iloc[0], len(f.names)
    corrected = (
        f"corrected over {over} regions" if over > 1 else "one region, uncorrected over regions"
    )
    detection = holm(f.recovered.null.p)[i]
    singled = [k for k, p in zip(f.codebooks.names, f.codebooks.p_fdr[:, i]) if p <= 0.05]
    hears = lesion["p chance"] <= 0.05
    alone, low, high = lesion[["alone (%)", "random, low", "random, high"]]
    place = "more than" if alone > high else "less than" if alone < low else "about as much as"
    rivals = (
        "equally many, equally reliable voxels elsewhere"
        if n > 1
        else f"the {f.lesions.random.shape[1]} other columns of the table, whose ISC differs by up to {f.lesions.isc_gap[i]:.2f}"
    )
    needed = lesion["lost without, low"] > 0
    return (
        f"Reliability: {n} {'voxels' if n > 1 else 'column'}, mean ISC {f.lesions.isc[i]:.2f} with {f.top.n_subjects} subjects; r of the "
        f"group mean cannot exceed {top:.2f}.",
        f"Prediction: the codebooks reach r = {r:.2f} on unseen time ({of}).",
        f"Beyond {', '.join(f.spaces.names[1:])} the codebooks add {adds['unique']:.3f} of explained variance (over folds {adds['low']:.3f} to "
        f"{adds['high']:.3f}; null {adds['null, low']:.3f} to {adds['null, high']:.3f}; p = {adds['p (FDR)']:.3f}, FDR): "
        f"{'more than chance' if adds['p (FDR)'] <= 0.05 else 'no more than chance does'}.",
        f"Beyond baselines with many responses: all codebooks together p = {detection:.3f} (Holm), "
        f"{'so that they count' if detection <= 0.05 else 'which is no detection'}; most probable is book "
        f"{f.recovered.probability[:, i].argmax()} ({100 * f.recovered.probability[:, i].max():.0f} %). Singled out by refit, FDR: "
        f"{', '.join(singled) if singled else 'none'}.",
        f"Alone it identifies {lesion['alone (%)']:.0f} % of segments ({lesion['alone, low']:.0f} to {lesion['alone, high']:.0f}; chance "
        f"50; p = {lesion['p chance']:.3f}, {corrected}): {'it hears' if hears else 'it cannot be said to hear'}. That is {place} "
        f"{rivals} ({lesion['random (%)']:.0f} %, 95 % of them {lesion['random, low']:.0f} to {lesion['random, high']:.0f}).",
        f"Without it, identification by all other regions changes by {-lesion['lost without (%)']:+.1f} points "
        f"({-lesion['lost without, high']:+.1f} to {-lesion['lost without, low']:+.1f}): "
        f"{'nothing else stands in for it' if needed else 'no loss is shown'}.",
    )


def write_region_page(
    card: RegionCard,
    folder: str | Path | None = None,
    generator: Generator | None = None,
    seed: int = 0,
) -> Path:
    """Write ``index.html`` and ``media/`` into a folder; with a generator also what it makes of the
    region's voxels.

    The folder is ``build/regions/NAME`` by default, with what a file system refuses replaced.

    Returns
    -------
    Path
        The page.
    """
    safe_name = "".join(c if c.isalnum() or c in "-_. " else "_" for c in card.name)
    folder = Path(folder or project_root() / "build" / "regions" / safe_name)
    viz.use_style()
    figure = card.figure()
    picture = base64.b64encode(in_memory(figure.savefig, format="png", dpi=130)).decode()
    plt.close(figure)
    scenes = "".join(players._repr_html_() for players in card.players().values())
    scores, generated = ("", "") if generator is None else _generation(card, generator, seed)
    page = Template(
        (ASSETS / "region_card.html").read_text(encoding="utf-8"), autoescape=True
    ).render(
        card=card,
        f=card.findings,
        response_s=RESPONSE_S,
        picture=picture,
        scores=scores,
        tables=[
            _numbers(parts.table(card.index), 3)
            for parts in (card.findings.spaces, card.findings.codebooks)
        ],
        **{
            name: inline_to_files(html, folder / "media", "media")
            for name, html in (("scenes", scenes), ("generated", generated))
        },
    )
    return write_text(folder / "index.html", page)


def _numbers(table: pd.DataFrame, digits: int) -> str:
    return table.to_html(float_format=f"{{:.{digits}f}}".format, border=0, classes="numbers")


def _generation(card: RegionCard, generator: Generator, seed: int) -> tuple[str, str]:
    """Return the scores of generated sound, and two scenes of it: from measured, shuffled and no
    fMRI.
    """
    f = card.findings
    numbers = bottlenecks(
        f.group.bold[:, f.group.members(card.name)],
        generator,
        f.folds,
        f.data.t_r,
        f.data.run_onsets,
        f.gap,
        2 * f.min_shift,
    )
    early, players = round(RESPONSE_S / f.data.t_r), ""
    for kind, true in (("best", card.scenes.true[0]), ("worst", card.scenes.true[-1])):
        made = listened(
            generator, numbers, max(0, int(true) - early), f.segments.length, f.stim.codec, seed
        )
        sounds = {f"heard: {f.stim.place(f.start_s(true))}": f.sound(true)} | made
        players += listen(
            sounds, f.stim.codec.sample_rate, title=f"{kind} scene, generated"
        )._repr_html_()
    return _numbers(generated_scores(numbers, generator, f.segments, f.gap, seed), 1), players
