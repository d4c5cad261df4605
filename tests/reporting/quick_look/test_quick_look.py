"""A quick look: planted responses are where they were planted, and a wrong clock shows."""

from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
import yaml
from made_up_study import StudyPlan, write_study
from surface_files import cifti_axis, write_cifti

from giblet_core.commands import main
from giblet_core.fmri import draft_dataset, load_dataset, mask_array
from giblet_core.reporting import quick_look_sentences, take_quick_look, write_quick_look
from giblet_core.reporting.quick_look import blocks, figures
from giblet_core.sound import save_audio

PLAN = StudyPlan(n_trs=120, shape=(8, 9, 6), subjects=("01",))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("study")
    write_study(place, PLAN)
    draft_dataset(place / "derivatives" / "fmriprep", place / "dataset.yaml")
    return place


def look_of(path):
    data = load_dataset(path)
    return take_quick_look(data, data.stimulus)


def changed(place, **values):
    """Write the manifest with other values of its first run."""
    content = yaml.safe_load((place / "dataset.yaml").read_text())
    content["runs"][0] |= values
    content["exclude"] = [{"run": content["runs"][0]["name"], "last_trs": 3, "why": "a test"}]
    path = place / "changed.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_region_that_follows_the_sound_is_found_and_the_others_are_not(place):
    look = look_of(place / "dataset.yaml")
    follows = look.data.atlas == 1
    assert np.nanmean(look.r[follows]) > 0.4
    assert abs(np.nanmean(look.r[~follows])) < 0.05
    assert look.best_lag_s == 0
    assert look.left_out == ()
    assert any("as it should" in text for text in quick_look_sentences(look))


@pytest.mark.parametrize("shift_trs", [-3, 3])
def test_a_clock_that_is_wrong_by_three_trs_shows_in_the_lag_scan(place, shift_trs):
    """Declared too early, the prediction is late: BOLD comes earlier than predicted."""
    look = look_of(changed(place, stimulus_start_s=shift_trs * PLAN.t_r))
    assert look.best_lag_s == pytest.approx(shift_trs * PLAN.t_r, abs=PLAN.t_r)
    assert any("look at stimulus_start_s" in text for text in quick_look_sentences(look))


def test_every_slice_of_an_oblique_slab_has_its_share_of_voxels():
    angle = np.deg2rad(25)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = 4 * turn
    mask_img = nib.Nifti1Image(np.ones((20, 24, 8), np.uint8), affine)
    look = SimpleNamespace(data=SimpleNamespace(mask_img=mask_img))
    cuts = figures._slices(look)
    heights = nib.affines.apply_affine(affine, np.argwhere(np.ones((20, 24, 8))))[:, 2]
    shares = [(np.abs(heights - cut) <= 4).mean() for cut in cuts]
    assert len(cuts) == figures.N_SLICES
    assert min(shares) > 0.05, "a slice beside the slab shows nothing"


def test_too_short_a_series_leaves_a_box_that_says_what_it_needs(place, tmp_path):
    look = look_of(changed(place, dummy_trs=60))
    assert look.left_out == (
        "Left out: the map and the lag scan. It needs at least 80 TRs, has 57.",
    )
    page = write_quick_look(look, tmp_path).read_text()
    assert look.left_out[0] in page
    assert "data:image" not in page


@pytest.mark.parametrize("kind", ["roi_table", "cifti"])
def test_tables_and_surfaces_have_a_page_too(kind, tmp_path, rng):
    wave = rng.standard_normal(8000 * 200).astype(np.float32) * 0.1
    save_audio(tmp_path / "story.wav", np.clip(wave, -1, 1), 8000)
    n_columns = len(cifti_axis()) if kind == "cifti" else 3
    series = (100 + 3 * rng.standard_normal((95, n_columns))).astype(np.float32)
    if kind == "cifti":
        write_cifti(tmp_path / "s1.dtseries.nii", series)
    else:
        np.savetxt(tmp_path / "s1.tsv", series, "%.4f", "\t", header="A1\tSTG\tV1", comments="")
    draft_dataset(tmp_path, tmp_path / "dataset.yaml", sound=tmp_path / "story.wav", t_r=2.0)
    look = look_of(tmp_path / "dataset.yaml")
    page = write_quick_look(look, tmp_path / "out").read_text()
    assert "Quick look: one subject, no statistics" in page
    assert page.count("data:image") == 3


def test_the_command_writes_the_page_with_the_sound_beside_it(place, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["run", "--quick", "--set", f"bold={place / 'dataset.yaml'}", "--out", str(out)]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert str(out / "quick.html") in printed
    assert "one subject, no statistics" in printed
    assert [path.suffix for path in (out / "media").iterdir()].count(".flac") == 1
    assert main([*arguments, "--only", "03"]) == 2
    assert main(["run", "--quick"]) == 2
    assert "needs a data set of your own" in capsys.readouterr().err


def test_too_many_voxels_become_blocks_whose_means_are_modelled(place, monkeypatch):
    """Every voxel belongs to one block of neighbours, and takes its value."""
    data = load_dataset(place / "dataset.yaml")
    monkeypatch.setattr(blocks, "MOST_WORK", 60 * data.n_trs**2)
    monkeypatch.setattr(blocks, "LEAST_SERIES", 1)
    made = blocks.make_blocks(data)
    assert made.n_series <= 60
    assert "2 x 2 x 2" in made.words
    where = np.argwhere(mask_array(data.mask_img))
    for block in range(made.n_series):
        assert np.ptp(where[made.of_voxel == block], axis=0).max() <= 1
    bold = data.bold("01")
    means = made.means(bold)
    assert np.allclose(means[:, 3], bold[:, made.of_voxel == 3].mean(1), rtol=1e-5)
    assert np.array_equal(made.painted(np.arange(made.n_series)), made.of_voxel)
