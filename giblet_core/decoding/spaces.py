"""What is decoded: the codec's side of the sound, and loudness with speech beside it.

The codec's side has two spaces (`LATENTS`): the slow directions of each codebook, and how large the
latents are. Loudness with speech (`PLAIN`) is the rival that the codec's side has to beat. What
this rival leaves of the codec's side (`BEYOND`) is decoded too: BOLD that follows loudness and
speech alone is at chance there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from tqdm import tqdm

from giblet_core.decoding.identification import Identification, identify_stacked
from giblet_core.decoding.refitting import movable_decoder
from giblet_core.decoding.regression import DecodingResult, rest_beyond
from giblet_core.decoding.segments import Segments, fold_numbers, make_segments
from giblet_core.encoding import ALPHAS, draw_shifts
from giblet_core.features import (
    CodebookMeans,
    Response,
    baseline_features,
    codebook_means,
    energy_features,
    mean_over_responses,
    slow_codebooks,
)
from giblet_core.timing import Fold, Stimulus, TRGrid

LOUDNESS_AND_SPEECH = "loudness and speech"
LATENTS = ("codebooks", "energy")
PLAIN = (LOUDNESS_AND_SPEECH,)
BEYOND = tuple(f"{name} beyond {LOUDNESS_AND_SPEECH}" for name in LATENTS)
#: What is set side by side where a page tests identification: name -> spaces.
SETS = {
    "latents": LATENTS,
    LOUDNESS_AND_SPEECH: PLAIN,
    f"latents beyond {LOUDNESS_AND_SPEECH}": BEYOND,
}


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
        Where each space lies in `values`; names are those of `LATENTS`, `PLAIN` and `BEYOND`.
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

    def values(self) -> np.ndarray:
        """Return the columns of all spaces, (n_folds, n_trs, n_dims).

        The slow directions of the codebooks are those of each fold's training time, and so is what
        loudness and speech leave.
        """
        latents = np.stack(
            [
                np.concatenate([*slow_codebooks(self.means, train), self.energy], axis=1)
                for train, _ in self.folds
            ]
        )
        plain = np.broadcast_to(self.plain, (len(latents), *self.plain.shape))
        rest = rest_beyond(latents, self.plain, self.folds)
        return np.concatenate([latents, plain, rest], axis=2)

    def identified(
        self, decoded: DecodingResult, names: Sequence[str], embargo: int = 20, **options
    ) -> Identification:
        """Identify the segments by some of the spaces, from a decoding of all of them.

        Parameters
        ----------
        decoded : DecodingResult
            Of `values`.
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

    def tested(  # noqa: PLR0913 - public interface
        self,
        bold: np.ndarray,
        sets: Mapping[str, Sequence[str]] = SETS,
        *,
        n_shifts: int = 99,
        min_shift: int = 30,
        embargo: int = 20,
        alphas: Sequence[float] = ALPHAS,
        seed: int = 0,
    ) -> dict[str, Identification]:
        """Identify by several sets of spaces, each beside refits on shifted BOLD.

        In every draw BOLD moves circularly within runs, each run by its own shift; penalties are
        chosen and decoders fitted again, and the same pairs of segments are told apart.

        Parameters
        ----------
        bold : array of shape (n_trs, n_voxels)
            As in `fit_decoder`.
        sets : mapping of str to sequence of str
            Name -> spaces to identify by.
        n_shifts : int
            Draws of the null.
        min_shift : int
            TRs that each run moves at least, in either direction.
        embargo : int
            TRs around inner test folds, and between a segment and its foils.
        alphas : sequence of float
            Penalties on offer.
        seed : int
            Of the shifts.

        Returns
        -------
        dict of str to Identification
            By the names of `sets`.
        """
        decoder = movable_decoder(
            bold, self.values(), self.folds, alphas, run_onsets=self.run_onsets, embargo=embargo
        )
        shifts = draw_shifts(len(bold), self.run_onsets, min_shift, n_shifts, seed)
        null: dict[str, list[float]] = {name: [] for name in sets}
        for rows in tqdm(shifts, desc="refits on shifted BOLD", leave=False):
            decoded = decoder.decode(rows)
            for name, spaces in sets.items():
                accuracy = self.identified(decoded, spaces, embargo).pairwise_accuracy
                null[name].append(accuracy)
        decoded = decoder.decode()
        return {
            name: self.identified(decoded, spaces, embargo, null=null[name])
            for name, spaces in sets.items()
        }


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
    latent_widths = (n_codebook_dims, energy.shape[1])
    widths = (*latent_widths, plain.shape[1], *latent_widths)
    stops = np.cumsum(widths).tolist()
    columns = {
        name: slice(stop - width, stop)
        for name, width, stop in zip((*LATENTS, *PLAIN, *BEYOND), widths, stops)
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
