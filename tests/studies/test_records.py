"""All rows are kept, the same rows are the same file, and altered ones are refused."""

import gzip

import pytest

from giblet_core.errors import InputError
from giblet_core.studies import begin_draw, end_draw, lock, read_study, write_study
from giblet_core.studies.records import rows_path

ROWS = [
    {"film": "one", "seed": 6001, "generator": "power", "codebooks": "0+3", "p": 0.02},
    {"film": "one", "seed": 6001, "generator": "seen", "codebooks": "none", "p": 0.4},
]


@pytest.fixture
def drawn(own_project, content, write_design):
    design = write_design(content)
    lock(design)
    begin_draw(design)
    end_draw(design, write_study("small", ROWS, {"draw": 1}))
    return design


def test_rows_come_back_as_they_were(drawn):
    record = read_study("small")
    assert record.rows.to_dict("records") == ROWS
    assert record.about["draw"] == 1


def test_the_same_rows_are_the_same_file(drawn):
    before = rows_path("small").read_bytes()
    write_study("small", ROWS, {"draw": 1})
    assert rows_path("small").read_bytes() == before


def test_rows_that_nobody_drew_are_refused(drawn):
    better = gzip.decompress(rows_path("small").read_bytes()).replace(b"0.02", b"0.01")
    rows_path("small").write_bytes(gzip.compress(better))
    with pytest.raises(InputError, match="its rows are not those that were drawn"):
        read_study("small")


def test_another_draw_cannot_be_slipped_in(drawn):
    write_study("small", ROWS[:1], {"draw": 1})
    with pytest.raises(InputError, match="its rows are not those that were drawn"):
        read_study("small")


def test_a_study_that_was_not_drawn_says_how_to_draw_it(own_project):
    with pytest.raises(InputError, match="giblet study small --draw"):
        read_study("small")
