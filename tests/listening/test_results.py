"""Results: the analysis on planted listeners, who live in these tests only."""

import re

import numpy as np
import pytest

from giblet_core.commands import main
from giblet_core.errors import InputError
from giblet_core.files import write_json
from giblet_core.listening import analyse_results

ROLES = {"original": "reference", "anchor, 7 kHz": "anchor70", "anchor, 3.5 kHz": "anchor35"}
GOOD = {"original": 100, "codec": 60, "anchor, 7 kHz": 50}


def rating_session(listener, ratings, items="abcd", test="t1"):
    """Ratings of one listener by condition: a number for all passages, or a list of one each."""
    answers = []
    for i, item in enumerate(items):
        rated = []
        for condition, rating in ratings.items():
            value = rating[i] if isinstance(rating, list) else rating
            role = ROLES.get(condition, "test")
            rated.append({"condition": condition, "role": role, "rating": value})
        answers.append({"item": item, "ratings": rated})
    return {
        "format": "giblet-mushra",
        "version": 1,
        "test": test,
        "listener": listener,
        "started": listener,
        "items": answers,
    }


def abx_session(listener, n_right, n=16, condition="codec"):
    """Trials of one listener, the first `n_right` of them right; the file calls all of them so."""
    trials = []
    for i in range(n):
        shown = i % 2
        answered = shown if i < n_right else 1 - shown
        trials.append({"x": "AB"[shown], "answer": "AB"[answered], "correct": True})
    pair = {"item": "a", "reference": "original", "condition": condition, "trials": trials}
    return {
        "format": "giblet-abx",
        "version": 1,
        "test": "t1",
        "listener": listener,
        "started": listener,
        "pairs": [pair],
    }


def write_all(folder, sessions):
    return [write_json(folder / f"{i}.json", session) for i, session in enumerate(sessions)]


def test_with_no_results_it_says_that_nobody_has_listened(tmp_path):
    results = analyse_results(tmp_path)
    assert (results.n_files, results.n_listeners) == (0, 0)
    assert "Nobody has listened yet" in str(results)
    assert "Nobody has listened yet" in results._repr_html_()
    assert results.ratings.empty
    assert results.abx.empty


def test_planted_ratings_are_recovered_with_an_interval_that_covers_them(tmp_path):
    rng = np.random.default_rng(0)
    offsets = rng.normal(0, 6, 20)
    sessions = []
    for i, offset in enumerate(offsets):
        ratings = list(np.clip(60 + offset + rng.normal(0, 4, 4), 0, 100))
        planted = {"original": 100, "codec": ratings, "anchor, 7 kHz": 50}
        sessions.append(rating_session(f"L{i}", planted))
    ratings = analyse_results(write_all(tmp_path, sessions)).ratings.set_index("condition")
    assert [*ratings.index] == ["original", "codec", "anchor, 7 kHz"]
    codec = ratings.loc["codec"]
    assert codec["mean"] == pytest.approx(60 + offsets.mean(), abs=1.5)
    assert codec.low < 60 < codec.high
    # the spread over listeners, not over ratings: about 1.96 * 6.3 / sqrt(20) each way
    expected = 2 * 1.96 * np.hypot(6, 2) / np.sqrt(20)
    assert codec.high - codec.low == pytest.approx(expected, rel=0.35)
    assert (ratings.n_listeners == 20).all()


def test_the_post_screening_rule_leaves_out_whom_it_says_and_why(tmp_path):
    sessions = [
        rating_session("good", GOOD),
        rating_session("also-good", GOOD | {"original": 90, "codec": 70}),
        rating_session("deaf", GOOD | {"original": [100, 40, 50, 100], "codec": 0}),
        rating_session("generous", GOOD | {"anchor, 7 kHz": 95, "codec": 100}),
        rating_session(
            "border", GOOD | {"original": [80, *[100] * 6], "codec": 65}, items="abcdefg"
        ),
    ]
    results = analyse_results(write_all(tmp_path, sessions))
    why = dict(zip(results.excluded.who, results.excluded.reason))
    assert set(why) == {"deaf", "generous"}
    assert "hidden reference below 90 in 50%" in why["deaf"]
    assert "7 kHz anchor above 90 in 100%" in why["generous"]
    assert results.ratings.set_index("condition")["mean"]["codec"] == pytest.approx(65)
    assert "deaf" in str(results)


@pytest.mark.parametrize("n_listeners", [1, 5, 19])
def test_few_listeners_have_a_mean_but_no_interval(tmp_path, n_listeners):
    planted = {"original": 100, "codec": 40}
    sessions = [rating_session(f"L{i}", planted) for i in range(n_listeners)]
    row = analyse_results(write_all(tmp_path, sessions)).ratings.set_index("condition").loc["codec"]
    assert row["mean"] == 40
    assert np.isnan([row.low, row.high]).all()


def test_abx_counts_again_from_the_answers_and_gives_the_binomial_p(tmp_path):
    sessions = [
        abx_session("a", 12),
        abx_session("b", 8, condition="easy"),
        abx_session("c", 16, condition="easy"),
    ]
    abx = analyse_results(write_all(tmp_path, sessions)).abx.set_index("condition")
    # although the file calls every answer right
    assert (abx.correct["codec"], abx.n["codec"]) == (12, 16)
    assert abx.p["codec"] == pytest.approx(2517 / 65536)  # sum of C(16, k), k = 12..16, by hand
    assert (abx.correct["easy"], abx.n["easy"], abx.n_listeners["easy"]) == (24, 32, 2)
    assert abx.p_holm["easy"] == pytest.approx(2 * abx.p["easy"])
    assert abx.p_holm["codec"] == pytest.approx(abx.p["codec"])


def test_the_command_prints_the_analysis_of_the_files(tmp_path, capsys):
    sessions = [abx_session("a", 12), rating_session("b", {"original": 100, "codec": 40})]
    paths = write_all(tmp_path, sessions)
    assert main(["listening", *map(str, paths)]) == 0
    out = capsys.readouterr().out
    assert "2 result files, 2 listeners." in out
    assert re.search(r"codec +1 +16 +12 +0.75 +NaN +NaN +0.038", out)


def test_alien_damaged_and_repeated_files_are_reported_not_averaged(tmp_path):
    session = rating_session("one", {"original": 100, "codec": 40})
    beyond = rating_session("two", {"original": 100, "codec": 400})
    without_a_start = abx_session("three", 16)
    del without_a_start["started"]
    sessions = [session, session, {"format": "else"}, beyond, without_a_start]
    paths = write_all(tmp_path, sessions)
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    results = analyse_results([*paths, broken])
    assert [*results.excluded.who] == ["1.json", "2.json", "3.json", "4.json", "broken.json"]
    assert "same session as 0.json" in results.excluded.reason[0]
    assert "rating 400 outside 0-100" in results.excluded.reason[2]
    assert results.n_listeners == 1
    assert results.abx.empty
    with pytest.raises(InputError, match="no such file"):
        analyse_results([tmp_path / "absent.json"])
