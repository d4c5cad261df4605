"""How well segments of sound are identified from simulated BOLD, and from shifted BOLD: chance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from giblet_core.decoding import (
    LATENTS,
    PLAIN,
    DecodingResult,
    DecodingSpaces,
    decode_unseen,
    fit_decoder,
    make_spaces,
    standardise_voxels,
)
from giblet_core.timing import Stimulus, contiguous_folds
from giblet_core.validation.recovery import SEEDS
from giblet_core.validation.rows import seed_row
from giblet_core.validation.simulation.study import simulate

N_FOLDS = 5
EMBARGO_TRS = 20
PENALTIES = np.logspace(0, 3, 5)


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

    def accuracy(self, decoded: DecodingResult, names: Sequence[str]) -> float:
        """Identify segments by some of the spaces: pairwise accuracy."""
        return self.spaces.identified(decoded, names, n_draws=0).pairwise_accuracy

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


def _group_scores(task: _Task, group: np.ndarray) -> dict[str, float]:
    """Identify from the group's mean series (n_trs, n_voxels), by different spaces."""
    decoded = task.decode(group)
    beyond = task.spaces.beyond(group, embargo=EMBARGO_TRS, alphas=PENALTIES)
    return {
        "group, latents": task.accuracy(decoded, LATENTS),
        "group, loudness and speech": task.accuracy(decoded, PLAIN),
        "group, latents beyond loudness and speech": task.accuracy(beyond, LATENTS),
    }


def _subject_scores(task: _Task, subjects: Sequence[np.ndarray]) -> dict[str, float]:
    """Identify from the first subject, whose data trained the decoder or did not."""
    return {
        "seen subject": task.accuracy(task.decode(subjects[0]), LATENTS),
        "unseen subject": task.accuracy(task.decode_first_unseen(subjects), LATENTS),
    }


def decoding_rows(stimulus: Stimulus, seeds: Sequence[int] = SEEDS) -> list[dict]:
    """Identify segments in every simulation: rows of a record, in percent.

    From the group, from shifted BOLD, from the first subject seen and unseen. Intervals are over
    simulations; of shifted BOLD over shifts, as all simulations share the film.
    """
    task = _make_task(stimulus)
    scores = []
    chance = []
    for seed in tqdm(seeds, desc="simulations to decode"):
        subjects = task.simulated_subjects(seed)
        group = np.mean(subjects, axis=0)
        of_seed = _group_scores(task, group) | _subject_scores(task, subjects)
        gain = of_seed["group, latents"] - of_seed["group, loudness and speech"]
        scores.append(of_seed | {"points over loudness and speech": gain})
        chance.append(task.spaces.shifted(group, embargo=EMBARGO_TRS, alphas=PENALTIES))
    rows = []
    for name in scores[0]:
        percent = [100 * of_seed[name] for of_seed in scores]
        rows.append(seed_row(f"identification, {name}", percent))
    for name, accuracy in zip(("latents", "loudness and speech"), np.mean(chance, axis=0)):
        rows.append(seed_row(f"identification, shifted BOLD, {name}", 100 * accuracy))
    return rows
