"""Figures of region cards: one region whole, and the lesions of all regions side by side."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from giblet_core import viz
from giblet_core.regions.explained import UniqueParts
from giblet_core.regions.findings import Findings

LEVEL = 0.05  # of the tests that a filled mark has passed


def draw_region(findings: Findings, index: int) -> Figure:
    """Draw one region of the findings, in five panels.

    Where it is, what predicts it, what adds, the profile over codebooks, and what its lesion does.
    """
    fig = plt.figure(figsize=(12, 7))
    grid = fig.add_gridspec(2, 6, height_ratios=(1, 1.15))
    map_panel = fig.add_subplot(grid[0, :3])
    _draw_prediction(findings, index, fig.add_subplot(grid[0, 3:]))
    groups_panel = fig.add_subplot(grid[1, :2])
    _draw_parts(findings.spaces, index, groups_panel, "lost without it")
    codebooks_panel = fig.add_subplot(grid[1, 2:4])
    _draw_parts(findings.codebooks, index, codebooks_panel, "profile over codebooks")
    _draw_lesion(findings, index, fig.add_subplot(grid[1, 4:]))
    has_map = findings.data.mask_img is not None
    map_panel.set_title(f"{findings.names[index]} on the brain" if has_map else "no map")
    fig.draw_without_rendering()  # the map is drawn into the place that the layout gives it
    _draw_map(findings, index, map_panel)
    return fig


def _draw_prediction(findings: Findings, index: int, ax: Axes) -> None:
    r = {"ceiling": float(findings.ceiling.group[index]), **findings.r.iloc[index].to_dict()}
    colours = {"ceiling": viz.COLOURS["floor"], "codebooks": viz.COLOURS["codec"]}
    ax = viz.plot_bars(r, ax, colours=colours)
    ax.set(xlabel="r, unseen time, group mean", title="what predicts it")


def _draw_map(findings: Findings, index: int, ax: Axes) -> None:
    ax.grid(False)
    image = findings.image([float(i == index) for i in range(len(findings.names))])
    if image is None:
        ax.axis("off")
        text = "A table of regions has no volume:\nthe map is left out."
        ax.text(0.5, 0.5, text, ha="center", va="center")
        return
    from nilearn import plotting  # takes a second to load

    plotting.plot_glass_brain(image, axes=ax, threshold=0.5, cmap="autumn", colorbar=False)


def _draw_parts(parts: UniqueParts, index: int, ax: Axes, title: str) -> None:
    table = parts.table(index)
    y = np.arange(len(table))
    ax.hlines(y, table["lowest fold"], table["highest fold"], color="black", lw=1.2, label="folds")
    is_more = (table["p (max)"] <= LEVEL).to_numpy()
    colour = viz.COLOURS["codec"]
    ax.plot(table["unique"][is_more], y[is_more], "o", color=colour, label=f"p (max) <= {LEVEL}")
    rest = table["unique"][~is_more]
    ax.plot(rest, y[~is_more], "o", color=colour, fillstyle="none", label=f"p (max) > {LEVEL}")
    ax.axvline(0, color="black", lw=0.6)
    ax.set_yticks(y, table.index)
    ax.invert_yaxis()
    ax.set(xlabel="explained variance, r|r|", title=title)
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2)


def _draw_lesion(findings: Findings, index: int, ax: Axes) -> None:
    lesions = findings.lesions
    name = findings.names[index]
    random_accuracy = 100 * np.nanmean(lesions.random[index], axis=1)
    label = f"{len(random_accuracy)} random regions"
    ax.hist(random_accuracy, bins=15, color=viz.COLOURS["floor"], alpha=0.5, label=label)
    accuracies = {
        f"{name} alone": (lesions.alone[index], "brain"),
        "all regions": (lesions.whole, "sound"),
        f"all but {name}": (lesions.all_but[index], "control"),
    }
    for label, (of_segments, colour) in accuracies.items():
        accuracy = 100 * np.nanmean(of_segments)
        ax.axvline(accuracy, color=viz.COLOURS[colour], lw=2, label=label)
    ax.axvline(50, color="black", ls=":", lw=1, label="chance")
    ax.set(xlabel="segments identified (%)", ylabel="random regions", title="what it hears")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)


def plot_lesions(table: pd.DataFrame, label: str) -> Figure:
    """Draw the lesion table of all regions.

    On the left what each region hears alone, beside its random regions; on the right what is lost
    without it. `label` says whose BOLD it is.
    """
    height = 1.4 + 0.3 * len(table)
    fig, (alone_panel, lost_panel) = plt.subplots(1, 2, figsize=(11, height), sharey=True)
    y = np.arange(len(table))
    alone_panel.barh(
        y,
        table["random, high"] - table["random, low"],
        left=table["random, low"],
        color=viz.COLOURS["floor"],
        alpha=0.35,
        label="random regions, 95 %",
    )
    _plot_intervals(table, "alone", alone_panel, y, "brain")
    _plot_intervals(table, "lost without", lost_panel, y - 0.15, "codec")
    _plot_intervals(table, "lost, frozen", lost_panel, y + 0.15, "control")
    alone_panel.axvline(50, color="black", ls=":")
    alone_panel.set(xlabel="segments identified (%)", title=f"what a region hears alone ({label})")
    lost_panel.axvline(0, color="black", ls=":")
    lost_panel.set(xlabel="points of identification", title="what is lost without it")
    for ax in (alone_panel, lost_panel):
        below = (0.5, -0.12 - 0.6 / len(table))
        ax.legend(fontsize=8, loc="upper center", bbox_to_anchor=below, ncols=2)
    alone_panel.set_yticks(y, table.index)
    alone_panel.invert_yaxis()
    return fig


def _plot_intervals(table: pd.DataFrame, name: str, ax: Axes, y: np.ndarray, colour: str) -> None:
    colour = viz.COLOURS[colour]
    ax.hlines(y, table[f"{name}, low"], table[f"{name}, high"], color=colour)
    ax.plot(table[f"{name} (%)"], y, "o", color=colour, label=name)
