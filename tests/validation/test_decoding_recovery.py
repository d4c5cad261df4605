"""Rows of decoding: what each simulation gives, in percent, and chance over shifts."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.decoding import LATENTS, PLAIN
from giblet_core.validation import decoding_recovery, decoding_rows

ACCURACY = {  # of what is decoded from whom, by which spaces
    ("group", LATENTS): 0.8,
    ("group", PLAIN): 0.7,
    ("group, beyond", LATENTS): 0.6,
    ("first subject", LATENTS): 0.65,
    ("first subject, unseen", LATENTS): 0.55,
}


class FakeTask:
    """A task whose subjects are numbers: the seed for the first, its negative for the second."""

    def __init__(self):
        self.spaces = SimpleNamespace(beyond=self.beyond, shifted=self.shifted)

    def simulated_subjects(self, seed):
        return [np.full(3, seed / 100), np.full(3, -seed / 100)]

    def decode(self, bold):
        return ("first subject", bold[0]) if bold[0] else ("group", 0.0)

    def decode_first_unseen(self, subjects):
        return "first subject, unseen", subjects[0][0]

    def beyond(self, bold, **options):
        return "group, beyond", 0.0

    def shifted(self, bold, **options):
        return np.array([[0.4, 0.5, 0.6], [0.5, 0.5, 0.5]])

    def accuracy(self, decoded, names):
        who, offset = decoded
        return ACCURACY[who, names] + offset


def test_rows_are_percent_over_simulations_and_chance_over_shifts(monkeypatch):
    monkeypatch.setattr(decoding_recovery, "_make_task", lambda stimulus: FakeTask())
    rows = {row["figure"]: row for row in decoding_rows(None, seeds=(1, 2, 3))}
    values = {name.removeprefix("identification, "): row["value"] for name, row in rows.items()}
    assert values == pytest.approx(
        {
            "group, latents": 80,
            "group, loudness and speech": 70,
            "group, latents beyond loudness and speech": 60,
            "seen subject": 67,
            "unseen subject": 57,
            "points over loudness and speech": 10,
            "shifted BOLD, latents": 50,
            "shifted BOLD, loudness and speech": 50,
        }
    )
    seen = rows["identification, seen subject"]
    assert seen["n"] == 3
    assert seen["low"] < 67 < seen["high"]
    assert rows["identification, group, latents"]["low"] == pytest.approx(80)
