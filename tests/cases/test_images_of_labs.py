"""Images as labs' programs leave them: headers, compression and volumes with a fault each."""

import gzip
import shutil
import struct

import nibabel as nib
import numpy as np
import pytest

from giblet_core.commands import main
from giblet_core.fmri import load_dataset

AFFINE = np.diag([3.0, 3, 3, 1])
SHAPE = (4, 5, 6)
N_TRS = 40
MANIFEST = """name: small
t_r: 1.5
runs: [{{name: run1, n_trs: {n_trs}, stimulus_start_s: 0.0}}]
bold: {{pattern: "sub-{{subject}}{suffix}", subjects: [1, 2], format: nifti}}
mask: auto
atlas: none
"""
#: Where a field of the header of NIfTI-1 lies, and how it is stored.
FIELDS = {
    "dim4": (48, "<h"),
    "toffset": (136, "<f"),
    "scl_slope": (112, "<f"),
    "scl_inter": (116, "<f"),
    "pixdim4": (92, "<f"),
    "qform_code": (252, "<h"),
    "sform_code": (254, "<h"),
}


def series(seed=1):
    noise = np.random.default_rng(seed).standard_normal((*SHAPE, N_TRS))
    return (1000 + 30 * noise).astype(np.float32)


def image(data, affine=AFFINE, kind=nib.Nifti1Image):
    made = kind(data, affine)
    if isinstance(made, nib.Nifti1Pair):
        made.header.set_zooms((*made.header.get_zooms()[:3], 1.5))
        made.header.set_xyzt_units("mm", "sec")
    return made


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(made, suffix=".nii.gz", n_trs=N_TRS):
    """Write subject 1 as it should be, subject 2 with a fault, and the manifest."""
    nib.save(image(series(1)), f"sub-1{suffix}")
    nib.save(made, f"sub-2{suffix}")
    with open("dataset.yaml", "w") as handle:
        handle.write(MANIFEST.format(suffix=suffix, n_trs=n_trs))
    return f"sub-2{suffix}"


def set_fields(path, **fields):
    with gzip.open(path) as handle:
        content = bytearray(handle.read())
    for name, value in fields.items():
        place, form = FIELDS[name]
        struct.pack_into(form, content, place, value)
    with gzip.open(path, "wb") as handle:
        handle.write(content)


def assert_refused(capsys, *parts):
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert status == 2, said
    for part in parts:
        assert part in said.out + said.err


def assert_accepted(capsys, *parts):
    """Accepted: without a word, or with warnings that hold these parts."""
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert status == 0, said
    for part in parts or ("0 errors, 0 warnings",):
        assert part in said.out + said.err


# --- the file ------------------------------------------------------------------------------------


def test_a_flipped_bit_of_a_compressed_file_is_found(place, capsys):
    path = place / write(image(series(2)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    assert_refused(capsys, "subject 2", "The file is damaged; copy it again.")


def test_a_compressed_file_without_its_checksum_is_refused(place, capsys):
    path = place / write(image(series(2)))
    path.write_bytes(path.read_bytes()[:-8])
    assert_refused(capsys, "cannot be read whole, up to its checksum")


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_volumes_behind_the_last_one_declared_are_refused(place, capsys, suffix):
    longer = np.concatenate([series(2), series(3)[..., :5]], axis=-1)
    path = place / write(image(longer), ".nii.gz")
    set_fields(path, dim4=N_TRS)
    if suffix == ".nii":
        for subject in (1, 2):
            packed = gzip.decompress((place / f"sub-{subject}.nii.gz").read_bytes())
            (place / f"sub-{subject}.nii").write_bytes(packed)
        manifest = (place / "dataset.yaml").read_text().replace(".nii.gz", ".nii")
        (place / "dataset.yaml").write_text(manifest)
    n_behind = 5 * np.prod(SHAPE) * 4
    assert_refused(capsys, f"and {n_behind} follow")


def test_a_few_bytes_behind_the_end_are_left_alone(place, capsys):
    path = place / write(image(series(2)), ".nii")
    with open(path, "ab") as handle:
        handle.write(bytes(100))
    assert_accepted(capsys)


@pytest.mark.parametrize(("written", "named"), [(".nii", ".nii.gz"), (".nii.gz", ".nii")])
def test_a_name_that_says_wrongly_whether_it_is_compressed(place, capsys, written, named):
    write(image(series(2)), written)
    for subject in (1, 2):
        (place / f"sub-{subject}{written}").rename(place / f"sub-{subject}{named}")
    manifest = (place / "dataset.yaml").read_text().replace(f"}}{written}", f"}}{named}")
    (place / "dataset.yaml").write_text(manifest)
    assert_refused(capsys, f"Rename it to sub-2{written}")


OTHER_FORMATS = {
    ".mgz": (nib.MGHImage, "is a MGHImage; it must be NIfTI in one file"),
    ".hdr": (nib.Nifti1Pair, "is a Nifti1Pair; it must be NIfTI in one file"),
    ".img": (nib.Spm99AnalyzeImage, "it must be NIfTI in one file"),
}


@pytest.mark.parametrize("suffix", OTHER_FORMATS)
def test_images_of_other_formats_are_named(place, capsys, suffix):
    kind, message = OTHER_FORMATS[suffix]
    write(image(series(2), kind=kind), suffix)
    nib.save(image(series(1), kind=kind), f"sub-1{suffix}")
    assert_refused(capsys, message, "Convert it")


# --- the header ----------------------------------------------------------------------------------


def without_forms():
    made = image(series(2))
    made.set_qform(None, 0)
    made.set_sform(None, 0)
    return made


def with_qform(code, shift_mm):
    made = image(series(2))
    moved = AFFINE.copy()
    moved[0, 3] = shift_mm
    made.set_sform(AFFINE, 1)
    made.set_qform(moved, code)
    return made


def flat():
    made = image(series(2))
    made.header["srow_x"] = 0
    made.header["sform_code"] = 1
    return nib.Nifti1Image(series(2), None, made.header)


WARNED = {
    "no orientation": (without_forms, "does not tell left from right"),
    "two places in one space": (lambda: with_qform(1, 20.0), "20 mm apart: should place voxels"),
}


@pytest.mark.parametrize("name", WARNED)
def test_an_orientation_in_doubt_is_said(place, capsys, name):
    make, message = WARNED[name]
    made = make()
    write(made)
    nib.save(made, "sub-2.nii.gz")
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert message in said.out + said.err
    assert status == 0 or "its affine" in said.out + said.err or "affine" in said.out


@pytest.mark.parametrize(("code", "shift_mm"), [(2, 20.0), (1, 0.2)])
def test_transforms_to_two_spaces_and_rounding_are_no_doubt(place, capsys, code, shift_mm):
    write(with_qform(code, shift_mm))
    assert_accepted(capsys)


def test_a_transform_of_zeros_is_refused(place, capsys):
    write(flat())
    assert_refused(capsys, "gives voxels no volume")


def test_voxels_in_metres_are_refused(place, capsys):
    write(image(series(2), np.diag([0.003, 0.003, 0.003, 1])))
    assert_refused(capsys, "voxels of 0.003 x 0.003 x 0.003 mm")


@pytest.mark.parametrize("t_r", [np.nan, -1.5])
def test_a_time_that_is_none_is_refused(place, capsys, t_r):
    path = write(image(series(2)))
    set_fields(path, pixdim4=t_r)
    assert_refused(capsys, f"TR {t_r:g} s in the header: must be positive")


def test_a_begin_in_the_header_is_said_not_read(place, capsys):
    path = write(image(series(2)))
    set_fields(path, toffset=6.0)
    assert_accepted(capsys, "toffset 6 in the header")


@pytest.mark.parametrize("scale", [(0.0, 7.0), (np.nan, np.nan)])
def test_a_scale_that_is_none_means_values_as_they_stand(place, capsys, scale):
    path = write(image(series(2)))
    set_fields(path, scl_slope=scale[0], scl_inter=scale[1])
    assert_accepted(capsys)
    read = load_dataset("dataset.yaml").bold("2")
    assert np.array_equal(read, series(2).reshape(-1, N_TRS).T)


# --- the volumes ---------------------------------------------------------------------------------


def blank(data):
    data[..., 20:22] = 0
    return data


def copied(data):
    data[..., 20] = data[..., 19]
    return data


def wrapped(data):
    return (data * 32).astype(np.int64).astype(np.int16)


def spread(data):
    return (data - 1000) * 500  # from -60000 to 60000, but no whole numbers of 16 bits


def test_volumes_without_an_image_are_refused(place, capsys):
    write(image(blank(series(2))))
    assert_refused(capsys, "subject 2, run1=TRs 20, 21 hold one value everywhere (0)")


def test_a_volume_that_stands_twice_is_said(place, capsys):
    write(image(copied(series(2))))
    assert_accepted(capsys, "TRs 20 are those before them", "0 errors, 1 warnings")


def test_whole_numbers_that_ran_over_16_bits_are_refused(place, capsys):
    write(image(wrapped(series(2))))
    assert_refused(capsys, "ran over the limit of 16 bits")


def test_large_values_that_did_not_are_accepted(place, capsys):
    write(image(spread(series(2))))
    assert_accepted(capsys)


def test_few_columns_of_whole_numbers_may_repeat(place, capsys):
    for subject in (1, 2):
        rows = np.random.default_rng(subject).integers(0, 3, (N_TRS, 3))
        rows[:, 0] += np.arange(N_TRS) % 2
        np.savez(place / f"sub-{subject}.npz", bold=rows)
    write(image(series(2)))
    text = (place / "dataset.yaml").read_text().replace(".nii.gz", ".npz").replace("nifti", "npz")
    (place / "dataset.yaml").write_text(text.replace("mask: auto\natlas: none\n", ""))
    main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert "before them" not in said.out + said.err


def test_a_download_that_is_a_pointer_or_a_page_is_refused(place, capsys):
    path = write(image(series(2)))
    for text in ("version https://git-lfs.github.com/spec/v1\nsize 12\n", "<html>", ""):
        (place / path).write_text(text)
        assert_refused(capsys, "must be a readable NIfTI image", "Copy it again")
    (place / path).unlink()
    (place / path).symlink_to("nowhere/annexed.nii.gz")
    assert_refused(capsys, "is a link to")
    shutil.rmtree(place / "nowhere", ignore_errors=True)
