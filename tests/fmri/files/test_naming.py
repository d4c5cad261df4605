"""The file of each subject and run."""

import numpy as np
from data_sets import SHAPE, manifest_of, problems_of, write_image

from giblet_core.fmri import load_dataset


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
    assert data.raw_bold("02")[75, 0] == volumes[2, "scan2"][0, 0, 3, 5]
    assert data.nuisance("01")[:2].tolist() == [[1.0, 0.0], [1.0, 0.5]]


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
