"""What the analysis finds in simulations against their truth: codebooks, false detections, gains, r
against its maximum, lag; and a plan.

Simulations differ in seed; the sound is one, so that features are made once and the series of all
simulations are fitted side by side. Only the scoring reads the truth.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from giblet_core.decoding import (
    LATENTS,
    PLAIN,
    decode_unseen,
    fit_decoder,
    make_spaces,
    region_means,
    standardise_voxels,
)
from giblet_core.encoding import (
    Design,
    binomial_interval,
    codebook_gain,
    holm,
    lag_scan,
    make_design,
    recover_regions,
    seed_interval,
)
from giblet_core.timing import contiguous_folds
from giblet_core.validation.simulation.study import Truth, simulate

SEEDS = tuple(range(4001, 4021))  # used for nothing but the figures of the record
CONTROLS = (
    "envelope",
    "loudness",
    "mel",
    "loudness_x_speech",
    "visual",
    "white_matter",
    "null",
    "null_edge",
)
SIZES = tuple(
    (n_trs, n_subjects, isc)
    for isc in (0.29, 0.15)
    for n_subjects in (8, 4, 2)
    for n_trs in (800, 400, 200)
)


def simulated_regions(
    stimulus: Any, seeds: Iterable[int], isc: float = 0.29, thin: int = 8
) -> list[tuple]:
    """Simulate simulations on one sound: for each its truth, region means (n_subjects, n_trs,
    n_regions), every `thin`-th voxel of the regions (n_subjects, n_trs, n), and the highest r that
    can be reached in these (n_subjects, n).
    """
    simulations = []
    for seed in tqdm(list(seeds), desc=f"simulations at ISC {isc}"):
        simulation = simulate(
            seed,
            stimulus.codes,
            codec=stimulus.codec,
            wave=stimulus.wave,
            annotation=stimulus.spoken,
            grids=stimulus.grids,
            isc=isc,
        )
        every = np.arange(simulation.bold.shape[1])
        means = np.stack(
            [region_means(b, simulation.atlas, every) for b in simulation.bold]
        ).astype(np.float32)
        at = np.flatnonzero(simulation.atlas)[::thin]
        simulations.append(
            (
                simulation.truth,
                means,
                simulation.bold[:, :, at],
                simulation.truth.voxel_max_r[:, at],
            )
        )
    return simulations


def _auc(truths: Sequence[Truth], chances: np.ndarray) -> tuple[float, float, float]:
    """Score probabilities (n_books, n_worlds, n_regions) against planted codebooks: AUC in codebook
    regions with bootstrap interval over simulations.
    """
    found = [chances[:, w, t.codebooks.any(1)].T.ravel() for w, t in enumerate(truths)]
    planted = [t.codebooks[t.codebooks.any(1)].ravel() for t in truths]
    draws = np.random.default_rng(0).integers(len(truths), size=(1000, len(truths)))
    values = [
        roc_auc_score(
            np.concatenate([planted[i] for i in d]), np.concatenate([found[i] for i in d])
        )
        for d in draws
    ]
    low, high = np.quantile(values, [0.025, 0.975])
    return roc_auc_score(np.concatenate(planted), np.concatenate(found)), float(low), float(high)


def recovery_rows(
    design: Design, simulations: list, n_trs: int, n_subjects: int, isc: float, n_draws: int = 1000
) -> list[dict]:
    """Score recovery and claims of all simulations at one size of study: rows of the record."""
    truths = [truth for truth, *_ in simulations]
    Y = np.concatenate([means[:n_subjects] for _, means, *_ in simulations], axis=2)
    found, n_regions = recover_regions(design, Y, n_trs, n_draws), len(truths[0].kinds)
    p = np.array([holm(one) for one in found.null.p.reshape(len(simulations), n_regions)])
    z = ((found.null.observed - found.null.null.mean(0)) / found.null.null.std(0)).reshape(p.shape)
    size = {"n_trs": n_trs, "n_subjects": n_subjects, "isc": isc}
    auc, low, high = _auc(truths, found.probability.reshape(-1, len(simulations), n_regions))
    rows = [
        {
            "figure": "AUC of codebook recovery",
            **size,
            "value": auc,
            "low": low,
            "high": high,
            "n": len(simulations),
        }
    ]
    for kind in (*CONTROLS, "codebook"):
        detections = [
            (q <= 0.05, o)
            for t, q_row, o_row in zip(truths, p, z)
            for k, b, q, o in zip(t.kinds, t.codebooks, q_row, o_row)
            if k == kind or (kind == "codebook" and b.any())
        ]
        n = sum(detection for detection, _ in detections)
        low, high = binomial_interval(int(n), len(detections))
        rows.append(
            {
                "figure": f"claims in {kind} regions",
                **size,
                "value": n / len(detections),
                "low": low,
                "high": high,
                "n": len(detections),
                "z": float(np.mean([o for _, o in detections])),
            }
        )
    return rows


def _row(figure: str, values: Sequence[float]) -> dict:
    value, low, high = seed_interval(np.asarray(values))
    return {"figure": figure, "value": value, "low": low, "high": high, "n": len(values)}


def gain_rows(design: Design, simulations: list) -> list[dict]:
    """Score what codebooks add on unseen time in each kind of region, over simulations."""
    truths = [truth for truth, *_ in simulations]
    gain, _ = codebook_gain(
        design, np.concatenate([means.mean(0) for _, means, *_ in simulations], axis=1)
    )
    gain = gain.reshape(len(simulations), -1)
    kinds = {
        kind: [g[t.kinds.index(kind)] for t, g in zip(truths, gain)] for kind in truths[0].kinds
    }
    return [
        _row(
            "gain in codebook regions", [g[t.codebooks.any(1)].mean() for t, g in zip(truths, gain)]
        ),
        *(_row(f"gain in {kind}", values) for kind, values in sorted(kinds.items())),
    ]


def accuracy_rows(design: Design, simulations: list) -> list[dict]:
    """Score r of single subjects' voxels against the highest possible r, and the lag at which the
    baselines fit the group's regions.
    """
    rows, onsets = design.rows()
    folds, spaces, ratio = (
        contiguous_folds(len(rows), 5, 20, onsets),
        [x.values for x in design.base.values()],
        [],
    )
    gammas = np.array([[0.2, *np.full(len(design.base), 0.8 / len(design.base))]])
    for _, _, voxels, top in tqdm(simulations, desc="r against its maximum"):
        Y = voxels.transpose(1, 0, 2).reshape(len(rows), -1)
        r = design.unseen_r(
            spaces, Y, folds, np.logspace(-1, 2, 5), gammas, run_onsets=onsets
        ).reshape(top.shape)
        ratio.append(r[top > 0].sum() / top.sum())
    Y = np.concatenate([means.mean(0) for _, means, *_ in simulations], axis=1)
    middle = [
        i
        for i, name in enumerate(design.base["envelope"].feature_names)
        if name.endswith("peak 5.5 s")
    ]
    scan = lag_scan(
        design.base["envelope"].values[:, middle],
        Y,
        range(-6, 7),
        run_onsets=onsets,
        alphas=(10.0,),
    )
    lags = scan.lags[scan.r.reshape(len(scan.lags), len(simulations), -1).mean(2).argmax(0)]
    return [
        _row("r as a share of its maximum", ratio),
        {
            "figure": "simulations with the lag within 1 TR",
            "value": float((np.abs(lags) <= 1).mean()),
            "n": len(simulations),
        },
    ]


def decoding_rows(stimulus: Any, seeds: Sequence[int] = SEEDS) -> list[dict]:
    """Identify segments in every simulation, from the group, from shifted BOLD, from the first
    subject seen and unseen: rows of a record.

    Intervals are over simulations; of shifted BOLD over shifts, as all simulations share the film.
    """
    n_trs, onsets = (
        stimulus.n_trs,
        tuple(int(n) for n in np.cumsum([0, *(g.n_trs for g in stimulus.grids)])[:-1]),
    )
    folds, found, chance = contiguous_folds(n_trs, 5, 20, onsets), {}, []
    spaces = make_spaces(stimulus, stimulus.grids, folds, onsets)
    values = spaces.values()
    penalties = np.logspace(0, 3, 5)
    options = {"alphas": penalties, "run_onsets": onsets, "embargo": 20}
    for seed in tqdm(seeds, desc="simulations to decode"):
        simulation = simulate(
            seed,
            stimulus.codes,
            codec=stimulus.codec,
            wave=stimulus.wave,
            annotation=stimulus.spoken,
            grids=stimulus.grids,
        )
        bold = [
            standardise_voxels(b[:, simulation.atlas > 0], np.arange(n_trs))
            for b in simulation.bold
        ]
        group = np.mean(bold, axis=0)
        decoded = fit_decoder(group, values, folds, **options)
        beyond = spaces.beyond(group, alphas=penalties)
        scores = {
            f"group, {what}": spaces.identified(one, names, n_draws=0).pairwise_accuracy
            for what, one, names in (
                ("latents", decoded, LATENTS),
                ("loudness and speech", decoded, PLAIN),
                ("latents beyond loudness and speech", beyond, LATENTS),
            )
        }
        chance.append(spaces.shifted(group, alphas=penalties))
        scores |= {
            f"{who} subject": spaces.identified(one, LATENTS, n_draws=0).pairwise_accuracy
            for who, one in (
                ("seen", fit_decoder(bold[0], values, folds, **options)),
                ("unseen", decode_unseen(bold, 0, values, folds, **options)),
            )
        }
        scores["points over loudness and speech"] = (
            scores["group, latents"] - scores["group, loudness and speech"]
        )
        for name, value in scores.items():
            found.setdefault(f"identification, {name}", []).append(100 * value)
    for what, values in zip(("latents", "loudness and speech"), np.mean(chance, axis=0)):
        found[f"identification, shifted BOLD, {what}"] = 100 * values
    return [_row(name, values) for name, values in found.items()]


def make_rows(
    stimulus: Any, seeds: Sequence[int] = SEEDS, sizes: Sequence[tuple] = SIZES, n_draws: int = 1000
) -> list[dict]:
    """Simulate simulations at every ISC of `sizes` (n_trs, n_subjects, isc) and score all of them:
    rows of a record.
    """
    design, rows = make_design(stimulus), []
    for isc in dict.fromkeys(size[2] for size in sizes):
        simulations = simulated_regions(stimulus, seeds, isc)
        if not rows:  # at the first size alone
            rows = gain_rows(design, simulations) + accuracy_rows(design, simulations)
            rows.append(
                _row(
                    "codebooks' share of what sound drives",
                    [t.codebook_share[t.codebooks.any(1)].mean() for t, *_ in simulations],
                )
            )
        for n_trs, n_subjects, at in sizes:
            if at == isc:
                rows += recovery_rows(design, simulations, n_trs, n_subjects, isc, n_draws)
    return rows
