"""How well segments of sound are identified from simulated BOLD, and from shifted BOLD: chance.

All simulations share a film and its pairs of segments, so that simulations alone are no units: an
interval draws pairs and simulations, each on its own. One film says nothing of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from giblet_core.decoding import (
    LATENTS,
    SETS,
    DecodingResult,
    DecodingSpaces,
    Identification,
    decode_unseen,
    fit_decoder,
    make_spaces,
    standardise_voxels,
)
from giblet_core.encoding import Interval
from giblet_core.inference import crossed_bootstrap, proportion
from giblet_core.timing import Stimulus, contiguous_folds
from giblet_core.validation.recovery import SEEDS
from giblet_core.validation.rows import StudyRows, record_row
from giblet_core.validation.simulation.study import simulate

N_FOLDS = 5
EMBARGO_TRS = 20
PENALTIES = np.logspace(0, 3, 5)
LEVEL = 0.05
PAIRS_DRAWN_TOGETHER = 2  # neighbours in time, which often share a segment


@dataclass(frozen=True, eq=False)
class _Task:
    """What is decoded from every simulation.

    Attributes
    ----------
    stimulus : Stimulus
    spaces : DecodingSpaces
    values : array of shape (n_folds, n_trs, n_dims)
        Columns of the spaces.
    """

    stimulus: Stimulus
    spaces: DecodingSpaces
    values: np.ndarray

    def decode(self, bold: np.ndarray) -> DecodingResult:
        """Decode all spaces from series (n_trs, n_voxels)."""
        return fit_decoder(
            bold,
            self.values,
            self.spaces.folds,
            PENALTIES,
            run_onsets=self.spaces.run_onsets,
            embargo=EMBARGO_TRS,
        )

    def decode_first_unseen(self, subjects: Sequence[np.ndarray]) -> DecodingResult:
        """Decode all spaces from the first subject, the decoder knowing only the others."""
        return decode_unseen(
            subjects,
            0,
            self.values,
            self.spaces.folds,
            PENALTIES,
            run_onsets=self.spaces.run_onsets,
            embargo=EMBARGO_TRS,
        )

    def tested(self, bold: np.ndarray, n_shifts: int) -> dict[str, Identification]:
        """Identify by all sets of spaces, each beside refits on shifted BOLD."""
        return self.spaces.tested(
            bold, SETS, n_shifts=n_shifts, embargo=EMBARGO_TRS, alphas=PENALTIES
        )

    def by_latents(self, decoded: DecodingResult) -> Identification:
        """Identify by the latents, without a null."""
        return self.spaces.identified(decoded, LATENTS, EMBARGO_TRS)

    def simulated_subjects(self, seed: int) -> list[np.ndarray]:
        """Simulate one seed: scaled series (n_trs, n_voxels) of each subject's regions."""
        simulation = simulate(
            seed,
            self.stimulus.codes,
            codec=self.stimulus.codec,
            wave=self.stimulus.wave,
            annotation=self.stimulus.spoken,
            grids=self.stimulus.grids,
        )
        all_rows = np.arange(self.stimulus.n_trs)
        in_regions = simulation.atlas > 0
        return [standardise_voxels(bold[:, in_regions], all_rows) for bold in simulation.bold]


def _make_task(stimulus: Stimulus) -> _Task:
    run_n_trs = [grid.n_trs for grid in stimulus.grids]
    onsets = tuple(int(onset) for onset in np.cumsum([0, *run_n_trs[:-1]]))
    folds = contiguous_folds(stimulus.n_trs, N_FOLDS, EMBARGO_TRS, onsets)
    spaces = make_spaces(stimulus, stimulus.grids, folds, onsets)
    return _Task(stimulus, spaces, spaces.values())


@dataclass(frozen=True, eq=False)
class _Simulation:
    """What one simulation gave.

    Attributes
    ----------
    seed : int
    group : dict of str to Identification
        From the group's mean series, by each of `SETS`, beside its null.
    seen, unseen : Identification
        By the latents, from the first subject, whose data trained the decoder or did not.
    """

    seed: int
    group: dict[str, Identification]
    seen: Identification
    unseen: Identification

    @property
    def identifications(self) -> dict[str, Identification]:
        """All of them, by the name of their figure."""
        group = {f"group, {name}": result for name, result in self.group.items()}
        return group | {"seen subject": self.seen, "unseen subject": self.unseen}

    def row(self) -> dict:
        """Return the row of a record: accuracy in per cent, and p where there is a null."""
        accuracy = {
            f"{name} (%)": 100 * result.pairwise_accuracy
            for name, result in self.identifications.items()
        }
        p = {f"group, {name}, p": result.p for name, result in self.group.items()}
        chance = {
            f"group, {name}, shifted (%)": 100 * float(result.null.mean())
            for name, result in self.group.items()
        }
        return {"seed": self.seed, "n_pairs": self.seen.n_pairs, **accuracy, **p, **chance}


def _simulate(task: _Task, seed: int, n_shifts: int) -> _Simulation:
    subjects = task.simulated_subjects(seed)
    return _Simulation(
        seed=seed,
        group=task.tested(np.mean(subjects, axis=0), n_shifts),
        seen=task.by_latents(task.decode(subjects[0])),
        unseen=task.by_latents(task.decode_first_unseen(subjects)),
    )


def decoding_study(
    stimulus: Stimulus, seeds: Sequence[int] = SEEDS, n_shifts: int = 20
) -> StudyRows:
    """Identify segments in every simulation: from the group, and from its first subject.

    Parameters
    ----------
    stimulus : Stimulus
        What all simulated subjects hear.
    seeds : sequence of int
    n_shifts : int
        Refits on shifted BOLD in every simulation.

    Returns
    -------
    StudyRows
        Figures in per cent; intervals draw pairs of segments and simulations, each on its own.
    """
    task = _make_task(stimulus)
    progress = tqdm(seeds, desc="simulations to decode")
    simulations = [_simulate(task, seed, n_shifts) for seed in progress]
    return StudyRows(
        figures_of(simulations),
        [simulation.row() for simulation in simulations],
        {"sound": stimulus.label, "n_shifts": n_shifts, "units": "pairs x simulations, one film"},
    )


def figures_of(simulations: Sequence[_Simulation]) -> list[dict]:
    """Return the figures of simulations: accuracies, gain, chance, and how often p <= .05."""
    tables = {
        name: _table_of(simulations, name) for name in simulations[0].identifications
    }  # of (n_pairs, n_simulations)
    figures = [_crossed_row(f"identification, {name}", table) for name, table in tables.items()]
    gain = tables["group, latents"] - tables["group, loudness and speech"]
    figures.append(_crossed_row("identification, points over loudness and speech", gain))
    for name in simulations[0].group:
        nulls = np.stack([simulation.group[name].null for simulation in simulations], axis=1)
        figures.append(_crossed_row(f"identification, shifted BOLD, {name}", 100 * nulls))
        detected = [simulation.group[name].p <= LEVEL for simulation in simulations]
        share = proportion(sum(detected), len(detected))
        interval = Interval(share.value, share.low, share.high, share.n)
        figures.append(record_row(f"identification p <= .05, group, {name}", interval))
    return figures


def _table_of(simulations: Sequence[_Simulation], name: str) -> np.ndarray:
    """Return per cent of each pair in each simulation, (n_pairs, n_simulations)."""
    per_pair = [simulation.identifications[name].per_pair for simulation in simulations]
    return 100 * np.stack(per_pair, axis=1)


def _crossed_row(figure: str, table: np.ndarray) -> dict:
    """Return the row of a mean over a crossed table whose first axis runs in time."""
    low, high = crossed_bootstrap(table, block=PAIRS_DRAWN_TOGETHER)
    return record_row(figure, Interval(float(table.mean()), low, high, table.shape[1]))
