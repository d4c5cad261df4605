"""A simulation of the family: a region a generator, in subjects who hear one sound.

Series are means of regions, not volumes, so that hundreds of simulations are cheap. All that is
made of them is to be labelled *simulated*.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import InputError, require
from giblet_core.simulations.generators import CODEBOOKS, GENERATORS, NOTHING, Generator
from giblet_core.simulations.heard_sound import RATE_HZ, HeardCodebook, HeardSound
from giblet_core.simulations.noise import region_noise
from giblet_core.simulations.responses import RegionResponse, respond
from giblet_core.simulations.sound_drivers import envelope, seen
from giblet_core.simulations.subjects import SubjectDraws
from giblet_core.timing import TRGrid

REFERENCE_SUBJECTS = 8  # for which an ISC is stated
HIGHEST_SHARE = 0.95  # of a series' variance that may be signal
ISC_SPREAD = 0.15  # of the logarithm, from region to region
SUBJECT_SHIFT_S = 0.4  # a subject's response peaks at most so much earlier or later


@dataclass(frozen=True)
class Subjects:
    """Who is simulated, and how much of their series they share.

    Attributes
    ----------
    n_subjects : int
        At least 2.
    isc : float
        Median leave-one-out ISC of regions that share anything, with eight subjects.
    similarity : float
        Correlation of the weights of two subjects.
    sound_share : float
        Share of the shared variance that comes from sound.
    most_codebooks : int
        A region follows one codebook to so many, each number as likely.
    """

    n_subjects: int = 8
    isc: float = 0.29
    similarity: float = 0.7
    sound_share: float = 0.8
    most_codebooks: int = 4

    def __post_init__(self) -> None:
        require(
            self.n_subjects >= 2 and self.most_codebooks >= 1,
            f"n_subjects={self.n_subjects}, most_codebooks={self.most_codebooks}: must be at least "
            "2 subjects and 1 codebook. Give more.",
        )
        inside = 0 < self.isc < 1 and 0 <= self.similarity <= 1 and 0 < self.sound_share <= 1
        require(
            inside,
            f"isc={self.isc}, similarity={self.similarity}, sound_share={self.sound_share}: must "
            "be shares between 0 and 1. Correct them.",
        )


@dataclass(frozen=True)
class RegionTruth:
    """What was planted in one region.

    Attributes
    ----------
    generator : str
        Of `GENERATORS`.
    codebooks : tuple of int
        Those it follows; empty in negative regions.
    response : RegionResponse
    isc : float
        Leave-one-out ISC that was asked for, with eight subjects; 0 where nothing is shared.
    signal_share : float
        Share of the variance of each series that subjects share something in.
    codebook_share : float
        Share of the sound-driven variance that the envelope does not explain linearly, where
        codebooks drive it; 0 elsewhere. Measured.
    """

    generator: str
    codebooks: tuple[int, ...]
    response: RegionResponse
    isc: float
    signal_share: float
    codebook_share: float


@dataclass(frozen=True, eq=False)
class RegionSimulation:
    """Series of simulated regions, and their truth.

    Attributes
    ----------
    series : array of shape (n_subjects, n_trs, n_regions), float32
        Runs one after the other, each series of variance about 1.
    truths : tuple of RegionTruth
        One a region.
    seed : int
    label : str
        "simulated".
    """

    series: np.ndarray
    truths: tuple[RegionTruth, ...]
    seed: int
    label: str = "simulated"


def pairwise_for(isc: float, n_subjects: int = REFERENCE_SUBJECTS) -> float:
    """Return the correlation of two subjects with which leave-one-out ISC is `isc`.

    The mean of n - 1 subjects has variance ``(1 + (n - 2) rho) / (n - 1)``, so that
    ``isc**2 = rho**2 (n - 1) / (1 + (n - 2) rho)``.

    Examples
    --------
    >>> round(pairwise_for(0.29), 2)
    0.15
    """
    coefficients = [n_subjects - 1, -(isc**2) * (n_subjects - 2), -(isc**2)]
    return float(max(np.roots(coefficients).real))


def simulate_regions(
    sound: HeardSound,
    grids: Sequence[TRGrid],
    seed: int,
    generators: Sequence[str] = tuple(GENERATORS),
    subjects: Subjects = Subjects(),
) -> RegionSimulation:
    """Simulate a region a generator.

    Parameters
    ----------
    sound : HeardSound
        Kept between simulations: what it measures of itself is computed once.
    grids : sequence of TRGrid
        One a run, inside the sound.
    seed : int
        Same seed, same series. A region depends on the seed and its generator alone, and not on
        which others there are, but for the noise that regions share.
    generators : sequence of str
        Of `GENERATORS`; all by default. A name given twice makes the same signal twice.
    subjects : Subjects

    Returns
    -------
    RegionSimulation

    Raises
    ------
    InputError
        An unknown generator, or a run outside the sound.
    """
    _check(sound, grids, generators)
    noise_rng = np.random.default_rng((seed, 0))
    series = region_noise(subjects.n_subjects, len(generators), grids, noise_rng)
    truths = []
    for region, name in enumerate(generators):
        rng = np.random.default_rng((seed, 1, zlib.crc32(name.encode())))
        made = _make_region(GENERATORS[name], sound, grids, subjects, rng)
        noise = series[:, :, region]
        share = made.truth.signal_share
        series[:, :, region] = np.sqrt(share) * made.shared + np.sqrt(1 - share) * noise
        truths.append(made.truth)
    return RegionSimulation(series.astype(np.float32), tuple(truths), seed)


def _check(sound: HeardSound, grids: Sequence[TRGrid], generators: Sequence[str]) -> None:
    unknown = [name for name in generators if name not in GENERATORS]
    if unknown or not len(generators):
        raise InputError(
            f"generators={unknown}: must be some of {', '.join(GENERATORS)}. Choose among them."
        )
    duration_s = sound.n_bins / RATE_HZ
    for number, grid in enumerate(grids, start=1):
        stop_s = float(grid.edge(grid.n_trs))
        require(
            grid.onset_s >= 0 and stop_s <= duration_s + 0.1,
            f"run {number}: lasts from {grid.onset_s:g} to {stop_s:g} s, but the sound from 0 to "
            f"{duration_s:g} s. Give runs inside the sound.",
        )


@dataclass(frozen=True, eq=False)
class _Region:
    """What subjects share in one region, (n_subjects, n_trs) of variance 1, and its truth."""

    shared: np.ndarray
    truth: RegionTruth


def _make_region(
    generator: Generator,
    sound: HeardSound,
    grids: Sequence[TRGrid],
    subjects: Subjects,
    rng: np.random.Generator,
) -> _Region:
    response = RegionResponse.draw(rng)
    shifts_s = rng.uniform(-SUBJECT_SHIFT_S, SUBJECT_SHIFT_S, subjects.n_subjects)
    kernels = np.stack([response.kernel(shift_s) for shift_s in shifts_s])
    draws = SubjectDraws(subjects.n_subjects, subjects.similarity, rng)
    isc = subjects.isc * np.exp(ISC_SPREAD * rng.standard_normal())
    if generator.follows == NOTHING:
        nothing = np.zeros((subjects.n_subjects, sum(grid.n_trs for grid in grids)))
        return _Region(nothing, RegionTruth(generator.name, (), response, 0.0, 0.0, 0.0))
    followed = _chosen_codebooks(generator, sound, subjects, rng)
    mixer = _Mixer(sound, grids, kernels, draws)
    driven = mixer.driven(generator, followed)
    other = mixer.respond(seen(sound, draws))
    from_sound = np.sqrt(subjects.sound_share) * driven
    shared = _unit(from_sound + np.sqrt(1 - subjects.sound_share) * other)
    share = min(pairwise_for(isc) / _agreement(shared), HIGHEST_SHARE)
    truth = RegionTruth(
        generator=generator.name,
        codebooks=followed,
        response=response,
        isc=isc,
        signal_share=share,
        codebook_share=mixer.share_beyond_envelope(driven) if followed else 0.0,
    )
    return _Region(shared, truth)


def _chosen_codebooks(
    generator: Generator, sound: HeardSound, subjects: Subjects, rng: np.random.Generator
) -> tuple[int, ...]:
    if generator.follows != CODEBOOKS:
        return ()
    n_there = sound.codes.num_codebooks
    n_followed = int(rng.integers(1, min(subjects.most_codebooks, n_there) + 1))
    chosen = rng.choice(n_there, n_followed, replace=False)
    return tuple(sorted(int(codebook) for codebook in chosen))


@dataclass(frozen=True, eq=False)
class _Mixer:
    """Responses of one region's subjects to tracks of one sound."""

    sound: HeardSound
    grids: Sequence[TRGrid]
    kernels: np.ndarray
    draws: SubjectDraws

    def respond(self, tracks: np.ndarray) -> np.ndarray:
        """Return responses to tracks (n_subjects or 1, n_bins): (n_subjects, n_trs), variance 1."""
        centred = tracks - tracks.mean(1, keepdims=True)
        responses = respond(centred, self.kernels, self.grids)
        return _unit(self._without_run_means(responses))

    def driven(self, generator: Generator, followed: tuple[int, ...]) -> np.ndarray:
        """Return what the sound drives, (n_subjects, n_trs), of variance 1."""
        if not followed:
            return self.respond(generator.drive(self.sound, self.draws))
        parts = [
            self.respond(generator.drive(HeardCodebook(self.sound, codebook), self.draws))
            for codebook in followed
        ]
        own = _unit(np.sum(parts, axis=0))
        if not generator.envelope_share:
            return own
        level = self.respond(envelope(self.sound, self.draws))
        freed = _unit(own - _projection(own, level))
        return np.sqrt(1 - generator.envelope_share) * freed + (
            np.sqrt(generator.envelope_share) * level
        )

    def share_beyond_envelope(self, driven: np.ndarray) -> float:
        """Return the share of variance that the RMS to the power .3 to .7 does not explain."""
        steady = SubjectDraws(self.draws.n_subjects, 1.0, np.random.default_rng(0))
        level = self.respond(envelope(self.sound, steady))
        left = driven - _projection(driven, level)
        return float(left.var() / driven.var())

    def _without_run_means(self, series: np.ndarray) -> np.ndarray:
        stops = np.cumsum([grid.n_trs for grid in self.grids])[:-1]
        runs = np.split(series, stops, axis=1)
        return np.concatenate([run - run.mean(1, keepdims=True) for run in runs], axis=1)


def _projection(series: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return the part of each row of `series` that the same row of `onto` explains."""
    weights = (series * onto).sum(1) / np.maximum((onto**2).sum(1), 1e-12)
    return weights[:, None] * onto


def _unit(series: np.ndarray) -> np.ndarray:
    """Scale the rows of centred series to variance 1; a row that does not move stays 0."""
    sd = series.std(1, keepdims=True)
    return np.divide(series, sd, out=np.zeros_like(series), where=sd > 1e-9)


def _agreement(shared: np.ndarray) -> float:
    """Return the mean correlation of two rows, (n_subjects, n_trs), at least .05."""
    correlations = np.corrcoef(shared)
    pairs = correlations[np.triu_indices(len(shared), k=1)]
    return max(float(np.nanmean(pairs)), 0.05)
