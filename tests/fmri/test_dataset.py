"""What is read is what was written."""

import functools

import nibabel as nib
import numpy as np
import pytest
from caches import assert_flips_are_found, assert_known_by, edited_copy
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import dataset, load_dataset


def test_a_sound_data_set_has_no_problem_and_is_read_as_written(folder, volumes):
    path = manifest_of(folder, stimulus={"file": "film.wav"})
    assert problems_of(path) == []
    data = load_dataset(path)
    mask = np.zeros(SHAPE, bool)
    mask[1:4, 1:5, 1:3] = True
    expected = np.concatenate([volumes[2, "scan1"][mask].T, volumes[2, "scan2"][mask].T])
    assert data.bold(2).dtype == np.float32
    assert np.array_equal(data.bold("2"), expected)
    assert (data.n_trs, data.n_voxels, data.run_onsets, data.subjects) == (
        150,
        24,
        (0, 70),
        ("1", "2", "3"),
    )
    assert data.stimulus == folder / "film.wav"
    assert data.nuisance(1) is None


def test_dummies_and_excluded_rows_are_the_ones_left_out(folder, volumes):
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0, "dummy_trs": 4},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    data = load_dataset(
        manifest_of(
            folder,
            runs=runs,
            exclude=[
                {"run": "scan1", "first_trs": 5, "why": "cartoon"},
                {"subject": 3, "run": "scan2", "last_trs": 11, "why": "padding"},
            ],
        )
    )
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [(13.5, 61), (105.0, 69)]
    assert data.bold(1)[0, 0] == volumes[1, "scan1"][1, 1, 1, 9]
    assert data.bold(1)[60, 0] == volumes[1, "scan1"][1, 1, 1, 69]
    assert data.bold(1)[-1, 0] == volumes[1, "scan2"][1, 1, 1, 68]


def test_subjects_and_runs_excluded_altogether_are_gone_with_their_reason(folder):
    data = load_dataset(
        manifest_of(
            folder, exclude=[{"subject": 2, "why": "asleep"}, {"run": "scan2", "why": "locked"}]
        )
    )
    assert data.subjects == ("1", "3")
    assert [run.name for run in data.runs] == ["scan1"]
    with pytest.raises(InputError, match=r"subject=2: was excluded \(asleep\)"):
        data.bold(2)


# --- the cache of series -------------------------------------------------------------------------


class Series:
    """The cached series of subject 1, of a manifest that may be changed."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.manifest = {}
        self.subject = 1
        self.made = []
        self.read = dataset.Dataset._read
        monkeypatch.setattr(dataset.Dataset, "_read", self.counted)

    def counted(self, subject, is_prepared, bold):
        """Stand in for the method of the data set that is read."""
        self.made.append(subject)
        self.read(self.data, subject, is_prepared, bold)

    def __call__(self):
        path = manifest_of(self.folder, **self.manifest)
        self.data = load_dataset(path, cache=self.folder / "cache")
        return self.data.bold(self.subject)


@pytest.fixture
def series(folder, monkeypatch):
    return Series(folder, monkeypatch)


RUNS = (
    {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
    {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
)


def runs_with(**changes):
    return [{**RUNS[0], **changes}, RUNS[1]]


def give_equal_runs(series):
    """Cut the second run to the length of the first."""
    for subject in (1, 2, 3):
        path = series.folder / f"s{subject}_scan2.nii.gz"
        write_image(path, nib.load(path).get_fdata()[..., :70])
    series.manifest["runs"] = [RUNS[0], {**RUNS[1], "n_trs": 70}]


def write_other_run(series):
    image = nib.load(series.folder / "s2_scan1.nii.gz")
    write_image(series.folder / "s1_scan1.nii.gz", image.get_fdata())


def write_other_mask(series):
    mask = np.zeros(SHAPE)
    mask[1:4, 1:5, 1:2] = 1
    write_image(series.folder / "mask.nii.gz", mask, None)


def move_grid(series):
    """Move mask and series alike by 3 mm."""
    for path in series.folder.glob("*.nii.gz"):
        image = nib.load(path)
        affine = image.affine.copy()
        affine[0, 3] += 3
        data = image.get_fdata(dtype=np.float32)
        nib.save(nib.Nifti1Image(data, affine, image.header), path)


#: Ingredient of a series -> what changes it, and nothing else.
SERIES_CHANGES = {
    "file": write_other_run,
    "mask": write_other_mask,
    "affine": move_grid,
    "resample": lambda series: series.manifest.update(resample=True),
    "subject": lambda series: setattr(series, "subject", 2),
    "name": lambda series: series.manifest.update(name="another"),
    "first row": lambda series: series.manifest.update(runs=runs_with(dummy_trs=4)),
    "last row": lambda series: series.manifest.update(
        exclude=[{"run": "scan1", "last_trs": 3, "why": "cartoon"}]
    ),
    "runs": lambda series: series.manifest.update(runs=[RUNS[0]]),
    "shift": lambda series: series.manifest.update(label_shift_trs=-2),
    "cosines": lambda series: series.manifest.update(denoising={"high_pass_s": 50}),
    "line": lambda series: series.manifest.update(denoising={"detrend": True}),
    "smoothing": lambda series: series.manifest.update(denoising={"smooth_mm": 4}),
}


@pytest.mark.parametrize("ingredient", SERIES_CHANGES)
def test_series_are_known_by_each_ingredient(series, ingredient):
    assert_known_by(series, series.made, lambda: SERIES_CHANGES[ingredient](series))


def test_series_are_known_by_the_order_of_runs_of_equal_length(series):
    give_equal_runs(series)
    first = np.array(series())
    assert_known_by(series, series.made, series.manifest["runs"].reverse)
    assert [run.name for run in series.data.runs] == ["scan2", "scan1"]
    assert np.array_equal(series(), np.concatenate([first[70:], first[:70]]))


def test_series_are_known_by_the_code_that_reads_them(series, tmp_path, monkeypatch):
    changed = edited_copy(dataset.SOURCES, tmp_path)
    change = functools.partial(monkeypatch.setattr, dataset, "SOURCES", changed)
    assert_known_by(series, series.made, change)


def test_series_of_a_table_are_known_by_the_columns_wanted(series, rng):
    for subject in (1, 2, 3):
        for run, n_trs in (("scan1", 70), ("scan2", 80)):
            values = 100 + rng.standard_normal((n_trs, 2))
            path = series.folder / f"s{subject}_{run}.txt"
            np.savetxt(path, values, header="a b", comments="")
    bold = {"pattern": "s{subject}_{run}.txt", "subjects": [1, 2, 3], "format": "roi_table"}
    series.manifest.update(bold=bold, mask=None)
    first = np.array(series())
    swapped = {**bold, "columns": ["b", "a"]}
    assert_known_by(series, series.made, lambda: series.manifest.update(bold=swapped))
    assert np.array_equal(series(), first[:, ::-1])


def test_damaged_series_are_found(series):
    expected = np.array(series())
    assert isinstance(series(), np.memmap)
    kept = sorted((series.folder / "cache").iterdir())
    assert [path.suffix for path in kept] == [".json", ".npy"]
    assert_flips_are_found(kept, series, expected)


def test_series_without_their_record_were_not_finished_and_are_read_anew(series):
    expected = np.array(series())
    (record,) = (series.folder / "cache").glob("*.json")
    record.unlink()
    assert np.array_equal(series(), expected)
    assert len(series.made) == 2
