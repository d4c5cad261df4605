"""TODO: decoding/spaces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from giblet_core.decoding.identification import Identification, identify_stacked
from giblet_core.decoding.regression import DecodingResult, decode_beyond, fit_decoder
from giblet_core.decoding.segments import Segments, fold_numbers, make_segments
from giblet_core.features import (
    baseline_features,
    codebook_means,
    energy_features,
    over_peaks,
    slow_codebooks,
)
from giblet_core.timing import Fold, TRGrid, check_runs, shift_within_runs

LATENTS, PLAIN = ("codebooks", "energy"), ("loudness and speech",)


@dataclass(frozen=True, eq=False)
class Spaces:
    """What is decoded: the codec's side (means of the codebooks, energy of the latents), loudness
    with speech, and fair foils.
    """

    means: list[tuple[np.ndarray, np.ndarray]]
    rest: np.ndarray
    edges: tuple[int, ...]
    segments: Segments
    marks: dict[str, np.ndarray]

    def identified(
        self, decoded: DecodingResult, names: Sequence[str], gap: int = 20, **options
    ) -> Identification:
        """Identify segments by some of the spaces, from a decoding of all of them."""
        parts = [decoded.part(*self.edges[(*LATENTS, *PLAIN).index(name) :][:2]) for name in names]
        return identify_stacked(parts, self.segments, embargo=gap, **options)

    def values(self, folds: list[Fold], rows: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Return the columns of all spaces, (n_folds, n_trs, n_dims): slow directions of the
        codebooks are those of a fold's training time.

        `rows` moves the sound before anything is fitted.
        """
        means = [(bare[rows], late[:, rows]) for bare, late in self.means]
        return np.stack(
            [
                np.concatenate([*slow_codebooks(means, train), self.rest[rows]], axis=1)
                for train, _ in folds
            ]
        )

    def beyond(self, bold: np.ndarray, folds: list[Fold], **options) -> DecodingResult:
        """Decode what loudness and speech leave of the codec's side; options as in `fit_decoder`."""
        at, values = self.edges[len(LATENTS)], self.values(folds)
        return decode_beyond(bold, values[..., :at], values[0, :, at:], folds, **options)

    def shifted(
        self,
        bold: np.ndarray,
        folds: list[Fold],
        sets: Sequence[Sequence[str]] = (LATENTS, PLAIN),
        *,
        run_onsets: Sequence[int],
        n: int = 12,
        least: int = 60,
        gap: int = 20,
        **options,
    ) -> np.ndarray:
        """Identify, by each of the sets of spaces, where BOLD and sound belong together nowhere:
        chance, (n_sets, n_shifts).

        The sound, with its classes, loudness and foils, moves circularly within runs by `n`
        different numbers of TRs, each at least `least` from 0: a single shift of one film is one
        draw, and that can lie far from chance.
        """
        shortest, d, found = np.diff(check_runs(len(bold), run_onsets)).min(), self.edges[-1], []
        moves = [
            shift_within_runs(len(bold), -int(s), run_onsets)
            for s in np.linspace(least, shortest - least, n)
        ]
        values = np.concatenate([self.values(folds, rows) for rows in moves], axis=2)
        decoded = fit_decoder(bold, values, folds, run_onsets=run_onsets, **options)
        for i, rows in enumerate(moves):
            marks = {"run_onsets": run_onsets, **{name: x[rows] for name, x in self.marks.items()}}
            moved = replace(
                self, segments=make_segments(decoded.fold_of, self.segments.length, **marks)
            )
            if moved.segments.foils(gap).any():
                found.append(
                    [
                        moved.identified(
                            decoded.part(i * d, i * d + d), names, gap, n_draws=0
                        ).pairwise
                        for names in sets
                    ]
                )
        return np.array(found).T


def fair_marks(stimulus: Any, grids: Sequence[TRGrid]) -> dict[str, np.ndarray]:
    """Say of each TR how loud it is and, with an annotation, whether it holds speech, music or
    both: arguments of `make_segments`.
    """
    level = baseline_features(
        stimulus.wave, stimulus.codec.sample_rate, grids, ("loudness",), hrf=None
    )["loudness"].values[:, 0]
    times, active = (
        np.concatenate([g.times() for g in grids]) + grids[0].t_r / 2,
        getattr(stimulus.annotation, "active", None),
    )
    return {"loudness": level} | (
        {"classes": active("speech", times) + 2 * active("music", times)} if active else {}
    )


def fair_segments(
    stimulus: Any,
    grids: Sequence[TRGrid],
    folds: list[Fold],
    run_onsets: Sequence[int],
    length: int = 10,
) -> Segments:
    """Cut the test folds into segments that know their loudness and class."""
    marks = fair_marks(stimulus, grids)
    return make_segments(
        fold_numbers(len(marks["loudness"]), folds), length, run_onsets=run_onsets, **marks
    )


def make_spaces(
    stimulus: Any,
    grids: Sequence[TRGrid],
    folds: list[Fold],
    run_onsets: Sequence[int],
    length: int = 10,
) -> Spaces:
    """Make the spaces to decode, all with the response averaged over the same peaks, and the
    segments of the test folds.
    """
    wave, rate, annotation = stimulus.wave, stimulus.codec.sample_rate, stimulus.spoken
    kinds = ("loudness", "speech") if annotation else ("loudness",)
    plain = over_peaks(
        lambda peak_s: np.concatenate(
            [
                x.values
                for x in baseline_features(
                    wave, rate, grids, kinds, annotation, peak_s=peak_s
                ).values()
            ],
            axis=1,
        )
    )
    means, energy = (
        codebook_means(stimulus.codec, stimulus.codes, grids),
        energy_features(stimulus.codec, stimulus.codes, grids).values,
    )
    sizes = sum(x.shape[1] for x in slow_codebooks(means)), energy.shape[1], plain.shape[1]
    marks, edges = fair_marks(stimulus, grids), tuple(int(n) for n in np.cumsum([0, *sizes]))
    segments = make_segments(
        fold_numbers(len(plain), folds), length, run_onsets=run_onsets, **marks
    )
    return Spaces(means, np.concatenate([energy, plain], axis=1), edges, segments, marks)
