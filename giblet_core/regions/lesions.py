"""Region lesions: what one region hears, and what is lost without it, read from *measured*
responses.

Two refits and a third, weaker view, all of the same ridge decoder to pooled latents. *Alone*:
fitted on the voxels of one region. *All but*: fitted on everything else; what it loses, no other
region can stand in for. *Frozen*: fitted on all, the region held at its mean afterwards; ridge
shares its use among regions that say the same, so this shows use, not need. "Alone" stands against
random regions of as many voxels with the same intersubject correlation: any reliable voxels hold
something.

References
----------
[1] Haynes & Rees 2006, Nat Rev Neurosci 7, 523. doi:10.1038/nrn1931 (decoding from regions)
[2] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006 (identification)
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.linalg import eigh, solve
from tqdm import tqdm

from giblet_core.decoding import Segments, pairwise_accuracy
from giblet_core.encoding import bootstrap, check_matrix, correlate, fdr, shift_sizes, standardise
from giblet_core.errors import InputError
from giblet_core.regions.voxels import Subjects, matched_regions, overlap
from giblet_core.timing import Fold, inner_folds, run_index, shift_within_runs

PENALTIES = tuple(np.logspace(-1, 2, 4))
CHOOSERS = 3  # random regions that choose the penalty together with the region


def ridge_weights(
    x: np.ndarray, y: np.ndarray, train: np.ndarray, alphas: Sequence[float]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each penalty (standardised x of all rows, weights (n_columns, n_dims)), solved in
    the smaller of rows and columns.

    The same ridge as `kernels.ridge`, with penalties in the same unit, in the form that shows which
    column says what.
    """
    mean, scale = standardise(x, train)
    z = ((x - mean) * scale).astype(np.float32)
    a, b, p = z[train], (y[train] - y[train].mean(0)).astype(np.float32), x.shape[1]
    wide = p > len(train)
    gram = a @ a.T if wide else a.T @ a
    if len(alphas) == 1:
        w = solve(
            gram + np.float32(alphas[0] * p) * np.eye(len(gram), dtype=np.float32),
            b if wide else a.T @ b,
            assume_a="pos",
        )
        yield z, a.T @ w if wide else w
        return
    values, vectors = eigh(
        gram.astype(np.float64), driver="evd", check_finite=False, overwrite_a=True
    )
    vectors = vectors.astype(np.float32)
    turned = vectors.T @ (b if wide else a.T @ b)
    for alpha in alphas:
        w = vectors @ (turned / (np.maximum(values, 0) + alpha * p)[:, None].astype(np.float32))
        yield z, a.T @ w if wide else w


def choose_penalties(
    xs: Sequence[np.ndarray],
    y: np.ndarray,
    folds: list[Fold],
    run_onsets: Sequence[int],
    embargo: int,
) -> np.ndarray:
    """Choose one of `PENALTIES` a fold on three inner folds, by the mean r over all of `xs`: none
    of them has a penalty made for itself.

    Returns
    -------
    array of shape (n_folds,)
    """
    run_of, chosen = run_index(len(y), run_onsets), []
    for train, _ in folds:
        scores = np.zeros(len(PENALTIES))
        for inner, test in inner_folds(train, run_of, 3, embargo):
            for x in xs:
                scores += [
                    np.nanmean(correlate(z[test] @ w, y[test]))
                    for z, w in ridge_weights(x, y, inner, PENALTIES)
                ]
        chosen.append(PENALTIES[int(scores.argmax())])
    return np.array(chosen)


def read_out(
    x: np.ndarray,
    y: np.ndarray,
    folds: list[Fold],
    penalties: np.ndarray,
    without: Sequence[np.ndarray] = (),
) -> np.ndarray:
    """Predict y from x in every test fold with the penalties of `choose_penalties`.

    Parameters
    ----------
    x : array of shape (n_trs, n_voxels)
    y : array of shape (n_trs, n_dims)
    without : sequence of int arrays
        Sets of columns to hold at their training mean after the fit: frozen removal.

    Returns
    -------
    array of shape (1 + len(without), n_trs, n_dims), float32
        Intact first; NaN in rows of no test fold.
    """
    x, y = check_matrix("x", x), check_matrix("y", y, len(x))
    out = np.full((1 + len(without), *y.shape), np.nan, np.float32)
    for (train, test), alpha in zip(folds, penalties):
        ((z, w),) = ridge_weights(x, y, train, [alpha])
        out[0, test] = z[test] @ w + y[train].mean(0)
        for i, columns in enumerate(without, 1):
            out[i, test] = out[0, test] - z[np.ix_(test, columns)] @ w[columns]
    return out


def scorer(
    latents: np.ndarray, segments: Segments, embargo: int
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that gives ``identify(predictions, latents, segments).per_segment``, with
    the targets prepared once.
    """
    at, n = np.unique(segments.rows), len(segments.rows)
    t = latents[at].astype(np.float64)
    t = (latents - t.mean(0)) / np.where(t.std(0) > 0, t.std(0), np.inf)
    b = t[segments.rows].reshape(n, -1)
    b -= b.mean(1, keepdims=True)
    norm = np.linalg.norm(b, axis=1, keepdims=True)
    b = (b / np.where(norm > 0, norm, np.inf)).astype(np.float32).T
    place = np.searchsorted(at, segments.rows)
    folds = [np.unique(place[segments.fold_of == f]) for f in np.unique(segments.fold_of)]

    foils = segments.some_foils(embargo)
    has_foil = foils.any(1)

    def wins(predictions: np.ndarray) -> np.ndarray:
        p = predictions[at]
        for rows in folds:
            p[rows] -= p[rows].mean(0)
        sd, moves = (
            p.std(0),
            p.std(0) > 1e-5 * np.abs(predictions[at]).max(0),
        )  # a constant says nothing, whatever its rounding
        score = (p * np.where(moves, 1 / np.where(moves, sd, 1), 0))[place].reshape(n, -1) @ b
        return np.where(has_foil, pairwise_accuracy(score, foils), np.nan)

    return wins


@dataclass(frozen=True, eq=False)
class RegionLesions:
    """Identification of held-out segments by each lesion, with the same foils for all; chance .5.

    Attributes
    ----------
    names : tuple of str
    size : array of shape (n_regions,), voxels
    isc : array of shape (n_regions,), mean over the region's voxels
    whole : array of shape (n_segments,)
        Share of foils beaten by the decoder of all regions; NaN where a segment has no foil.
    alone, all_but, frozen : arrays of shape (n_regions, n_segments)
    p_alone : array of shape (n_regions,)
        Against the same decoder on circularly shifted BOLD, refitted. (Permuting the segments of
        one set of predictions makes p too small: folds share their training data, so that their
        errors go together.)
    random : array of shape (n_regions, n_random, n_segments)
    isc_gap : array of shape (n_regions,)
        Largest distance in mean ISC between a region and one of its random regions.
    overlap : array of shape (n_regions,)
        Mean share of voxels that two of its random regions have in common: near 1 there are few
        different ones.
    predictions, random_predictions : arrays of shape (n_regions, n_trs, n_dims)
        Held-out, by each region and by the first of its random regions.
    """

    names: tuple[str, ...]
    size: np.ndarray
    isc: np.ndarray
    whole: np.ndarray
    alone: np.ndarray
    all_but: np.ndarray
    frozen: np.ndarray
    p_alone: np.ndarray
    random: np.ndarray
    isc_gap: np.ndarray
    overlap: np.ndarray
    predictions: np.ndarray
    random_predictions: np.ndarray

    @property
    def p_random(self) -> np.ndarray:
        """Share of random regions that identify as well as the region, (n_regions,); floor 1 /
        (n_random + 1).
        """
        better = np.nanmean(self.random, 2) >= np.nanmean(self.alone, 1)[:, None]
        return (1 + better.sum(1)) / (1 + better.shape[1])

    def table(self, seed: int = 0) -> pd.DataFrame:
        """Put all regions side by side in per cent, with 95 % block bootstrap intervals over
        segments; p corrected over regions (FDR).
        """
        has = np.isfinite(self.whole)
        effects = {
            "alone": self.alone,
            "lost without": self.whole - self.all_but,
            "lost, frozen": self.whole - self.frozen,
        }
        spread = np.quantile(self.random[:, :, has].mean(2), [0.025, 0.5, 0.975], axis=1)
        columns = {"voxels": self.size, "ISC": self.isc}
        for name, values in effects.items():
            i = bootstrap(values[:, has].T, 2, seed=seed)
            columns |= {
                f"{name} (%)": 100 * i.mean,
                f"{name}, low": 100 * i.low,
                f"{name}, high": 100 * i.high,
            }
        columns |= {
            "random (%)": 100 * spread[1],
            "random, low": 100 * spread[0],
            "random, high": 100 * spread[2],
            "p chance": fdr(self.p_alone),
            "p random": fdr(self.p_random),
        }
        return pd.DataFrame(columns, index=pd.Index(self.names, name="region"))


def region_lesions(
    group: Subjects,
    latents: np.ndarray,
    segments: Segments,
    folds: list[Fold],
    *,
    run_onsets: Sequence[int] = (0,),
    embargo: int = 20,
    n_random: int = 200,
    names: Sequence[str] | None = None,
    n_shifts: int = 99,
    min_shift: int = 30,
    seed: int = 0,
    progress: bool = True,
) -> RegionLesions:
    """Refit the decoder on each region alone and on all but it, freeze it out, and set it against
    matched random regions.

    Parameters
    ----------
    group : Subjects
    latents : array of shape (n_trs, n_dims)
        Pooled latents after the response (`features.summed_features`).
    segments : Segments
        Of the test folds; the same foils serve every decoder.
    folds : list of (train, test)
    run_onsets, embargo : as in `fit_decoder`
    n_random : int
        Random regions a region, 200 for a result to report.
    names : sequence of str, optional
        Regions to lesion; all by default. "All" and "all but" always mean all regions of the atlas.
    n_shifts, min_shift : int
        Circular shifts for `p_alone`, spread over all distinct ones of at least `min_shift` TRs.

    Returns
    -------
    RegionLesions
    """
    names = tuple(group.names if names is None else names)
    members = {name: group.members(name) for name in names}
    inside = np.flatnonzero(group.atlas > 0)
    if any(len(m) == len(inside) for m in members.values()):
        raise InputError(
            f"names={', '.join(names)}: the atlas has no other voxel; 'all but' needs some. Use an atlas of several regions."
        )
    everything, wins = group.bold[:, inside], scorer(latents, segments, embargo)
    sizes = shift_sizes(len(latents), run_onsets, min_shift)
    sizes = sizes[np.linspace(0, len(sizes) - 1, min(n_shifts, len(sizes))).astype(int)]
    shared = choose_penalties([everything], latents, folds, run_onsets, embargo)
    intact, *removed = read_out(
        everything,
        latents,
        folds,
        shared,
        [np.flatnonzero(np.isin(inside, m)) for m in members.values()],
    )
    rows = []
    for name, gone in zip(tqdm(names, desc="regions", disable=not progress), removed):
        own, rest = members[name], np.setdiff1d(inside, members[name])
        others = matched_regions(group.isc, own, n_random, seed, group.xyz)
        penalties = choose_penalties(
            [group.bold[:, m] for m in (own, *others[:CHOOSERS])],
            latents,
            folds,
            run_onsets,
            embargo,
        )
        first, *drawn = (
            read_out(x, latents, folds, penalties)[0]
            for x in (group.bold[:, own], group.bold[:, others[0]])
        )
        random = [
            wins(drawn[0]),
            *(wins(read_out(group.bold[:, m], latents, folds, penalties)[0]) for m in others[1:]),
        ]
        moved = (group.bold[:, own][shift_within_runs(len(latents), k, run_onsets)] for k in sizes)
        null = np.array(
            [np.nanmean(wins(read_out(x, latents, folds, penalties)[0])) for x in moved]
        )
        alone = wins(first)
        rows.append(
            {
                "size": len(own),
                "isc": group.isc[own].mean(),
                "alone": alone,
                "frozen": wins(gone),
                "random": random,
                "all_but": wins(read_out(group.bold[:, rest], latents, folds, shared)[0]),
                "p_alone": (1 + (null >= np.nanmean(alone)).sum()) / (1 + len(null)),
                "overlap": overlap(others),
                "predictions": first,
                "isc_gap": np.abs(group.isc[others].mean(1) - group.isc[own].mean()).max(),
                "random_predictions": drawn[0],
            }
        )
    return RegionLesions(
        names,
        whole=wins(intact),
        **{field: np.array([row[field] for row in rows]) for field in rows[0]},
    )
