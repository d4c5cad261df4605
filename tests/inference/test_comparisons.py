"""Levels of a factor are compared seed by seed, and what is said of them are claims."""

import pytest

from giblet_core.encoding import seed_interval
from giblet_core.inference import difference_claims, paired_differences, verdict


def test_paired_differences_find_a_small_gain_under_large_seed_noise():
    noise = [5.0, -3.0, 1.0, 0.5]
    rows = [
        {"seed": s, "width": w, "bits": 8 + n + (0.1 if w == 128 else 0) + 0.001 * s}
        for s, n in enumerate(noise)
        for w in (64, 128)
    ]
    table = paired_differences(rows, "width", "bits", 64)
    assert table.loc[128, "difference"] == pytest.approx(0.1)
    assert table.loc[128, "shown"]
    assert not table.loc[64, "shown"]


@pytest.fixture
def table():
    """Of a baseline and two levels: one is half as costly, one no different."""
    losses = {"a": 1.0, "b": 0.5, "c": 1.0}
    rows = [
        {"seed": s, "head": head, "loss": loss + 0.01 * (s == i)}
        for s in range(3)
        for i, (head, loss) in enumerate(losses.items())
    ]
    return paired_differences(rows, "head", "loss", "a")


def test_claims_say_better_worse_or_that_it_cannot_be_told(table):
    better, same = difference_claims(table, "a", "bits")
    assert (better.verdict, same.verdict) == ("shown", "cannot be told")
    assert better.subject == "B is better than a"
    assert (better.estimate, better.n, better.unit) == (pytest.approx(-0.5), 3, "seeds")
    worse, _ = difference_claims(table, "a", "bits", lower_is_better=False)
    assert worse.subject == "B is worse than a"
    assert worse.verdict == "shown"
    text = verdict(table, "a", "bits")
    assert text == f"{better.sentence()} {same.sentence()}"


def test_intervals_of_claims_hold_for_all_levels_together(table):
    better, _ = difference_claims(table, "a", "bits")
    assert better.correction == "interval for 2 levels together"
    differences = [0.5 - 1.01, 0.51 - 1.0, 0.5 - 1.0]
    expected = seed_interval(differences, 0.975)
    assert (better.low, better.high) == pytest.approx((expected.low, expected.high))
