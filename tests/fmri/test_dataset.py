"""Data sets: the clock is exact, what is read is what was written, and every fault is named in one
pass.
"""

import os
import tracemalloc

import nibabel as nib
import numpy as np
import pytest
import yaml

from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset, read_manifest, read_table, read_textgrid
from giblet_core.sound import save_audio
from giblet_core.timing import hrf

SHAPE = (5, 6, 4)
T_R = 1.5


def write_image(path, data, t_r=T_R, unit="sec"):
    image = nib.Nifti1Image(np.asarray(data, np.float32), np.diag([3, 3, 3, 1]))
    if t_r is not None:
        image.header.set_zooms((3, 3, 3, t_r))
        image.header.set_xyzt_units("mm", unit)
    nib.save(image, path)


def manifest_of(place, **changes):
    manifest = {
        "name": "small",
        "t_r": T_R,
        "slice_time_ref": 0,
        "runs": [
            {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
            {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
        ],
        "bold": {"pattern": "s{subject}_{run}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"},
        "mask": "mask.nii.gz",
        **changes,
    }
    path = place / "dataset.yaml"
    path.write_text(
        yaml.safe_dump({k: v for k, v in manifest.items() if v is not None}, sort_keys=False)
    )
    return path


@pytest.fixture
def volumes(rng):
    """Three subjects, two runs, whose values are not z-scored."""
    return {
        (s, run): 100 + 3 * rng.standard_normal((*SHAPE, n)).astype(np.float32)
        for s in (1, 2, 3)
        for run, n in (("scan1", 70), ("scan2", 80))
    }


@pytest.fixture
def folder(tmp_path, volumes, rng):
    for (s, run), data in volumes.items():
        write_image(tmp_path / f"s{s}_{run}.nii.gz", data)
    mask = np.zeros(SHAPE)
    mask[1:4, 1:5, 1:3] = 1
    write_image(tmp_path / "mask.nii.gz", mask, None)
    wave = 0.1 * rng.standard_normal(int(8000 * 226)).astype(np.float32)
    save_audio(tmp_path / "film.wav", np.clip(wave, -1, 1), 8000)
    return tmp_path


def problems_of(path):
    return [str(p) for p in check_dataset(path)]


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


def test_rows_are_put_back_on_the_clock_on_which_they_were_acquired(folder):
    data = load_dataset(manifest_of(folder, label_shift_trs=3))
    assert [g.onset_s for g in data.grids] == [4.5, 109.5]
    data = load_dataset(
        manifest_of(
            folder,
            runs=[
                {"name": "scan1", "n_trs": 70, "stimulus_start_s": -6.0, "dummy_trs": 10},
                {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.3, "dummy_trs": 2},
            ],
        )
    )
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [(9.0, 60), (108.3, 78)]


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


def test_a_slow_scanner_clock_is_scaled_exactly(folder):
    data = load_dataset(manifest_of(folder, stimulus={"clock_ratio": 1.2}))
    assert data.grids[1].t_r == 1.25
    assert data.grids[1].onset_s == 105.0


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


def test_one_file_holding_all_runs_gives_the_same_rows(folder, volumes):
    whole = load_dataset(manifest_of(folder))
    for s in (1, 2, 3):
        write_image(
            folder / f"all{s}.nii.gz",
            np.concatenate([volumes[s, "scan1"], volumes[s, "scan2"]], axis=-1),
        )
    joined = load_dataset(
        manifest_of(
            folder,
            bold={"pattern": "all{subject}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"},
        )
    )
    assert np.array_equal(joined.bold(3), whole.bold(3))
    assert problems_of(folder / "dataset.yaml") == []


def test_the_cache_is_a_memory_map_and_never_stale(folder, volumes):
    path = manifest_of(folder)
    first = load_dataset(path, cache=folder / "cache").bold(1)
    assert isinstance(first, np.memmap)
    assert np.array_equal(first, load_dataset(path).bold(1))
    write_image(folder / "s1_scan1.nii.gz", volumes[2, "scan1"])
    assert not np.array_equal(load_dataset(path, cache=folder / "cache").bold(1), first)


def test_bids_derivatives_are_found_with_their_confounds_and_masks(tmp_path, volumes):
    mask = np.zeros(SHAPE)
    for s in (1, 2):
        func = tmp_path / f"sub-0{s}" / "func"
        func.mkdir(parents=True)
        for run, scan in (("run-1", "scan1"), ("run-2", "scan2")):
            stem = f"sub-0{s}_task-film_{run}"
            write_image(func / f"{stem}_space-MNI_desc-preproc_bold.nii.gz", volumes[s, scan])
            here = mask.copy()
            here[:3, :, s] = here[:3, :, 3] = 1
            write_image(func / f"{stem}_space-MNI_desc-brain_mask.nii.gz", here, None)
            n = volumes[s, scan].shape[-1]
            rows = ["\t".join(map(str, [*range(6), "n/a" if i == 0 else 0.5])) for i in range(n)]
            header = "trans_x\ttrans_y\ttrans_z\trot_x\trot_y\trot_z\tframewise_displacement"
            (func / f"{stem}_desc-confounds_timeseries.tsv").write_text(
                "\n".join([header, *rows]) + "\n"
            )
    path = manifest_of(
        tmp_path,
        mask=None,
        slice_time_ref=0.5,
        nuisance={"columns": ["trans_y", "framewise_displacement"]},
        runs=[
            {"name": "run-1", "n_trs": 70, "stimulus_start_s": 0.0},
            {"name": "run-2", "n_trs": 80, "stimulus_start_s": 105.0},
        ],
        bold={"subjects": ["01", "02"], "format": "bids"},
    )
    assert problems_of(path) == []
    data = load_dataset(path)
    assert data.n_voxels == 3 * 6  # the intersection of both masks
    assert data.bold("02")[75, 0] == volumes[2, "scan2"][0, 0, 3, 5]
    assert data.nuisance("01")[:2].tolist() == [[1.0, 0.0], [1.0, 0.5]]


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


def test_regions_are_named_from_a_list_or_a_file(folder):
    labels = np.zeros(SHAPE)
    labels[1, 1, 1], labels[2, 2, 2] = 1, 2
    write_image(folder / "atlas.nii.gz", labels, None)
    (folder / "names.txt").write_text("left\nright\n")
    for names in (["left", "right"], "names.txt"):
        data = load_dataset(manifest_of(folder, atlas={"file": "atlas.nii.gz", "names": names}))
        assert data.region_names == ("left", "right")
        assert np.bincount(data.atlas).tolist() == [22, 1, 1]
    with pytest.raises(InputError, match="1 names, but labels go up to 2"):
        load_dataset(manifest_of(folder, atlas={"file": "atlas.nii.gz", "names": ["left"]}))


def broken(folder, volumes):
    """A folder with many faults at once."""
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=2.0)
    write_image(folder / "s1_scan2.nii.gz", volumes[1, "scan2"][..., :79])
    write_image(folder / "s2_scan1.nii.gz", volumes[2, "scan1"][:4])
    volumes[2, "scan2"][..., -9:] = volumes[2, "scan2"][..., -9:-8]
    write_image(folder / "s2_scan2.nii.gz", volumes[2, "scan2"])
    volumes[3, "scan1"][2, 2, 2, 7] = np.nan
    write_image(folder / "s3_scan1.nii.gz", volumes[3, "scan1"])
    write_image(folder / "s3_scan2.nii.gz", np.ones((*SHAPE, 80)))
    bold = {"pattern": "s{subject}_{run}.nii.gz", "subjects": [1, 2, 3, 4], "format": "nifti"}
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 100.0},
    ]
    return manifest_of(
        folder,
        bold=bold,
        runs=runs,
        stimulus={"file": "film.wav"},
        label_shift_trs=3,
        preprocessing={"hrf": True},
    )


def test_every_fault_is_found_in_one_pass_with_value_rule_and_remedy(folder, volumes):
    found = check_dataset(broken(folder, volumes))
    text = "\n".join(map(str, found))
    for expected in (
        "subject 1, scan1=TR 2 s in the header: the manifest declares 1.5 s",
        "subject 1, scan2=79 TRs: the manifest declares 80",
        "subject 2, scan1=shape (4, 6, 4): must be (5, 6, 4)",
        "subject 2, scan2=the last 9 TRs are constant in every voxel: padding is not data. exclude: [{subject: 2, run: scan2, last_trs: 9",
        "subject 3, scan1=1 of 24 voxels hold NaN or infinity",
        "subject 3, scan2=every voxel is constant",
        "s4_scan1.nii.gz: does not exist",
        "runs.scan2.stimulus_start_s=100 s: scan1 lasts until 105 s; runs must not overlap",
        "preprocessing.hrf=true: labels are shifted by 3 TRs: a response model on shifted labels counts the delay twice",
    ):
        assert expected in text, text
    assert all(p.rule and p.remedy for p in found)


def test_loading_refuses_what_the_check_calls_an_error(folder, volumes):
    with pytest.raises(
        InputError, match=r"TR 2 s in the header.*79 TRs.*shape \(4, 6, 4\).*does not exist"
    ):
        load_dataset(broken(folder, volumes))


def test_a_constant_subject_is_refused_when_read(folder):
    write_image(folder / "s3_scan1.nii.gz", np.ones((*SHAPE, 70)))
    write_image(folder / "s3_scan2.nii.gz", np.ones((*SHAPE, 80)))
    with pytest.raises(InputError, match="subject=3: every voxel is constant"):
        load_dataset(manifest_of(folder)).bold(3)


def test_bold_longer_than_the_sound_is_an_error_but_the_last_acquired_rows_after_a_shift_are_a_note(
    folder, rng
):
    save_audio(
        folder / "short.wav",
        np.clip(0.1 * rng.standard_normal(8000 * 200), -1, 1).astype(np.float32),
        8000,
    )
    path = manifest_of(folder, stimulus={"file": "short.wav"})
    assert any("BOLD must not be longer than the sound (200 s)" in p for p in problems_of(path))
    with pytest.raises(InputError, match="longer than the sound"):
        load_dataset(path)
    path = manifest_of(
        folder, stimulus={"file": "film.wav"}, label_shift_trs=3
    )  # 226 s of sound, rows up to 229.5 s
    assert problems_of(path) == [
        "note: runs.scan2=3 TRs: lie off the sound on the restored clock. They are left out."
    ]
    assert [g.n_trs for g in load_dataset(path).grids] == [70, 77]


def test_a_sound_shorter_than_its_header_says_is_an_error(folder):
    whole = (folder / "film.wav").read_bytes()
    (folder / "film.wav").write_bytes(whole[: len(whole) * 9 // 10])
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}))
    assert any(p.startswith("error: ") and "film.wav" in p for p in found), found


def test_z_scored_data_are_noticed_unless_declared(folder, volumes):
    for (s, run), data in volumes.items():
        write_image(
            folder / f"s{s}_{run}.nii.gz",
            (data - data.mean(-1, keepdims=True)) / data.std(-1, keepdims=True),
        )
    assert any(
        "6 series are already z-scored over time" in p for p in problems_of(manifest_of(folder))
    )
    assert problems_of(manifest_of(folder, preprocessing={"zscored": True})) == []


def test_a_shift_that_was_not_declared_shows_as_a_lag(folder, rng):
    rate, n = 8000, 8000 * 226
    level = np.repeat(np.exp(rng.standard_normal(113)), 2 * rate)[:n]
    wave = np.clip(0.05 * level * rng.standard_normal(n), -1, 1).astype(np.float32)
    save_audio(folder / "film.wav", wave, rate)
    power = (np.mean(wave.reshape(-1, 400) ** 2, axis=1) ** 0.15)[:, None].astype(float)
    response = hrf.convolve(power - power.mean(), 20, T_R, n_trs=150)[:, 0]
    response /= response.std()
    for s in (1, 2, 3):
        for run, first, n_trs in (("scan1", 0, 70), ("scan2", 70, 80)):
            row = np.roll(response, -3)[first : first + n_trs]  # row i was acquired 3 TRs later
            write_image(
                folder / f"s{s}_{run}.nii.gz",
                100 + row + 0.5 * rng.standard_normal((*SHAPE, n_trs)),
            )
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}))
    assert len(found) == 1
    assert "3 TRs too early" in found[0]
    assert "Try label_shift_trs: 3" in found[0]
    assert not [
        p
        for p in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, label_shift_trs=3))
        if "note" not in p
    ]
    for s in (1, 2, 3):  # the first scan on its clock, the second 3 TRs off it
        write_image(
            folder / f"s{s}_scan1.nii.gz",
            100 + 0.3 * response[:70] + 2 * rng.standard_normal((*SHAPE, 70)),
        )
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    assert (
        "3 TRs too early"
        in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))[0]
    )
    runs[1]["locked"] = True  # is not compared with the sound
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))
    assert [p.split("=")[0] for p in found] == ["note: runs.scan2.locked"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"subjcts": [1]}, "dataset.subjcts=[1]: unknown key"),
        ({"t_r": "1.5 s"}, "dataset.t_r='1.5 s': must be int or float"),
        ({"t_r": -1}, "t_r=-1: must be positive seconds"),
        (
            {"runs": [{"name": "a", "n_trs": 5}]},
            "runs[0].stimulus_start_s=missing: must be int or float",
        ),
        (
            {"runs": [{"name": "a", "n_trs": 5, "stimulus_start_s": 0, "dummy_trs": 5}]},
            "runs[0].dummy_trs=5: must lie in 0 to n_trs - 1",
        ),
        (
            {"bold": {"pattern": "x.nii", "subjects": [1], "format": "nifti"}},
            "bold.pattern=x.nii: must hold {subject}",
        ),
        (
            {"bold": {"pattern": "{subject}", "subjects": [1, 1], "format": "mat"}},
            "format=mat: must be one of nifti, bids, roi_table, npz",
        ),
        ({"exclude": [{"subject": 9, "why": "x"}]}, "exclude[0].subject=9: must be one of 1, 2, 3"),
        ({"exclude": [{"subject": 1, "run": "scan1", "why": "x"}]}, "cannot lack one run"),
        ({"exclude": [{"subject": 1}]}, "exclude[0].why=missing: must be str"),
        ({"folder": "${GIBLET_NOWHERE_X}"}, "the variable GIBLET_NOWHERE_X must be set"),
        ({"stimulus": {"file": "none.wav"}}, "none.wav: does not exist"),
        ({"mask": "none.nii"}, "none.nii: does not exist"),
        ({"nuisance": {"pattern": "{subject}.tsv"}}, "1.tsv: does not exist"),
    ],
)
def test_a_wrong_manifest_is_explained(folder, changes, message):
    found = problems_of(manifest_of(folder, **changes))
    assert any(message in p for p in found), found
    if "nuisance" not in changes:
        with pytest.raises(InputError) as error:
            load_dataset(folder / "dataset.yaml")
        assert message in str(error.value)


def test_two_slips_of_the_manifest_are_reported_together(folder):
    bold = {"pattern": "{subject}", "subjects": 3, "format": "nifti"}
    manifest, problems = read_manifest(manifest_of(folder, t_r=None, maks="x", bold=bold))
    assert manifest is None
    assert {p.where for p in problems} == {"dataset.t_r", "dataset.maks", "bold.subjects"}


def test_a_manifest_that_is_not_one_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("- just\n- a list\n")
    assert any("must be a mapping" in p for p in problems_of(tmp_path / "a.yaml"))
    with pytest.raises(InputError, match="must be a readable YAML file"):
        check_dataset(tmp_path / "missing.yaml")


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


def test_a_nuisance_table_of_another_length_is_an_error(folder):
    for s in (1, 2, 3):
        for run, n in (("scan1", 70), ("scan2", 80)):
            np.savetxt(folder / f"m{s}_{run}.txt", np.zeros((n + 10 - (s == 2), 6)))
    found = problems_of(
        manifest_of(folder, nuisance={"pattern": "m{subject}_{run}.txt", "drop_first": 10})
    )
    assert [p for p in found if "nuisance of subject 2, scan1=69 rows: BOLD has 70" in p]
    assert len(found) == 2


def test_milliseconds_in_the_header_are_read_as_seconds(folder, volumes):
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=1500, unit="msec")
    assert problems_of(manifest_of(folder)) == []


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


def test_tables_without_names_with_names_and_with_commas_hold_the_same_numbers(tmp_path):
    for name, text in (
        ("a.txt", "  1.0e+00   2\n 3 4.5 \n"),
        ("b.tsv", "x\ty\n1\t2\n3\t4.5\n"),
        ("c.csv", "x, y\n1, 2\n3, 4.5\n"),
    ):
        (tmp_path / name).write_text(text)
        assert read_table(tmp_path / name).to_numpy().tolist() == [[1, 2], [3, 4.5]]
    (tmp_path / "d.txt").write_text("1 2\n3 four\n")
    with pytest.raises(InputError, match=r"d.txt: must be a table of numbers"):
        read_table(tmp_path / "d.txt")


def test_a_textgrid_gives_its_words_without_silence(tmp_path):
    interval = '        intervals [{i}]:\n            xmin = {a}\n            xmax = {b}\n            text = "{w}"\n'
    head = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 3\ntiers? <exists>\nsize = 1\nitem []:\n    item [1]:\n'
    body = '        class = "IntervalTier"\n        name = "word"\n        xmin = 0\n        xmax = 3\n        intervals: size = 3\n'
    words = [(0, 1.0, "sp"), (1.0, 1.5, "Alice"), (1.5, 3, 'said ""no""')]
    body += "".join(interval.format(i=i + 1, a=a, b=b, w=w) for i, (a, b, w) in enumerate(words))
    (tmp_path / "t.TextGrid").write_text(head + body)
    assert read_textgrid(tmp_path / "t.TextGrid") == [(1.0, 1.5, "Alice"), (1.5, 3.0, 'said "no"')]
    with pytest.raises(InputError, match="tier='phone': must be one of"):
        read_textgrid(tmp_path / "t.TextGrid", "phone")


def test_the_folder_of_a_manifest_may_come_from_the_environment(folder, monkeypatch):
    path = manifest_of(folder)
    elsewhere = folder / "sub"
    elsewhere.mkdir()
    os.rename(path, elsewhere / "dataset.yaml")
    text = (elsewhere / "dataset.yaml").read_text()
    (elsewhere / "dataset.yaml").write_text("folder: ${GIBLET_SHARED}\n" + text)
    monkeypatch.setenv("GIBLET_SHARED", str(folder))
    assert load_dataset(elsewhere / "dataset.yaml").n_trs == 150
