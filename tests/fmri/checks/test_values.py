"""Values of a series."""

import numpy as np
import pytest
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset


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


def test_a_constant_subject_is_refused_when_read(folder):
    write_image(folder / "s3_scan1.nii.gz", np.ones((*SHAPE, 70)))
    write_image(folder / "s3_scan2.nii.gz", np.ones((*SHAPE, 80)))
    with pytest.raises(InputError, match="subject=3: every voxel is constant"):
        load_dataset(manifest_of(folder)).bold(3)


def test_values_that_float32_cannot_square_are_refused(folder, volumes):
    (key, data), *_ = volumes.items()
    subject, run = key
    huge = data.astype(np.float32)
    huge[1, 1, 1, 3] = -1e38
    write_image(folder / f"s{subject}_{run}.nii.gz", huge)
    assert any(
        "1 values are beyond 1e+15" in problem for problem in problems_of(manifest_of(folder))
    )
