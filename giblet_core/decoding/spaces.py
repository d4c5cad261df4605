"""What is decoded: the codec's side of the sound, and loudness with speech beside it.

The codec's side has two spaces (`LATENTS`): the slow directions of each codebook, and how large the
latents are. Loudness with speech (`PLAIN`) is the rival that the codec's side has to beat.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from giblet_core.decoding.identification import Identification, identify_stacked
from giblet_core.decoding.regression import DecodingResult, decode_beyond, fit_decoder
from giblet_core.decoding.segments import Segments, fold_numbers, make_segments
from giblet_core.encoding import ALPHAS
from giblet_core.features import (
    CodebookMeans,
    Response,
    baseline_features,
    codebook_means,
    energy_features,
    mean_over_responses,
    slow_codebooks,
)
from giblet_core.timing import Fold, Stimulus, TRGrid, check_runs, shift_within_runs

LOUDNESS_AND_SPEECH = "loudness and speech"
LATENTS = ("codebooks", "energy")
PLAIN = (LOUDNESS_AND_SPEECH,)


@dataclass(frozen=True, eq=False)
class TRSound:
    """What sounds in each TR, so that foils can be of the same kind.

    Attributes
    ----------
    loudness : array of shape (n_trs,), LUFS
    classes : int array of shape (n_trs,) or None
        0 neither, 1 speech, 2 music, 3 both; None without annotation.
    """

    loudness: np.ndarray
    classes: np.ndarray | None

    def moved(self, rows: np.ndarray) -> "TRSound":
        """Return the same with its TRs taken in the order of rows."""
        classes = None if self.classes is None else self.classes[rows]
        return TRSound(self.loudness[rows], classes)

    def segments(self, fold_of: np.ndarray, length: int, run_onsets: Sequence[int]) -> Segments:
        """Cut test folds into segments that know their loudness and class.

        Parameters
        ----------
        fold_of : int array of shape (n_trs,)
            Test fold of each TR.
        length : int
            TRs of a segment.
        run_onsets : sequence of int
            Row at which each run begins.

        Returns
        -------
        Segments
        """
        return make_segments(
            fold_of, length, run_onsets=run_onsets, classes=self.classes, loudness=self.loudness
        )


@dataclass(frozen=True, eq=False)
class DecodingSpaces:
    """What is decoded from BOLD, how time is split, and the segments to identify.

    Attributes
    ----------
    means : list of CodebookMeans
        One a codebook.
    energy : array of shape (n_trs, n_energy)
        How large the latents are.
    plain : array of shape (n_trs, n_plain)
        Loudness, and speech where it is annotated.
    columns : dict of str to slice
        Where each space lies in `values`; the names are those of `LATENTS` and `PLAIN`.
    folds : list of (train, test)
    run_onsets : tuple of int
        Row at which each run begins.
    sound : TRSound
        What makes foils fair.
    segments : Segments
        Of the test folds.
    """

    means: list[CodebookMeans]
    energy: np.ndarray
    plain: np.ndarray
    columns: dict[str, slice]
    folds: list[Fold]
    run_onsets: tuple[int, ...]
    sound: TRSound
    segments: Segments

    def identified(
        self, decoded: DecodingResult, names: Sequence[str], embargo: int = 20, **options
    ) -> Identification:
        """Identify the segments by some of the spaces, from a decoding of all of them.

        Parameters
        ----------
        decoded : DecodingResult
            Of `values`, or what `beyond` returns.
        names : sequence of str
            Of the spaces, for example `LATENTS`.
        embargo : int
            TRs between a segment and its foils.
        **options
            More keywords of `identify_stacked`.

        Returns
        -------
        Identification
        """
        parts = [decoded.part(self.columns[name]) for name in names]
        return identify_stacked(parts, self.segments, embargo=embargo, **options)

    def values(self, rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the columns of all spaces, (n_folds, n_trs, n_dims).

        The slow directions of the codebooks are those of each fold's training time. `rows` moves
        the sound before anything is fitted.
        """
        means = [mean.take(rows) for mean in self.means]
        rest = [self.energy[rows], self.plain[rows]]
        return np.stack(
            [
                np.concatenate([*slow_codebooks(means, train), *rest], axis=1)
                for train, _ in self.folds
            ]
        )

    def beyond(
        self, bold: np.ndarray, *, embargo: int = 20, alphas: Sequence[float] = ALPHAS
    ) -> DecodingResult:
        """Decode what loudness and speech leave of the codec's side.

        Parameters
        ----------
        bold : array of shape (n_trs, n_voxels)
            As in `fit_decoder`.
        embargo : int
            TRs around inner test folds.
        alphas : sequence of float
            Penalties on offer.

        Returns
        -------
        DecodingResult
            With the columns of `LATENTS`.
        """
        values = self.values()
        plain_columns = self.columns[LOUDNESS_AND_SPEECH]
        return decode_beyond(
            bold,
            values[..., : plain_columns.start],
            values[0, :, plain_columns],
            self.folds,
            alphas,
            run_onsets=self.run_onsets,
            embargo=embargo,
        )

    def shifted(
        self,
        bold: np.ndarray,
        sets: Sequence[Sequence[str]] = (LATENTS, PLAIN),
        *,
        n_shifts: int = 12,
        min_shift: int = 60,
        embargo: int = 20,
        alphas: Sequence[float] = ALPHAS,
    ) -> np.ndarray:
        """Identify where BOLD and sound belong together nowhere: what chance gives.

        The sound, with its classes, loudness and foils, moves circularly within runs by several
        different numbers of TRs. A single shift of one film is one draw, and that can lie far from
        chance.

        Parameters
        ----------
        bold : array of shape (n_trs, n_voxels)
            As in `fit_decoder`.
        sets : sequence of sequences of str
            Spaces to identify by, each set on its own.
        n_shifts : int
            Different shifts, spread evenly.
        min_shift : int
            TRs from 0 (no shift) at least, in either direction in the shortest run.
        embargo : int
            TRs around inner test folds, and between a segment and its foils.
        alphas : sequence of float
            Penalties on offer.

        Returns
        -------
        array of shape (n_sets, n_shifts or fewer)
            Pairwise accuracy. Shifts that leave no segment a foil are left out.
        """
        shortest_run = np.diff(check_runs(len(bold), self.run_onsets)).min()
        shifts = np.linspace(min_shift, shortest_run - min_shift, n_shifts)
        moves = [shift_within_runs(len(bold), -int(shift), self.run_onsets) for shift in shifts]
        decoded = fit_decoder(
            bold,
            np.concatenate([self.values(rows) for rows in moves], axis=2),  # side by side
            self.folds,
            alphas,
            run_onsets=self.run_onsets,
            embargo=embargo,
        )
        n_dims = self.columns[LOUDNESS_AND_SPEECH].stop
        accuracies = []
        for move, rows in enumerate(moves):
            moved = self._with_moved_segments(decoded.fold_of, rows)
            if not moved.segments.foils(embargo).any():
                continue
            part = decoded.part(slice(move * n_dims, (move + 1) * n_dims))
            results = [moved.identified(part, names, embargo, n_draws=0) for names in sets]
            accuracies.append([result.pairwise_accuracy for result in results])
        return np.array(accuracies).T

    def _with_moved_segments(self, fold_of: np.ndarray, rows: np.ndarray) -> "DecodingSpaces":
        sound = self.sound.moved(rows)
        segments = sound.segments(fold_of, self.segments.length, self.run_onsets)
        return replace(self, segments=segments)


def sound_of_trs(stimulus: Stimulus, grids: Sequence[TRGrid]) -> TRSound:
    """Say of each TR how loud it is and, with an annotation, whether it holds speech or music."""
    rate = stimulus.codec.sample_rate
    spaces = baseline_features(stimulus.wave, rate, grids, ("loudness",), hrf=None)
    loudness = spaces["loudness"].values[:, 0]
    if stimulus.annotation is None:
        return TRSound(loudness, None)
    middles = np.concatenate([grid.middles() for grid in grids])
    speech = stimulus.annotation.active("speech", middles)
    music = stimulus.annotation.active("music", middles)
    return TRSound(loudness, speech + 2 * music)


def fair_segments(
    stimulus: Stimulus,
    grids: Sequence[TRGrid],
    folds: list[Fold],
    run_onsets: Sequence[int],
    length: int = 10,
) -> Segments:
    """Cut the test folds into segments that know their loudness and class.

    Parameters
    ----------
    stimulus : Stimulus
        The sound.
    grids : sequence of TRGrid
        One a run.
    folds : list of (train, test)
        From `contiguous_folds`.
    run_onsets : sequence of int
        Row at which each run begins.
    length : int
        TRs of a segment.

    Returns
    -------
    Segments
    """
    sound = sound_of_trs(stimulus, grids)
    return sound.segments(fold_numbers(len(sound.loudness), folds), length, run_onsets)


def make_spaces(
    stimulus: Stimulus,
    grids: Sequence[TRGrid],
    folds: list[Fold],
    run_onsets: Sequence[int],
    length: int = 10,
) -> DecodingSpaces:
    """Make the spaces to decode, and the segments of the test folds.

    All spaces carry the haemodynamic response, averaged over the same peaks.

    Parameters
    ----------
    stimulus : Stimulus
        The sound.
    grids : sequence of TRGrid
        One a run.
    folds : list of (train, test)
        From `contiguous_folds`.
    run_onsets : sequence of int
        Row at which each run begins.
    length : int
        TRs of a segment.

    Returns
    -------
    DecodingSpaces
    """
    plain = mean_over_responses(partial(_plain_features, stimulus, grids))
    means = codebook_means(stimulus.codec, stimulus.codes, grids)
    energy = energy_features(stimulus.codec, stimulus.codes, grids).values
    n_codebook_dims = sum(x.shape[1] for x in slow_codebooks(means))
    widths = (n_codebook_dims, energy.shape[1], plain.shape[1])
    stops = np.cumsum(widths).tolist()
    columns = {
        name: slice(stop - width, stop)
        for name, width, stop in zip((*LATENTS, *PLAIN), widths, stops)
    }
    sound = sound_of_trs(stimulus, grids)
    return DecodingSpaces(
        means=means,
        energy=energy,
        plain=plain,
        columns=columns,
        folds=folds,
        run_onsets=tuple(run_onsets),
        sound=sound,
        segments=sound.segments(fold_numbers(len(plain), folds), length, run_onsets),
    )


def _plain_features(stimulus: Stimulus, grids: Sequence[TRGrid], response: Response) -> np.ndarray:
    """Return loudness, and speech where annotated, with one response."""
    spaces = baseline_features(
        stimulus.wave,
        stimulus.codec.sample_rate,
        grids,
        ("loudness", "speech") if stimulus.spoken else ("loudness",),
        stimulus.spoken,
        response,
    )
    return np.concatenate([space.values for space in spaces.values()], axis=1)
