"""Regions: labels are whole, names are matched by index, and what does not fit is refused."""

import json

import nibabel as nib
import numpy as np
import pytest
from data_sets import SHAPE, manifest_of, problems_of

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset


def save_atlas(folder, *labels, dtype=np.int16):
    """Write an atlas in which each label fills one voxel of the mask."""
    image = np.zeros(SHAPE, dtype)
    for i, label in enumerate(labels):
        image[1, 1 + i, 1] = label
    nib.save(nib.Nifti1Image(image, np.diag([3, 3, 3, 1])), folder / "atlas.nii.gz")


def with_names(folder, names):
    return manifest_of(folder, atlas={"file": "atlas.nii.gz", "names": names})


LUT = """#$Id: FreeSurferColorLUT.txt
#No. Label Name:   R   G   B   A

0   Unknown                          0   0   0   0
1035  ctx-lh-insula                  255 192 32  0
2035  ctx-rh-insula                  255 192 32  0
1030  ctx-lh-superiortemporal        140 220 220 0
"""
ORDER = "1\t7Networks_LH_Vis_1\t120\t18\t131\t0\n2\t7Networks_LH_Vis_2\t120\t18\t132\t0\n"

READ = [
    # labels of the atlas, file of names, its text, names of the regions in the order of labels
    ((1, 2), "n.txt", "left\nright\n", ("left", "right")),
    ((1, 2), "n.txt", "left\r\nright\r\n\r\n", ("left", "right")),
    ((1, 2), "n.txt", "\ufeffBackground\nleft\nright", ("left", "right")),
    ((1, 2), "n.txt", "1 left\n2 right\n", ("left", "right")),
    ((1, 2), "n.txt", "2: right\n1: left\n", ("left", "right")),
    ((1, 2), "n.txt", ORDER, ("7Networks_LH_Vis_1", "7Networks_LH_Vis_2")),
    ((1035, 1030), "n.txt", LUT, ("ctx-lh-superiortemporal", "ctx-lh-insula")),
    ((3, 7), "n.tsv", "index\tname\n7\tright\n3\tleft\n9\tgone\n", ("left", "right")),
    ((3, 7), "n.tsv", "index\tname\tcolor\n0\tBackground\tn/a\n3\tleft\t#ff0000\n7\tright\tn/a\n",
     ("left", "right")),
    ((3, 7), "n.csv", "index,name\n0,Background\n3,left\n7,right\n", ("left", "right")),
    ((3, 7), "n.tsv", "name\tindex\nleft\t3\nright\t7\n", ("left", "right")),
    ((1, 2), "n.tsv", "name\tabbreviation\nleft\tL\nright\tR\n", ("left", "right")),
    ((1, 2), "n.json", json.dumps(["left", "right"]), ("left", "right")),
    ((3, 7), "n.json", json.dumps({"3": "left", "7": "right"}), ("left", "right")),
    ((1, 2, 3), "n.json", json.dumps(["left", "Background", "right"]), ("left", "right")),
]  # fmt: skip


@pytest.mark.parametrize(("labels", "name", "text", "regions"), READ)
def test_names_are_matched_by_index(folder, labels, name, text, regions):
    save_atlas(folder, *labels)
    (folder / name).write_text(text, encoding="utf-8", newline="")
    data = load_dataset(with_names(folder, name))
    assert data.region_names == regions
    assert problems_of(with_names(folder, name)) == []
    counts = np.bincount(data.atlas)
    assert counts[1:].tolist() == [1] * len(regions)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        ((1, 2), ["left", "right"]),
        ((1, 2), ["Background", "left", "right"]),
        ((2, 1), ["left", "right"]),
    ],
)
def test_a_list_in_the_manifest_names_the_labels_in_order(folder, labels, names):
    save_atlas(folder, *labels)
    data = load_dataset(with_names(folder, names))
    assert data.region_names == ("left", "right")
    mask = np.argwhere(np.asarray(data.mask_img.dataobj))
    place = [1, 1 + labels.index(1), 1]
    assert data.atlas[mask.tolist().index(place)] == 1  # "left" is where label 1 is


REFUSED = [
    ((1, 2), ["left"], "1 names, but labels go up to 2"),
    ((1, 2), ["left", "right", "third"], "3 names, but labels go up to 2"),
    ((1, 2), ["x", "left", "right"], "3 names, but labels go up to 2"),
    ((1, 2), ["left", "left"], "left is the name of two labels"),
    ((1, 4), "index\tname\n1\tleft\n3\tright\n", "label 4 has no name"),
    ((1, 2), "index\tname\n1\tleft\n1\tright\n", "index 1 occurs twice"),
    ((1, 2), "index\tname\nx\tleft\n2\tright\n", "index 'x' must be a whole number"),
    ((1, 2), "index\tname\n1\tleft\n2\n", "line 3 has 1 cells"),
    ((1, 2), "names of regions\nleft\nright\n", "3 names, but labels go up to 2"),
    ((1, 2), {"1": "left"}, "atlas.names={'1': 'left'}: must be list or str"),
    ((1.4, 2), ["left", "right"], "holds the label 1.4"),
    ((1, -2), ["left", "right"], "holds the label -2"),
    ((1, np.nan), ["left", "right"], "holds NaN or infinity"),
    ((1, np.inf), ["left", "right"], "holds NaN or infinity"),
    ((0, 0), ["left", "right"], "holds no label above 0"),
    ((1, 3e9), ["left", "right"], "holds the label 3e+09"),
]


@pytest.mark.parametrize(("labels", "names", "message"), REFUSED)
def test_labels_and_names_that_do_not_fit_are_refused(folder, labels, names, message):
    save_atlas(folder, *labels, dtype=np.float32)
    if isinstance(names, str):
        (folder / "n.tsv").write_text(names)
        names = "n.tsv"
    path = with_names(folder, names)
    found = [problem for problem in problems_of(path) if message in problem]
    assert len(found) == 1, problems_of(path)
    with pytest.raises(InputError):
        load_dataset(path)


def test_labels_that_were_stored_with_a_scale_are_rounded(folder):
    image = nib.Nifti1Image(np.zeros(SHAPE, np.int16), np.diag([3, 3, 3, 1]))
    image.dataobj[1, 1, 1] = 10
    image.dataobj[1, 2, 1] = 20
    image.header.set_slope_inter(0.10001, 0)
    nib.save(image, folder / "atlas.nii.gz")
    assert np.bincount(load_dataset(with_names(folder, ["left", "right"])).atlas).tolist() == [
        22,
        1,
        1,
    ]


def test_a_mirrored_atlas_is_refused_or_moved(folder):
    image = np.zeros(SHAPE, np.int16)
    image[:2] = 1
    image[3:] = 2
    affine = np.array([[-3.0, 0, 0, 12], [0, 3, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(image[::-1].copy(), affine), folder / "atlas.nii.gz")
    names = ["left", "right"]
    assert any(
        "regions=atlas.file=atlas.nii.gz, LAS" in p for p in problems_of(with_names(folder, names))
    )
    path = manifest_of(folder, resample=True, atlas={"file": "atlas.nii.gz", "names": names})
    data = load_dataset(path)
    inside = np.asarray(data.mask_img.dataobj) > 0
    assert np.array_equal(data.atlas, image[inside])
