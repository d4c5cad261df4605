"""What the tests of regions share: a protocol, planted regions, and a book with a data set."""

from dataclasses import dataclass

import numpy as np
import pytest
import soundfile
import yaml
from scipy.ndimage import gaussian_filter1d

import giblet_core as gc
from giblet_core.decoding import Segments, fold_numbers, make_segments
from giblet_core.fmri import load_dataset
from giblet_core.regions import GroupResponses, region_findings
from giblet_core.timing import Fold, contiguous_folds
from giblet_core.validation.simulation import simulate, stand_in_sound

SCENES = "onset\tduration\ttrial_type\tlabel\n0\t60\tscene\tday\n60\t65\tscene\tnight\n"


@dataclass(frozen=True, eq=False)
class Protocol:
    """400 TRs in two runs, cut into four folds and these into 40 segments."""

    run_onsets: tuple[int, ...]
    embargo: int
    folds: list[Fold]
    segments: Segments

    @property
    def timing(self) -> dict:
        return {"run_onsets": self.run_onsets, "embargo": self.embargo}

    @property
    def of_lesions(self) -> dict:
        """Keywords of `region_lesions`."""
        split = {"segments": self.segments, "folds": self.folds}
        return {**split, **self.timing, "min_shift": 15, "progress": False}


@pytest.fixture(scope="session")
def protocol():
    folds = contiguous_folds(400, 4, 10, (0, 200))
    segments = make_segments(fold_numbers(400, folds), 10, run_onsets=(0, 200))
    return Protocol((0, 200), 10, folds, segments)


@dataclass(frozen=True, eq=False)
class Planted:
    """A sound, and a group in which one region follows it.

    Attributes
    ----------
    latents : array of shape (400, 6)
    group : GroupResponses
        Regions A to D and voxels outside. A follows the sound, B, C and the voxels outside what was
        seen, all equally reliable; D is noise of low ISC.
    """

    latents: np.ndarray
    group: GroupResponses


def make_planted(seed, n_each=20, n_outside=60):
    rng = np.random.default_rng(seed)
    sound = gaussian_filter1d(rng.standard_normal((400, 6)), 1.5, axis=0) * 2.6
    seen = gaussian_filter1d(rng.standard_normal((400, 6)), 1.5, axis=0) * 2.6
    atlas = np.repeat([1, 2, 3, 4, 0], [n_each] * 4 + [n_outside])
    n_voxels = len(atlas)
    follows_sound = sound @ rng.standard_normal((6, n_voxels))
    follows_seen = seen @ rng.standard_normal((6, n_voxels))
    drive = np.where(atlas == 1, follows_sound, follows_seen)
    signal = np.where(atlas == 4, 0, drive / drive.std(0))
    noise = gaussian_filter1d(rng.standard_normal(drive.shape), 1.5, axis=0) * 2.6
    group = GroupResponses(
        mean_bold=(signal + noise).astype(np.float32),
        isc=np.where(atlas == 4, 0.0, 0.3) + 0.03 * rng.standard_normal(n_voxels),
        region_series=np.empty((2, 400, 4)),
        atlas=atlas,
        names=tuple("ABCD"),
        labels=np.arange(1, 5),
        xyz_mm=rng.uniform(-60, 60, (n_voxels, 3)),
    )
    return Planted(sound, group)


@pytest.fixture(scope="session")
def plant():
    """Return the function that plants a sound in a group, by seed."""
    return make_planted


@pytest.fixture(scope="session")
def planted():
    return make_planted(0)


@pytest.fixture(scope="session")
def book_folder(tmp_path_factory, demo_codec):
    """A book's folder with two minutes of simulated BOLD, as volumes and as a table of regions."""
    folder = tmp_path_factory.mktemp("book")
    (folder / "notebooks").mkdir()
    (folder / "_config.yml").write_text("title: test\n")
    rate = demo_codec.sample_rate
    wave = stand_in_sound(np.random.default_rng(0), 125.0, rate)
    soundfile.write(folder / "film.flac", wave, rate, subtype="PCM_16")
    (folder / "film_events.tsv").write_text(SCENES)
    codes = demo_codec.encode(wave, 6.0)
    simulation = simulate(0, codes, 3, codec=demo_codec, wave=wave, run_n_trs=(40, 40), voxel_mm=10)
    path = simulation.save(folder / "volumes", stimulus="../film.flac")
    _save_table(folder / "table", simulation, yaml.safe_load(path.read_text()))
    return folder


def _save_table(folder, simulation, manifest):
    """Save the region means of a simulation, with the manifest of its volumes changed to match."""
    folder.mkdir()
    labels = range(1, 1 + len(simulation.region_names))
    for subject, bold in zip(manifest["bold"]["subjects"], simulation.bold):
        means = np.column_stack([bold[:, simulation.atlas == k].mean(1) for k in labels])
        for run, rows in zip(manifest["runs"], np.split(means, 2)):
            np.savetxt(folder / f"{subject}_{run['name']}.txt", rows)
    manifest["bold"] |= {
        "pattern": "{subject}_{run}.txt",
        "format": "roi_table",
        "columns": [f"T{name}" for name in simulation.region_names],
    }
    for key in ("mask", "atlas", "nuisance", "folder"):
        manifest.pop(key, None)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(manifest))


@pytest.fixture(scope="session")
def findings(book_folder):
    artifacts = book_folder / "build" / "artifacts"
    stim = gc.ensure_stimulus(book_folder / "film.flac", artifacts_dir=artifacts)
    data = load_dataset(book_folder / "volumes" / "dataset.yaml")
    return region_findings(stim, data, ["R01", "R12"], n_random=4, n_shifts=4)
