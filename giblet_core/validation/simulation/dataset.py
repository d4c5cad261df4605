"""What a simulation returns: BOLD, apart from it the truth, and both as files.

The files look like those of any other data set: NIfTI, motion tables and a manifest. The truth is
a separate object and a separate file, which the analysis never reads.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from giblet_core.files import atomic_path, load_npz, save_npz, write_text
from giblet_core.strict_yaml import dump_yaml
from giblet_core.timing import TRGrid

MOTION_COLUMNS = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


@dataclass(frozen=True, eq=False)
class Truth:
    """What a simulation holds; regions in the order of `Simulation.region_names`.

    Attributes
    ----------
    kinds : tuple of str
        What drives each region: low_codebooks, middle_codebooks, high_codebooks, all_codebooks,
        single_codebook, single_codebook_2, envelope, loudness, loudness_x_speech, mel, visual,
        white_matter, null, null_edge.
    codebooks : array of shape (n_regions, K), bool
        Which codebooks drive it.
    codebook_share : array of shape (n_regions,)
        Share of the sound-driven variance that the codebooks add beyond envelope, measured; 0 in
        regions without codebooks.
    isc : array of shape (n_regions,)
        Median leave-one-out correlation of its voxels in this simulation.
    max_r, max_r_shared, max_r_codebooks : array of shape (n_subjects, n_regions)
        The highest correlation with BOLD that a model can reach in a voxel, on average: knowing all
        that comes from sound, all that is shared between subjects, only the codebooks' own part.
    hrf_peak_s : array of shape (n_subjects,)
        Seconds.
    voxel_max_r : array of shape (n_subjects, n_voxels), float32
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
        arrays = {}
        others = {"kind": "simulated truth"}
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                arrays[name] = value
            else:
                others[name] = value
        return save_npz(path, arrays, others)

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
    bold : array of shape (n_subjects, n_trs, n_voxels), float32
        Arbitrary scanner units (mean about 100), runs one after the other; neither detrended nor
        z-scored.
    mask_img : Nifti1Image
    atlas : array of shape (n_voxels,), int
        0 outside all regions, else 1 + index into `region_names`.
    region_names : tuple of str
        They say nothing about what drives the regions.
    grids : tuple of TRGrid
        One a run, in seconds of the stimulus.
    run_onsets : tuple of int
        Row at which each run begins.
    motion : array of shape (n_subjects, n_trs, 6), float32
        mm, and rad x 50 mm.
    t_r : float
        Seconds.
    seed : int
    label : str
        "simulated".
    truth : Truth
    """

    bold: np.ndarray
    mask_img: nib.Nifti1Image
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
        """Write the data into a folder, and the truth beside it, into ``<folder>-truth``.

        Parameters
        ----------
        folder : path
            For NIfTI of each subject and run, mask, atlas, motion and ``dataset.yaml``.
        stimulus : path, optional
            The sound, named in the manifest.

        Returns
        -------
        Path
            The manifest.
        """
        folder = Path(folder)
        self.truth.save(folder.with_name(f"{folder.name}-truth") / "truth.npz")
        self._save_maps(folder)
        manifest = self._manifest(stimulus)
        for subject in range(len(self.bold)):
            for run, onset in zip(manifest["runs"], self.run_onsets):
                rows = slice(onset, onset + run["n_trs"])
                stem = f"sub-{_subject_name(subject)}_{run['name']}"
                self._save_bold(folder / f"{stem}_bold.nii.gz", subject, rows)
                _save_motion(folder / f"{stem}_motion.tsv", self.motion[subject, rows])
        return write_text(folder / "dataset.yaml", dump_yaml(manifest))

    def _save_maps(self, folder: Path) -> None:
        mask = self.mask_img.get_fdata() > 0
        labels = np.zeros(mask.shape, np.int16)
        labels[mask] = self.atlas
        save_image(folder / "mask.nii.gz", mask.astype(np.uint8), self.mask_img.affine)
        save_image(folder / "atlas.nii.gz", labels, self.mask_img.affine)

    def _save_bold(self, path: Path, subject: int, rows: slice) -> None:
        mask = self.mask_img.get_fdata() > 0
        volumes = np.zeros((*mask.shape, rows.stop - rows.start), np.float32)
        volumes[mask] = self.bold[subject, rows].T
        save_image(path, volumes, self.mask_img.affine, self.t_r)

    def _manifest(self, stimulus: str | Path | None) -> dict:
        runs = [
            {
                "name": f"run{number}",
                "n_trs": grid.n_trs,
                "stimulus_start_s": float(grid.onset_s),
                "history_s": float(grid.history_s),
            }
            for number, grid in enumerate(self.grids, start=1)
        ]
        manifest = {
            "name": f"simulated-{self.seed}",
            "label": self.label,
            "t_r": self.t_r,
            "slice_time_ref": float(self.grids[0].slice_time_ref),
            "runs": runs,
            "bold": {
                "pattern": "sub-{subject}_{run}_bold.nii.gz",
                "format": "nifti",
                "subjects": [_subject_name(index) for index in range(len(self.bold))],
            },
            "mask": "mask.nii.gz",
            "atlas": {"file": "atlas.nii.gz", "names": list(self.region_names)},
            "nuisance": {"pattern": "sub-{subject}_{run}_motion.tsv"},
            # The highest r that the truth states are those of the series as simulated.
            "denoising": {"regress": False},
        }
        if stimulus is not None:
            manifest["stimulus"] = {"file": str(stimulus), "clock_ratio": 1.0}
        return manifest


def _subject_name(index: int) -> str:
    """Return ``01`` for the first subject, of index 0."""
    return f"{index + 1:02d}"


def _save_motion(path: Path, motion: np.ndarray) -> None:
    table = pd.DataFrame(motion, columns=MOTION_COLUMNS)
    text = table.to_csv(sep="\t", index=False, float_format="%.5f", lineterminator="\n")
    write_text(path, text)


def save_image(path: Path, data: np.ndarray, affine: np.ndarray, t_r: float | None = None) -> None:
    """Write NIfTI atomically.

    A series is stored as 16-bit integers with a scale, as scanners do.

    Parameters
    ----------
    path : Path
    data : array of shape (x, y, z) or (x, y, z, n_trs)
    affine : array of shape (4, 4)
    t_r : float, optional
        Seconds, of a series.
    """
    image = nib.Nifti1Image(data, affine)
    if t_r is not None:
        image.set_data_dtype(np.int16)
        image.header.set_zooms((*image.header.get_zooms()[:3], t_r))
        image.header.set_xyzt_units("mm", "sec")
    with (
        atomic_path(path) as temporary,
        nib.openers.Opener(temporary, "wb", compresslevel=1) as stream,
    ):
        image.to_stream(stream)
