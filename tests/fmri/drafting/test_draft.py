"""A manifest drafted from a folder: right where the files speak, open where they do not."""

import json
import shutil
from math import ceil

import nibabel as nib
import numpy as np
import pytest
import yaml
from made_up_study import REGIONS, StudyPlan, write_study

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, draft_dataset, load_dataset, read_manifest
from giblet_core.sound import load_audio, save_audio

SMALL = StudyPlan(n_trs=40, shape=(10, 12, 6))


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    place = tmp_path_factory.mktemp("study") / "data"
    write_study(place, SMALL)
    return place


@pytest.fixture
def place(original, tmp_path):
    shutil.copytree(original, tmp_path / "data")
    return tmp_path / "data"


def drafted(place, folder="derivatives/fmriprep", **options):
    return draft_dataset(place / folder, place / "dataset.yaml", **options)


def errors(place):
    return [str(problem) for problem in check_dataset(place / "dataset.yaml").errors]


def func(place, subject="01"):
    return place / "derivatives" / "fmriprep" / f"sub-{subject}" / "func"


def open_of(draft):
    return [str(remark) for remark in draft.remarks.open]


def test_a_whole_study_is_drafted_without_questions_and_accepted_as_it_is(place):
    draft = drafted(place)
    assert open_of(draft) == []
    assert [str(problem) for problem in check_dataset(place / "dataset.yaml")] == []
    lines = [line for line in draft.text.splitlines() if line and not line.startswith("#")]
    assert len(lines) <= 10
    data = load_dataset(place / "dataset.yaml")
    assert (data.t_r, data.slice_time_ref, data.subjects) == (2.0, 0.5, ("01", "02"))
    assert (data.n_trs, data.region_names) == (40, tuple(REGIONS.values()))
    assert data.stimulus.name == "film.wav"
    assert data.manifest.bold.entities == {"space": "MNI152NLin2009cAsym"}
    assert data.manifest.confounds.strategy == ("motion", "wm_csf", "high_pass")


def test_the_bids_data_set_around_a_derivative_serves_as_well(place):
    first = drafted(place).content
    again = draft_dataset(place, place / "again.yaml").content
    assert again == first


@pytest.mark.parametrize(
    "plan",
    [
        StudyPlan(t_r=0.72, n_trs=60, shape=(8, 9, 7), start_s=0.36, n_runs=3, onset_s=7.2),
        StudyPlan(t_r=1.49, n_trs=30, shape=(9, 9, 5), start_s=0.0, n_runs=2, sound="a b.mp3.wav"),
        StudyPlan(t_r=2.5, n_trs=30, shape=(9, 9, 5), start_s=None, n_unsteady=3, subjects=("x7",)),
    ],
)
def test_studies_of_other_clocks_are_drafted_right(plan, tmp_path):
    """The truth is the plan: TR, slice time, dummies, and where each run lies in the sound."""
    write_study(tmp_path, plan)
    draft = drafted(tmp_path)
    assert open_of(draft) == []
    assert errors(tmp_path) == []
    manifest, _ = read_manifest(tmp_path / "dataset.yaml")
    assert manifest.t_r == plan.t_r
    expected = 0.5 if plan.start_s is None else plan.start_s / plan.t_r
    assert manifest.slice_time_ref == pytest.approx(expected, abs=1e-3)
    starts = [run.stimulus_start_s for run in manifest.runs]
    truth = [run * plan.run_s - plan.onset_s for run in range(plan.n_runs)]
    assert starts == pytest.approx(truth, abs=1e-6)
    before = [0, *[ceil(plan.onset_s / plan.t_r)] * (plan.n_runs - 1)]  # the sound had stopped
    assert [run.dummy_trs for run in manifest.runs] == [max(n, plan.n_unsteady) for n in before]
    data = load_dataset(tmp_path / "dataset.yaml")
    assert all(grid.onset_s >= start for grid, start in zip(data.grids, truth))
    assert manifest.bold.subjects == plan.subjects


def test_what_no_file_says_is_asked_and_the_check_refuses_until_it_is_answered(place):
    for path in place.glob("sub-*/func/*_events.tsv"):
        path.unlink()
    shutil.rmtree(place / "stimuli")
    draft = drafted(place)
    assert [remark.place for remark in draft.remarks.open] == ["stimulus", "runs"]
    assert read_manifest(place / "dataset.yaml")[0] is not None
    assert len([error for error in errors(place) if "must be answered by you" in error]) == 2
    answered = "\n".join(line for line in draft.text.splitlines() if not line.startswith("#"))
    (place / "dataset.yaml").write_text(answered)
    assert errors(place) == []


def test_a_sound_that_is_given_is_taken_and_one_that_is_not_there_is_refused(place):
    sound = place / "stimuli" / "film.wav"
    sound.rename(place / "other.wav")
    draft = drafted(place)
    assert any("film.wav, which was not found" in text for text in open_of(draft))
    assert open_of(drafted(place, sound=place / "other.wav")) == []
    assert load_dataset(place / "dataset.yaml").stimulus.resolve() == place / "other.wav"
    with pytest.raises(InputError, match=r"sound=.*absent.wav"):
        drafted(place, sound=place / "absent.wav")


def test_spaces_are_listed_and_chosen_by_name(place):
    assert any("T1w (volumes)" in str(remark) for remark in drafted(place).remarks)
    draft = drafted(place, space="T1w")
    assert draft.content["bold"]["entities"] == {"space": "T1w"}
    assert any("space of each subject's own" in text for text in open_of(draft))
    with pytest.raises(InputError, match=r"space=MNI: must be one of MNI152NLin2009cAsym, T1w"):
        drafted(place, space="MNI")


def test_of_several_tasks_the_one_without_sound_is_left_out_and_others_are_asked(place):
    for path in list(func(place).iterdir()) + list(func(place, "02").iterdir()):
        shutil.copy(path, path.with_name(path.name.replace("task-film", "task-rest")))
    draft = drafted(place)
    assert open_of(draft) == []
    assert draft.content["bold"]["entities"]["task"] == "film"
    assert errors(place) == []
    for path in list(func(place).glob("*task-rest*")) + list(func(place, "02").glob("*task-rest*")):
        path.rename(path.with_name(path.name.replace("task-rest", "task-story")))
    assert any("task film was chosen; there is story" in text for text in open_of(drafted(place)))
    assert drafted(place, task="story").content["bold"]["entities"]["task"] == "story"


def test_subjects_who_lack_a_run_or_have_another_length_are_excluded_with_the_reason(tmp_path):
    plan = StudyPlan(n_trs=30, shape=(8, 9, 6), subjects=("1", "2", "3", "10"), n_runs=2)
    write_study(tmp_path, plan)
    for path in func(tmp_path, "3").glob("*run-2*bold.nii.gz"):
        path.unlink()
    for subject, n_volumes in (("10", 20), ("2", 28)):
        for path in func(tmp_path, subject).glob("*run-1*bold.nii.gz"):
            image = nib.load(path)
            data = np.asarray(image.dataobj)[..., :n_volumes]
            nib.save(nib.Nifti1Image(data, image.affine, image.header), path)
        for path in func(tmp_path, subject).glob("*run-1*confounds_timeseries.tsv"):
            path.write_text("\n".join(path.read_text().splitlines()[: n_volumes + 1]) + "\n")
    draft = drafted(tmp_path)
    reasons = {rule["subject"]: rule["why"] for rule in draft.content["exclude"]}
    assert reasons == {
        "3": "has no run-2",
        "10": "run-1 has 20 volumes, that of most has 30",
    }
    assert draft.content["runs"][0]["subjects"] == {"2": {"n_trs": 28}}
    assert errors(tmp_path) == []
    data = load_dataset(tmp_path / "dataset.yaml")
    assert data.subjects == ("1", "2")
    assert [grid.n_trs for grid in data.grids] == [28, 30]


def test_subjects_who_heard_the_sound_at_another_time_get_their_own_clock(place):
    path = next(place.glob("sub-02/func/*_events.tsv"))
    path.write_text(path.read_text().replace("\n0.0\t", "\n4.0\t"))
    draft = drafted(place)
    assert open_of(draft) == []
    assert draft.content["runs"][0]["subjects"] == {"02": {"stimulus_start_s": -4.0}}
    assert errors(place) == []
    path.write_text(path.read_text().replace("\n4.0\t", "\n4.9\t"))
    assert any("must be a whole number" in text for text in open_of(drafted(place)))
    path.write_text(path.read_text().replace("film.wav", "other.wav"))
    assert any("subject 02 heard other.wav" in text for text in open_of(drafted(place)))


def test_runs_of_one_sound_whose_places_cannot_be_told_are_asked_about(tmp_path):
    """The sound is far longer than the runs."""
    plan = StudyPlan(n_trs=30, shape=(8, 9, 6), n_runs=2)
    write_study(tmp_path, plan)
    longer = StudyPlan(n_trs=90, shape=(8, 9, 6), n_runs=2)
    write_study(tmp_path / "longer", longer)
    shutil.copy(tmp_path / "longer" / "stimuli" / "film.wav", tmp_path / "stimuli" / "film.wav")
    shutil.rmtree(tmp_path / "longer")
    assert any("at which of its seconds each run began" in t for t in open_of(drafted(tmp_path)))


@pytest.mark.parametrize(
    ("sidecar_t_r", "header_t_r", "unit", "written", "words"),
    [
        (2.0, 1.0, "sec", 2.0, None),
        (None, 2.0, "sec", 2.0, None),
        (None, 2000.0, "msec", 2.0, None),
        (None, 2000.0, "sec", 2.0, "in another unit"),
        (None, 1.0, "sec", 1.0, "write for an unknown TR"),
        (None, 0.0, "sec", None, "no file says the TR"),
    ],
)
def test_the_tr_is_that_of_the_sidecars_else_of_the_headers_else_it_is_asked(
    place, sidecar_t_r, header_t_r, unit, written, words
):
    for path in place.rglob("*_bold.nii.gz"):
        image = nib.load(path)
        image = nib.Nifti1Image(np.asarray(image.dataobj), image.affine)
        image.header.set_xyzt_units("mm", unit)
        image.header["pixdim"][4] = header_t_r
        nib.save(image, path)
        sidecar = path.with_name(path.name.replace(".nii.gz", ".json"))
        content = {} if sidecar_t_r is None else {"RepetitionTime": sidecar_t_r}
        sidecar.write_text(json.dumps(content))
    draft = drafted(place)
    assert draft.content.get("t_r") == written
    texts = [text for text in open_of(draft) if "t_r" in text]
    assert texts == [] if words is None else words in texts[0]
    if written is None:
        assert "t_r=missing" in errors(place)[0]


def test_series_of_another_description_are_taken_and_asked_about(place):
    for path in place.rglob("*desc-preproc_bold*"):
        path.rename(path.with_name(path.name.replace("desc-preproc", "desc-denoised")))
    draft = drafted(place)
    assert draft.content["bold"]["entities"]["desc"] == "denoised"
    assert any("declare it here" in text for text in open_of(draft))


def test_an_atlas_on_another_grid_is_resampled_and_one_of_another_space_is_not_taken(place):
    path = place / "derivatives" / "atlas" / "atlas-Slab_dseg.nii.gz"
    image = nib.load(path)
    finer = image.affine @ np.diag([0.5, 0.5, 0.5, 1])
    data = np.kron(np.asarray(image.dataobj), np.ones((2, 2, 2), np.int16))
    nib.save(nib.Nifti1Image(data, finer), path)
    draft = drafted(place)
    assert draft.content["resample"] is True
    assert errors(place) == []
    for old in path.parent.iterdir():
        old.rename(old.with_name(old.name.replace("atlas-Slab", "space-fsaverage_atlas-Slab")))
    assert drafted(place).content["atlas"] == "auto"


def test_an_atlas_that_cannot_be_read_is_left_out_and_the_reason_is_said(place):
    table = place / "derivatives" / "atlas" / "atlas-Slab_dseg.tsv"
    table.write_text("index\tname\n1\tauditory\n")
    draft = drafted(place)
    assert draft.content["atlas"] == "auto"
    assert any("has no name" in str(remark) for remark in draft.remarks.at("atlas"))
    assert any("made from their places alone" in str(r) for r in draft.remarks.at("atlas"))
    assert errors(place) == []


def test_confounds_are_those_whose_columns_every_table_has(place):
    import pandas as pd

    for path in place.rglob("*confounds_timeseries.tsv"):
        table = pd.read_csv(path, sep="\t", keep_default_na=False)
        kept = [c for c in table if "power2" not in c and not c.startswith("cosine")]
        table[kept].to_csv(path, sep="\t", index=False)
    draft = drafted(place)
    assert draft.content["confounds"] == {"strategy": ["motion", "wm_csf"], "motion": "basic"}
    assert errors(place) == []
    next(place.rglob("*confounds_timeseries.tsv")).unlink()
    assert any("there is no table for subject" in text for text in open_of(drafted(place)))


def test_a_manifest_is_written_for_yaml_readers_of_any_version(place):
    """PyYAML, which reads version 1.1, finds what was meant."""
    draft = drafted(place)
    assert yaml.safe_load(draft.text) == draft.content


def test_a_folder_without_series_and_one_that_is_not_there_are_refused(tmp_path):
    with pytest.raises(InputError, match="must hold series of BOLD"):
        draft_dataset(tmp_path, tmp_path / "dataset.yaml")
    with pytest.raises(InputError, match="is no folder"):
        draft_dataset(tmp_path / "absent", tmp_path / "dataset.yaml")
    assert list(tmp_path.iterdir()) == []


def test_volumes_after_the_sound_are_left_out_and_a_sound_that_is_far_too_short_is_asked(place):
    """The scanner ran on for 6 s: three TRs."""
    sound = place / "stimuli" / "film.wav"
    wave = load_audio(sound, 8000)
    save_audio(sound, wave[: 8000 * 74], 8000)
    for path in place.glob("sub-*/func/*_events.tsv"):
        path.write_text("onset\tduration\tstim_file\n0.0\tn/a\tfilm.wav\n")
    draft = drafted(place)
    (rule,) = draft.content["exclude"]
    assert (rule["run"], rule["last_trs"]) == ("task-film", 3)
    assert errors(place) == []
    assert load_dataset(place / "dataset.yaml").n_trs == 37
    save_audio(sound, wave[: 8000 * 40], 8000)
    assert any("20 of 40 volumes lie after" in text for text in open_of(drafted(place)))


def test_of_two_sounds_of_one_name_that_in_stimuli_is_taken_as_bids_says(place):
    """And the other one is named."""
    save_audio(place / "film.wav", np.zeros(8000, np.float32), 8000)
    draft = drafted(place)
    assert load_dataset(place / "dataset.yaml").stimulus.parent.name == "stimuli"
    assert any("there is too: ../../film.wav" in str(remark) for remark in draft.remarks)


def test_brain_masks_are_named_only_where_they_lie(place):
    assert "every subject's brain mask" in drafted(place).text
    masks = sorted((place / "derivatives" / "fmriprep").rglob("*desc-brain_mask.nii.gz"))
    beside_series = [mask for mask in masks if mask.parent.name == "func"]
    beside_series[0].unlink()
    assert "series have a brain mask beside them; of the others" in drafted(place).text
    for mask in beside_series[1:]:
        mask.unlink()
    assert "no brain masks lie there; voxels that change are read" in drafted(place).text
