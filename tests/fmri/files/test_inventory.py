"""Region tables: the same regions for every subject, matched by name."""

import numpy as np
import pytest
from data_sets import manifest_of, problems_of

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset

RUNS = [{"name": "r", "n_trs": 20, "stimulus_start_s": 0.0}]
NAMES = ("V1", "A1", "STG")


@pytest.fixture
def values(rng):
    """Two subjects, three regions, told apart by their means."""
    return [
        np.round(rng.standard_normal((20, 3)) + [100, 200, 300], 3) + subject for subject in (0, 1)
    ]


def write(folder, subject, values, names=NAMES, order=(0, 1, 2), separator="\t"):
    lines = [separator.join(names[i] for i in order)] if names else []
    lines += [separator.join(str(row[i]) for i in order) for row in values.tolist()]
    (folder / f"s{subject}.tsv").write_text("\n".join(lines) + "\n")


def manifest(folder, **bold):
    given = {"pattern": "s{subject}.tsv", "subjects": [1, 2], "format": "roi_table", **bold}
    return manifest_of(folder, runs=RUNS, mask=None, bold=given)


def test_regions_are_named_by_the_table(tmp_path, values):
    for subject in (1, 2):
        write(tmp_path, subject, values[subject - 1])
    data = load_dataset(manifest(tmp_path))
    assert data.region_names == NAMES
    assert problems_of(manifest(tmp_path)) == []


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("separator", ["\t", ","])
def test_columns_in_another_order_are_matched_by_name(tmp_path, values, order, separator):
    write(tmp_path, 1, values[0])
    write(tmp_path, 2, values[1], order=order, separator=separator)
    data = load_dataset(manifest(tmp_path), cache=tmp_path / "cache")
    assert np.allclose(data.bold(1), values[0])
    assert np.allclose(data.bold(2), values[1])
    assert problems_of(manifest(tmp_path)) == []


def test_the_manifest_chooses_columns_and_their_order(tmp_path, values):
    write(tmp_path, 1, values[0])
    write(tmp_path, 2, values[1], order=(2, 1, 0))
    data = load_dataset(manifest(tmp_path, columns=["STG", "V1"]))
    assert data.region_names == ("STG", "V1")
    assert np.allclose(data.bold(2), values[1][:, [2, 0]])


def test_tables_without_names_are_taken_in_the_order_of_the_manifest(tmp_path, values):
    write(tmp_path, 1, values[0], names=None)
    write(tmp_path, 2, values[1], order=(2, 1, 0))
    data = load_dataset(manifest(tmp_path, columns=list(NAMES)))
    assert np.allclose(data.bold(1), values[0])
    assert np.allclose(data.bold(2), values[1])
    write(tmp_path, 2, values[1], names=None)
    assert load_dataset(manifest(tmp_path)).region_names == ("R01", "R02", "R03")


def other_names(folder, values):
    write(folder, 2, values[1], names=("V1", "A1", "IFG"))


def one_less(folder, values):
    write(folder, 2, values[1], order=(0, 1))


def no_names(folder, values):
    write(folder, 2, values[1], names=None)


def an_index(folder, values):
    rows = np.column_stack([np.arange(20), values[1]])
    write(folder, 2, rows, names=("TR", *NAMES), order=(0, 1, 2, 3))


def a_clock(folder, values):
    rows = np.column_stack([1.5 * np.arange(20), values[1]])
    write(folder, 2, rows, names=("time", *NAMES), order=(0, 1, 2, 3))


def a_column_of_nothing(folder, values):
    text = (folder / "s1.tsv").read_text().split("\n")
    rows = [line.rpartition("\t")[0] + "\tn/a" for line in text[1:-1]]
    (folder / "s2.tsv").write_text("\n".join([text[0], *rows]) + "\n")


def a_hole(folder, values):
    text = (folder / "s1.tsv").read_text().split("\n")
    text[5] = "\t" + text[5].partition("\t")[2]
    (folder / "s2.tsv").write_text("\n".join(text))


def decimal_commas(folder, values):
    text = (folder / "s1.tsv").read_text()
    (folder / "s2.tsv").write_text(text.replace(".", ","))


def a_copy(folder, values):
    write(folder, 2, values[0])


def a_row_less(folder, values):
    write(folder, 2, values[1][:-1])


FAULTS = [
    (other_names, "error: subject 2=columns V1, A1, IFG: must hold STG"),
    (one_less, "error: subject 2=columns V1, A1: must hold STG"),
    (no_names, "error: subject 2=3 columns without names: must be named as in the other files"),
    (an_index, "column TR rises by one step from row to row"),
    (a_clock, "column time rises by one step from row to row"),
    (a_column_of_nothing, "error: subject 2, r=columns STG (20 of 20) hold n/a"),
    (a_hole, "error: subject 2, r=columns V1 (1 of 20) hold n/a"),
    (decimal_commas, 'Write decimal points, or declare decimal: ","'),
    (a_copy, "error: subject 2=every value: is that of subject 1"),
    (a_row_less, "error: subject 2=19 TRs: the manifest declares 20"),
]


@pytest.mark.parametrize(
    ("break_it", "message"), FAULTS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_table_unlike_the_others_is_refused(tmp_path, values, break_it, message):
    for subject in (1, 2):
        write(tmp_path, subject, values[subject - 1])
    break_it(tmp_path, values)
    found = problems_of(manifest(tmp_path))
    assert any(message in problem for problem in found), found
    if break_it is not a_copy:
        with pytest.raises(InputError):
            load_dataset(manifest(tmp_path)).bold(2)


def test_decimal_commas_are_read_where_they_are_declared(tmp_path, values):
    for subject in (1, 2):
        write(tmp_path, subject, values[subject - 1], separator=";")
        path = tmp_path / f"s{subject}.tsv"
        path.write_text(path.read_text().replace(".", ","))
    path = manifest(tmp_path)
    path.write_text(path.read_text() + "decimal: ','\n")
    assert np.allclose(load_dataset(path).bold(2), values[1])
    assert problems_of(path) == []


def test_two_subjects_do_not_share_a_file(tmp_path, values):
    write(tmp_path, 1, values[0])
    (tmp_path / "s2.tsv").symlink_to("s1.tsv")
    found = problems_of(manifest(tmp_path))
    assert any("subject 2=file=" in p and "is that of subject 1 too" in p for p in found)
