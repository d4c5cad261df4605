"""Figures of decoding come from pairs and simulations, chance from shifts; every row is kept."""

import numpy as np
import pytest

from giblet_core.decoding import SETS, Identification
from giblet_core.validation import decoding_recovery, decoding_study

N_PAIRS = 40
MEAN = {
    "latents": 0.8,
    "loudness and speech": 0.7,
    "latents beyond loudness and speech": 0.6,
    "seen": 0.65,
    "unseen": 0.55,
}


def identification(mean, null=(), seed=0):
    """A result whose pairs scatter around a mean."""
    scatter = np.random.default_rng(seed).uniform(-0.2, 0.2, N_PAIRS)
    per_pair = mean + scatter - scatter.mean()
    pairs = np.column_stack([np.arange(N_PAIRS), np.arange(1, N_PAIRS + 1)])
    zeros = np.zeros(N_PAIRS + 1)
    return Identification(mean, pairs, per_pair, zeros, zeros, zeros.astype(int), np.array(null))


class FakeTask:
    """A task whose subjects are their seed, and add it in per cent to every accuracy."""

    def simulated_subjects(self, seed):
        return [np.full(3, seed / 100)] * 2

    def tested(self, bold, n_shifts):
        null = np.linspace(0.4, 0.6, n_shifts)
        return {name: identification(MEAN[name] + bold[0], null) for name in SETS}

    def decode(self, bold):
        return "seen", bold[0]

    def decode_first_unseen(self, subjects):
        return "unseen", subjects[0][0]

    def by_latents(self, decoded):
        who, offset = decoded
        return identification(MEAN[who] + offset)


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setattr(decoding_recovery, "_make_task", lambda stimulus: FakeTask())

    class Film:
        label = "a film"

    return decoding_study(Film(), seeds=range(-10, 15), n_shifts=39)


def test_figures_are_percent_over_pairs_and_simulations_and_chance_over_shifts(study):
    rows = {row["figure"]: row for row in study.figures}
    values = {
        name.removeprefix("identification, "): row["value"]
        for name, row in rows.items()
        if "p <=" not in name
    }
    assert values == pytest.approx(
        {
            "group, latents": 82,
            "group, loudness and speech": 72,
            "group, latents beyond loudness and speech": 62,
            "seen subject": 67,
            "unseen subject": 57,
            "points over loudness and speech": 10,
            "shifted BOLD, latents": 50,
            "shifted BOLD, loudness and speech": 50,
            "shifted BOLD, latents beyond loudness and speech": 50,
        }
    )
    seen = rows["identification, seen subject"]
    assert seen["n"] == 25
    assert 5 < seen["high"] - seen["low"] < 16
    detected = rows["identification p <= .05, group, latents"]
    assert detected["value"] == 1.0
    assert detected["low"] == pytest.approx(0.863, abs=0.001)  # exact: 25 of 25


def test_every_simulation_has_its_row(study):
    assert [row["seed"] for row in study.simulations] == list(range(-10, 15))
    first = study.simulations[11]
    assert first["n_pairs"] == N_PAIRS
    assert first["group, latents (%)"] == pytest.approx(81)
    assert first["group, latents, p"] == pytest.approx(1 / 40)
    assert first["group, latents, shifted (%)"] == pytest.approx(50)
    assert study.settings["sound"] == "a film"
