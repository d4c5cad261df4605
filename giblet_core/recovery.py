"""What the analysis finds in simulated worlds against their truth: books, false claims, gains, r against its maximum, lag; and a plan.

Worlds differ in seed; the sound is one, so that features are made once and the series of all worlds are fitted side by side. Only the
scoring reads the truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from giblet_core.artifacts import require
from giblet_core.ceiling import lag_scan
from giblet_core.components import Recovery, recover
from giblet_core.crosssubject import decode_unseen, region_means, scale
from giblet_core.decoding import DecodingResult, Identification, decode_beyond, fit_decoder, identify_stacked
from giblet_core.encoding import fit_banded
from giblet_core.experiments import seed_interval
from giblet_core.features import FeatureSpace, baseline_features, book_means, energy_features, over_peaks, slow_books, strong_baselines
from giblet_core.kernels import fisher_mean
from giblet_core.nulls import binomial_interval, holm
from giblet_core.segments import Segments, fold_numbers, make_segments
from giblet_core.simulation import Truth, simulate
from giblet_core.splits import Fold, check_runs, contiguous_folds, shift_within_runs
from giblet_core.timing import TRGrid

SEEDS = tuple(range(4001, 4021))  # used for nothing but the figures of the record
CONTROLS = ("envelope", "loudness", "mel", "loudness_x_speech", "visual", "white_matter", "null", "null_edge")
BASE_GAMMAS = np.array([[0.4, 0.2, 0.4], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])  # envelope, loudness, mel
SIZES = tuple((n_trs, n_subjects, isc) for isc in (0.29, 0.15) for n_subjects in (8, 4, 2) for n_trs in (800, 400, 200))


@dataclass(frozen=True, eq=False)
class Design:
    """Features of one sound: means of each book (`book_means`), baselines, and the runs."""

    means: list[tuple[np.ndarray, np.ndarray]]
    base: dict[str, FeatureSpace]
    t_r: float
    run_n_trs: tuple[int, ...]

    def rows(self, n_trs: int | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
        """Return all rows, or those of the first TRs of each run, `n_trs` in all, and where runs begin among them."""
        lengths = self.run_n_trs if n_trs is None else (n_trs // len(self.run_n_trs),) * len(self.run_n_trs)
        require(max(np.subtract(lengths, self.run_n_trs)) <= 0, f"n_trs={n_trs}: the runs hold {self.run_n_trs}. Ask for fewer.")
        rows = np.concatenate([np.arange(a, a + n) for a, n in zip(np.cumsum((0, *self.run_n_trs)), lengths)])
        return rows, tuple(int(n) for n in np.cumsum((0, *lengths[:-1])))

    def unseen_r(self, spaces: list[np.ndarray], Y: np.ndarray, folds: list[Fold], *penalties: Sequence, **timing) -> np.ndarray:
        """Fit the books, their directions told by the training time of each fold, beside other spaces: r (n_targets,)."""
        fits = [fit_banded([np.concatenate(slow_books(self.means, fold[0]), axis=1), *spaces], Y, [fold], *penalties, **timing)
                for fold in folds]
        return fisher_mean(np.concatenate([fit.r_folds for fit in fits]))


def make_design(stimulus: Any, grids: Sequence[TRGrid] | None = None) -> Design:
    """Make the features of a stimulus, for runs at `grids` (its own by default)."""
    grids = grids or stimulus.grids
    base = strong_baselines(stimulus.wave, stimulus.codec.sample_rate, grids, stimulus.spoken)
    return Design(book_means(stimulus.codec, stimulus.codes, grids), base, grids[0].t_r, tuple(g.n_trs for g in grids))


def recover_regions(design: Design, Y: np.ndarray, n_trs: int | None = None, n_draws: int = 1000) -> Recovery:
    """Estimate books (the first eight) and their claim for series (n_subjects, all TRs, n_targets), on the first TRs of each run."""
    rows, onsets = design.rows(n_trs)
    base = np.concatenate([x.values for x in design.base.values()], axis=1)[rows]
    wide = [slow_books(design.means[:8], peaks=[i]) for i in range(len(design.means[0][1]))]
    narrow = [[x[:, :4] for x in form] for form in wide]  # the slowest come first; how a listener follows books is not known
    books, *forms = ([x[rows] for x in form] for form in (np.mean(wide, axis=0), *narrow, *wide))
    return recover(books, base, Y[:, rows], forms, t_r=design.t_r, run_onsets=onsets, n_draws=n_draws)


def book_gain(design: Design, Y: np.ndarray, alphas: Sequence[float] = tuple(np.logspace(-1, 2, 5))) -> tuple[np.ndarray, np.ndarray]:
    """Return what books add to envelope, loudness and mel on unseen time, r|r| less r|r|, and r of both, each (n_targets,).

    The weight of the books is chosen for each target in nested folds, and may be 0.
    """
    rows, onsets = design.rows()
    folds = contiguous_folds(len(rows), 5, 20, onsets)
    spaces = [design.base[k].values for k in ("envelope", "loudness", "mel")]
    gammas = np.vstack([np.column_stack([np.full(len(BASE_GAMMAS), w), (1 - w) * BASE_GAMMAS]) for w in (0, 0.25, 0.5)])
    timing = {"run_onsets": onsets, "embargo": 20}
    both = design.unseen_r(spaces, Y, folds, alphas, gammas, **timing)
    rest = fit_banded(spaces, Y, folds, alphas, BASE_GAMMAS, **timing).r
    return both * np.abs(both) - rest * np.abs(rest), both


def simulated_regions(stimulus: Any, seeds: Iterable[int], isc: float = 0.29, thin: int = 8) -> list[tuple]:
    """Simulate worlds on one sound: for each its truth, region means (n_subjects, n_trs, n_regions), every `thin`-th voxel of
    the regions (n_subjects, n_trs, n), and the highest r that can be reached in these (n_subjects, n).
    """
    worlds = []
    for seed in tqdm(list(seeds), desc=f"worlds at ISC {isc}"):
        world = simulate(seed, stimulus.codes, codec=stimulus.codec, wave=stimulus.wave, annotation=stimulus.spoken,
                         grids=stimulus.grids, isc=isc)
        every = np.arange(world.bold.shape[1])
        means = np.stack([region_means(b, world.atlas, every) for b in world.bold]).astype(np.float32)
        at = np.flatnonzero(world.atlas)[::thin]
        worlds.append((world.truth, means, world.bold[:, :, at], world.truth.voxel_max_r[:, at]))
    return worlds


def _auc(truths: Sequence[Truth], chances: np.ndarray) -> tuple[float, float, float]:
    """Score probabilities (n_books, n_worlds, n_regions) against planted books: AUC in book regions with bootstrap interval over worlds."""
    found = [chances[:, w, t.books.any(1)].T.ravel() for w, t in enumerate(truths)]
    planted = [t.books[t.books.any(1)].ravel() for t in truths]
    draws = np.random.default_rng(0).integers(len(truths), size=(1000, len(truths)))
    values = [roc_auc_score(np.concatenate([planted[i] for i in d]), np.concatenate([found[i] for i in d])) for d in draws]
    low, high = np.quantile(values, [0.025, 0.975])
    return roc_auc_score(np.concatenate(planted), np.concatenate(found)), float(low), float(high)


def recovery_rows(design: Design, worlds: list, n_trs: int, n_subjects: int, isc: float, n_draws: int = 1000) -> list[dict]:
    """Score recovery and claims of all worlds at one size of study: rows of the record."""
    truths = [truth for truth, *_ in worlds]
    Y = np.concatenate([means[:n_subjects] for _, means, *_ in worlds], axis=2)
    found, n_regions = recover_regions(design, Y, n_trs, n_draws), len(truths[0].kinds)
    p = np.array([holm(one) for one in found.null.p.reshape(len(worlds), n_regions)])
    z = ((found.null.observed - found.null.null.mean(0)) / found.null.null.std(0)).reshape(p.shape)
    size = {"n_trs": n_trs, "n_subjects": n_subjects, "isc": isc}
    auc, low, high = _auc(truths, found.probability.reshape(-1, len(worlds), n_regions))
    rows = [{"figure": "AUC of book recovery", **size, "value": auc, "low": low, "high": high, "n": len(worlds)}]
    for kind in (*CONTROLS, "books"):
        claims = [(q <= 0.05, o) for t, q_row, o_row in zip(truths, p, z) for k, b, q, o in zip(t.kinds, t.books, q_row, o_row)
                  if k == kind or (kind == "books" and b.any())]
        n = sum(claim for claim, _ in claims)
        low, high = binomial_interval(int(n), len(claims))
        rows.append({"figure": f"claims in {kind} regions", **size, "value": n / len(claims), "low": low, "high": high, "n": len(claims),
                     "z": float(np.mean([o for _, o in claims]))})
    return rows


def _row(figure: str, values: Sequence[float]) -> dict:
    value, low, high = seed_interval(np.asarray(values))
    return {"figure": figure, "value": value, "low": low, "high": high, "n": len(values)}


def gain_rows(design: Design, worlds: list) -> list[dict]:
    """Score what books add on unseen time in each kind of region, over worlds."""
    truths = [truth for truth, *_ in worlds]
    gain, _ = book_gain(design, np.concatenate([means.mean(0) for _, means, *_ in worlds], axis=1))
    gain = gain.reshape(len(worlds), -1)
    kinds = {kind: [g[t.kinds.index(kind)] for t, g in zip(truths, gain)] for kind in truths[0].kinds}
    return [_row("gain in book regions", [g[t.books.any(1)].mean() for t, g in zip(truths, gain)]),
            *(_row(f"gain in {kind}", values) for kind, values in sorted(kinds.items()))]


def accuracy_rows(design: Design, worlds: list) -> list[dict]:
    """Score r of single listeners' voxels against the highest possible r, and the lag at which the baselines fit the group's regions."""
    rows, onsets = design.rows()
    folds, spaces, ratio = contiguous_folds(len(rows), 5, 20, onsets), [x.values for x in design.base.values()], []
    gammas = np.array([[0.2, *np.full(len(design.base), 0.8 / len(design.base))]])
    for _, _, voxels, top in tqdm(worlds, desc="r against its maximum"):
        Y = voxels.transpose(1, 0, 2).reshape(len(rows), -1)
        r = design.unseen_r(spaces, Y, folds, np.logspace(-1, 2, 5), gammas, run_onsets=onsets).reshape(top.shape)
        ratio.append(r[top > 0].sum() / top.sum())
    Y = np.concatenate([means.mean(0) for _, means, *_ in worlds], axis=1)
    middle = [i for i, name in enumerate(design.base["envelope"].feature_names) if name.endswith("peak 5.5 s")]
    scan = lag_scan(design.base["envelope"].values[:, middle], Y, range(-6, 7), run_onsets=onsets, alphas=(10.0,))
    lags = scan.lags[scan.r.reshape(len(scan.lags), len(worlds), -1).mean(2).argmax(0)]
    return [_row("r as a share of its maximum", ratio),
            {"figure": "worlds with the lag within 1 TR", "value": float((np.abs(lags) <= 1).mean()), "n": len(worlds)}]


LATENTS, PLAIN = ("books", "energy"), ("loudness and speech",)


@dataclass(frozen=True, eq=False)
class Spaces:
    """What is decoded: the codec's side (means of the books, energy of the latents), loudness with speech, and fair lures."""

    means: list[tuple[np.ndarray, np.ndarray]]
    rest: np.ndarray
    edges: tuple[int, ...]
    segments: Segments
    marks: dict[str, np.ndarray]

    def identified(self, decoded: DecodingResult, names: Sequence[str], gap: int = 20, **options) -> Identification:
        """Identify segments by some of the spaces, from a decoding of all of them."""
        parts = [decoded.part(*self.edges[(*LATENTS, *PLAIN).index(name) :][:2]) for name in names]
        return identify_stacked(parts, self.segments, min_gap=gap, **options)

    def values(self, folds: list[Fold], rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the columns of all spaces, (n_folds, n_trs, n_dims): slow directions of the books are those of a fold's training time.

        `rows` moves the sound before anything is fitted.
        """
        means = [(bare[rows], late[:, rows]) for bare, late in self.means]
        return np.stack([np.concatenate([*slow_books(means, train), self.rest[rows]], axis=1) for train, _ in folds])

    def beyond(self, bold: np.ndarray, folds: list[Fold], **options) -> DecodingResult:
        """Decode what loudness and speech leave of the codec's side; options as in `fit_decoder`."""
        at, values = self.edges[len(LATENTS)], self.values(folds)
        return decode_beyond(bold, values[..., :at], values[0, :, at:], folds, **options)

    def shifted(self, bold: np.ndarray, folds: list[Fold], sets: Sequence[Sequence[str]] = (LATENTS, PLAIN), *, run_onsets: Sequence[int],
                n: int = 12, least: int = 60, gap: int = 20, **options) -> np.ndarray:
        """Identify, by each of the sets of spaces, where BOLD and sound belong together nowhere: chance, (n_sets, n_shifts).

        The sound, with its classes, loudness and lures, moves circularly within runs by `n` different numbers of TRs, each at least
        `least` from 0: a single shift of one film is one draw, and that can lie far from chance.
        """
        shortest, d, found = np.diff(check_runs(len(bold), run_onsets)).min(), self.edges[-1], []
        moves = [shift_within_runs(len(bold), -int(s), run_onsets) for s in np.linspace(least, shortest - least, n)]
        values = np.concatenate([self.values(folds, rows) for rows in moves], axis=2)
        decoded = fit_decoder(bold, values, folds, run_onsets=run_onsets, **options)
        for i, rows in enumerate(moves):
            marks = {"run_onsets": run_onsets, **{name: x[rows] for name, x in self.marks.items()}}
            moved = replace(self, segments=make_segments(decoded.fold_of, self.segments.length, **marks))
            if moved.segments.lures(gap).any():
                found.append([moved.identified(decoded.part(i * d, i * d + d), names, gap, n_draws=0).pairwise for names in sets])
        return np.array(found).T


def fair_marks(stimulus: Any, grids: Sequence[TRGrid]) -> dict[str, np.ndarray]:
    """Say of each TR how loud it is and, with an annotation, whether it holds speech, music or both: arguments of `make_segments`."""
    level = baseline_features(stimulus.wave, stimulus.codec.sample_rate, grids, ("loudness",), hrf=None)["loudness"].values[:, 0]
    times, active = np.concatenate([g.times() for g in grids]) + grids[0].t_r / 2, getattr(stimulus.annotation, "active", None)
    return {"loudness": level} | ({"classes": active("speech", times) + 2 * active("music", times)} if active else {})


def fair_segments(stimulus: Any, grids: Sequence[TRGrid], folds: list[Fold], run_onsets: Sequence[int], length: int = 10) -> Segments:
    """Cut the test folds into segments that know their loudness and class."""
    marks = fair_marks(stimulus, grids)
    return make_segments(fold_numbers(len(marks["loudness"]), folds), length, run_onsets=run_onsets, **marks)


def make_spaces(stimulus: Any, grids: Sequence[TRGrid], folds: list[Fold], run_onsets: Sequence[int], length: int = 10) -> Spaces:
    """Make the spaces to decode, all with the response averaged over the same peaks, and the segments of the test folds."""
    wave, rate, annotation = stimulus.wave, stimulus.codec.sample_rate, stimulus.spoken
    kinds = ("loudness", "speech") if annotation else ("loudness",)
    plain = over_peaks(lambda peak_s: np.concatenate([x.values for x in baseline_features(
        wave, rate, grids, kinds, annotation, peak_s=peak_s).values()], axis=1))
    means, energy = book_means(stimulus.codec, stimulus.codes, grids), energy_features(stimulus.codec, stimulus.codes, grids).values
    sizes = sum(x.shape[1] for x in slow_books(means)), energy.shape[1], plain.shape[1]
    marks, edges = fair_marks(stimulus, grids), tuple(int(n) for n in np.cumsum([0, *sizes]))
    segments = make_segments(fold_numbers(len(plain), folds), length, run_onsets=run_onsets, **marks)
    return Spaces(means, np.concatenate([energy, plain], axis=1), edges, segments, marks)


def decoding_rows(stimulus: Any, seeds: Sequence[int] = SEEDS) -> list[dict]:
    """Identify segments in every world, from the group, from shifted BOLD, from the first listener seen and unseen: rows of a record.

    Intervals are over worlds; of shifted BOLD over shifts, as all worlds share the film.
    """
    n_trs, onsets = stimulus.n_trs, tuple(int(n) for n in np.cumsum([0, *(g.n_trs for g in stimulus.grids)])[:-1])
    folds, found, chance = contiguous_folds(n_trs, 5, 20, onsets), {}, []
    spaces = make_spaces(stimulus, stimulus.grids, folds, onsets)
    values = spaces.values(folds)
    options = {"alphas": np.logspace(0, 3, 5), "run_onsets": onsets, "embargo": 20}
    for seed in tqdm(seeds, desc="worlds to decode"):
        world = simulate(seed, stimulus.codes, codec=stimulus.codec, wave=stimulus.wave, annotation=stimulus.spoken, grids=stimulus.grids)
        bold = [scale(b[:, world.atlas > 0], np.arange(n_trs)) for b in world.bold]
        group = np.mean(bold, axis=0)
        decoded = fit_decoder(group, values, folds, **options)
        beyond = spaces.beyond(group, folds, **options)
        scores = {f"group, {what}": spaces.identified(one, names, n_draws=0).pairwise
                  for what, one, names in (("latents", decoded, LATENTS), ("loudness and speech", decoded, PLAIN),
                                           ("latents beyond loudness and speech", beyond, LATENTS))}
        chance.append(spaces.shifted(group, folds, **options))
        scores |= {f"{who} listener": spaces.identified(one, LATENTS, n_draws=0).pairwise
                   for who, one in (("seen", fit_decoder(bold[0], values, folds, **options)),
                                    ("unseen", decode_unseen(bold, 0, values, folds, **options)))}
        scores["points over loudness and speech"] = scores["group, latents"] - scores["group, loudness and speech"]
        for name, value in scores.items():
            found.setdefault(f"identification, {name}", []).append(100 * value)
    for what, values in zip(("latents", "loudness and speech"), np.mean(chance, axis=0)):
        found[f"identification, shifted BOLD, {what}"] = 100 * values
    return [_row(name, values) for name, values in found.items()]


def make_rows(stimulus: Any, seeds: Sequence[int] = SEEDS, sizes: Sequence[tuple] = SIZES, n_draws: int = 1000) -> list[dict]:
    """Simulate worlds at every ISC of `sizes` (n_trs, n_subjects, isc) and score all of them: rows of a record."""
    design, rows = make_design(stimulus), []
    for isc in dict.fromkeys(size[2] for size in sizes):
        worlds = simulated_regions(stimulus, seeds, isc)
        if not rows:  # at the first size alone
            rows = gain_rows(design, worlds) + accuracy_rows(design, worlds)
            rows.append(_row("books' share of what sound drives", [t.book_share[t.books.any(1)].mean() for t, *_ in worlds]))
        for n_trs, n_subjects, at in sizes:
            if at == isc:
                rows += recovery_rows(design, worlds, n_trs, n_subjects, isc, n_draws)
    return rows
