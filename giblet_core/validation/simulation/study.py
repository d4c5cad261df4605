"""Simulated BOLD with known truth: a subject's brain that follows single codebooks, envelope,
loudness, speech or spectrum by region.

It shares no code with the analysis. The truth is a separate object and a separate file which the
analysis never reads. Names of regions say nothing about what drives them. Every number made from
such a simulation is to be labelled *simulated*.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from giblet_core.codecs import Codes, load_codec
from giblet_core.errors import InputError, require
from giblet_core.files import load_npz, save_npz
from giblet_core.timing import TRGrid
from giblet_core.validation.simulation.drivers import stand_in_sound
from giblet_core.validation.simulation.files import save_simulation
from giblet_core.validation.simulation.noise import Head, make_head, make_noise
from giblet_core.validation.simulation.signal import (
    REFERENCE_SUBJECTS,
    Signal,
    make_signal,
    pairwise_from_isc,
)

SOURCES = tuple(
    sorted(Path(__file__).parent.glob("*.py"))
)  # what shapes a simulation: part of the key of its files
MIN_TRS = 40
DEFAULT_TRS = (400, 400)


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulation holds; regions in the order of `World.region_names`.

    Attributes
    ----------
    kinds : tuple of str
        What drives each region: low_codebooks, middle_codebooks, high_codebooks, all_codebooks,
        single_codebook, single_book_2, envelope, loudness, loudness_x_speech, mel, visual,
        white_matter, null, null_edge.
    codebooks : (n_regions, K) bool
        Which codebooks drive it.
    codebook_share : (n_regions,)
        Share of the sound-driven variance that the codebooks add beyond envelope, measured; 0 in
        regions without codebooks.
    isc : (n_regions,)
        Median leave-one-out correlation of its voxels in this simulation.
    max_r, max_r_shared, max_r_codebooks : (n_subjects, n_regions)
        The highest correlation with BOLD that a model can reach in a voxel, on average: knowing all
        that comes from sound, all that is shared between subjects, only the codebooks' own part.
    hrf_peak_s : (n_subjects,)
    voxel_max_r : (n_subjects, n_voxels) float32
        `max_r` voxel by voxel.
    region_names : tuple of str
    seed : int
    label : str
        "simulated".
    """

    kinds: tuple[str, ...]
    codebooks: np.ndarray
    codebook_share: np.ndarray
    isc: np.ndarray
    max_r: np.ndarray
    max_r_shared: np.ndarray
    max_r_codebooks: np.ndarray
    hrf_peak_s: np.ndarray
    voxel_max_r: np.ndarray
    region_names: tuple[str, ...]
    seed: int
    label: str = "simulated"

    def save(self, path: str | Path) -> Path:
        """Write to ``truth.npz``."""
        arrays = {
            name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        rest = {name: value for name, value in vars(self).items() if name not in arrays}
        return save_npz(path, arrays, {"kind": "simulated truth", **rest})

    @classmethod
    def load(cls, path: str | Path) -> "Truth":
        """Read a file of `save`."""
        arrays, meta = load_npz(path, kind="simulated truth")
        return cls(
            **arrays,
            kinds=tuple(meta["kinds"]),
            region_names=tuple(meta["region_names"]),
            seed=meta["seed"],
            label=meta["label"],
        )


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated BOLD of several subjects, and apart from it the truth.

    Attributes
    ----------
    bold : (n_subjects, n_trs, n_voxels) float32
        Arbitrary scanner units (mean about 100), runs one after the other; neither detrended nor
        z-scored.
    mask_img : Nifti1Image
    atlas : (n_voxels,) int
        0 outside all regions, else 1 + index into `region_names`.
    region_names : tuple of str
    grids : tuple of TRGrid
        One a run, in seconds of the stimulus.
    run_onsets : tuple of int
        Row at which each run begins.
    motion : (n_subjects, n_trs, 6) float32
    t_r : float
    seed : int
    label : str
        "simulated".
    truth : Truth
    """

    bold: np.ndarray
    mask_img: Any
    atlas: np.ndarray
    region_names: tuple[str, ...]
    grids: tuple[TRGrid, ...]
    run_onsets: tuple[int, ...]
    motion: np.ndarray
    t_r: float
    seed: int
    label: str
    truth: Truth

    def save(self, folder: str | Path, stimulus: str | Path | None = None) -> Path:
        """Write NIfTI of each subject and run, mask, atlas, motion and ``dataset.yaml``; the truth
        beside it, in ``<folder>-truth``.

        Parameters
        ----------
        folder : path
        stimulus : path, optional
            The sound, named in the manifest.

        Returns
        -------
        Path
            The manifest.
        """
        folder = Path(folder)
        self.truth.save(folder.with_name(f"{folder.name}-truth") / "truth.npz")
        return save_simulation(self, folder, stimulus)


def simulate(
    seed: int = 0,
    codes_or_codec: Any = None,
    n_subjects: int = 8,
    *,
    codec: Any = None,
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
    global signal), on the MNI152 mask.

    Parameters
    ----------
    seed : int
        Same seed, same simulation, bit for bit.
    codes_or_codec : Codes or codec
        The code of the sound; or a codec alone, for which a sound is made and encoded.
    n_subjects : int
    codec : codec, optional
        The one that made the codes; by default the one they name.
    wave : (n_samples,), optional
        The sound that was encoded, at its codec's rate; by default the codes are decoded.
    annotation : object with ``active(kind, times)``, optional
        Says where speech is; by default guessed from syllable-paced modulation
        (`simulate_drivers.speech_proxy`).
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
    World

    Raises
    ------
    InputError
        Fewer than 40 TRs of sound, runs beyond its end, values out of range.
    """
    _check(n_subjects, isc, voxel_mm)
    codes, codec, wave = _stimulus(codes_or_codec, codec, wave, seed, t_r, run_n_trs, grids)
    grids = _grids(codes, t_r, run_n_trs, grids)
    head = make_head(voxel_mm)
    signal = make_signal(seed, codes, codec, wave, annotation, grids, head, n_subjects)
    return _mix(seed, signal, head, grids, isc)


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
        f"voxel_mm={voxel_mm}: must be a whole number of mm in 3 to 16. Finer grids "
        "do not fit in memory, coarser ones hold no regions.",
    )


def _stimulus(
    given: Any,
    codec: Any,
    wave: np.ndarray | None,
    seed: int,
    t_r: float,
    run_n_trs: Sequence[int] | None,
    grids: Sequence[TRGrid] | None,
) -> tuple[Codes, Any, np.ndarray]:
    """Find codes, their codec and the sound."""
    if isinstance(given, Codes):
        codec = load_codec(given.codec_id) if codec is None else codec
        wave = codec.decode(given) if wave is None else np.asarray(wave)
        require(
            abs(len(wave) - given.n_samples) <= given.hop_length,
            f"wave: {len(wave)} samples, but the codes are of a sound of "
            f"{given.n_samples}. Give the sound that was encoded.",
        )
        return given, codec, wave
    if not hasattr(given, "encode"):
        raise InputError(
            f"codes_or_codec={type(given).__name__}: must be Codes or a codec. Encode a sound first: codec.encode(wave)."
        )
    last = (
        max((float(g.edge(g.n_trs)) for g in grids), default=0)
        if grids
        else sum(run_n_trs or DEFAULT_TRS) * t_r
    )
    wave = stand_in_sound(np.random.default_rng((seed, 9)), last + 1, given.sample_rate)
    return given.encode(wave, max(b for b in given.bandwidths_kbps if b <= 6.0)), given, wave


def _grids(
    codes: Codes, t_r: float, run_n_trs: Sequence[int] | None, grids: Sequence[TRGrid] | None
) -> tuple[TRGrid, ...]:
    """Lay the runs over the sound and check that they lie inside it."""
    whole = TRGrid.covering(codes.duration_s, t_r).n_trs
    if grids is None:
        if run_n_trs is None:
            run_n_trs = DEFAULT_TRS if whole >= sum(DEFAULT_TRS) else (whole,)
        grids = [
            TRGrid(t_r, n, round(sum(run_n_trs[:i]) * t_r, 9)) for i, n in enumerate(run_n_trs)
        ]
    grids = tuple(grids)
    n_trs = sum(grid.n_trs for grid in grids)
    if n_trs < MIN_TRS:
        raise InputError(
            f"n_trs={n_trs}: a simulated subject needs at least {MIN_TRS} TRs ({MIN_TRS * t_r:g} s). Give a longer sound."
        )
    for i, grid in enumerate(grids):
        if float(grid.edge(grid.n_trs)) > codes.duration_s + 1e-6 or grid.onset_s < 0:
            raise InputError(
                f"run {i + 1}: lasts from {grid.onset_s:g} to {float(grid.edge(grid.n_trs)):g} s, but the sound from 0 to "
                f"{codes.duration_s:g} s (whole TRs: {whole}). Give fewer TRs in run_n_trs, or a longer sound."
            )
        require(
            grid.t_r == grids[0].t_r,
            f"run {i + 1}: t_r={grid.t_r}, but run 1 has {grids[0].t_r}. All runs must have one TR.",
        )
    return grids


def _mix(
    seed: int, signal: Signal, head: Head, grids: tuple[TRGrid, ...], isc: float
) -> Simulation:
    """Add noise to the signal so that the wanted ISC results, and measure the truth."""
    n_subjects, n_trs, _ = signal.sound.shape
    at = np.flatnonzero(
        signal.has_signal
    )  # voxels with a shared signal, in the order of signal.sound's last axis
    rng = np.random.default_rng((seed, 1))
    shared = signal.sound + signal.other
    shared_sd = shared.std(1)
    agreement = _mean_pairwise(shared / shared_sd[:, None])
    wanted = isc * np.exp(0.15 * rng.standard_normal(len(at)))
    part = np.clip(
        pairwise_from_isc(wanted, REFERENCE_SUBJECTS) / agreement, 0, 0.9
    )  # share of the variance that is signal
    bold = np.empty((n_subjects, n_trs, len(head.xyz)), np.float32)
    motion = np.empty((n_subjects, n_trs, 6), np.float32)
    voxel_r = {
        name: np.zeros((n_subjects, len(head.xyz)), np.float32)
        for name in ("sound", "shared", "codebooks")
    }
    base = (100 + 8 * rng.standard_normal(len(head.xyz))).astype(np.float32)
    for s in tqdm(range(n_subjects), desc="simulated subjects", leave=False):
        noise_rng = np.random.default_rng((seed, 2, s))
        bold[s], motion[s] = make_noise(
            head, tuple(g.n_trs for g in grids), grids[0].t_r, noise_rng
        )
        bold[s][:, at] = (
            np.sqrt(1 - part) * bold[s][:, at] + np.sqrt(part) * shared[s] / shared_sd[s]
        )
        for name, known in (
            ("sound", signal.sound[s]),
            ("shared", shared[s]),
            ("codebooks", signal.codebooks[s]),
        ):
            voxel_r[name][s, at] = _column_r(known, bold[s][:, at])
        bold[s] += base
    names = tuple(f"R{i + 1:02d}" for i in range(len(signal.kinds)))
    members = [head.atlas == i + 1 for i in range(len(names))]
    by_region = {
        name: np.stack([r[:, m].mean(1) for m in members], axis=1) for name, r in voxel_r.items()
    }
    found = (
        leave_one_out(bold, np.flatnonzero(head.atlas))
        if n_subjects > 1
        else np.full((head.atlas > 0).sum(), np.nan)
    )
    labels = head.atlas[head.atlas > 0]
    region_isc = np.array([np.median(found[labels == i + 1]) for i in range(len(names))])
    truth = Truth(
        signal.kinds,
        signal.codebook_table,
        signal.codebook_share,
        region_isc,
        by_region["sound"],
        by_region["shared"],
        by_region["codebooks"],
        signal.hrf_peak_s,
        voxel_r["sound"],
        names,
        seed,
    )
    onsets = tuple(int(n) for n in np.cumsum([0, *(g.n_trs for g in grids)])[:-1])
    return Simulation(
        bold,
        head.mask_img,
        head.atlas,
        names,
        grids,
        onsets,
        motion,
        grids[0].t_r,
        seed,
        "simulated",
        truth,
    )


def _column_r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    x, y = x - x.mean(0), y - y.mean(0)
    norm = np.sqrt((x**2).sum(0) * (y**2).sum(0))
    return np.where(norm > 0, (x * y).sum(0) / np.where(norm > 0, norm, 1), 0.0)


def _mean_pairwise(z: np.ndarray) -> np.ndarray:
    """Mean correlation between subjects, (n_voxels,), of series (n_subjects, n_trs, n_voxels) of
    variance 1; 1 for one subject.
    """
    n = len(z)
    if n == 1:
        return np.ones(z.shape[2])
    z = z - z.mean(1, keepdims=True)
    return np.maximum((n * (z.mean(0) ** 2).mean(0) - 1) / (n - 1), 0.05)


def leave_one_out(bold: np.ndarray, voxels: np.ndarray) -> np.ndarray:
    """Return the mean over subjects of the correlation with the others' mean, (len(voxels),)."""
    total = bold[:, :, voxels].sum(0, dtype=np.float64)
    return np.mean([_column_r(one[:, voxels], total - one[:, voxels]) for one in bold], axis=0)
