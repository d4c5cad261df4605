"""Mask and regions."""

import numpy as np
import pytest
from data_sets import SHAPE, manifest_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset


def test_regions_are_named_from_a_list_or_a_file(folder):
    labels = np.zeros(SHAPE)
    labels[1, 1, 1] = 1
    labels[2, 2, 2] = 2
    write_image(folder / "atlas.nii.gz", labels, None)
    (folder / "names.txt").write_text("left\nright\n")
    for names in (["left", "right"], "names.txt"):
        data = load_dataset(manifest_of(folder, atlas={"file": "atlas.nii.gz", "names": names}))
        assert data.region_names == ("left", "right")
        assert np.bincount(data.atlas).tolist() == [22, 1, 1]
    with pytest.raises(InputError, match="1 names, but labels go up to 2"):
        load_dataset(manifest_of(folder, atlas={"file": "atlas.nii.gz", "names": ["left"]}))
