"""What the analysis finds in simulations against their truth.

Codebooks, false detections, gains, r against its maximum, lag. Simulations differ in seed; the
sound is one, so that features are made once and the series of all simulations are fitted side by
side. Only the scoring reads the truth.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from sklearn.metrics import roc_auc_score
from tqdm import tqdm

from giblet_core.decoding import region_means
from giblet_core.encoding import (
    Design,
    Interval,
    binomial_interval,
    codebook_gain,
    holm,
    lag_scan,
    make_design,
    recover_regions,
)
from giblet_core.timing import Stimulus, contiguous_folds
from giblet_core.validation.rows import StudyRows, record_row, seed_row
from giblet_core.validation.simulation.dataset import Truth
from giblet_core.validation.simulation.study import simulate

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
ALPHA = 0.05  # level of a detection, after Holm's correction
THINNING = 8  # every eighth voxel is scored: neighbours say the same


@dataclass(frozen=True)
class StudySize:
    """How much a study measures.

    Attributes
    ----------
    n_trs : int
        Of all runs.
    n_subjects : int
    isc : float
        Median leave-one-out ISC of eight subjects.
    """

    n_trs: int
    n_subjects: int
    isc: float


SIZES = tuple(
    StudySize(n_trs, n_subjects, isc)
    for isc in (0.29, 0.15)
    for n_subjects in (8, 4, 2)
    for n_trs in (800, 400, 200)
)


@dataclass(frozen=True, eq=False)
class SimulatedStudy:
    """What is analysed of one simulation, beside its truth.

    Attributes
    ----------
    seed : int
    truth : Truth
    means : array of shape (n_subjects, n_trs, n_regions), float32
        Mean series of each region.
    voxels : array of shape (n_subjects, n_trs, n_voxels), float32
        Series of every eighth voxel of the regions.
    voxel_max_r : array of shape (n_subjects, n_voxels), float32
        The highest r that a model of the sound can reach in these voxels.
    """

    seed: int
    truth: Truth
    means: np.ndarray
    voxels: np.ndarray
    voxel_max_r: np.ndarray


def simulate_study(stimulus: Stimulus, seed: int, isc: float = 0.29) -> SimulatedStudy:
    """Simulate subjects who hear a stimulus, and keep what is analysed of their BOLD.

    Parameters
    ----------
    stimulus : Stimulus
    seed : int
    isc : float
        Median leave-one-out ISC of eight subjects.

    Returns
    -------
    SimulatedStudy
    """
    simulation = simulate(
        seed,
        stimulus.codes,
        codec=stimulus.codec,
        wave=stimulus.wave,
        annotation=stimulus.spoken,
        grids=stimulus.grids,
        isc=isc,
    )
    all_rows = np.arange(simulation.bold.shape[1])
    means = [region_means(bold, simulation.atlas, all_rows) for bold in simulation.bold]
    voxels = np.flatnonzero(simulation.atlas)[::THINNING]
    return SimulatedStudy(
        seed=seed,
        truth=simulation.truth,
        means=np.stack(means).astype(np.float32),
        voxels=simulation.bold[:, :, voxels],
        voxel_max_r=simulation.truth.voxel_max_r[:, voxels],
    )


def simulate_studies(
    stimulus: Stimulus, seeds: Iterable[int], isc: float = 0.29
) -> list[SimulatedStudy]:
    """Simulate a study with each seed; all subjects hear the same stimulus.

    Parameters
    ----------
    stimulus : Stimulus
    seeds : iterable of int
    isc : float
        Median leave-one-out ISC of eight subjects.

    Returns
    -------
    list of SimulatedStudy
    """
    progress = tqdm(list(seeds), desc=f"simulations at ISC {isc}")
    return [simulate_study(stimulus, seed, isc) for seed in progress]


def _auc_interval(truths: Sequence[Truth], probability: np.ndarray) -> Interval:
    """Score probabilities against planted codebooks by the area under the ROC curve.

    Probabilities are (n_codebooks, n_simulations, n_regions); regions with codebooks count. The
    interval is from a bootstrap over simulations.
    """
    estimated = []
    planted = []
    for index, truth in enumerate(truths):
        has_codebooks = truth.codebooks.any(1)
        estimated.append(probability[:, index, has_codebooks].T.ravel())
        planted.append(truth.codebooks[has_codebooks].ravel())
    draws = np.random.default_rng(0).integers(len(truths), size=(1000, len(truths)))
    auc = []
    for draw in draws:
        drawn_planted = np.concatenate([planted[index] for index in draw])
        drawn_estimated = np.concatenate([estimated[index] for index in draw])
        auc.append(roc_auc_score(drawn_planted, drawn_estimated))
    low, high = np.quantile(auc, [0.025, 0.975])
    whole = roc_auc_score(np.concatenate(planted), np.concatenate(estimated))
    return Interval(whole, low, high, len(truths))


def _regions_of_kind(truths: Sequence[Truth], kind: str) -> np.ndarray:
    """Return where regions of a kind are, or with "codebook" all with codebooks.

    The result is (n_simulations, n_regions) bool.
    """
    if kind == "codebook":
        return np.array([truth.codebooks.any(1) for truth in truths])
    return np.array([np.array(truth.kinds) == kind for truth in truths])


@dataclass(frozen=True, eq=False)
class SizeResult:
    """What all simulations gave at one size of study.

    Attributes
    ----------
    figures : list of dict
        Rows of the record: the AUC of the codebooks' probabilities, and the rate of detections in
        each kind of region.
    regions : list of dict
        A row a region of each simulation, with its truth, probabilities and p.
    """

    figures: list[dict]
    regions: list[dict]


def recovery_at_size(
    design: Design, studies: Sequence[SimulatedStudy], size: StudySize, n_draws: int = 1000
) -> SizeResult:
    """Score recovery and detections of all simulations at one size of study.

    Parameters
    ----------
    design : Design
        Of the stimulus that the subjects heard.
    studies : sequence of SimulatedStudy
        At the ISC of `size`.
    size : StudySize
    n_draws : int
        Of the null.

    Returns
    -------
    SizeResult
    """
    truths = [study.truth for study in studies]
    shape = (len(studies), len(truths[0].kinds))
    means = np.concatenate([study.means[: size.n_subjects] for study in studies], axis=2)
    recovery = recover_regions(design, means, size.n_trs, n_draws)
    probability = recovery.probability.reshape(-1, *shape)
    null = recovery.null
    p = np.array([holm(p_of_study) for p_of_study in null.p.reshape(shape)])
    z = ((null.observed - null.null.mean(0)) / null.null.std(0)).reshape(shape)
    area = _auc_interval(truths, probability)
    rows = [record_row("AUC of codebook recovery", area, **asdict(size))]
    for kind in (*CONTROLS, "codebook"):
        of_kind = _regions_of_kind(truths, kind)
        rate = _detection_rate(p[of_kind])
        extra = {**asdict(size), "z": float(np.mean(z[of_kind]))}
        rows.append(record_row(f"detections in {kind} regions", rate, **extra))
    regions = []
    for i, study in enumerate(studies):
        regions += _region_rows(study, size, probability[:, i], null.p.reshape(shape)[i])
    return SizeResult(rows, regions)


def _region_rows(
    study: SimulatedStudy, size: StudySize, probability: np.ndarray, p: np.ndarray
) -> list[dict]:
    """Return a row a region: probability (n_codebooks, n_regions) and p (n_regions,)."""
    rows = []
    for j, kind in enumerate(study.truth.kinds):
        planted = "+".join(str(k) for k in np.flatnonzero(study.truth.codebooks[j]))
        row = {"seed": study.seed, **asdict(size), "region": kind, "codebooks": planted or "none"}
        row["p"] = float(p[j])
        row |= {f"probability_{k}": round(float(x), 4) for k, x in enumerate(probability[:, j])}
        rows.append(row)
    return rows


def _detection_rate(p: np.ndarray) -> Interval:
    """Return the share of adjusted p values that are significant."""
    n_detected = int((p <= ALPHA).sum())
    low, high = binomial_interval(n_detected, len(p))
    return Interval(n_detected / len(p), low, high, len(p))


def gain_rows(design: Design, studies: Sequence[SimulatedStudy]) -> list[dict]:
    """Score what codebooks add on unseen time in each kind of region, over simulations."""
    truths = [study.truth for study in studies]
    group_means = np.concatenate([study.means.mean(0) for study in studies], axis=1)
    gain, _ = codebook_gain(design, group_means)
    gains = gain.reshape(len(studies), -1)
    in_codebook_regions = [
        of_study[truth.codebooks.any(1)].mean() for truth, of_study in zip(truths, gains)
    ]
    rows = [seed_row("gain in codebook regions", in_codebook_regions)]
    for kind in sorted(truths[0].kinds):
        of_kind = [of_study[truth.kinds.index(kind)] for truth, of_study in zip(truths, gains)]
        rows.append(seed_row(f"gain in {kind}", of_kind))
    return rows


def accuracy_rows(design: Design, studies: Sequence[SimulatedStudy]) -> list[dict]:
    """Score r of single subjects' voxels against its maximum, and the lag of the group."""
    return [
        seed_row("r as a share of its maximum", _shares_of_maximum(design, studies)),
        _lag_row(design, studies),
    ]


def _shares_of_maximum(design: Design, studies: Sequence[SimulatedStudy]) -> list[float]:
    """Return r of all voxels that sound drives, as a share of the highest possible r."""
    rows, onsets = design.rows()
    folds = contiguous_folds(len(rows), 5, 20, onsets)
    baselines = [space.values for space in design.base.values()]
    n_baselines = len(baselines)
    gammas = np.array([[0.2, *np.full(n_baselines, 0.8 / n_baselines)]])
    alphas = np.logspace(-1, 2, 5)
    shares = []
    for study in tqdm(studies, desc="r against its maximum"):
        series = study.voxels.transpose(1, 0, 2).reshape(len(rows), -1)
        r = design.unseen_r(baselines, series, folds, alphas, gammas, run_onsets=onsets)
        r = r.reshape(study.voxel_max_r.shape)
        driven = study.voxel_max_r > 0
        shares.append(r[driven].sum() / study.voxel_max_r.sum())
    return shares


def _lag_row(design: Design, studies: Sequence[SimulatedStudy]) -> dict:
    """Count the simulations in which the envelope fits best within 1 TR of no lag."""
    _, onsets = design.rows()
    envelope = design.base["envelope"]
    has_middle_peak = [name.endswith("peak 5.5 s") for name in envelope.feature_names]
    group_means = np.concatenate([study.means.mean(0) for study in studies], axis=1)
    scan = lag_scan(
        envelope.values[:, np.flatnonzero(has_middle_peak)],
        group_means,
        range(-6, 7),
        run_onsets=onsets,
        alphas=(10.0,),
    )
    mean_r = scan.r.reshape(len(scan.lags), len(studies), -1).mean(2)
    best_lags = scan.lags[mean_r.argmax(0)]
    return {
        "figure": "simulations with the lag within 1 TR",
        "value": float((np.abs(best_lags) <= 1).mean()),
        "n": len(studies),
    }


def recovery_study(
    stimulus: Stimulus,
    seeds: Sequence[int] = SEEDS,
    sizes: Sequence[StudySize] = SIZES,
    n_draws: int = 1000,
) -> StudyRows:
    """Simulate studies at every ISC of some sizes, and score all of them.

    Parameters
    ----------
    stimulus : Stimulus
    seeds : sequence of int
    sizes : sequence of StudySize
    n_draws : int
        Of the null.

    Returns
    -------
    StudyRows
        A row a region of each simulation. Gains, accuracy and the codebooks' share are of the first
        ISC.
    """
    design = make_design(stimulus)
    figures = []
    regions = []
    for isc in dict.fromkeys(size.isc for size in sizes):
        studies = simulate_studies(stimulus, seeds, isc)
        if not figures:
            figures += gain_rows(design, studies)
            figures += accuracy_rows(design, studies)
            figures.append(_share_row(studies))
        for size in sizes:
            if size.isc == isc:
                result = recovery_at_size(design, studies, size, n_draws)
                figures += result.figures
                regions += result.regions
    settings = {"sound": stimulus.label, "n_draws": n_draws, "units": "simulations of one film"}
    return StudyRows(figures, regions, settings)


def _share_row(studies: Sequence[SimulatedStudy]) -> dict:
    shares = []
    for study in studies:
        has_codebooks = study.truth.codebooks.any(1)
        shares.append(study.truth.codebook_share[has_codebooks].mean())
    return seed_row("codebooks' share of what sound drives", shares)
