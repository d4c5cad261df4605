"""Formats of BOLD."""

import tracemalloc

import nibabel as nib
import numpy as np
import pytest
from caches import mark_encrypted
from data_sets import T_R, manifest_of, problems_of

from giblet_core.errors import InputError
from giblet_core.fmri import READERS, array_reader, load_dataset


def test_roi_tables_and_npz_are_read(tmp_path, rng):
    table = rng.standard_normal((50, 3)).astype(np.float32)
    np.savetxt(tmp_path / "s1.txt", table)
    (tmp_path / "s2.csv").write_text(
        "A,B,C\n" + "\n".join(",".join(map(str, row)) for row in table) + "\n"
    )
    run = [{"name": "r", "n_trs": 50, "stimulus_start_s": 0.0}]
    bold = {
        "pattern": "s{subject}.*",
        "subjects": [1, 2],
        "format": "roi_table",
        "columns": ["A", "B", "C"],
    }
    data = load_dataset(manifest_of(tmp_path, runs=run, mask=None, bold=bold))
    assert np.allclose(data.bold(1), table)
    assert np.allclose(data.bold(2), table)
    assert data.region_names == ("A", "B", "C")
    np.savez(tmp_path / "v7.npz", bold=table)
    data = load_dataset(
        manifest_of(
            tmp_path,
            runs=run,
            mask=None,
            bold={"pattern": "v{subject}.npz", "subjects": [7], "format": "npz"},
        )
    )
    assert np.array_equal(data.bold(7), table)
    np.savez(tmp_path / "v8.npz", bold=table.astype(object))
    with pytest.raises(InputError, match="must be npz without pickle"):
        load_dataset(
            manifest_of(
                tmp_path,
                runs=run,
                mask=None,
                bold={"pattern": "v{subject}.npz", "subjects": [8], "format": "npz"},
            )
        )


def test_an_archive_with_a_bit_that_says_encrypted_is_refused(tmp_path, rng):
    np.savez(tmp_path / "v7.npz", bold=rng.standard_normal((20, 3)).astype(np.float32))
    mark_encrypted(tmp_path / "v7.npz")
    bold = {"pattern": "v{subject}.npz", "subjects": [7], "format": "npz"}
    runs = [{"name": "run1", "n_trs": 20, "stimulus_start_s": 0.0}]
    with pytest.raises(InputError, match="must be npz without pickle"):
        load_dataset(manifest_of(tmp_path, runs=runs, mask=None, bold=bold))


def test_damaged_images_are_named(folder):
    whole = (folder / "s2_scan1.nii.gz").read_bytes()
    (folder / "s2_scan1.nii.gz").write_bytes(whole[: len(whole) // 2])
    assert any(
        p.startswith("error: subject 2, scan1") or "s2_scan1" in p
        for p in problems_of(manifest_of(folder))
    )
    with pytest.raises(InputError, match="s2_scan1"):
        load_dataset(manifest_of(folder)).bold(2)
    (folder / "s3_scan1.nii.gz").write_text("not an image")
    with pytest.raises(InputError, match="s3_scan1"):
        load_dataset(manifest_of(folder))


def test_memory_stays_at_the_masked_result_plus_a_few_volumes(tmp_path):
    shape, n = (61, 73, 61), 64
    image = nib.Nifti1Image(np.zeros((*shape, n), np.int16), np.diag([3, 3, 3, 1]))
    image.dataobj[20:40, 20:40, 20:40] = np.random.default_rng(0).integers(
        900, 1100, (20, 20, 20, n)
    )
    image.header.set_zooms((3, 3, 3, T_R))
    nib.save(image, tmp_path / "s1.nii.gz")
    del image
    data = load_dataset(
        manifest_of(
            tmp_path,
            mask=None,
            runs=[{"name": "r", "n_trs": n, "stimulus_start_s": 0.0}],
            bold={"pattern": "s{subject}.nii.gz", "subjects": [1], "format": "nifti"},
        )
    )
    assert data.n_voxels == 8000
    tracemalloc.start()
    bold = data.bold(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    whole = np.prod(shape) * n * 2
    assert bold.shape == (n, 8000)
    assert peak < 0.6 * whole + bold.nbytes


def test_a_reader_of_a_new_format_is_one_function_and_one_entry(tmp_path, rng, monkeypatch):
    """Here: numpy's own format."""
    series = 100 + 9 * rng.standard_normal((50, 3)).astype(np.float32)
    np.save(tmp_path / "s1.npy", series)
    reader = array_reader("npy", "one array of numpy", (".npy",), np.load)
    bold = {"pattern": "s{subject}.npy", "subjects": [1], "format": "npy"}
    runs = [{"name": "r", "n_trs": 50, "stimulus_start_s": 0.0}]
    path = manifest_of(tmp_path, runs=runs, mask=None, bold=bold)
    assert any(
        "must be one of nifti, bids, cifti, gifti, roi_table, npz" in p for p in problems_of(path)
    )
    monkeypatch.setitem(READERS, "npy", reader)
    assert problems_of(path) == []
    assert np.array_equal(load_dataset(path).bold(1), series)
    series[-9:] = series[-9]
    np.save(tmp_path / "s1.npy", series)
    assert any("the last 9 TRs are constant" in p for p in problems_of(path))


@pytest.mark.parametrize("name", READERS)
def test_a_reader_is_listed_under_its_own_name(name):
    reader = READERS[name]
    assert reader.name == name
    assert all(suffix.startswith(".") for suffix in reader.suffixes)


@pytest.mark.parametrize("dtype", [np.complex64, [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_images_of_other_values_than_real_numbers_are_refused(folder, dtype):
    nib.save(nib.Nifti1Image(np.zeros((5, 6, 4, 70), dtype), np.eye(4)), folder / "s1_scan1.nii.gz")
    found = problems_of(manifest_of(folder))
    assert any("subject 1, scan1=file=" in p and "must be real numbers" in p for p in found)


def test_a_header_that_promises_more_than_the_file_holds_is_refused(folder):
    image = nib.Nifti1Image(np.zeros((5, 6, 4, 70), np.float32), np.eye(4))
    nib.save(image, folder / "s1_scan1.nii")
    data = bytearray((folder / "s1_scan1.nii").read_bytes())
    data[42:48] = np.array([30_000, 30_000, 30_000], "<i2").tobytes()  # dim[1:4]
    (folder / "s1_scan1.nii").write_bytes(bytes(data))
    (folder / "s1_scan1.nii.gz").unlink()
    bold = {"pattern": "s{subject}_{run}.nii*", "subjects": [1, 2, 3], "format": "nifti"}
    found = problems_of(manifest_of(folder, bold=bold))
    assert any("subject 1, scan1=file=" in p and "bytes, but the file has" in p for p in found)
