"""What the analysis says of a region stands in the row of that region."""

from types import SimpleNamespace

import numpy as np
import pytest
from simulated_sounds import N_CODEBOOKS, N_ENTRIES, made_indices, made_sound, made_wave

from giblet_core.simulations import simulate_regions
from giblet_core.studies import STATISTICS, simulate_series, statistics
from giblet_core.timing import TRGrid

SEEDS = (6001, 6002)


@pytest.fixture(scope="module")
def film():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N_CODEBOOKS, N_ENTRIES, 12)).astype(np.float32)
    heard = made_sound(made_wave(rng), made_indices(rng), vectors)
    grids = (TRGrid(1.5, 200), TRGrid(1.5, 200, 310.0))
    return SimpleNamespace(
        spec=SimpleNamespace(name="made"), heard=heard, stimulus=SimpleNamespace(grids=grids)
    )


@pytest.fixture
def design(content, write_design):
    return write_design(content)


@pytest.fixture
def series_seen(monkeypatch):
    """Stand in for the analysis: p counts the series, and keep what it was given."""
    seen = []

    def recover_regions(columns, Y, n_draws):
        seen.append(Y)
        n_regions = Y.shape[2]
        p = np.arange(1, n_regions + 1) / 100
        probability = p / np.arange(1, 9)[:, None]
        known = np.arange(8)[:, None] < np.arange(n_regions)
        return SimpleNamespace(null=SimpleNamespace(p=p), probability=probability, known=known)

    monkeypatch.setattr(statistics, "make_design", lambda stimulus: None)
    monkeypatch.setattr(statistics, "recover_regions", recover_regions)
    return seen


def test_rows_of_recovery_belong_to_their_series(film, design, series_seen):
    simulated = simulate_series(film, design, SEEDS)
    rows = STATISTICS["codebook recovery"].evaluate(film, design, simulated)
    assert [(row["seed"], row["generator"]) for row in rows] == [
        (6001, "signed level"),
        (6001, "envelope"),
        (6002, "signed level"),
        (6002, "envelope"),
    ]
    assert [row["p"] for row in rows] == [0.01, 0.02, 0.03, 0.04]
    assert rows[3]["probability_0"] == 0.04
    assert rows[3]["probability_7"] == 0.005
    assert [row["told"] for row in rows] == ["none", "0", "0+1", "0+1+2"]
    assert rows[1]["codebooks"] == "none"
    expected = simulate_regions(film.heard, film.stimulus.grids, 6002, design.generators)
    assert np.array_equal(series_seen[0][:, :, 2:], expected.series)
    truth = expected.truths[0]
    assert rows[2]["codebooks"] == "+".join(str(codebook) for codebook in truth.codebooks)
    assert rows[2]["peak_s"] == round(truth.response.peak_s, 1)


def test_detection_is_asked_of_the_mean_subject(film, design, series_seen):
    simulated = simulate_series(film, design, SEEDS[:1])
    rows = STATISTICS["codebook detection"].evaluate(film, design, simulated)
    assert [row["p"] for row in rows] == [0.01, 0.02]
    expected = simulate_regions(film.heard, film.stimulus.grids, 6001, design.generators)
    assert series_seen[0][0] == pytest.approx(expected.series.mean(0))
    assert not any(name.startswith("probability") for name in rows[0])


def test_a_card_claims_where_the_p_of_its_region_alone_is_small(film, design, monkeypatch):
    monkeypatch.setattr(statistics, "make_design", lambda stimulus: None)
    p = np.array([0.01, 0.05, 0.051, 0.8])
    null = SimpleNamespace(p=p)
    monkeypatch.setattr(statistics, "codebooks_beyond", lambda columns, Y, n_draws: null)
    simulated = simulate_series(film, design, SEEDS)
    rows = STATISTICS["region card"].evaluate(film, design, simulated)
    assert [row["p"] for row in rows] == p.tolist()
    assert [row["claimed"] for row in rows] == [1, 1, 0, 0]  # uncorrected: a card a region
