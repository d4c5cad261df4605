"""The region card: all that is known of one region on one page, for demo, atlas and ROI table alike.

`region_findings` measures all regions at once (kernels and nulls do not care how many there are); `region_card` puts one of them on a page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from giblet_core import features, viz
from giblet_core.artifacts import InputError
from giblet_core.ceiling import Ceiling, ceiling
from giblet_core.dataset import Dataset
from giblet_core.encoding import fit_ridge
from giblet_core.kernels import centre, correlate, kernel, ridge
from giblet_core.listening import Players, listen
from giblet_core.nulls import bootstrap, fdr, shift_sizes
from giblet_core.region_sound import Scenes, ranked_scenes
from giblet_core.regions import Listeners, RegionLesions, listeners_of, region_lesions
from giblet_core.segments import Segments, fold_numbers, make_segments
from giblet_core.session import Stimulus
from giblet_core.splits import Fold, contiguous_folds, shift_within_runs

RESPONSE_S = 4.5  # the response is late: the sound of a stretch of BOLD is taken this much earlier
ALPHAS = tuple(np.logspace(0, 3, 5))


@dataclass(frozen=True, eq=False)
class Parts:
    """What groups of features explain beyond all others: `value`, `low`, `high` (over folds), `null_low`, `null_high`, `p`.

    Each of shape (n_groups, n_regions), as r|r|; p one-sided against all distinct circular shifts, FDR over groups
    and regions; `names` of groups.
    """

    names: tuple[str, ...]
    value: np.ndarray
    low: np.ndarray
    high: np.ndarray
    null_low: np.ndarray
    null_high: np.ndarray
    p: np.ndarray

    def table(self, region: int) -> pd.DataFrame:
        """Return the parts of one region."""
        fields = {"unique": self.value, "low": self.low, "high": self.high, "null, low": self.null_low, "null, high": self.null_high,
                  "p (FDR)": self.p}
        return pd.DataFrame({name: value[:, region] for name, value in fields.items()}, index=list(self.names))


@dataclass(frozen=True, eq=False)
class Findings:
    """All regions of a data set, measured.

    Attributes
    ----------
    stim, data : Stimulus, Dataset
    group : Listeners
    names : tuple of str
        The regions measured.
    folds, gap, min_shift : the protocol, in TRs
    times : array of shape (n_trs,), s
    segments : Segments
    latents : array of shape (n_trs, n_dims)
    r : DataFrame (n_regions, n_models)
        Held-out r of the group mean.
    top : Ceiling of the regions measured
    spaces, books : Parts of whole feature spaces, and of single books
    lesions : RegionLesions
    """

    stim: Stimulus
    data: Dataset
    group: Listeners
    names: tuple[str, ...]
    folds: list[Fold]
    gap: int
    min_shift: int
    times: np.ndarray
    segments: Segments
    latents: np.ndarray
    r: pd.DataFrame
    top: Ceiling
    spaces: Parts
    books: Parts
    lesions: RegionLesions

    def image(self, values: Sequence[float]) -> Any:
        """Paint one value a region on the brain (Nifti1Image); None without a volume."""
        if self.data.mask_img is None:
            return None
        flat = np.zeros(self.data.n_voxels, np.float32)
        for name, value in zip(self.names, values):
            flat[self.group.members(name)] = value
        volume = np.zeros(self.data.mask_img.shape, np.float32)
        volume[np.asarray(self.data.mask_img.dataobj) > 0] = flat
        return nibabel.Nifti1Image(volume, self.data.mask_img.affine)

    def sound(self, first_tr: int, n_trs: int | None = None) -> np.ndarray:
        """Return what was heard when the BOLD from a TR on was still to come."""
        start = max(0.0, self.times[first_tr] - RESPONSE_S)
        return self.stim.piece(start, start + (n_trs or self.segments.length) * self.data.t_r)


def region_findings(stim: Stimulus, data: Dataset, names: Sequence[str] | None = None, *, n_random: int = 200, n_shifts: int = 99,
                    seed: int = 0, progress: bool = True) -> Findings:
    """Measure regions: encoding beside its ceiling, unique variance beside its null, and region lesions.

    Parameters
    ----------
    stim, data :
        Of `ensure_stimulus` and `ensure_bold`.
    names : sequence of str, optional
        Regions; all by default.
    n_random, n_shifts : int
        Matched random regions, and shifts of the null of identification, each.

    Raises
    ------
    InputError
        No atlas, one subject, or no segment with a fair lure.
    """
    if not data.region_names:
        raise InputError(f"dataset={data.name}: names no atlas, so it has no regions. Add atlas.file and atlas.names to its manifest.")
    short, runs = min(g.n_trs for g in data.grids) < 100, data.run_onsets
    n_folds, gap, length, min_shift = (2 * len(data.grids), 4, 4, 8) if short else (max(5, len(data.grids)), 20, 10, 30)
    group, folds = listeners_of(data), contiguous_folds(data.n_trs, n_folds, gap, runs)
    names = tuple(group.names if names is None else names)
    wanted = [group.names.index(name) for name in names if len(group.members(name))]
    engine, times = stim.codec, np.concatenate([g.times() for g in data.grids])
    latents = features.summed_features(engine, stim.codes, data.grids, ("mean", "sd")).values
    level = features.baseline_features(stim.wave, engine.sample_rate, data.grids, ("loudness",), hrf=None)["loudness"].values[:, 0]
    classes = None
    if stim.annotation is not None:
        classes = (stim.annotation.active(kind, times + data.t_r / 2) for kind in ("speech", "music"))
        classes = sum(c * (i + 1) for i, c in enumerate(classes))
    cut = make_segments(fold_numbers(data.n_trs, folds), length, run_onsets=runs, classes=classes, loudness=level)
    means, top = group.means[:, :, wanted].mean(0), ceiling(group.means[:, :, wanted], folds)
    r, spaces, books = _encoding(stim, data, means, folds, gap, min_shift, names)
    lesions = region_lesions(group, latents, cut, folds, run_onsets=runs, embargo=gap, n_random=n_random, names=names,
                             n_shifts=n_shifts, min_shift=min_shift, seed=seed, progress=progress)
    return Findings(stim, data, group, names, folds, gap, min_shift, times, cut, latents, r, top, spaces, books, lesions)


def _encoding(stim: Stimulus, data: Dataset, means: np.ndarray, folds: list[Fold], gap: int, min_shift: int,
              names: tuple[str, ...]) -> tuple[pd.DataFrame, Parts, Parts]:
    """Fit each space alone, then take out each group of spaces from all: what it adds that no other holds."""
    engine, runs = stim.codec, data.run_onsets
    books = [space.values for space in features.codebook_features(engine, stim.codes, data.grids, pool=("mean", "sd"))]
    kinds = ("envelope", "loudness", "mel", "time", *(("speech",) if stim.annotation else ()))
    base = {k: s.values for k, s in features.baseline_features(stim.wave, engine.sample_rate, data.grids, kinds, stim.annotation).items()}
    nuisance = [base.pop("time")]
    if data.nuisance(data.subjects[0]) is not None:
        nuisance.append(np.mean([data.nuisance(s) for s in data.subjects], axis=0))
    families = {"books": books, "envelope, loudness": [base.pop("envelope"), base.pop("loudness")],
                **{kind: [x] for kind, x in base.items()}, "nuisance": nuisance}
    fits = {name: fit_ridge(np.concatenate(xs, 1), means, folds, ALPHAS, run_onsets=runs, embargo=gap) for name, xs in families.items()}
    r = pd.DataFrame({name: fit.r for name, fit in fits.items()}, index=list(names))
    moves = [shift_within_runs(data.n_trs, -s, runs) for s in shift_sizes(data.n_trs, runs, min_shift)]
    stacked = np.concatenate([means, *(means[rows] for rows in moves)], axis=1)
    flat = [(name, x, 1 / len(xs)) for name, xs in families.items() for x in xs]
    groups = {name: [i for i, (own, _, _) in enumerate(flat) if own == name] for name in families}
    groups |= {f"book {k}": [k] for k in range(len(books))}
    alpha = float(np.median(fits["books"].alphas))
    values = unique_parts([x for _, x, _ in flat], [w for _, _, w in flat], list(groups.values()), stacked, folds, alpha)
    whole, single = slice(0, len(families)), slice(len(families), None)
    return r, _parts(tuple(families), values[whole], len(names)), _parts(tuple(groups)[single], values[single], len(names))


def unique_parts(spaces: Sequence[np.ndarray], weights: Sequence[float], groups: Sequence[Sequence[int]], Y: np.ndarray,
                 folds: list[Fold], alpha: float) -> np.ndarray:
    """Return what each group of spaces explains that the rest does not, r|r| of all less r|r| without it, refitted.

    Parameters
    ----------
    spaces : sequence of arrays of shape (n_trs, n_features)
    weights : sequence of float
        Of their kernels; those that stay keep theirs.
    groups : sequence of sequences of int
    Y : array of shape (n_trs, n_targets)
    alpha : float
        One penalty for all, so that nothing is chosen on the alignment that is tested.

    Returns
    -------
    array of shape (n_groups, n_folds, n_targets)
    """
    y = (Y - Y.mean(0)).astype(np.float32)
    out = np.empty((len(groups), len(folds), Y.shape[1]))
    for f, (train, test) in enumerate(folds):
        ks = [weight * kernel(x, train) for x, weight in zip(spaces, weights)]
        total = sum(ks)
        r = [correlate(ridge(*centre(total - sum(ks[j] for j in gone), train, test), y[train], alpha), y[test]) for gone in ([], *groups)]
        out[:, f] = [r[0] * np.abs(r[0]) - x * np.abs(x) for x in r[1:]]
    return out


def _parts(names: tuple[str, ...], values: np.ndarray, n_regions: int) -> Parts:
    """Turn (n_groups, n_folds, n_targets), the true alignment first, into values with intervals, null bands and p."""
    values = values.reshape(*values.shape[:2], -1, n_regions)  # (n_groups, n_folds, 1 + n_shifts, n_regions)
    interval = bootstrap(values[:, :, 0].transpose(1, 0, 2))
    mean = values.mean(1)
    low, high = np.quantile(mean[:, 1:], [0.025, 0.975], axis=1)
    p = (1 + (mean[:, 1:] >= mean[:, :1]).sum(1)) / mean.shape[1]
    return Parts(names, interval.mean, interval.low, interval.high, low, high, fdr(p))


@dataclass(frozen=True, eq=False)
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

    @property
    def index(self) -> int:
        """Place among the regions measured."""
        return self.findings.names.index(self.name)

    def players(self, n: int = 5, seconds: float | None = None) -> dict[str, Players]:
        """Return the `n` best and the `n` worst scenes: true, retrieved, retrieved by a matched random region, at their own levels."""
        f, s, out = self.findings, self.scenes, {}
        n_trs = None if seconds is None else max(1, round(seconds / f.data.t_r))
        n = min(n, len(s.segment) // 2)
        for kind, places in (("best", range(n)), ("worst", range(len(s.segment) - n, len(s.segment)))):
            for number, i in enumerate(places, 1):
                sounds = {"heard": s.true[i], f"retrieved by {self.name}": s.retrieved[i], "by a matched random region": s.random[i]}
                title = f"{kind} scene {number}, {f.times[s.true[i]] - RESPONSE_S:.0f} s: {100 * s.wins[i]:.0f} % of its lures beaten"
                out[f"{kind} {number}"] = listen({label: f.sound(tr, n_trs) for label, tr in sounds.items()}, f.stim.codec.sample_rate,
                                                 title=title)
        return out

    def figure(self) -> Figure:
        """Draw the card: where it is, what predicts it, what adds, the profile over books, and what its lesion does."""
        f, i = self.findings, self.index
        fig = plt.figure(figsize=(12, 7))
        grid = fig.add_gridspec(2, 6, height_ratios=(1, 1.15))
        brain = fig.add_subplot(grid[0, :3])
        models = {"ceiling": float(f.top.group[i]), **f.r.iloc[i].to_dict()}
        ax = viz.plot_bars(models, fig.add_subplot(grid[0, 3:]), colours={"ceiling": viz.COLOURS["floor"], "books": viz.COLOURS["codec"]})
        ax.set(xlabel="r, unseen time, group mean", title="what predicts it")
        _draw_parts(f.spaces, i, fig.add_subplot(grid[1, :2]), "what adds beyond the rest")
        _draw_parts(f.books, i, fig.add_subplot(grid[1, 2:4]), "profile over books")
        _draw_lesion(self, fig.add_subplot(grid[1, 4:]))
        brain.set_title(f"{self.name} on the brain" if f.data.mask_img is not None else "no map")
        fig.draw_without_rendering()  # the map is drawn into the place that the layout gives it
        _draw_map(self, brain)
        return fig

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{text}</li>" for text in self.verdict)
        return f'<div class="giblet-box"><p><b>{self.name}</b>, {self.findings.data.label} BOLD</p><ul>{items}</ul></div>'


def _draw_map(card: RegionCard, ax: Any) -> None:
    ax.grid(False)
    image = card.findings.image([float(name == card.name) for name in card.findings.names])
    if image is None:
        ax.axis("off")
        ax.text(0.5, 0.5, "A table of regions has no volume:\nthe map is left out.", ha="center", va="center")
        return
    from nilearn import plotting

    plotting.plot_glass_brain(image, axes=ax, threshold=0.5, cmap="autumn", colorbar=False)


def _draw_parts(parts: Parts, i: int, ax: Any, title: str) -> None:
    t = parts.table(i)
    y = np.arange(len(t))
    ax.barh(y, t["null, high"] - t["null, low"], left=t["null, low"], height=0.8, color=viz.COLOURS["floor"], alpha=0.3, label="null 95 %")
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
    ax.hist(random, bins=15, color=viz.COLOURS["floor"], alpha=0.5, label=f"{len(random)} matched random regions")
    for label, values, colour in ((f"{card.name} alone", lesions.alone[i], "brain"), ("all regions", lesions.whole, "sound"),
                                  (f"all but {card.name}", lesions.all_but[i], "control")):
        ax.axvline(100 * np.nanmean(values), color=viz.COLOURS[colour], lw=2, label=label)
    ax.axvline(50, color="black", ls=":", lw=1, label="chance")
    ax.set(xlabel="segments identified (%)", ylabel="random regions", title="what it hears")
    ax.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.45, -0.2), ncols=2)


def region_card(name: str, stim: Stimulus, data: Dataset, *, n_random: int = 200, seed: int = 0, findings: Findings | None = None
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
        Of `region_findings`, where several cards are made; by default this region alone is measured, and p is then not corrected over
        regions.

    Returns
    -------
    RegionCard
    """
    if findings is None:
        if name not in data.region_names:
            raise InputError(f"name={name!r}: must be one of {', '.join(data.region_names) or '(the data set has no atlas)'}. Choose one.")
        findings = region_findings(stim, data, [name], n_random=n_random, seed=seed, progress=False)
    if name not in findings.names:
        raise InputError(f"name={name!r}: must be one of {', '.join(findings.names)}, which were measured. Choose one.")
    i = findings.names.index(name)
    lesion = findings.lesions.table(seed).iloc[i]
    scenes = ranked_scenes(findings.lesions, i, findings.latents, findings.segments, findings.folds)
    return RegionCard(name, findings, lesion, scenes, _verdict(findings, i, lesion))


def _verdict(f: Findings, i: int, lesion: Mapping[str, float]) -> tuple[str, ...]:
    """Say in words what was found, with the numbers; the bound is .05 throughout."""
    n, r, top = f.lesions.size[i], f.r["books"].iloc[i], f.top.group[i]
    share = f.top.normalise(np.array(f.r["books"]), "group")[i]
    of = f"{100 * share:.0f} % of its ceiling" if np.isfinite(share) else "its ceiling is too low to say how much of it"
    adds, over = f.spaces.table(i).iloc[0], len(f.names)
    corrected = f"corrected over {over} regions" if over > 1 else "one region, uncorrected over regions"
    singled = [k for k, p in zip(f.books.names, f.books.p[:, i]) if p <= 0.05]
    hears = lesion["p chance"] <= 0.05
    place = "more than" if lesion["alone (%)"] > lesion["random, high"] else "about as much as"
    place = "less than" if lesion["alone (%)"] < lesion["random, low"] else place
    needed = lesion["lost without, low"] > 0
    return (
        f"Reliability: {n} {'voxels' if n > 1 else 'column'}, mean ISC {f.lesions.isc[i]:.2f} with {f.top.n_subjects} subjects; r of the "
        f"group mean cannot exceed {top:.2f}.",
        f"Prediction: the books reach r = {r:.2f} on unseen time ({of}).",
        f"Beyond {', '.join(f.spaces.names[1:])} the books add {adds['unique']:.3f} of explained variance (over folds {adds['low']:.3f} to "
        f"{adds['high']:.3f}; null {adds['null, low']:.3f} to {adds['null, high']:.3f}; p = {adds['p (FDR)']:.3f}, FDR): "
        f"{'more than chance' if adds['p (FDR)'] <= 0.05 else 'no more than chance does'}.",
        f"Books singled out, FDR: {', '.join(singled) if singled else 'none'}. A claim about one needs the agreement that chapter 4 asks.",
        f"Alone it identifies {lesion['alone (%)']:.0f} % of segments ({lesion['alone, low']:.0f} to {lesion['alone, high']:.0f}; chance "
        f"50; p = {lesion['p chance']:.3f}, {corrected}): {'it hears' if hears else 'it cannot be said to hear'}. That is {place} equally "
        f"many, equally reliable voxels elsewhere ({lesion['random (%)']:.0f} %, 95 % of them {lesion['random, low']:.0f} to "
        f"{lesion['random, high']:.0f}).",
        f"Without it, identification by all other regions changes by {-lesion['lost without (%)']:+.1f} points "
        f"({-lesion['lost without, high']:+.1f} to {-lesion['lost without, low']:+.1f}): "
        f"{'nothing else stands in for it' if needed else 'no loss is shown'}.",
    )
