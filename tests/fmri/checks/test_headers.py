"""Headers against the manifest."""

import numpy as np
from data_sets import manifest_of, problems_of, write_image


def test_milliseconds_in_the_header_are_read_as_seconds(folder, volumes):
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=1500, unit="msec")
    assert problems_of(manifest_of(folder)) == []


def test_a_transposed_table_is_told_from_one_that_is_too_short(tmp_path, rng):
    table = rng.standard_normal((80, 3))
    runs = [{"name": "r", "n_trs": 80, "stimulus_start_s": 0.0}]
    bold = {"pattern": "s{subject}.npz", "subjects": [1, 2, 3], "format": "npz"}
    for subject, values in ((1, table), (2, table[::-1].T), (3, table[:70] + 1)):
        np.savez(tmp_path / f"s{subject}.npz", bold=values)
    problems = "\n".join(problems_of(manifest_of(tmp_path, runs=runs, mask=None, bold=bold)))
    transposed = "subject 2=3 TRs: the manifest declares 80. Transpose the table: a row is a TR."
    assert transposed in problems
    assert "subject 3=70 TRs: the manifest declares 80. Correct n_trs or file." in problems
    assert "Resample" not in problems
