"""Results on disk: read back as they were computed, named as BIDS asks, every column explained."""

import html
import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fmriprep import AFFINE, write_derivative
from nilearn.image import load_img
from nilearn.masking import apply_mask
from scipy.stats import false_discovery_control

import giblet_core as gc
from giblet_core.commands import main
from giblet_core.derivatives.output import MAP_NAME, TABLE_NAME
from giblet_core.derivatives.statistics import STATISTICS
from giblet_core.files import read_sealed
from giblet_core.fmri import load_dataset
from giblet_core.workflow.pages import find_remote

DRAWS = "19"
pytestmark = pytest.mark.slow  # encodes two minutes of sound


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_derivative(folder)
    return folder


@pytest.fixture(scope="module")
def results(place):
    """What the command writes for a study of two subjects and two runs."""
    out = place / "derivatives" / "giblet"
    arguments = ["maps", "--bold", place / "dataset.yaml", "--draws", DRAWS, "--out", out]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        (place / "_config.yml").touch()  # artifacts lie here, not in the project
        (place / "notebooks").mkdir(exist_ok=True)
        assert main([str(argument) for argument in arguments]) == 0
    return out


def files_of(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def table_of(path):
    return pd.read_csv(path, sep="\t", na_values="n/a")


def test_every_name_is_one_of_bids(results):
    fixed = {"dataset_description.json", "participants.tsv", "participants.json"}
    fixed |= {"provenance.json", "results.html"}
    for name in files_of(results) - fixed:
        folder, _, file = name.rpartition("/")
        assert MAP_NAME.fullmatch(file) or TABLE_NAME.fullmatch(file), name
        entity = re.match(r"sub-[A-Za-z0-9]+", file)
        assert folder == (f"{entity[0]}/func" if entity else "group"), name
    assert (
        results
        / "sub-01/func/sub-01_task-film_space-MNI152NLin2009cAsym_desc-full_stat-r_map.nii.gz"
    ).is_file()
    description = json.loads((results / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "giblet"


def test_a_map_read_by_nilearn_is_what_the_table_says_region_by_region(results, place):
    data = load_dataset(place / "dataset.yaml")
    for folder, who in (("sub-01/func", "sub-01_"), ("group", "")):
        table = table_of(results / folder / f"{who}task-film_desc-regions_stats.tsv")
        for desc, stat in (("full", "r"), ("codebooks", "unique"), ("full", "p")):
            name = f"{who}task-film_space-MNI152NLin2009cAsym_desc-{desc}_stat-{stat}_map.nii.gz"
            image = load_img(results / folder / name)
            assert np.array_equal(image.affine, AFFINE)
            assert image.shape == data.mask_img.shape
            values = apply_mask(image, data.mask_img)
            for number, region in enumerate(data.region_names, 1):
                expected = table.loc[table.region == region, f"{desc}_{stat}"].item()
                assert np.median(values[data.atlas == number]) == pytest.approx(expected, abs=1e-5)
            outside = np.asarray(image.dataobj)[np.asarray(data.mask_img.dataobj) == 0]
            assert np.isnan(outside).all()
            assert image.header["sform_code"] == 4  # MNI


def test_maps_equal_a_computation_by_hand(results, place):
    """R of the full model, from the public functions alone."""
    from giblet_core import derivatives, features

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        stimulus = gc.ensure_stimulus(place / "film.wav", t_r=1.5)
    data = load_dataset(place / "dataset.yaml")
    settings = derivatives.map_settings(data.n_trs, len(data.grids), data.t_r)
    groups = features.make_groups(stimulus, data.grids)
    spaces = [np.concatenate(members, axis=1) for members in groups.values()]
    folds = gc.contiguous_folds(data.n_trs, settings.n_folds, settings.embargo, data.run_onsets)
    from giblet_core.encoding import simplex

    fit = gc.fit_banded(
        spaces,
        np.asarray(data.bold("02")),
        folds,
        settings.alphas,
        simplex(len(spaces), settings.n_weights),
        run_onsets=data.run_onsets,
        embargo=settings.embargo,
    )
    name = "sub-02_task-film_space-MNI152NLin2009cAsym_desc-full_stat-r_map.nii.gz"
    values = apply_mask(load_img(results / "sub-02" / "func" / name), data.mask_img)
    assert values == pytest.approx(fit.r, abs=1e-5)


def test_regions_alone_have_the_same_r_and_less_to_correct_for(results, place, tmp_path):
    """Voxels of no region are NaN, and no q counts them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        stimulus = gc.ensure_stimulus(place / "film.wav", t_r=1.5)
    data = load_dataset(place / "dataset.yaml")
    halved = replace(data, atlas=np.where(np.arange(data.n_voxels) % 2, data.atlas, 0))
    members = np.flatnonzero(halved.atlas)
    settings = gc.derivatives.map_settings(data.n_trs, len(data.grids), data.t_r, 19)
    page = gc.write_maps(
        stimulus, halved, tmp_path / "out", settings=settings, subjects=["02"], regions_only=True
    )
    found = {}
    for stat in ("r", "p", "q"):
        name = f"sub-02_task-film_space-MNI152NLin2009cAsym_desc-full_stat-{stat}_map"
        whole = apply_mask(load_img(results / "sub-02" / "func" / f"{name}.nii.gz"), data.mask_img)
        path = page.parent / "sub-02" / "func" / f"{name}.nii.gz"
        volume = load_img(path).get_fdata()[data.mask_img.get_fdata() > 0]
        sidecar = json.loads(path.with_name(f"{name}.json").read_text())
        assert (sidecar["NVoxels"], sidecar["NUndefined"]) == (len(members), 0)
        assert np.array_equal(np.flatnonzero(np.isfinite(volume)), members)
        found[stat] = volume[members]
        if stat != "q":
            assert found[stat] == pytest.approx(whole[members], abs=1e-5)
    assert found["q"] == pytest.approx(false_discovery_control(found["p"]), abs=1e-6)
    record = read_sealed(page.with_name("provenance.json"))
    assert f"Only voxels of regions were analysed, {len(members)} of" in record["notes"][0]
    subjects = table_of(page.with_name("participants.tsv"))
    assert subjects.n_voxels.item() == len(members)
    assert subjects.n_undefined.item() == 0


def test_each_table_has_a_sidecar_that_explains_every_column(results):
    tables = sorted(results.rglob("*.tsv"))
    assert len(tables) == 4  # two subjects, the group, the participants
    for path in tables:
        columns = json.loads(path.with_suffix(".json").read_text())
        assert list(columns) == list(table_of(path).columns)
        for column in columns.values():
            assert column["Description"].endswith(".")
            assert column["Units"]


def test_each_map_has_a_sidecar_with_meaning_and_units(results):
    maps = sorted(results.rglob("*_map.nii.gz"))
    assert len(maps) > 60
    for path in maps:
        sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        stat = re.search(r"_stat-([A-Za-z]+)_", path.name)[1]
        assert sidecar["Units"] == STATISTICS[stat].units
        values = np.asarray(load_img(path).dataobj)
        n_in_mask = 64
        assert np.isnan(values).sum() == values.size - n_in_mask + sidecar["NUndefined"]


def test_sidecars_say_how_small_p_can_be_and_what_it_is_corrected_for(results):
    """No p of a map is below the smallest its sidecar names; flips are those of two subjects."""
    corrected_for = {}
    for path in sorted(results.rglob("*_map.nii.gz")):
        sidecar = json.loads(path.with_name(path.name.replace(".nii.gz", ".json")).read_text())
        is_of_group = path.parent.name == "group"
        assert sidecar["Subjects"] == (["01", "02"] if is_of_group else [path.name[4:6]])
        assert ("Null" in sidecar) == (sidecar["Units"] == "probability, 0 to 1")
        if "Null" not in sidecar:
            continue
        expected_draws = {"random phases": int(DRAWS), "sign flips": 2**2 - 1}
        assert sidecar["NDraws"] == expected_draws[sidecar["Null"]]
        assert sidecar["SmallestP"] == 1 / (sidecar["NDraws"] + 1)
        assert np.nanmin(load_img(path).dataobj) >= sidecar["SmallestP"] - 1e-6
        corrected_for[sidecar["Statistic"]] = sidecar["CorrectedFor"].partition(":")[0]
    false_discoveries = "false discovery rate (Benjamini and Hochberg)"
    assert corrected_for["q"] == corrected_for["uniqueq"] == false_discoveries
    assert corrected_for["pfwe"] == corrected_for["uniquepfwe"] == "family-wise error (largest t)"
    assert corrected_for["p"] == corrected_for["psubj"] == "nothing"


def test_the_page_names_every_file_and_loads_nothing(results):
    page = (results / "results.html").read_text()
    linked = {html.unescape(name) for name in re.findall(r'href="([^"]+)"', page)} - {"data:,"}
    assert linked == files_of(results) - {"results.html"}
    assert find_remote(page) == []
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "19 draws of random phases: no p below 0.05" in page


def test_provenance_says_how_and_names_no_folder(results, place):
    text = (results / "provenance.json").read_text()
    assert str(place) not in text
    assert '"/' not in text
    record = read_sealed(results / "provenance.json")
    assert record["command"][:3] == ["giblet", "maps", "--bold=dataset.yaml"]
    assert record["parameters"]["n_draws"] == 19
    assert record["software"]["giblet"] == gc.__version__
    assert "sub-01_task-film_run-1_space-MNI152NLin2009cAsym_res-2_desc-preproc_bold.nii.gz" in str(
        record["inputs"]
    )
    assert len(record["inputs"]) == 4 + 2 + 1  # series, atlas and its names, sound
    assert set(record["files"]) == files_of(results) - {"provenance.json"} | {"provenance.json"}


def test_a_second_call_replaces_the_first_and_other_folders_are_refused(results, place, capsys):
    before = files_of(results)
    stale = results / "sub-99" / "func" / "sub-99_task-film_desc-full_stat-r_map.nii.gz"
    stale.parent.mkdir(parents=True)
    stale.touch()
    arguments = ["maps", "--bold", place / "dataset.yaml", "--draws", DRAWS, "--out"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        assert main([*map(str, arguments), str(results)]) == 0
        other = place / "mine"
        other.mkdir()
        (other / "notes.txt").write_text("do not touch")
        capsys.readouterr()
        assert main([*map(str, arguments), str(other)]) == 2
    assert files_of(results) == before
    assert "holds notes.txt, which no earlier call wrote" in capsys.readouterr().err
    assert files_of(other) == {"notes.txt"}
