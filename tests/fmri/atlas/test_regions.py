"""The regions of a data set: an atlas, parcels, columns, or none, each said and never both."""

import numpy as np
import pytest
import yaml
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset, make_parcels

AUTO = (None, "auto", {"file": "auto"})


@pytest.mark.parametrize("atlas", AUTO)
def test_volumes_without_an_atlas_have_parcels_of_their_mask(folder, atlas):
    data = load_dataset(manifest_of(folder, atlas=atlas))
    mask = np.asarray(data.mask_img.dataobj) > 0
    parcels = make_parcels(mask, data.mask_img.affine)
    assert data.region_names == parcels.names == ("P01", "P02")
    assert np.array_equal(data.atlas, parcels.labels)
    assert "the regions P01 to P02 are parcels" in data.regions_note
    notes = problems_of(manifest_of(folder, atlas=atlas))
    assert any(note.startswith("note: atlas=2 parcels: No atlas was given") for note in notes)


def test_parcels_do_not_depend_on_bold(folder, volumes, rng):
    path = manifest_of(folder, atlas="auto")
    before = load_dataset(path).atlas
    for (subject, run), series in volumes.items():
        write_image(
            folder / f"s{subject}_{run}.nii.gz",
            rng.permutation(series.ravel()).reshape(series.shape),
        )
    assert np.array_equal(load_dataset(path).atlas, before)


def test_none_and_an_atlas_are_no_parcels(folder):
    data = load_dataset(manifest_of(folder, atlas="none"))
    assert data.region_names == ()
    assert not data.atlas.any()
    labels = np.zeros(SHAPE)
    labels[1:3, 1:5, 1:3] = 1
    write_image(folder / "atlas.nii.gz", labels, None)
    atlas = {"file": "atlas.nii.gz", "names": ["A1"]}
    given = load_dataset(manifest_of(folder, atlas=atlas))
    assert given.region_names == ("A1",)
    assert given.regions_note == data.regions_note == ""


FAULTS = [
    ({"file": "atlas.nii.gz"}, "atlas.names=missing: must be list or str"),
    ("atlas.nii.gz", "atlas.names=missing: must be list or str"),
    ({"names": ["a"]}, "atlas.file=missing: must be str"),
    ({"file": "auto", "names": ["a"]}, "atlas.names=['a']: name the labels of an atlas, and"),
    ({"file": "none", "names": "a.tsv"}, "and atlas.file is none. Give the atlas, or leave names"),
    (["auto"], "dataset.atlas=['auto']: must be str or a mapping"),
]


@pytest.mark.parametrize(("atlas", "message"), FAULTS)
def test_names_and_files_go_together(folder, atlas, message):
    assert any(message in problem for problem in problems_of(manifest_of(folder, atlas=atlas)))


def table_manifest(folder, rng, atlas):
    path = manifest_of(folder, atlas=atlas)
    manifest = yaml.safe_load(path.read_text())
    del manifest["mask"]
    manifest["bold"] = {"pattern": "s{subject}_{run}.tsv", "subjects": [1], "format": "roi_table"}
    path.write_text(yaml.safe_dump(manifest))
    for run, n in (("scan1", 70), ("scan2", 80)):
        np.savetxt(
            folder / f"s1_{run}.tsv",
            rng.standard_normal((n, 2)),
            delimiter="\t",
            header="A1\tSTG",
            comments="",
        )
    return path


@pytest.mark.parametrize("atlas", ["auto", {"file": "atlas.nii.gz", "names": ["a"]}])
def test_a_table_of_regions_refuses_an_atlas_and_parcels(folder, rng, atlas):
    path = table_manifest(folder, rng, atlas)
    with pytest.raises(InputError, match="each column of format roi_table is a region.*Leave"):
        load_dataset(path)


@pytest.mark.parametrize("atlas", [None, "none"])
def test_a_table_keeps_its_regions(folder, rng, atlas):
    data = load_dataset(table_manifest(folder, rng, atlas))
    assert data.region_names == ("A1", "STG")
    assert data.regions_note == ""
