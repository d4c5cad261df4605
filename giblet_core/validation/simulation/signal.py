"""The noise-free part of the simulated BOLD: what drives which region, how subjects mix it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet_core.codecs import Codec, Codes
from giblet_core.timing import TRGrid
from giblet_core.validation.simulation.codebook_drivers import codebook_tracks
from giblet_core.validation.simulation.head import (
    AUDITORY_PLACES,
    OTHER_PLACES,
    Head,
    smooth_fields,
)
from giblet_core.validation.simulation.sound_drivers import SoundTracks, sound_tracks
from giblet_core.validation.simulation.timeline import (
    RATE_HZ,
    Runs,
    subject_kernel,
    unit_variance,
)

SOUND_SHARE = 0.8  # of the shared variance; the rest does not come from sound
SIMILARITY = 0.7  # correlation of the subjects' projections
CODEBOOK_KINDS = (
    "low_codebooks",
    "middle_codebooks",
    "high_codebooks",
    "all_codebooks",
    "single_codebook",
    "single_codebook_2",
)
SOUND_KINDS = (*CODEBOOK_KINDS, "envelope", "loudness", "loudness_x_speech", "mel")
SILENT_KINDS = ("white_matter", "null", "null_edge")
DELAYS = (0, 15, 30)  # bins: 0, 1.5 and 3 s
N_TUNINGS = 3  # of the region that follows the spectrum
TUNING_WIDTH = 2.5  # bands


@dataclass(frozen=True)
class Sound:
    """The sound that subjects hear.

    Attributes
    ----------
    codes : Codes
    codec : Codec
        The one that made the codes.
    wave : array of shape (n_samples,)
        At the codec's rate.
    annotation : object with ``active(kind, times_s)``, or None
        Says where speech is.
    """

    codes: Codes
    codec: Codec
    wave: np.ndarray
    annotation: Any = None

    def n_bins(self) -> int:
        """Return the length of the simulator's time line."""
        return int(self.codes.duration_s * RATE_HZ)


@dataclass(frozen=True)
class Signal:
    """Noise-free series of the voxels that share something between subjects.

    Attributes
    ----------
    sound, other, codebooks : array of shape (n_subjects, n_trs, n_signal_voxels), float32
        The part driven by sound (codebooks included), the shared part that is not, and the
        codebooks' own part of the first.
    has_signal : array of shape (n_voxels,), bool
        The voxels of the last axis, in order.
    kinds : tuple of str
        What drives each region.
    codebook_table : array of shape (n_regions, K), bool
        Which codebooks drive it.
    codebook_share : array of shape (n_regions,)
        Share of the sound-driven variance that codebooks add beyond envelope.
    hrf_peak_s : array of shape (n_subjects,)
        Seconds.
    """

    sound: np.ndarray
    other: np.ndarray
    codebooks: np.ndarray
    has_signal: np.ndarray
    kinds: tuple[str, ...]
    codebook_table: np.ndarray
    codebook_share: np.ndarray
    hrf_peak_s: np.ndarray


@dataclass(frozen=True)
class _Drivers:
    """All tracks of a sound that may drive a region.

    Attributes
    ----------
    sound : SoundTracks
    loudness : array of shape (n_bins, 1)
        Of variance 1.
    tuned : array of shape (n_bins, 3)
        The spectrum through three broad tunings.
    codebooks : dict of str to array of shape (n_bins, J)
        For each codebook region, beyond the tracks above.
    """

    sound: SoundTracks
    loudness: np.ndarray
    tuned: np.ndarray
    codebooks: dict[str, np.ndarray]


@dataclass(frozen=True)
class _Block:
    """Tracks that drive a region together.

    Attributes
    ----------
    source : {"sound", "codebooks", "other"}
    tracks : array of shape (n_bins, J)
    share : float
        Of the region's shared variance.
    positive : bool
        Whether all weights are positive: regions that follow a level rise with it in every voxel.
    """

    source: str
    tracks: np.ndarray
    share: float
    positive: bool


def codebooks_of_kind(num_codebooks: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """Choose the codebooks of each codebook region.

    The lower quarter, the middle, the upper three eighths, all, and two single ones.
    """
    middle_start = max(1, num_codebooks // 4)
    high_start = max(2, 5 * num_codebooks // 8)
    shuffled = rng.permutation(num_codebooks)
    wanted = {
        "low_codebooks": range(middle_start),
        "middle_codebooks": range(middle_start, high_start),
        "high_codebooks": range(high_start, num_codebooks),
        "all_codebooks": range(num_codebooks),
        "single_codebook": shuffled[:1],
        "single_codebook_2": shuffled[1:2],
    }
    chosen = {}
    for kind, codebooks in wanted.items():
        existing = sorted(int(codebook) for codebook in codebooks if codebook < num_codebooks)
        chosen[kind] = existing or [num_codebooks - 1]
    return chosen


class _Mixer:
    """Weights of tracks in the voxels of a head."""

    def __init__(self, runs: Runs, head: Head):
        self.runs = runs
        self.head = head

    def _draw_weights(
        self, n_tracks: int, voxels: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw weights that vary smoothly around a mean: (n_tracks, n_voxels)."""
        field = smooth_fields(self.head, n_tracks, rng)[:, voxels]
        return 0.9 * rng.standard_normal((n_tracks, 1)) + 0.44 * field

    def weights(
        self, block: _Block, voxels: np.ndarray, n_subjects: int, rng: np.random.Generator
    ) -> np.ndarray:
        """Draw weights that make the block's share of variance in each voxel.

        Those of two subjects correlate .7. The variance is that under the canonical response.

        Parameters
        ----------
        block : _Block
        voxels : array of shape (n_voxels,), int
            Of the region.
        n_subjects : int
        rng : numpy.random.Generator

        Returns
        -------
        array of shape (n_subjects, J, n_voxels)
        """
        n_tracks = block.tracks.shape[1]
        common = self._draw_weights(n_tracks, voxels, rng)
        weights = np.empty((n_subjects, *common.shape))
        for subject in range(n_subjects):
            individual = self._draw_weights(n_tracks, voxels, rng)
            weights[subject] = np.sqrt(SIMILARITY) * common + np.sqrt(1 - SIMILARITY) * individual
        if block.positive:
            weights = np.abs(1 + 0.5 * weights)
        response = self.runs.respond(block.tracks)
        gram = response.T @ response / len(response)
        variance = np.einsum("sjv,jk,skv->sv", weights, gram, weights)
        return weights * np.sqrt(block.share / np.maximum(variance, 1e-12))[:, None]


def _tuned_spectrum(spectrum: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Filter (n_bins, 24) by broad tunings at random best frequencies: (n_bins, 3)."""
    n_bands = spectrum.shape[1]
    place = np.arange(N_TUNINGS) + rng.uniform(0.1, 0.9, N_TUNINGS)
    best_band = n_bands * place / N_TUNINGS
    distance = (np.arange(n_bands)[:, None] - best_band) / TUNING_WIDTH
    return unit_variance(spectrum @ np.exp(-0.5 * distance**2))


def _make_drivers(
    sound: Sound, runs: Runs, codebooks_of: dict[str, list[int]], rng: np.random.Generator
) -> _Drivers:
    n_bins = sound.n_bins()
    tracks = sound_tracks(sound.wave, sound.codes.sample_rate, n_bins, sound.annotation)
    loudness = unit_variance(tracks.loudness)
    tuned = _tuned_spectrum(tracks.spectrum, rng)
    known = np.concatenate([tracks.envelope, loudness, tuned], axis=1)
    all_tracks = codebook_tracks(sound.codec, sound.codes, codebooks_of, n_bins, rng)
    codebooks = {kind: runs.beyond(of_kind, known) for kind, of_kind in all_tracks.items()}
    return _Drivers(tracks, loudness, tuned, codebooks)


def _other_tracks(n_bins: int, rng: np.random.Generator) -> np.ndarray:
    """Draw shared tracks that have nothing to do with sound: (n_bins, 3).

    They stand for what was seen, thought, moved by.
    """
    white = np.fft.rfft(rng.standard_normal((n_bins, 3)), axis=0)
    frequency = np.fft.rfftfreq(n_bins, 1 / RATE_HZ)[:, None]
    spectrum = white / np.sqrt(1 + (frequency / 0.06) ** 2)
    return unit_variance(np.fft.irfft(spectrum, n_bins, axis=0))


def _blocks(kind: str, drivers: _Drivers, rng: np.random.Generator) -> list[_Block]:
    """Return what drives a region of some kind: its blocks from sound, and the other one last."""
    codebook_share = rng.uniform(0.24, 0.31)  # drawn in every region, used in those of codebooks
    sound = drivers.sound
    followed = {
        "envelope": sound.envelope,
        "loudness": drivers.loudness,
        "mel": drivers.tuned,
        "loudness_x_speech": unit_variance(sound.loudness * sound.speech[:, None]),
    }
    blocks = []
    if kind in CODEBOOK_KINDS:
        envelope_share = (1 - codebook_share) * SOUND_SHARE
        own_share = codebook_share * SOUND_SHARE
        blocks.append(_Block("sound", sound.envelope, envelope_share, positive=True))
        blocks.append(_Block("codebooks", drivers.codebooks[kind], own_share, positive=False))
    elif kind in followed:
        blocks.append(_Block("sound", followed[kind], SOUND_SHARE, positive=True))
    other_share = 1 - SOUND_SHARE if blocks else 1.0
    other = _other_tracks(len(sound.envelope), rng)
    return [*blocks, _Block("other", other, other_share, positive=False)]


def _make_parts(
    kinds: Sequence[str],
    region_of: np.ndarray,
    drivers: _Drivers,
    mixer: _Mixer,
    kernels: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Make the series of all regions with a signal, by what they come from.

    `region_of` names the region of each voxel with a signal, counted from 1. The parts are
    (n_subjects, n_trs, n_signal_voxels) float32; "sound" holds "codebooks".
    """
    shape = (len(kernels), mixer.runs.n_trs(), len(region_of))
    parts = {source: np.zeros(shape, np.float32) for source in ("sound", "codebooks", "other")}
    for label in range(1, len(kinds) + 1):
        columns = np.flatnonzero(region_of == label)
        if not len(columns):
            continue
        voxels = np.flatnonzero(mixer.head.atlas == label)
        for block in _blocks(kinds[label - 1], drivers, rng):
            weights = mixer.weights(block, voxels, len(kernels), rng)
            for subject, kernel in enumerate(kernels):
                series = mixer.runs.respond(block.tracks, kernel) @ weights[subject]
                parts[block.source][subject][:, columns] = series
    parts["sound"] += parts["codebooks"]
    return parts


def _responses_to_envelope(
    drivers: _Drivers, runs: Runs, kernels: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return each subject's responses to the envelope and its delays of 1.5 and 3 s: (n_trs, 9)."""
    envelope = drivers.sound.envelope
    padded = [np.pad(envelope, ((delay, 0), (0, 0)))[: len(envelope)] for delay in DELAYS]
    delayed = np.concatenate(padded, axis=1)
    return [runs.respond(delayed, kernel) for kernel in kernels]


def _unique_share(driven: np.ndarray, envelopes: Sequence[np.ndarray]) -> float:
    """Return the share of variance that envelopes leave, on average over subjects and voxels.

    Series driven by sound are (n_subjects, n_trs, n_voxels), envelopes (n_trs, J) of each subject.
    """
    shares = []
    for subject_series, envelope in zip(driven.astype(float), envelopes):
        y = subject_series - subject_series.mean(0)
        coefficients = np.linalg.lstsq(envelope, y, rcond=1e-6)[0]
        residual = y - envelope @ coefficients
        shares.append(np.mean(np.var(residual, axis=0) / np.var(y, axis=0)))
    return float(np.mean(shares))


def _codebook_shares(
    kinds: Sequence[str],
    region_of: np.ndarray,
    driven: np.ndarray,
    envelopes: Sequence[np.ndarray],
) -> np.ndarray:
    """Return what codebooks add beyond envelope: (n_regions,), 0 in regions without codebooks."""
    shares = np.zeros(len(kinds))
    for region, kind in enumerate(kinds):
        if kind in CODEBOOK_KINDS:
            shares[region] = _unique_share(driven[:, :, region_of == region + 1], envelopes)
    return shares


def make_signal(
    seed: int, sound: Sound, grids: Sequence[TRGrid], head: Head, n_subjects: int
) -> Signal:
    """Compute every subject's noise-free response in all regions with a shared signal.

    Parameters
    ----------
    seed : int
    sound : Sound
    grids : sequence of TRGrid
        One a run.
    head : Head
    n_subjects : int

    Returns
    -------
    Signal
    """
    rng = np.random.default_rng((seed, 0))
    auditory = rng.permutation(SOUND_KINDS[: len(AUDITORY_PLACES)]).tolist()
    kinds = (*auditory, *OTHER_PLACES)
    codebooks_of = codebooks_of_kind(sound.codes.num_codebooks, rng)
    runs = Runs(grids)
    drivers = _make_drivers(sound, runs, codebooks_of, rng)
    hrf_peak_s = rng.uniform(4, 7, n_subjects)
    kernels = [subject_kernel(peak_s) for peak_s in hrf_peak_s]

    silent = [label for label, kind in enumerate(kinds, start=1) if kind in SILENT_KINDS]
    has_signal = (head.atlas > 0) & ~np.isin(head.atlas, silent)
    region_of = head.atlas[has_signal]
    parts = _make_parts(kinds, region_of, drivers, _Mixer(runs, head), kernels, rng)
    return Signal(
        sound=parts["sound"],
        other=parts["other"],
        codebooks=parts["codebooks"],
        has_signal=has_signal,
        kinds=kinds,
        codebook_table=_codebook_table(kinds, codebooks_of, sound.codes.num_codebooks),
        codebook_share=_codebook_shares(
            kinds, region_of, parts["sound"], _responses_to_envelope(drivers, runs, kernels)
        ),
        hrf_peak_s=hrf_peak_s,
    )


def _codebook_table(
    kinds: Sequence[str], codebooks_of: dict[str, list[int]], num_codebooks: int
) -> np.ndarray:
    """Return which codebooks drive each region: (n_regions, K) bool."""
    table = np.zeros((len(kinds), num_codebooks), bool)
    for region, kind in enumerate(kinds):
        table[region, codebooks_of.get(kind, [])] = True
    return table
