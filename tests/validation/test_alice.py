"""Real subjects (Brennan and others, 2016).

The clock is found, the positive control holds, the dead series is refused with its reason.
"""

import numpy as np
import pytest
import yaml

from giblet_core.errors import InputError
from giblet_core.files import project_root
from giblet_core.fmri import check_dataset, load_dataset, read_textgrid
from giblet_core.validation import alice_report, shift_null, word_rate

# LATL RATL LPTL LIPL LPreM LIFG, measured before this code was written
TRIMMED = (0.24, 0.27, 0.30, 0.41, 0.41, 0.31)
FOLDER = "fmri/alice_brennan2016"
MANIFEST = project_root() / "book" / "params" / "alice_dataset.yaml"


@pytest.fixture(scope="module")
def manifest(shared, tmp_path_factory):
    if not (shared / FOLDER).is_dir():
        pytest.skip("the Alice data are absent from GIBLET_SHARED")
    given = yaml.safe_load(MANIFEST.read_text())
    given["folder"] = str(shared / FOLDER)
    path = tmp_path_factory.mktemp("alice") / "alice_dataset.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


@pytest.fixture(scope="module")
def report(manifest):
    return alice_report(manifest)


def column(report, field="value"):
    return np.array([row[field] for row in report if "ISC" in row])


def value(report, figure):
    return next(row["value"] for row in report if row["figure"] == figure)


def test_the_clock_is_found_within_a_second_of_20_s(report):
    assert value(report, "clock off by (s)") <= 1
    assert value(report, "clock oracle (r)") >= 0.98
    assert value(report, "clock oracle at 0 s (r)") < 0.15


def test_the_trimmed_word_rate_control_comes_out_region_by_region(report):
    assert np.abs(column(report) - TRIMMED).max() <= 0.03
    assert ((column(report, "whole") > 0.33) & (column(report, "whole") < 0.43)).all()
    assert (
        (column(report, "single subjects") > 0.07) & (column(report, "single subjects") < 0.16)
    ).all()


def test_no_circular_shift_of_the_word_rate_does_as_well(report):
    assert value(report, "shifts") == 260
    assert (column(report) > column(report, "shifted, highest")).all()
    assert value(report, "regions beyond all their shifts") == 6
    assert column(report, "p") == pytest.approx(1 / 261)
    assert abs(value(report, "shifted word rate, mean (r)")) < 0.05


def test_subjects_share_their_responses(report):
    assert ((column(report, "ISC") > 0.13) & (column(report, "ISC") < 0.40)).all()


def test_27_subjects_are_usable_and_s33_is_left_out_with_its_reason(report, manifest):
    assert value(report, "subjects") == 27
    assert load_dataset(manifest).manifest.rejected == {
        "33": "every region is constant in the release"
    }
    problems = [str(problem) for problem in check_dataset(manifest)]
    assert problems == [
        "note: subject 33=excluded: every region is constant in the release. It is left out."
    ]
    with pytest.raises(InputError, match="subject=33: was excluded"):
        load_dataset(manifest).bold(33)


def test_the_check_itself_finds_the_constant_subject(manifest, tmp_path):
    given = yaml.safe_load(manifest.read_text())
    del given["exclude"]
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(given))
    errors = [str(p) for p in check_dataset(tmp_path / "dataset.yaml") if p.severity == "error"]
    assert len(errors) == 1
    assert errors[0].startswith("error: subject 33, chapter1=every voxel is constant")


def test_motion_is_aligned_by_dropping_the_ten_discarded_volumes(manifest):
    data = load_dataset(manifest)
    assert all(data.nuisance(s).shape == (362, 6) for s in data.subjects)
    assert (
        np.abs(data.nuisance(30)[0]).max() > 0
    )  # the reference volume, all zeros, was among the discarded
    assert data.grids[0].onset_s == 20.0


def test_the_wrong_clock_and_other_data_are_noticed(manifest, tmp_path):
    given = yaml.safe_load(manifest.read_text())
    given["runs"][0]["stimulus_start_s"] = 0.0
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(given))
    wrong = alice_report(tmp_path / "dataset.yaml")
    assert value(wrong, "clock oracle (r)") < 0.15
    assert value(wrong, "clock off by (s)") == 20.0
    given["t_r"] = 1.5
    (tmp_path / "dataset.yaml").write_text(yaml.safe_dump(given))
    with pytest.raises(InputError, match="must be the Alice data"):
        alice_report(tmp_path / "dataset.yaml")


def test_the_words_are_those_of_the_chapter(manifest):
    data = load_dataset(manifest)
    words = read_textgrid(data.manifest.path(data.manifest.stimulus.annotation))
    assert len(words) == 2127
    assert " ".join(word for _, _, word in words[:5]) == "Alice was beginning to get"


def test_word_rate_is_0_before_the_first_word_ends_and_the_null_never_holds_the_identity(rng):
    rate = word_rate([(10.0, 10.5, "one"), (30.0, 30.4, "two")], 2.0, 20, 0.0)
    assert np.abs(rate[:6]).max() < 1e-9
    assert 10.5 + 4 <= 2 * np.argmax(rate[:12]) <= 10.5 + 6.5
    x = rng.standard_normal(320)
    null = shift_null(x[:, None], x)
    assert len(null) == 260
    assert null.max() < 0.3
