"""The noise-free part of the simulated BOLD: which tracks drive which region, and how each subject
mixes and delays them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from giblet_core.codecs import Codes
from giblet_core.timing import TRGrid
from giblet_core.validation.simulation.drivers import (
    RATE_HZ,
    SoundTracks,
    codebook_tracks,
    respond,
    response_kernel,
    sound_tracks,
    standardise,
)
from giblet_core.validation.simulation.noise import (
    AUDITORY_PLACES,
    OTHER_PLACES,
    Head,
    smooth_fields,
)

REFERENCE_SUBJECTS = 8  # for which ISC is stated
SOUND_SHARE = 0.8  # of the shared variance; the rest does not come from sound
SIMILARITY = 0.7  # correlation of the subjects' projections
CODEBOOK_KINDS = (
    "low_codebooks",
    "middle_codebooks",
    "high_codebooks",
    "all_codebooks",
    "single_codebook",
    "single_book_2",
)
SOUND_KINDS = (*CODEBOOK_KINDS, "envelope", "loudness", "loudness_x_speech", "mel")
CANONICAL_PEAK_S = 5.5


@dataclass(frozen=True)
class Signal:
    """Noise-free series of the voxels that share something between subjects.

    Attributes
    ----------
    sound, other, codebooks : (n_subjects, n_trs, n_signal_voxels) float32
        The part driven by sound (codebooks included), the shared part that is not, and the
        codebooks' own part of the first.
    has_signal : (n_voxels,) bool
    kinds : tuple of str, one a region
    codebook_table : (n_regions, K) bool
    codebook_share : (n_regions,)
    hrf_peak_s : (n_subjects,)
    """

    sound: np.ndarray
    other: np.ndarray
    codebooks: np.ndarray
    has_signal: np.ndarray
    kinds: tuple[str, ...]
    codebook_table: np.ndarray
    codebook_share: np.ndarray
    hrf_peak_s: np.ndarray


def pairwise_from_isc(isc: np.ndarray, n: int) -> np.ndarray:
    """Return the pairwise correlation rho for which n subjects have a leave-one-out ISC.

    ``isc = rho * sqrt((n - 1) / (1 + (n - 2) * rho))``, solved for rho: .29 at 8 subjects is .15.
    """
    square = np.asarray(isc, float) ** 2
    return ((n - 2) * square + np.sqrt(((n - 2) * square) ** 2 + 4 * (n - 1) * square)) / (
        2 * (n - 1)
    )


def codebooks_of_kind(num_codebooks: int, rng: np.random.Generator) -> dict[str, list[int]]:
    """Choose the codebooks of each codebook region: the lower quarter, the middle, the upper three
    eighths, all, and two single ones.
    """
    k = num_codebooks
    low, middle = max(1, k // 4), max(2, 5 * k // 8)
    single = rng.permutation(k)
    groups = {
        "low_codebooks": range(low),
        "middle_codebooks": range(low, middle),
        "high_codebooks": range(middle, k),
        "all_codebooks": range(k),
        "single_codebook": single[:1],
        "single_book_2": single[1:2],
    }
    return {
        name: sorted(int(b) for b in codebooks if b < k) or [k - 1]
        for name, codebooks in groups.items()
    }


class _Mixer:
    """Weights of tracks in voxels, scaled so that each block of tracks makes its share of variance
    under a canonical response.
    """

    def __init__(self, grids: tuple[TRGrid, ...], head: Head):
        self.grids, self.head = grids, head
        self.kernel = response_kernel(CANONICAL_PEAK_S)

    def responses(self, tracks: np.ndarray, kernel: np.ndarray) -> np.ndarray:
        """Convolve and sample in each run, centred by run: (n_trs, J)."""
        runs = [respond(tracks, kernel, grid) for grid in self.grids]
        return np.concatenate([run - run.mean(0) for run in runs])

    def beyond(self, tracks: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Remove from tracks what `others` explain of their responses; both (n_bins, J)."""
        coefficients, *_ = np.linalg.lstsq(
            self.responses(others, self.kernel), self.responses(tracks, self.kernel), rcond=1e-6
        )
        return (
            tracks - others @ coefficients
        )  # not standardised: a track counts by what is left of it

    def weights(
        self,
        tracks: np.ndarray,
        voxels: np.ndarray,
        n_subjects: int,
        share: float,
        positive: bool,
        rng: np.random.Generator,
    ):
        """Draw (n_subjects, J, n_voxels) weights that correlate .7 between subjects and make
        variance `share` in each voxel.
        """

        def draw() -> np.ndarray:
            field = smooth_fields(self.head, tracks.shape[1], rng)[:, voxels]
            return 0.9 * rng.standard_normal((tracks.shape[1], 1)) + 0.44 * field

        common = draw()
        w = np.stack(
            [
                np.sqrt(SIMILARITY) * common + np.sqrt(1 - SIMILARITY) * draw()
                for _ in range(n_subjects)
            ]
        )
        w = (
            np.abs(1 + 0.5 * w) if positive else w
        )  # regions that follow a level rise with it in every voxel
        response = self.responses(tracks, self.kernel)
        gram = response.T @ response / len(response)
        variance = np.einsum("sjv,jk,skv->sv", w, gram, w)
        return w * np.sqrt(share / np.maximum(variance, 1e-12))[:, None]


def _other_tracks(n_bins: int, rng: np.random.Generator) -> np.ndarray:
    """Make three shared tracks that have nothing to do with sound (what was seen, thought, moved
    by), (n_bins, 3).
    """
    white = np.fft.rfft(rng.standard_normal((n_bins, 3)), axis=0)
    frequency = np.fft.rfftfreq(n_bins, 1 / RATE_HZ)[:, None]
    return standardise(np.fft.irfft(white / np.sqrt(1 + (frequency / 0.06) ** 2), n_bins, axis=0))


def _delayed(x: np.ndarray) -> np.ndarray:
    """Put delays of 0, 1.5 and 3 s side by side."""
    n = len(x)
    return np.concatenate([np.pad(x, ((d, 0), (0, 0)))[:n] for d in (0, 15, 30)], axis=1)


def _sound_blocks(
    kind: str,
    tracks: SoundTracks,
    codebooks: dict[str, np.ndarray],
    spectral: np.ndarray,
    share: float,
):
    """Return the blocks [(tracks, share of the sound-driven variance, positive weights)] of a
    region's sound-driven part.
    """
    if kind in CODEBOOK_KINDS:
        return [(tracks.envelope, 1 - share, True), (codebooks[kind], share, False)]
    followed = {
        "envelope": tracks.envelope,
        "loudness": standardise(tracks.loudness),
        "mel": spectral,
        "loudness_x_speech": standardise(tracks.loudness * tracks.speech[:, None]),
    }
    return [(followed[kind], 1.0, True)] if kind in followed else []


def make_signal(
    seed: int,
    codes: Codes,
    codec: Any,
    wave: np.ndarray,
    annotation: Any,
    grids: tuple[TRGrid, ...],
    head: Head,
    n_subjects: int,
) -> Signal:
    """Compute every subject's noise-free response in all regions with a shared signal."""
    rng = np.random.default_rng((seed, 0))
    n_bins = int(codes.duration_s * RATE_HZ)
    tracks = sound_tracks(wave, codes.sample_rate, n_bins, annotation)
    mixer = _Mixer(grids, head)
    kinds = (*rng.permutation(SOUND_KINDS[: len(AUDITORY_PLACES)]).tolist(), *OTHER_PLACES)
    books_of = codebooks_of_kind(codes.num_codebooks, rng)
    n_trs = sum(grid.n_trs for grid in grids)
    n_bands = tracks.spectrum.shape[
        1
    ]  # three broad tunings at random best frequencies: a tonotopic region
    tuning = np.exp(
        -0.5
        * (
            (np.arange(n_bands)[:, None] - n_bands * (np.arange(3) + rng.uniform(0.1, 0.9, 3)) / 3)
            / 2.5
        )
        ** 2
    )
    spectral = standardise(tracks.spectrum @ tuning)
    known = np.concatenate(
        [tracks.envelope, standardise(tracks.loudness), spectral], axis=1
    )  # what the codebooks add is beyond these
    codebooks = {
        kind: mixer.beyond(x, known)
        for kind, x in codebook_tracks(codec, codes, books_of, n_bins, rng).items()
    }
    peaks = rng.uniform(4, 7, n_subjects)
    kernels = [response_kernel(peak) for peak in peaks]
    kernels = [kernel / np.linalg.norm(kernel) * np.linalg.norm(mixer.kernel) for kernel in kernels]

    silent = [
        i for i, kind in enumerate(kinds, start=1) if kind in ("white_matter", "null", "null_edge")
    ]
    has_signal = (head.atlas > 0) & ~np.isin(head.atlas, silent)
    at = np.flatnonzero(has_signal)
    sound, other, own = (np.zeros((n_subjects, n_trs, len(at)), np.float32) for _ in range(3))
    shares = np.zeros(len(kinds))
    for label, kind in enumerate(kinds, start=1):
        if label in silent:
            continue
        voxels = np.flatnonzero(head.atlas == label)
        place = np.searchsorted(at, voxels)
        share = rng.uniform(0.24, 0.31)
        blocks = [
            (x, part * SOUND_SHARE, positive, sound)
            for x, part, positive in _sound_blocks(kind, tracks, codebooks, spectral, share)
        ]
        rest = 1 - SOUND_SHARE if blocks else 1.0
        for x, part, positive, target in [
            *blocks,
            (_other_tracks(n_bins, rng), rest, False, other),
        ]:
            weights = mixer.weights(x, voxels, n_subjects, part, positive, rng)
            for s, kernel in enumerate(kernels):
                made = mixer.responses(x, kernel) @ weights[s]
                target[s][:, place] += made.astype(np.float32)
                if codebooks.get(kind) is x:
                    own[s][:, place] = made
        if kind in CODEBOOK_KINDS:
            shares[label - 1] = _unique_share(
                sound[:, :, place], [mixer.responses(_delayed(tracks.envelope), k) for k in kernels]
            )
    table = np.array(
        [
            [codebook in books_of.get(kind, ()) for codebook in range(codes.num_codebooks)]
            for kind in kinds
        ]
    )
    return Signal(sound, other, own, has_signal, kinds, table, shares, peaks)


def _unique_share(series: np.ndarray, envelope: list[np.ndarray]) -> float:
    """Return the share of variance of (n_subjects, n_trs, n_voxels) that envelopes (n_trs, J) with
    delays leave.
    """
    left = []
    for y, x in zip(series.astype(float), envelope):
        y = y - y.mean(0)
        coefficients, *_ = np.linalg.lstsq(x, y, rcond=1e-6)
        left.append(np.mean(np.var(y - x @ coefficients, axis=0) / np.var(y, axis=0)))
    return float(np.mean(left))
