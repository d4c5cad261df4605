"""The p of identification is fair where nothing is heard, and small where much is."""

import numpy as np
import pytest

from giblet_core.inference import proportion
from giblet_core.validation import SmallStudy, identification_null_study, simulate_identification
from giblet_core.validation.identification_null import null_figures

SMALL = SmallStudy(run_n_trs=(70, 70), embargo=2, segment_length=5, n_shifts=19)


def test_a_strong_signal_is_found_and_the_same_seed_gives_the_same_row():
    row = simulate_identification(1, 2.0, SMALL)
    assert row["accuracy"] > 0.9
    assert row["p"] == 1 / 20
    assert row == simulate_identification(1, 2.0, SMALL)


@pytest.mark.slow
def test_p_is_fair_where_nothing_is_heard():
    p = [simulate_identification(seed, 0.0, SMALL)["p"] for seed in range(60)]
    share = proportion(int(np.sum(np.array(p) <= 0.05)), len(p))
    assert share.low <= 0.05 <= share.high
    assert abs(np.mean(p) - 0.5) < 0.15


def test_figures_are_those_of_the_rows():
    rows = [{"p": x, "p_moved": x / 3} for x in (np.arange(100) + 0.5) / 100]
    figures = {row["figure"]: row for row in null_figures("two runs", rows)}
    name = "identification without signal, two runs, refitted"
    assert figures[f"{name}: KS p"]["value"] > 0.99
    assert figures[f"{name}: p <= .05"]["value"] == 0.05
    moved = "identification without signal, two runs, predictions moved"
    assert figures[f"{moved}: p <= .05"]["value"] == 0.15
    assert figures[f"{moved}: KS p"]["value"] < 1e-6


def test_a_study_keeps_a_row_of_every_simulation(monkeypatch):
    seen = []

    def simulate(seed, strength, size=SMALL):
        seen.append((seed, strength, len(size.run_n_trs)))
        p = 1.0 if strength == 0 else 0.01
        return {"seed": seed, "strength": strength, "p": p, "p_moved": p}

    monkeypatch.setattr(
        "giblet_core.validation.identification_null.simulate_identification", simulate
    )
    study = identification_null_study(
        n_null=3, n_one_run=3, n_power=2, strengths=(0.5,), first_seed=1
    )
    assert len(study.simulations) == len(seen) == 3 + 3 + 2
    assert seen[-2:] == [(4, 0.5, 2), (5, 0.5, 2)]  # seeds of their own
    power = study.figures[-1]
    assert (power["figure"], power["value"], power["strength"]) == ("identification power", 1, 0.5)
    assert power["low"] == pytest.approx(0.158, abs=1e-3)
