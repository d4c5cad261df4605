"""Ready for Sherlock: fabricated volumes of the release's shape, its joined scans, shifted labels, cartoon and padded subject."""

import nibabel as nib
import numpy as np
import pytest
import yaml

from giblet_core.dataset import load_dataset
from giblet_core.dataset_check import check_dataset

SHAPE, T_R = (61, 73, 61), 1.5
N1, N2 = 60, 64  # of 946 and 1030
TAIL = 12  # of about 50


def params():
    from conftest import ROOT

    return yaml.safe_load((ROOT / "book" / "params" / "sherlock_dataset.yaml").read_text())


def fabricate(path, rng, tail=0):
    """One subject as released: both scans in one file, z-scored voxel by voxel, zero outside the brain."""
    data = np.zeros((*SHAPE, N1 + N2), np.float32)
    series = rng.standard_normal((12, 14, 10, N1 + N2)).astype(np.float32)
    if tail:
        series[..., -tail:] = series[..., -tail, None]
    series = (series - series.mean(-1, keepdims=True)) / series.std(-1, keepdims=True)
    data[20:32, 30:44, 25:35] = series
    image = nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1]))
    image.header.set_zooms((3, 3, 3, T_R))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place, rng = tmp_path_factory.mktemp("sherlock"), np.random.default_rng(0)
    for subject in (1, 5):
        fabricate(place / f"sherlock_movie_s{subject}.nii.gz", rng, TAIL if subject == 5 else 0)
    return place


def manifest(folder, **changes):
    given = params()
    del given["folder"], given["stimulus"]["file"]  # the film cannot be shipped
    given["runs"][0]["n_trs"], given["runs"][1]["n_trs"] = N1, N2
    given["runs"][1]["stimulus_start_s"] = N1 * T_R
    given["bold"]["subjects"] = [1, 5]
    given["exclude"] = [{**e, "last_trs": TAIL} if "last_trs" in e else e for e in given["exclude"]]
    path = folder / "dataset.yaml"
    path.write_text(yaml.safe_dump({**given, **changes}, sort_keys=False))
    return path


def test_the_shipped_manifest_holds_the_facts_of_the_release():
    given = params()
    assert [run["n_trs"] for run in given["runs"]] == [946, 1030]
    assert given["runs"][1]["stimulus_start_s"] == 946 * 1.5
    assert given["label_shift_trs"] == 3
    assert given["preprocessing"] == {"zscored": True, "hrf": False}
    assert len(given["bold"]["subjects"]) == 17


def test_the_clock_is_restored_and_cartoon_and_padding_are_left_out(folder):
    data = load_dataset(manifest(folder))
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [((25 + 3) * 1.5, N1 - 25), (N1 * 1.5 + (25 + 3) * 1.5, N2 - 25 - TAIL)]
    assert data.run_onsets == (0, N1 - 25)
    source = nib.load(folder / "sherlock_movie_s1.nii.gz").dataobj
    assert data.n_voxels == 12 * 14 * 10
    assert data.bold(1)[0, 0] == source[20, 30, 25, 25]
    assert data.bold(1)[N1 - 25, -1] == source[31, 43, 34, N1 + 25]
    assert data.bold(5).shape == data.bold(1).shape


def test_the_declared_release_has_no_fault(folder):
    assert check_dataset(manifest(folder)) == []


def test_the_constant_tail_of_subject_5_is_found_with_the_line_that_mends_it(folder):
    found = [str(p) for p in check_dataset(manifest(folder, exclude=[]))]
    assert len(found) == 1
    assert f"subject 5, scan2=the last {TAIL} TRs are constant" in found[0]
    assert f"exclude: [{{subject: 5, run: scan2, last_trs: {TAIL}, " in found[0]


def test_a_response_model_on_shifted_labels_is_refused(folder):
    found = [str(p) for p in check_dataset(manifest(folder, preprocessing={"zscored": True, "hrf": True})) if p.severity == "error"]
    assert found == ["error: preprocessing.hrf=true: labels are shifted by 3 TRs: a response model on shifted labels counts the delay "
                     "twice. Give the data before it (hrf: false)."]


def test_undeclared_z_scores_and_wrong_lengths_are_found(folder):
    found = [str(p) for p in check_dataset(manifest(folder, preprocessing={}))]
    assert any("are already z-scored" in p for p in found)
    path = manifest(folder)
    given = yaml.safe_load(path.read_text())
    given["runs"][1]["n_trs"] = 920
    path.write_text(yaml.safe_dump(given))
    found = [str(p) for p in check_dataset(path)]
    assert any(f"subject 1={N1 + N2} TRs: the manifest declares {N1 + 920}" in p for p in found)


def test_scan_2_can_be_locked_away(folder):
    path = manifest(folder)
    given = yaml.safe_load(path.read_text())
    given["exclude"].append({"run": "scan2", "why": "locked until the configuration is fixed"})
    path.write_text(yaml.safe_dump(given))
    data = load_dataset(path)
    assert [run.name for run in data.runs] == ["scan1"]
    assert data.bold(1).shape == (N1 - 25, 1680)


def test_the_manifest_says_which_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("GIBLET_SHERLOCK", raising=False)
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(params()))
    assert any("the variable GIBLET_SHERLOCK must be set" in str(p) for p in check_dataset(path))
