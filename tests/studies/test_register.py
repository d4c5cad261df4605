"""Designs are locked before they are drawn, and draws are counted and never forgotten."""

import json

import pytest

from giblet_core.errors import InputError
from giblet_core.studies import begin_draw, end_draw, lock, n_draws, read_register


@pytest.fixture
def path(tmp_path):
    return tmp_path / "locked.json"


def test_a_design_is_locked_before_it_is_drawn(content, write_design, path):
    design = write_design(content)
    with pytest.raises(InputError, match="must be locked before its seeds are drawn"):
        begin_draw(design, path)
    lock(design, path)
    assert begin_draw(design, path) == 1


def test_a_design_that_was_changed_is_not_drawn(content, write_design, path):
    lock(write_design(content), path)
    content["bars"][0]["limit"] = 0.5
    with pytest.raises(InputError, match="was changed after it was locked"):
        begin_draw(write_design(content), path)
    with pytest.raises(InputError, match="A design is locked once"):
        lock(write_design(content), path)


def test_every_draw_counts_finished_or_not(content, write_design, path):
    design = write_design(content)
    lock(design, path)
    assert begin_draw(design, path) == 1  # and is broken off
    assert begin_draw(design, path) == 2
    end_draw(design, "ab" * 32, path)
    entries = read_register(path)
    assert [entry.event for entry in entries] == [
        "locked",
        "drawing begun",
        "drawing begun",
        "drawn",
    ]
    assert n_draws(entries, design.name) == 2
    assert entries[-1].record_sha256 == "ab" * 32


def test_seeds_belong_to_one_design(content, write_design, path):
    lock(write_design(content), path)
    with pytest.raises(InputError, match="seeds 6001 to 6006 belong to small"):
        lock(write_design({**content, "name": "another", "first_seed": 6006}), path)
    lock(write_design({**content, "name": "another", "first_seed": 6007}), path)


@pytest.mark.parametrize("change", ["taken out", "changed"])
def test_the_register_cannot_be_tidied_up(content, write_design, path, change):
    design = write_design(content)
    lock(design, path)
    begin_draw(design, path)
    begin_draw(design, path)
    rows = json.loads(path.read_text())
    if change == "taken out":
        del rows[1]
    else:
        rows[0]["design_sha256"] = "0" * 64
    path.write_text(json.dumps(rows))
    with pytest.raises(InputError, match="entries are never taken out or changed"):
        read_register(path)
