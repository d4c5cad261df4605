"""Pictures of a quick look: the map, the lag scan, the best series."""

import matplotlib.pyplot as plt
import nibabel as nib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from giblet_core import viz
from giblet_core.fmri import mask_array
from giblet_core.reporting.quick_look.measures import TOP_PERCENT, QuickLook

N_SLICES = 7
MOST_REGIONS = 20  # shown as bars
LEAST_R = 0.1  # voxels below are not painted


def draw_map(look: QuickLook) -> Figure:
    """Draw r of every voxel on axial slices of the mean image; of regions as bars."""
    if look.data.mask_img is not None:
        return _draw_slices(look)
    figure, ax = plt.subplots(figsize=(11, 4))
    if look.data.region_names and len(look.data.region_names) == look.data.n_voxels:
        _draw_regions(look, ax)
    else:
        _draw_distribution(look, ax)
    return figure


def _draw_slices(look: QuickLook) -> Figure:
    from nilearn import plotting  # takes a second to load

    r = _in_volume(look, np.nan_to_num(look.r))
    mean = _in_volume(look, look.mean_bold)
    figure = plt.figure(figsize=(11, 3.2), layout="none")  # nilearn places its axes
    plotting.plot_stat_map(
        r,
        bg_img=mean,
        figure=figure,
        display_mode="z",
        cut_coords=_slices(look),
        threshold=LEAST_R,
        vmax=max(2 * LEAST_R, float(np.nanmax(look.fit.r))),
        colorbar=True,
        annotate=True,
        black_bg=False,
    )
    return figure


def _slices(look: QuickLook) -> list[float]:
    """Return the heights (mm) of axial slices, with as many voxels between any two.

    Slices that are evenly spread in mm would miss an oblique slab at both ends.
    """
    mask = mask_array(look.data.mask_img)
    heights = nib.affines.apply_affine(look.data.mask_img.affine, np.argwhere(mask))[:, 2]
    shares = (np.arange(N_SLICES) + 0.5) / N_SLICES
    cuts = np.quantile(heights.round(1), shares, method="nearest")
    return np.unique(cuts).tolist()


def _in_volume(look: QuickLook, values: np.ndarray) -> nib.Nifti1Image:
    mask = mask_array(look.data.mask_img)
    volume = np.zeros(mask.shape, np.float32)
    volume[mask] = values
    return nib.Nifti1Image(volume, look.data.mask_img.affine)


def _draw_regions(look: QuickLook, ax: Axes) -> None:
    order = np.argsort(-np.nan_to_num(look.r, nan=-2))[:MOST_REGIONS]
    names = [look.data.region_names[i] for i in order]
    ax.bar(range(len(order)), look.r[order], color=viz.COLOURS["brain"])
    ax.set_xticks(range(len(order)), names, rotation=60, ha="right")
    ax.set(ylabel="r, unseen time")


def _draw_distribution(look: QuickLook, ax: Axes) -> None:
    """Draw how r is spread where there is neither a volume nor names."""
    ax.hist(look.fit.r[np.isfinite(look.fit.r)], bins=60, color=viz.COLOURS["brain"])
    ax.axvline(0, color="black", lw=0.6)
    ax.set(xlabel="r, unseen time", ylabel="columns")


def draw_lags(look: QuickLook) -> Figure:
    """Draw the lag scan: at each lag the mean of the voxels that are best there."""
    figure, ax = plt.subplots(figsize=(5.5, 3.4))
    lags_s = look.lags.lags * look.data.t_r
    ax.plot(lags_s, look.lag_profile, "o-", color=viz.COLOURS["brain"])
    ax.axvline(0, color="black", lw=0.8)
    ax.axvline(look.best_lag_s, color=viz.COLOURS["control"], ls="--", lw=1.2)
    ax.set(
        xlabel="BOLD later than predicted (s)",
        ylabel=f"r, best {TOP_PERCENT:g} %",
        title="Does the clock fit? The peak belongs at 0",
    )
    return figure


def _standardised(series: np.ndarray) -> np.ndarray:
    """Return a series with mean 0 and SD 1: ridge shrinks what it predicts."""
    return (series - series.mean()) / series.std()


def draw_best_series(look: QuickLook) -> Figure:
    """Draw the voxel that is predicted best, measured and predicted."""
    best = int(np.nanargmax(look.fit.r))
    times_s = np.concatenate([grid.times() for grid in look.data.grids])
    measured = _standardised(look.bold[:, best])
    predicted = _standardised(look.fit.predictions[:, best])
    figure, ax = plt.subplots(figsize=(5.5, 3.4))
    ax.plot(times_s, measured, color=viz.COLOURS["floor"], label="measured")
    label = "predicted, unseen time"
    ax.plot(times_s, predicted, color=viz.COLOURS["brain"], label=label)
    ax.set(
        xlabel="second of the sound",
        ylabel="SD",
        title=f"The best of {look.blocks.n_series}: r = {look.fit.r[best]:.2f}",
    )
    ax.legend(loc="upper right")
    return figure
