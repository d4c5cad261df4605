"""Headers against the manifest."""

import re

import numpy as np
import pytest
from data_sets import manifest_of, problems_of, write_image


def test_milliseconds_in_the_header_are_read_as_seconds(folder, volumes):
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=1500, unit="msec")
    assert problems_of(manifest_of(folder)) == []


#: TR and unit in the header, RepetitionTime beside it -> what is said; the manifest says 1.5 s.
HEADER_TRS = {
    (1.5, "sec", None): "",
    (1.5, "unknown", None): "",
    (1_500_000, "usec", None): "",
    (0, "sec", None): "warning: .*TR 0 s in the header: says nothing",
    (0, "sec", 1.5): "",
    (0, "sec", 2.0): "error: .*RepetitionTime 2 s",
    # no other TR can be meant: a warning
    (1.5, "msec", None): r"warning: .*\(1.5 msec\): has a wrong unit",
    (1500, "sec", None): r"warning: .*\(1500 sec\): has a wrong unit",
    (1500, "unknown", None): r"warning: .*\(1500 unknown\): has a wrong unit",
    (1.5, "hz", None): r"warning: .*\(1.5 hz\): has a wrong unit",
    (1.0, "unknown", None): "warning: .*Many programs write 1 for unknown",
    (1.0, "sec", 1.5): "warning: .*Many programs write 1 for unknown",
    # nobody knows which is right: an error
    (1.0, "sec", None): "error: .*TR 1 s in the header: .* write RepetitionTime into the JSON file",
    (1.0, "sec", 1.0): "error: .*RepetitionTime 1 s",
    (2.0, "sec", None): "error: .*TR 2 s in the header",
    (2.0, "sec", 1.5): "error: .*TR 2 s in the header",
    (2.0, "unknown", None): "error: .*TR 2 s in the header",
    (2000, "msec", None): "error: .*TR 2 s in the header",
    (2000, "sec", None): r"error: .*\(2000 sec\): has a wrong unit",
    (0.002, "sec", None): r"error: .*\(0.002 sec\): has a wrong unit",
    (2.0, "hz", None): r"error: .*\(2 hz\): has a wrong unit",
}


@pytest.mark.parametrize(("t_r", "unit", "told"), HEADER_TRS)
def test_a_tr_that_contradicts_is_an_error_and_one_that_is_unset_a_warning(
    folder, volumes, t_r, unit, told
):
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=t_r, unit=unit)
    if told is not None:
        (folder / "s1_scan1.json").write_text(f'{{"RepetitionTime": {told}}}')
    problems = problems_of(manifest_of(folder))
    expected = HEADER_TRS[t_r, unit, told]
    if not expected:
        assert problems == []
    else:
        assert re.search(expected, "\n".join(problems)), problems
        assert len(problems) <= 2


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
