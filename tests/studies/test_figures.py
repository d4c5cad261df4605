"""Figures come from rows alone, and their intervals cover what they say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from giblet_core.errors import InputError
from giblet_core.inference import reliability
from giblet_core.studies import FIGURES, area, figure_table
from giblet_core.studies.figures import calibration_error


def made_rows(rng, n_simulations=60, n_codebooks=8, strength=1.5, calibrated=False):
    """Return rows in which followed codebooks have higher probability."""
    rows = []
    for seed in range(n_simulations):
        followed = rng.random(n_codebooks) < 0.4
        followed[0] = True
        noise = rng.standard_normal(n_codebooks)
        probability = 1 / (1 + np.exp(-(strength * (2 * followed - 1) + noise)))
        if calibrated:
            probability = rng.random(n_codebooks)
            followed = rng.random(n_codebooks) < probability
        row = {f"probability_{k}": p for k, p in enumerate(probability)}
        written = "+".join(map(str, np.flatnonzero(followed))) or "none"
        rows.append({"seed": seed, "codebooks": written, "p": rng.random(), **row})
    return pd.DataFrame(rows).assign(generator="signed level", film="one")


def test_the_area_is_that_of_sklearn(rng):
    followed = rng.random(300) < 0.3
    probability = rng.random(300).round(1)  # with ties
    assert area(probability, followed) == pytest.approx(roc_auc_score(followed, probability))
    with pytest.raises(InputError, match="an area needs codebooks that are followed"):
        area(probability, np.ones(300, bool))


def test_the_auc_is_of_the_codebooks_that_rows_name(rng):
    rows = made_rows(rng)
    estimate = FIGURES["AUC"].of_rows(rows)
    assert 0.9 < estimate.value < 1
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 60
    blind = made_rows(rng, strength=0.0)
    estimate = FIGURES["AUC"].of_rows(blind)
    assert estimate.low < 0.5 < estimate.high


def test_calibrated_probabilities_have_little_error_and_others_much(rng):
    calibrated = FIGURES["calibration error"].of_rows(made_rows(rng, 500, calibrated=True))
    assert calibrated.value < 0.03
    certain = made_rows(rng, 500)
    columns = [name for name in certain if name.startswith("probability")]
    certain[columns] = 0.99
    assert FIGURES["calibration error"].of_rows(certain).value > 0.4


def test_the_calibration_error_is_that_of_the_reliability_diagram(rng):
    probability = rng.random((400, 8))
    followed = rng.random((400, 8)) < probability**2
    expected = reliability(probability, followed).calibration_error
    assert calibration_error(probability, followed) == pytest.approx(expected)


def test_what_is_told_is_counted_codebook_by_codebook(rng):
    rows = made_rows(rng, 10).assign(told=["none"] * 8 + ["0+3", "7"])
    estimate = FIGURES["told"].of_rows(rows)
    assert estimate.value == pytest.approx(3 / 80)


def test_detections_have_exact_intervals(rng):
    rows = pd.DataFrame({"p": [0.01] * 9 + [0.5] * 191, "codebooks": "none"})
    estimate = FIGURES["detections"].of_rows(rows)
    assert estimate.value == pytest.approx(0.045)
    assert (round(estimate.low, 3), round(estimate.high, 3)) == (0.021, 0.084)
    at_the_border = pd.DataFrame({"p": [0.05, 0.051]})
    assert FIGURES["detections"].of_rows(at_the_border).value == 0.5


def test_claims_of_cards_are_counted():
    rows = pd.DataFrame({"claimed": [1] * 9 + [0] * 191, "codebooks": "none"})
    assert FIGURES["card claims"].of_rows(rows).value == pytest.approx(0.045)


def test_uniform_p_values_are_told_from_others():
    uniform = pd.DataFrame({"p": (np.arange(500) + 0.5) / 500})
    assert FIGURES["KS p"].of_rows(uniform).value > 0.99
    assert FIGURES["KS p"].of_rows(uniform**2).value < 1e-3


def test_tables_begin_with_the_worst(rng):
    good = made_rows(rng).assign(film="good")
    bad = made_rows(rng, strength=0.2).assign(film="bad")
    negative = good.assign(codebooks="none", generator="envelope")
    rows = pd.concat([good, bad, negative])
    table = figure_table(rows, "AUC", ["generator", "film"])
    assert table.film.tolist() == ["bad", "good"]  # and no line of regions without codebooks
    table = figure_table(
        rows.assign(p=np.where(rows.film == "good", 0.01, 0.5)), "detections", ["film"]
    )
    assert table.film.tolist() == ["good", "bad"]
