"""Whole folders of results for data without volumes: tables of regions, and hemispheres."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import surface_files
from data_sets import manifest_of
from derivatives_material import N_TRS, RUN_ONSETS, planted, smooth

from giblet_core.derivatives import voxel_maps, write_derivatives
from giblet_core.derivatives.output import MAP_NAME, TABLE_NAME, Source
from giblet_core.derivatives.statistics import MapKey
from giblet_core.files import project_root, read_sealed
from giblet_core.fmri import load_dataset

RUNS = [
    {"name": "one", "n_trs": N_TRS // 2, "stimulus_start_s": 0.0},
    {"name": "two", "n_trs": N_TRS // 2, "stimulus_start_s": 160.0},
]
NO_SOUND = SimpleNamespace(  # what the provenance asks of a stimulus
    label="noise",
    wave=np.zeros(8, np.float32),
    codec=SimpleNamespace(id="none", sha256="0" * 64),
    codes=SimpleNamespace(bandwidth_kbps=6.0, indices=np.zeros((1, 2), np.uint16)),
)


def results_of(data, model, place):
    few = replace(model, settings=replace(model.settings, n_draws=39))
    found = voxel_maps(few, {subject: data.bold(subject) for subject in data.subjects})
    page = write_derivatives(Source(NO_SOUND, data), found, place / "derivatives" / "giblet")
    return found, page.parent


def dataset_of(place, form, pattern, **bold):
    bold = {"pattern": pattern, "subjects": ["s_1", "s_2"], "format": form, **bold}
    return load_dataset(manifest_of(place, t_r=2.0, runs=RUNS, mask=None, bold=bold))


def halves(series):
    return zip(("one", "two"), np.split(series, [RUN_ONSETS[1]]))


def test_a_table_of_regions_gives_tables_with_its_own_values(tmp_path, model, rng):
    for subject in ("s_1", "s_2"):
        series = np.concatenate([planted(model, rng, "codebooks", 2), smooth(rng, N_TRS, 1)], 1)
        for run, rows in halves(series):
            np.savetxt(tmp_path / f"{subject}_{run}.txt", rows)
    names = ["A1", "STG", "V1"]
    data = dataset_of(tmp_path, "roi_table", "{subject}_{run}.txt", columns=names)
    found, folder = results_of(data, model, tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in files if "_map" in path.name]
    table = pd.read_csv(
        folder / "sub-s1" / "func" / "sub-s1_task-small_desc-regions_stats.tsv", sep="\t"
    )
    assert table.region.tolist() == names
    assert table.n_voxels.tolist() == [1, 1, 1]
    for key in (MapKey("full", "r"), MapKey("full", "p"), MapKey("codebooks", "unique")):
        own = found.subjects["s_1"][key]
        assert table[f"{key.desc}_{key.stat}"].to_numpy() == pytest.approx(own, rel=1e-4)
    group = pd.read_csv(folder / "group" / "task-small_desc-regions_stats.tsv", sep="\t")
    assert group.full_nsubj.tolist()[:2] == [2, 2]
    people = pd.read_csv(folder / "participants.tsv", sep="\t")
    assert people.participant_id.tolist() == ["sub-s1", "sub-s2"]
    assert people.name.tolist() == ["s_1", "s_2"]
    assert len(read_sealed(folder / "provenance.json")["inputs"]) == 4


def test_hemispheres_come_back_as_they_came_in(tmp_path, model, rng):
    n_vertices = surface_files.N_LEFT + surface_files.N_RIGHT
    for subject in ("s_1", "s_2"):
        series = smooth(rng, N_TRS, n_vertices)
        series[:, 5] = 1.0
        for run, rows in halves(series):
            surface_files.write_gifti(tmp_path / f"{subject}_{run}_hemi-L.func.gii", rows)
    data = dataset_of(tmp_path, "gifti", "{subject}_{run}_hemi-L.func.gii")
    found, folder = results_of(data, model, tmp_path)
    name = "sub-s2_task-small_hemi-{}_desc-full_stat-r_map.shape.gii"
    both = [
        nib.load(folder / "sub-s2" / "func" / name.format(side)).darrays[0].data for side in "LR"
    ]
    whole = np.concatenate(both)
    values = found.subjects["s_2"][MapKey("full", "r")].astype(np.float32)
    assert np.array_equal(whole[data.grayordinates.is_kept], values)
    assert np.isnan(whole[5])
    page = (folder / "results.html").read_text()
    assert page.count("hemi-L_desc-full_stat-r_map.shape.gii</code>") == 3  # two subjects, group


def test_the_names_that_the_quick_start_shows_are_names_of_results():
    page = (project_root() / "book" / "quick_start.md").read_text()
    names = [
        Path(name).name for name in re.findall(r"\S+\.(?:nii\.gz|tsv)\b", page) if "desc-" in name
    ]
    assert len(names) == 3
    assert all(MAP_NAME.fullmatch(name) or TABLE_NAME.fullmatch(name) for name in names)
