"""Real subjects (Brennan and others, 2016), through the ordinary door.

The figures of notebook A3 are those that were measured before its code was written; where the data
set is absent the notebook says so, shows a dated record in a box, and keeps no figure.
"""

import json

import numpy as np
import pandas as pd
import papermill
import pytest
import yaml

from giblet_core.errors import InputError
from giblet_core.files import project_root
from giblet_core.fmri import check_dataset, load_dataset, read_manifest, spoken_words
from giblet_core.reporting import dataset_if_there

REGIONS = ["LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"]
TRIMMED = (0.24, 0.27, 0.30, 0.41, 0.41, 0.31)  # measured before this code was written
NEAR = 0.03
FOLDER = "fmri/alice_brennan2016"
NOTEBOOK = project_root() / "notebooks" / "A3_alice.ipynb"
MANIFEST = project_root() / "book" / "params" / "alice_dataset.yaml"


@pytest.fixture(scope="module")
def manifest(shared, tmp_path_factory):
    if not (shared / FOLDER).is_dir():
        pytest.skip("the Alice data are absent from GIBLET_SHARED")
    given = yaml.safe_load(MANIFEST.read_text())
    given["folder"] = str(shared / FOLDER)
    return write(tmp_path_factory.mktemp("alice"), given)


def write(place, given):
    path = place / "alice_dataset.yaml"
    path.write_text(yaml.safe_dump(given, sort_keys=False))
    return path


def run(place, **parameters):
    """Run the notebook; return the executed copy."""
    parameters = {"artifacts_dir": str(place / "artifacts"), **parameters}
    return papermill.execute_notebook(
        str(NOTEBOOK),
        str(place / "executed.ipynb"),
        parameters,
        cwd=str(project_root()),
        progress_bar=False,
    )


def figures_of(place):
    return json.loads((place / "artifacts" / "results" / "A3_alice.json").read_text())["figures"]


@pytest.fixture(scope="module")
def place(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run(folder, dataset=str(manifest))
    return folder


@pytest.fixture(scope="module")
def table(place):
    return pd.read_csv(place / "artifacts" / "results" / "A3_regions.csv", index_col=0)


pytestmark = pytest.mark.slow


def test_words_find_the_clock_within_a_second_and_lose_it_at_0_s(place):
    figures = figures_of(place)
    assert figures["clock off by (s)"] <= 1
    assert figures["clock oracle (r)"] == pytest.approx(0.987, abs=0.01)
    assert figures["clock oracle at 0 s (r)"] < 0.15


def test_regions_follow_words_as_measured_before(table):
    assert list(table.index) == REGIONS
    assert np.abs(table.trimmed - np.array(TRIMMED)).max() <= NEAR
    assert table.whole.between(0.35 - NEAR, 0.41 + NEAR).all()
    assert table["single subjects"].between(0.08 - NEAR, 0.15 + NEAR).all()
    assert table.ISC.between(0.14 - NEAR, 0.38 + NEAR).all()


def test_sound_power_is_a_transient_of_the_onset(table):
    temporal = table.loc[["LATL", "RATL"]]
    assert temporal["sound power, whole"].to_numpy() == pytest.approx([0.12, 0.15], abs=NEAR)
    assert temporal["sound power, trimmed"].to_numpy() == pytest.approx([0.00, 0.03], abs=NEAR)


def test_no_circular_shift_does_as_well_and_no_p_is_below_the_floor(place, table):
    figures = figures_of(place)
    assert figures["shifts"] == 260
    assert figures["regions beyond all their shifts"] == 6
    assert (table.trimmed > table["shifted, highest"]).all()
    assert table.p.to_numpy() == pytest.approx(1 / 261)
    assert abs(figures["shifted word rate, mean (r)"]) < 0.05


def test_motion_regressed_out_by_one_word_of_the_manifest_changes_little(table):
    change = (table["motion out"] - table.trimmed).abs()
    assert (change > 0).all()
    assert change.max() < 0.05


def test_the_record_in_the_project_is_that_of_this_notebook(table):
    record = json.loads((project_root() / "book" / "records" / "real_alice.json").read_text())
    rows = pd.DataFrame(record["rows"]).query("unit == 'region'").set_index("figure")
    for column in table:
        assert rows.loc[REGIONS, column].to_numpy() == pytest.approx(table[column], abs=0.005)


def test_a_wrong_clock_is_noticed(manifest, tmp_path):
    given = yaml.safe_load(manifest.read_text())
    given["runs"][0] |= {"stimulus_start_s": 0.0, "history_s": 0.0}
    run(tmp_path, dataset=str(write(tmp_path, given)), smoke=True)
    figures = figures_of(tmp_path)
    assert figures["clock off by (s)"] == 20.0
    assert figures["clock oracle (r)"] < 0.15


def test_without_the_data_set_the_page_says_so_and_shows_a_record_and_no_result(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("GIBLET_SHARED", str(tmp_path / "nothing"))
    executed = run(tmp_path)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    pages = [output["data"].get("text/html", "") for output in outputs if "data" in output]
    left_out = [page for page in pages if "gb-left-out" in page]
    assert len(left_out) == 1
    assert "The data set is not here" in left_out[0]
    assert "doi:10.18112/openneuro.ds002322" in left_out[0]
    boxes = [page for page in pages if "gb-demo-box" in page]
    assert len(boxes) == 1
    assert "No result of this run. Recorded 20" in boxes[0]
    assert not (tmp_path / "artifacts" / "results").exists()


def test_a_data_set_that_is_there_but_wrong_is_no_reason_to_leave_it_out(manifest, tmp_path):
    given = yaml.safe_load(manifest.read_text())
    given["t_r"] = -2
    with pytest.raises(InputError, match="t_r"):
        dataset_if_there(write(tmp_path, given), "data", "Get them.")


def test_27_subjects_are_usable_and_s33_is_left_out_with_its_reason(manifest):
    data = load_dataset(manifest)
    assert len(data.subjects) == 27
    assert data.manifest.rejected == {"33": "every region is constant in the release"}
    problems = [str(problem) for problem in check_dataset(manifest)]
    assert problems[0] == (
        "note: subject 33=excluded: every region is constant in the release. It is left out."
    )
    with pytest.raises(InputError, match="subject=33: was excluded"):
        data.bold(33)


def test_the_check_itself_finds_the_constant_subject(manifest, tmp_path):
    given = yaml.safe_load(manifest.read_text())
    del given["exclude"]
    errors = [str(p) for p in check_dataset(write(tmp_path, given)) if p.severity == "error"]
    assert len(errors) == 1
    assert errors[0].startswith("error: subject 33, chapter1=every voxel is constant")


def test_motion_is_aligned_by_dropping_the_ten_discarded_volumes(manifest):
    data = load_dataset(manifest)
    assert all(data.nuisance(s).shape == (362, 6) for s in data.subjects)
    # the reference volume, all zeros, was among the discarded
    assert np.abs(data.nuisance(30)[0]).max() > 0
    assert data.grids[0].onset_s == 20.0


def test_the_words_are_those_of_the_chapter(manifest):
    words = spoken_words(read_manifest(manifest)[0]).words
    assert len(words) == 2127
    assert " ".join(word.word for word in words[:5]) == "Alice was beginning to get"
