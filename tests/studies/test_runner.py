"""A study is drawn once it is locked, from its own seeds, and judged by its bars."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from giblet_core.errors import InputError
from giblet_core.studies import (
    Bar,
    Estimate,
    Statistic,
    Verdict,
    draw,
    judge,
    lock,
    read_register,
    read_study,
    rehearse,
    report,
    runner,
)


@pytest.fixture
def drawn_seeds(monkeypatch):
    """Evaluate nothing, and remember which seeds were asked for."""
    asked = []

    def simulate(film, design, seeds=None):
        return list(design.seeds_of(film.spec) if seeds is None else seeds)

    def evaluate(film, design, seeds):
        asked.append((film.spec.name, seeds))
        rows = []
        for seed in seeds:
            rng = np.random.default_rng(seed)
            rows += [
                {
                    "film": film.spec.name,
                    "seed": seed,
                    "generator": name,
                    "p": 0.5,
                    "codebooks": written,
                    "probability_0": rng.random(),
                    "probability_1": 0.5,
                }
                for name, written in (("signed level", "0"), ("envelope", "none"))
            ]
        return rows

    entry = Statistic("codebook recovery", "none", evaluate)
    monkeypatch.setitem(runner.STATISTICS, "codebook recovery", entry)
    monkeypatch.setattr(runner, "simulate_series", simulate)
    monkeypatch.setattr(runner, "kept_series", simulate)
    monkeypatch.setattr(runner, "make_film", lambda spec: SimpleNamespace(spec=spec))
    return asked


def test_a_draw_takes_the_seeds_of_the_design_and_keeps_every_row(
    own_project, content, write_design, drawn_seeds
):
    design = write_design(content)
    with pytest.raises(InputError, match="must be locked"):
        draw(design, say=str)
    assert drawn_seeds == []
    lock(design)
    draw(design, say=str)
    assert drawn_seeds == [("one", [6001, 6002, 6003]), ("two", [6004, 6005, 6006])]
    record = read_study("small")
    assert len(record.rows) == 12
    assert record.about["draw"] == 1
    assert record.about["design_sha256"] == design.sha256
    draw(design, say=str)
    assert read_study("small").about["draw"] == 2


def test_a_draw_that_breaks_off_was_a_draw(
    own_project, content, write_design, drawn_seeds, monkeypatch
):
    def fail(film, design, seeds):
        raise RuntimeError("no power")

    design = write_design(content)
    lock(design)
    monkeypatch.setitem(
        runner.STATISTICS, "codebook recovery", Statistic("codebook recovery", "", fail)
    )
    with pytest.raises(RuntimeError):
        draw(design, say=str)
    assert [entry.event for entry in read_register()] == ["locked", "drawing begun"]


def test_a_rehearsal_uses_seeds_of_development_and_records_nothing(
    own_project, content, write_design, drawn_seeds
):
    rows = rehearse(write_design(content), 2, say=str)
    assert set(rows.seed) == {5001, 5002}
    assert read_register() == ()
    with pytest.raises(InputError, match="1 to 40 simulations"):
        rehearse(write_design(content), 41, say=str)


def test_bars_are_judged_generator_by_generator(content, write_design, drawn_seeds):
    design = write_design(content)
    verdicts = judge(design, rehearse(design, 6, say=str))
    assert [verdict.generator for verdict in verdicts] == ["signed level", "envelope"]
    assert [verdict.is_met for verdict in verdicts] == [False, False]  # 0 of 12: up to 26 %
    assert str(verdicts[1]).startswith("MISSED: detections of envelope is 0.000 [0.000, 0.265]")


@pytest.mark.parametrize(
    ("side", "by", "estimate", "is_met"),
    [
        ("at least", "bound", (0.90, 0.84, 0.95), False),
        ("at least", "bound", (0.90, 0.85, 0.95), True),
        ("at least", "value", (0.90, 0.84, 0.95), True),
        ("at most", "bound", (0.90, 0.80, 0.84), True),
        ("at most", "bound", (0.80, 0.75, 0.86), False),
        ("at most", "value", (0.80, 0.75, 0.86), True),
    ],
)
def test_the_bound_on_the_side_of_the_limit_decides(side, by, estimate, is_met):
    bar = Bar(figure="AUC", of=("power",), side=side, limit=0.85, by=by)
    assert Verdict(bar, "power", Estimate(*estimate, n=200)).is_met is is_met


def test_a_report_shows_what_is_judged_and_says_what_was_missed(
    own_project, content, write_design, drawn_seeds
):
    design = write_design(content)
    lines = report(design, rehearse(design, 6, say=str))
    assert lines[0].startswith("simulated; small, design")
    assert lines[0].endswith("drawn 0 times")
    start = next(i for i, line in enumerate(lines) if line.startswith("detections:"))
    assert "envelope" in lines[start + 1]
    assert "signed level" not in lines[start + 1]
    assert lines[-1].startswith("MISSED: detections of envelope")


def test_the_record_of_a_study_is_a_table(own_project, content, write_design, drawn_seeds):
    design = write_design(content)
    lock(design)
    assert isinstance(draw(design, say=str), pd.DataFrame)
