"""Cards credit codebooks with what no baseline holds, and with nothing where level is followed."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.encoding import Design, recover_regions
from giblet_core.features import CodebookForm, FeatureSpace
from giblet_core.regions import explain
from giblet_core.timing import contiguous_folds

N_TRS = 400
RUNS = (200, 200)
N_SERIES = 12


def smooth(rng, n, sigma=2):
    return gaussian_filter1d(rng.standard_normal((N_TRS, n)), sigma, axis=0)


def unit(x):
    return (x - x.mean(0)) / x.std(0)


@pytest.fixture(scope="module")
def card():
    """Two codebooks know the power of the level; the first series follow that, the last codebook 1.

    A weak baseline would hold the level alone.
    """
    rng = np.random.default_rng(0)
    level = smooth(rng, 1)
    power = unit(level**2)
    signed = [np.column_stack([power + 0.5 * smooth(rng, 1), smooth(rng, 7)]) for _ in range(2)]
    energy = [np.column_stack([power, smooth(rng, 9)]) for _ in range(2)]
    Y = unit(gaussian_filter1d(rng.standard_normal((N_TRS, N_SERIES + 1)), 1, axis=0))
    Y[:, :N_SERIES] += 2 * power
    Y[:, N_SERIES] += unit(signed[1][:, 1:].sum(1))

    def form(name, family, spaces):
        return CodebookForm(name, family, tuple(np.repeat(x[None], 3, axis=0) for x in spaces))

    laws = FeatureSpace("envelope", np.column_stack([level, power]), ("level", "power"))
    design = Design(
        means=[],
        base={"envelope": laws},
        t_r=1.5,
        run_n_trs=RUNS,
        forms=(
            form("8 slow directions", "signed", signed),
            form("energy", "energy", [x[:, :6] for x in energy]),
        ),
    )
    groups = {
        "codebooks": signed,
        "codebook energy": energy,
        "level": [laws.values],
        "nuisance": [smooth(rng, 2)],
    }
    recovered = recover_regions(design, Y[None], n_draws=199)
    folds = contiguous_folds(N_TRS, 4, 10, (0, 200))
    return explain(groups, Y, folds, design, recovered, 10)


def test_level_through_a_nonlinearity_is_not_credited_to_codebooks(card):
    codebooks = card.groups.names.index("codebooks")
    p = card.groups.p[codebooks]
    assert (p[:N_SERIES] <= 0.05).sum() <= 3  # of 12; more in one of 50 seeds
    gains = card.groups.value[codebooks, :N_SERIES]
    assert gains.max() < 0.06
    assert gains.mean() < 0.02


def test_a_codebook_beyond_level_is_credited_and_named(card):
    codebooks = card.groups.names.index("codebooks")
    assert card.groups.p[codebooks, N_SERIES] <= 0.01
    assert card.groups.value[codebooks, N_SERIES] > 0.1
    assert card.codebooks.value[1, N_SERIES] > card.codebooks.value[0, N_SERIES] + 0.1
    assert card.codebooks.p[1, N_SERIES] <= 0.01


def test_energy_belongs_to_the_codebooks(card):
    assert card.groups.names == ("codebooks", "level", "nuisance")
    assert list(card.r.columns) == ["codebooks", "level", "nuisance"]
    table = card.groups.table(N_SERIES)
    assert list(table.columns) == [
        "unique",
        "lowest fold",
        "highest fold",
        "share of R2",
        "p (max)",
    ]
    assert (table["lowest fold"] <= table["unique"]).all()
    assert (table["unique"] <= table["highest fold"]).all()
