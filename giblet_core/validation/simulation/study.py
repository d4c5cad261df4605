"""A simulated study: subjects with brains of known truth hear a sound in a scanner.

It shares no code with the analysis. Every number made from a simulation is to be labelled
*simulated*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from giblet_core.codecs import Codec, Codes, load_codec
from giblet_core.errors import InputError, require
from giblet_core.timing import TRGrid
from giblet_core.validation.simulation.dataset import Simulation, Truth
from giblet_core.validation.simulation.head import Head, make_head
from giblet_core.validation.simulation.noise import make_noise
from giblet_core.validation.simulation.signal import Signal, Sound, make_signal
from giblet_core.validation.simulation.sound_drivers import stand_in_sound

#: What shapes a simulation: part of the key of its files.
SOURCES = tuple(sorted(Path(__file__).parent.glob("*.py")))
MIN_TRS = 40
DEFAULT_TRS = (400, 400)
REFERENCE_SUBJECTS = 8  # for which ISC is stated
HIGHEST_SIGNAL_SHARE = 0.9  # of a voxel's variance
STAND_IN_KBPS = 6.0  # a sound made for a codec is encoded at most at this rate


@dataclass(frozen=True)
class _Schedule:
    """When the scanner runs, as the caller asked for it; see `simulate`."""

    t_r: float
    run_n_trs: Sequence[int] | None
    grids: Sequence[TRGrid] | None

    def stop_s(self) -> float:
        """Return when the last run ends, in seconds of the sound."""
        if self.grids:
            return max(float(grid.edge(grid.n_trs)) for grid in self.grids)
        return sum(self.run_n_trs or DEFAULT_TRS) * self.t_r

    def runs(self, duration_s: float) -> tuple[TRGrid, ...]:
        """Lay the runs over a sound, and check that they lie inside it."""
        n_whole = TRGrid.covering(duration_s, self.t_r).n_trs
        grids = tuple(self.grids) if self.grids is not None else self._one_after_other(n_whole)
        n_trs = sum(grid.n_trs for grid in grids)
        if n_trs < MIN_TRS:
            raise InputError(
                f"n_trs={n_trs}: a simulated subject needs at least {MIN_TRS} TRs "
                f"({MIN_TRS * self.t_r:g} s). Give a longer sound."
            )
        for number, grid in enumerate(grids, start=1):
            stop_s = float(grid.edge(grid.n_trs))
            if stop_s > duration_s + 1e-6 or grid.onset_s < 0:
                raise InputError(
                    f"run {number}: lasts from {grid.onset_s:g} to {stop_s:g} s, but the sound "
                    f"from 0 to {duration_s:g} s (whole TRs: {n_whole}). Give fewer TRs in "
                    "run_n_trs, or a longer sound."
                )
            if grid.t_r != grids[0].t_r:
                raise InputError(
                    f"run {number}: t_r={grid.t_r}, but run 1 has {grids[0].t_r}. "
                    "All runs must have one TR."
                )
        return grids

    def _one_after_other(self, n_whole: int) -> tuple[TRGrid, ...]:
        run_n_trs = self.run_n_trs
        if run_n_trs is None:
            run_n_trs = DEFAULT_TRS if n_whole >= sum(DEFAULT_TRS) else (n_whole,)
        grids = []
        first_tr = 0
        for n_trs in run_n_trs:
            grids.append(TRGrid(self.t_r, n_trs, round(first_tr * self.t_r, 9)))
            first_tr += n_trs
        return tuple(grids)


def simulate(  # noqa: PLR0913 - public interface
    seed: int = 0,
    codes_or_codec: Codes | Codec | None = None,
    n_subjects: int = 8,
    *,
    codec: Codec | None = None,
    wave: np.ndarray | None = None,
    annotation: Any = None,
    t_r: float = 1.5,
    run_n_trs: Sequence[int] | None = None,
    grids: Sequence[TRGrid] | None = None,
    isc: float = 0.29,
    voxel_mm: int = 6,
) -> Simulation:
    """Simulate the BOLD of subjects who hear a sound.

    BOLD = shared signal (80 % driven by sound, 20 % not) through each subject's own projection and
    response, plus noise (AR(1), 1/f drift, aliases of breath and heart beat, motion with spikes, a
    global signal), on the MNI152 mask. By region, the signal follows single codebooks, envelope,
    loudness, speech or spectrum.

    Parameters
    ----------
    seed : int
        Same seed, same simulation, bit for bit.
    codes_or_codec : Codes or Codec
        The code of the sound; or a codec alone, for which a sound is made and encoded.
    n_subjects : int
    codec : Codec, optional
        The one that made the codes; by default the one they name.
    wave : array of shape (n_samples,), optional
        The sound that was encoded, at its codec's rate; by default the codes are decoded.
    annotation : object with ``active(kind, times_s)``, optional
        Says where speech is; by default guessed from syllable-paced modulation
        (`giblet_core.validation.simulation.speech_proxy`).
    t_r : float
        Seconds.
    run_n_trs : sequence of int, optional
        TRs of each run, one run following the other in the sound. By default (400, 400) where the
        sound is long enough, else one run.
    grids : sequence of TRGrid, optional
        Runs at other places in the sound; replaces `t_r` and `run_n_trs`.
    isc : float
        Median leave-one-out ISC of the sound-driven voxels with eight subjects (fewer subjects give
        less from the same signal).
    voxel_mm : int
        Edge of a voxel.

    Returns
    -------
    Simulation

    Raises
    ------
    InputError
        Fewer than 40 TRs of sound, runs beyond its end, values out of range.
    """
    _check(n_subjects, isc, voxel_mm)
    schedule = _Schedule(t_r, run_n_trs, grids)
    if isinstance(codes_or_codec, Codes):
        sound = _given_sound(codes_or_codec, codec, wave, annotation)
    else:
        sound = _made_sound(codes_or_codec, seed, schedule.stop_s() + 1, annotation)
    runs = schedule.runs(sound.codes.duration_s)
    head = make_head(voxel_mm)
    signal = make_signal(seed, sound, runs, head, n_subjects)
    return _add_noise(seed, signal, head, runs, isc)


def _check(n_subjects: int, isc: float, voxel_mm: int) -> None:
    require(
        n_subjects >= 1 and n_subjects == int(n_subjects),
        f"n_subjects={n_subjects}: must be a whole number of at least 1.",
    )
    require(
        0 < isc < 0.95, f"isc={isc}: must lie between 0 and 0.95. Speech and film give .1 to .4."
    )
    require(
        3 <= voxel_mm <= 16 and voxel_mm == int(voxel_mm),
        f"voxel_mm={voxel_mm}: must be a whole number of mm in 3 to 16. Finer grids do not fit in "
        "memory, coarser ones hold no regions.",
    )


def _given_sound(
    codes: Codes, codec: Codec | None, wave: np.ndarray | None, annotation: Any
) -> Sound:
    """Complete what the caller gave beside the codes: their codec, the sound."""
    if codec is None:
        codec = load_codec(codes.codec_id)
    wave = codec.decode(codes) if wave is None else np.asarray(wave)
    require(
        abs(len(wave) - codes.n_samples) <= codes.hop_length,
        f"wave: {len(wave)} samples, but the codes are of a sound of {codes.n_samples}. "
        "Give the sound that was encoded.",
    )
    return Sound(codes, codec, wave, annotation)


def _made_sound(codec: Codec, seed: int, duration_s: float, annotation: Any) -> Sound:
    """Make a sound for a codec that came alone, and encode it."""
    if not hasattr(codec, "encode"):
        raise InputError(
            f"codes_or_codec={type(codec).__name__}: must be Codes or a codec. "
            "Encode a sound first: codec.encode(wave)."
        )
    wave = stand_in_sound(np.random.default_rng((seed, 9)), duration_s, codec.sample_rate)
    low_rates = [kbps for kbps in codec.bandwidths_kbps if kbps <= STAND_IN_KBPS]
    codes = codec.encode(wave, max(low_rates, default=min(codec.bandwidths_kbps)))
    return Sound(codes, codec, wave, annotation)


def correlation_for_isc(isc: np.ndarray, n_subjects: int) -> np.ndarray:
    """Return the pairwise correlation rho with which subjects have a leave-one-out ISC.

    ``isc = rho * sqrt((n - 1) / (1 + (n - 2) * rho))``, solved for rho: .29 at 8 subjects is .15.
    """
    square = np.asarray(isc, float) ** 2
    linear = (n_subjects - 2) * square
    root = np.sqrt(linear**2 + 4 * (n_subjects - 1) * square)
    return (linear + root) / (2 * (n_subjects - 1))


@dataclass(frozen=True)
class _SharedPart:
    """What subjects share, and how much of each voxel's variance it is to be.

    Attributes
    ----------
    series : array of shape (n_subjects, n_trs, n_signal_voxels), float32
    sd : array of shape (n_subjects, n_signal_voxels), float32
        Standard deviation of the series.
    share : array of shape (n_signal_voxels,)
        Of the variance.
    """

    series: np.ndarray
    sd: np.ndarray
    share: np.ndarray

    def mix(self, subject: int, noise: np.ndarray) -> np.ndarray:
        """Mix one subject's series into noise of variance 1, (n_trs, n_signal_voxels)."""
        signal = np.sqrt(self.share) * self.series[subject] / self.sd[subject]
        return np.sqrt(1 - self.share) * noise + signal


def _shared_part(signal: Signal, isc: float, rng: np.random.Generator) -> _SharedPart:
    """Find the share of signal with which the wanted ISC results; it varies from voxel to voxel."""
    series = signal.sound + signal.other
    sd = series.std(1)
    agreement = _mean_pairwise(series / sd[:, None])
    wanted = isc * np.exp(0.15 * rng.standard_normal(series.shape[2]))
    share = correlation_for_isc(wanted, REFERENCE_SUBJECTS) / agreement
    return _SharedPart(series, sd, np.clip(share, 0, HIGHEST_SIGNAL_SHARE))


@dataclass(frozen=True)
class _HighestR:
    """The highest correlation with BOLD that a model can reach who knows some part of the signal.

    Attributes
    ----------
    sound, shared, codebooks : array of shape (n_subjects, n_voxels), float32
        Knowing all that comes from sound, all that is shared, only the codebooks' own part.
    """

    sound: np.ndarray
    shared: np.ndarray
    codebooks: np.ndarray

    def measure(self, subject: int, signal: Signal, shared: np.ndarray, bold: np.ndarray) -> None:
        """Correlate the parts of one subject's signal with BOLD, (n_trs, n_voxels), and keep r."""
        voxels = np.flatnonzero(signal.has_signal)
        mixed = bold[:, voxels]
        self.sound[subject, voxels] = _column_r(signal.sound[subject], mixed)
        self.shared[subject, voxels] = _column_r(shared[subject], mixed)
        self.codebooks[subject, voxels] = _column_r(signal.codebooks[subject], mixed)


def _add_noise(
    seed: int, signal: Signal, head: Head, grids: tuple[TRGrid, ...], isc: float
) -> Simulation:
    """Add noise to the signal so that the wanted ISC results, and measure the truth."""
    n_subjects, n_trs, _ = signal.sound.shape
    n_voxels = len(head.xyz)
    run_n_trs = [grid.n_trs for grid in grids]
    rng = np.random.default_rng((seed, 1))
    shared = _shared_part(signal, isc, rng)
    mean = (100 + 8 * rng.standard_normal(n_voxels)).astype(np.float32)
    bold = np.empty((n_subjects, n_trs, n_voxels), np.float32)
    motion = np.empty((n_subjects, n_trs, 6), np.float32)
    highest_r = _HighestR(*np.zeros((3, n_subjects, n_voxels), np.float32))
    for subject in tqdm(range(n_subjects), desc="simulated subjects", leave=False):
        noise_rng = np.random.default_rng((seed, 2, subject))
        noise, motion[subject] = make_noise(head, run_n_trs, grids[0].t_r, noise_rng)
        bold[subject] = noise
        bold[subject][:, signal.has_signal] = shared.mix(subject, noise[:, signal.has_signal])
        highest_r.measure(subject, signal, shared.series, bold[subject])
        bold[subject] += mean
    truth = _truth(seed, signal, head.atlas, bold, highest_r)
    return Simulation(
        bold=bold,
        mask_img=head.mask_img,
        atlas=head.atlas,
        region_names=truth.region_names,
        grids=grids,
        run_onsets=tuple(int(onset) for onset in np.cumsum([0, *run_n_trs[:-1]])),
        motion=motion,
        t_r=grids[0].t_r,
        seed=seed,
        label="simulated",
        truth=truth,
    )


def _truth(
    seed: int, signal: Signal, atlas: np.ndarray, bold: np.ndarray, highest_r: _HighestR
) -> Truth:
    """Measure the truth region by region."""
    labels = range(1, len(signal.kinds) + 1)
    return Truth(
        kinds=signal.kinds,
        codebooks=signal.codebook_table,
        codebook_share=signal.codebook_share,
        isc=_region_isc(bold, atlas, labels),
        max_r=_region_means(highest_r.sound, atlas, labels),
        max_r_shared=_region_means(highest_r.shared, atlas, labels),
        max_r_codebooks=_region_means(highest_r.codebooks, atlas, labels),
        hrf_peak_s=signal.hrf_peak_s,
        voxel_max_r=highest_r.sound,
        region_names=tuple(f"R{label:02d}" for label in labels),
        seed=seed,
    )


def _region_means(values: np.ndarray, atlas: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Average (n_subjects, n_voxels) over the voxels of each region: (n_subjects, n_regions)."""
    return np.stack([values[:, atlas == label].mean(1) for label in labels], axis=1)


def _region_isc(bold: np.ndarray, atlas: np.ndarray, labels: Sequence[int]) -> np.ndarray:
    """Return the median ISC of each region's voxels: (n_regions,); NaN for one subject."""
    if len(bold) == 1:
        return np.full(len(labels), np.nan)
    isc = leave_one_out(bold, np.flatnonzero(atlas))
    label_of = atlas[atlas > 0]
    return np.array([np.median(isc[label_of == label]) for label in labels])


def _column_r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate columns of x and y, both (n, J): (J,), 0 where one is constant."""
    x = x - x.mean(0)
    y = y - y.mean(0)
    norm = np.sqrt((x**2).sum(0) * (y**2).sum(0))
    varies = norm > 0
    return np.where(varies, (x * y).sum(0) / np.where(varies, norm, 1), 0.0)


def _mean_pairwise(z: np.ndarray) -> np.ndarray:
    """Return the mean correlation between subjects: (n_voxels,); 1 for one subject.

    Series are (n_subjects, n_trs, n_voxels), of variance 1.
    """
    n_subjects = len(z)
    if n_subjects == 1:
        return np.ones(z.shape[2])
    centred = z - z.mean(1, keepdims=True)
    variance_of_mean = (centred.mean(0) ** 2).mean(0)
    return np.maximum((n_subjects * variance_of_mean - 1) / (n_subjects - 1), 0.05)


def leave_one_out(bold: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Return the mean over subjects of the correlation with the others' sum: (len(voxels),).

    BOLD is (n_subjects, n_trs, n_voxels).
    """
    total = bold[:, :, voxels].sum(0, dtype=np.float64)
    r = []
    for series in bold:
        series_here = series[:, voxels]
        r.append(_column_r(series_here, total - series_here))
    return np.mean(r, axis=0)
