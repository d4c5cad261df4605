"""Ready for Sherlock: fabricated volumes of the release's shape.

They have its joined scans, shifted labels, cartoon and padded subject.
"""

import json

import nibabel as nib
import numpy as np
import pytest
import yaml
from scipy.ndimage import gaussian_filter1d

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset

SHAPE = (61, 73, 61)
T_R = 1.5
N1 = 60  # of 946
N2 = 64  # of 1030
TAIL = 12  # of about 50


def params():
    from conftest import ROOT

    return yaml.safe_load((ROOT / "book" / "params" / "sherlock_dataset.yaml").read_text())


def fabricate(path, rng, tail=0):
    """One subject as released: both scans in one file.

    Series are z-scored voxel by voxel, and zero outside the brain.
    """
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
    place = tmp_path_factory.mktemp("sherlock")
    rng = np.random.default_rng(0)
    for subject in (1, 5):
        fabricate(place / f"sherlock_movie_s{subject}.nii.gz", rng, TAIL if subject == 5 else 0)
    return place


def manifest(folder, locked=False, **changes):
    given = params()
    given["runs"][1]["locked"] = locked
    del given["folder"], given["stimulus"]["file"]  # the film cannot be shipped
    given["runs"][0]["n_trs"] = N1
    given["runs"][1]["n_trs"] = N2
    given["runs"][1]["stimulus_start_s"] = N1 * T_R
    given["bold"]["subjects"] = [1, 5]
    given["exclude"] = [{**e, "last_trs": TAIL} if "last_trs" in e else e for e in given["exclude"]]
    given["atlas"] = "none"
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
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [
        ((25 + 3) * 1.5, N1 - 25),
        (N1 * 1.5 + (25 + 3) * 1.5, N2 - 25 - TAIL),
    ]
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
    found = [
        str(p)
        for p in check_dataset(manifest(folder, preprocessing={"zscored": True, "hrf": True}))
        if p.severity == "error"
    ]
    assert found == [
        "error: preprocessing.hrf=true: labels are shifted by 3 TRs: a response model on shifted "
        "labels counts the delay twice. Give the data before it (hrf: false)."
    ]


def test_undeclared_z_scores_and_wrong_lengths_are_found(folder):
    found = [str(p) for p in check_dataset(manifest(folder, preprocessing={}))]
    assert any("are already z-scored" in p for p in found)
    path = manifest(folder)
    given = yaml.safe_load(path.read_text())
    given["runs"][1]["n_trs"] = 920
    path.write_text(yaml.safe_dump(given))
    found = [str(p) for p in check_dataset(path)]
    assert any(f"subject 1={N1 + N2} TRs: the manifest declares {N1 + 920}" in p for p in found)


@pytest.fixture
def locked(folder):
    path = manifest(folder, locked=True)
    yield path
    path.with_suffix(".opened.json").unlink(missing_ok=True)


def test_scan_2_is_locked_and_absent(locked):
    assert params()["runs"][1]["locked"] is True
    data = load_dataset(locked)
    assert [run.name for run in data.runs] == ["scan1"]
    assert data.bold(1).shape == (N1 - 25, 1680)
    assert data.n_trs == sum(grid.n_trs for grid in data.grids) == N1 - 25
    assert not locked.with_suffix(".opened.json").exists()


def test_scan_2_is_opened_with_one_configuration_whose_hash_is_printed_and_kept(locked, capsys):
    parameters = {"codec": "facebook/encodec_24khz", "bandwidth_kbps": 6.0}
    data = load_dataset(locked, open_locked=parameters)
    assert [run.name for run in data.runs] == ["scan1", "scan2"]
    assert data.bold(1).shape == (N1 - 25 + N2 - 25 - TAIL, 1680)
    record = json.loads(locked.with_suffix(".opened.json").read_text())
    assert (
        capsys.readouterr().out
        == f"Locked runs of dataset.yaml are open: configuration {record['configuration']}.\n"
    )
    assert record["parameters"] == parameters
    locked.write_text(locked.read_text() + "# a comment changes nothing\n")
    assert (
        load_dataset(locked, open_locked=dict(reversed(parameters.items()))).n_trs == data.n_trs
    )  # the same may be repeated
    assert json.loads(locked.with_suffix(".opened.json").read_text()) == record


@pytest.mark.parametrize("change", ["parameters", "manifest"])
def test_scan_2_is_not_opened_with_a_second_configuration(locked, change):
    load_dataset(locked, open_locked={"bandwidth_kbps": 6.0})
    kept = locked.with_suffix(".opened.json").read_bytes()
    if change == "manifest":
        locked.write_text(locked.read_text().replace("label_shift_trs: 3", "label_shift_trs: 2"))
    with pytest.raises(
        InputError,
        match="was evaluated; locked runs are evaluated once. "
        "Go back to that manifest and its parameters",
    ):
        load_dataset(locked, open_locked={"bandwidth_kbps": 6.0 if change == "manifest" else 3.0})
    assert locked.with_suffix(".opened.json").read_bytes() == kept
    assert [run.name for run in load_dataset(locked).runs] == ["scan1"]


def test_a_locked_scan_is_looked_at_for_defects_before_it_is_opened_but_not_beside_the_sound(
    folder, locked
):
    found = [str(p) for p in check_dataset(locked)]
    assert found == [
        "note: runs.scan2.locked=true: its values are looked at for defects only. "
        "load_dataset(..., open_locked=...) opens it, once."
    ]
    found = [str(p) for p in check_dataset(manifest(folder, locked=True, exclude=[]))]
    assert any(f"subject 5, scan2=the last {TAIL} TRs are constant" in p for p in found)


def test_a_data_set_of_locked_scans_alone_is_refused(folder):
    path = manifest(
        folder,
        runs=[
            {"name": n, "n_trs": k, "stimulus_start_s": a, "locked": True}
            for n, k, a in (("scan1", N1, 0.0), ("scan2", N2, 90.0))
        ],
    )
    with pytest.raises(InputError, match="every run is locked; one must be open"):
        load_dataset(path)


def test_the_manifest_says_which_variable_names_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("GIBLET_SHERLOCK", raising=False)
    path = tmp_path / "dataset.yaml"
    path.write_text(yaml.safe_dump(params()))
    assert any("the variable GIBLET_SHERLOCK must be set" in str(p) for p in check_dataset(path))


RECALLED = {
    1: (9, 2, 14, 5, 11, 0, 7),
    2: (3, 12, 8, 1),
}  # which tenth TRs of the film each subject speaks of, in which order


def scan(path, series, rng):
    """Volumes whose 6 x 6 x 6 voxels follow a series (n_trs, n_dims), z-scored as in the release.

    Every voxel is its own mixture.
    """
    bold = series @ np.random.default_rng(1).standard_normal(
        (series.shape[1], 216)
    ) + 2 * rng.standard_normal((len(series), 216))
    bold = (bold - bold.mean(0)) / bold.std(0)
    image = nib.Nifti1Image(bold.T.reshape(6, 6, 6, -1).astype(np.float32), np.eye(4))
    image.header.set_zooms((3, 3, 3, T_R))
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


def described(folder, name, n_trs, subjects, pattern):
    path = folder / f"{name}.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": name,
                "t_r": T_R,
                "mask": "mask.nii.gz",
                "atlas": "none",
                "preprocessing": {"zscored": True},
                "runs": [{"name": name, "n_trs": n_trs, "stimulus_start_s": 0.0}],
                "bold": {"pattern": pattern, "subjects": subjects, "format": "nifti"},
            }
        )
    )
    return path


@pytest.fixture(scope="module")
def recalls(tmp_path_factory):
    """A film of 160 TRs, and subjects who then speak of ten TRs of it at a time.

    They do so in their own order and as long as they like.
    """
    folder = tmp_path_factory.mktemp("recall")
    rng = np.random.default_rng(0)
    film = gaussian_filter1d(rng.standard_normal((200, 6)), 1.5, axis=0)[20:180]
    nib.save(nib.Nifti1Image(np.ones((6, 6, 6), np.uint8), np.eye(4)), folder / "mask.nii.gz")
    for subject, order in RECALLED.items():
        scan(folder / f"sherlock_movie_s{subject}.nii.gz", film, rng)
        scan(
            folder / f"sherlock_recall_s{subject}.nii.gz",
            np.concatenate([film[10 * i : 10 * i + 10] for i in order]),
            rng,
        )
    return folder, film


def test_each_recall_is_bold_of_its_own_length_through_a_manifest_of_its_own(recalls):
    folder, _ = recalls
    for subject, order in RECALLED.items():
        path = described(
            folder,
            f"recall{subject}",
            10 * len(order),
            [subject],
            "sherlock_recall_s{subject}.nii.gz",
        )
        assert check_dataset(path) == []
        data = load_dataset(path)
        source = nib.load(folder / f"sherlock_recall_s{subject}.nii.gz").dataobj
        assert data.stimulus is None
        assert data.bold(subject).shape == (10 * len(order), 216)
        assert data.bold(subject)[-1, 5] == source[0, 0, 5, -1]
    wrong = [
        str(p)
        for p in check_dataset(
            described(folder, "both", 70, [1, 2], "sherlock_recall_s{subject}.nii.gz")
        )
    ]
    assert wrong == ["error: subject 2=40 TRs: the manifest declares 70. Correct n_trs or file."]


@pytest.mark.parametrize("subject", RECALLED)
def test_what_is_recalled_is_retrieved_from_the_film_by_a_decoder_of_the_film(recalls, subject):
    folder, latents = recalls
    data = load_dataset(described(folder, "film", 160, [1, 2], "sherlock_movie_s{subject}.nii.gz"))
    order = RECALLED[subject]
    spoken = load_dataset(
        described(folder, "recall", 10 * len(order), [subject], "sherlock_recall_s{subject}.nii.gz")
    )
    # as in the codebook's quick start
    bold = np.concatenate([data.bold(subject), spoken.bold(subject)])
    n = data.n_trs
    fold = [(np.arange(n), np.arange(n, len(bold)))]
    runs = (*data.run_onsets, n)
    targets = np.resize(latents, (len(bold), latents.shape[1]))
    decoded = gc.fit_decoder(bold, targets, fold, run_onsets=runs)
    segments = gc.decoding.make_segments(decoded.fold_of, 10, run_onsets=runs)
    found = gc.decoding.retrieve(decoded.predictions, targets, segments, fold, n_best=1).starts[
        :, 0
    ]
    near = np.abs(found - 10 * np.array(order)) <= 2
    assert near.mean() > 0.7  # chance: 5 of 151 places
    lost = gc.fit_decoder(
        np.concatenate(
            [data.bold(subject), np.random.default_rng(2).permutation(spoken.bold(subject))]
        ),
        targets,
        fold,
        run_onsets=runs,
    )
    found = gc.decoding.retrieve(lost.predictions, targets, segments, fold, n_best=1).starts[:, 0]
    assert (np.abs(found - 10 * np.array(order)) <= 2).mean() < 0.3
