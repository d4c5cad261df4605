"""Books planted in a series come back with their shares, beyond baselines; the null is fair; plans follow the record's law."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

import giblet_core as gc
from giblet_core import features as F
from giblet_core.artifacts import InputError
from giblet_core.cli import main
from giblet_core.codes import Codes
from giblet_core.components import recover, remaining, variance_shares
from giblet_core.crosssubject import decode_unseen
from giblet_core.planning import FIGURE, SHARE, plan, reliability
from giblet_core.recovery import CONTROLS, make_rows, make_spaces
from giblet_core.splits import contiguous_folds
from giblet_core.timing import TRGrid

RUNS = (0, 150)


def smooth(rng, *shape):
    return gaussian_filter1d(rng.standard_normal((shape[0] + 40, *shape[1:])), 2, axis=0)[20:-20]


def test_variance_shares_recover_planted_shares_and_leave_absent_spaces_at_nothing(rng):
    spaces = [rng.standard_normal((500, 6)) for _ in range(3)]
    weights = rng.standard_normal((6, 40))
    y = np.sqrt(0.3) * spaces[0] @ (weights / np.linalg.norm(weights, axis=0)) + np.sqrt(0.7) * rng.standard_normal((500, 40))
    shares = variance_shares(spaces, y - y.mean(0), 80)
    np.testing.assert_allclose(shares.sum(0), 1)
    np.testing.assert_allclose(shares.mean(1), [0.3, 0, 0, 0.7], atol=0.04)


def test_variance_shares_have_the_highest_likelihood(rng):
    z = rng.standard_normal((80, 3))
    y = (z @ rng.standard_normal((3, 1)) + rng.standard_normal((80, 1)))
    y /= np.sqrt((y**2).mean())
    k = z @ z.T * len(z) / np.linalg.norm(z) ** 2

    def likelihood(share):
        v = share * k + (1 - share) * np.eye(80)
        scale = (y.T @ np.linalg.solve(v, y)).item() / 80  # the best scale for this share
        return -80 * np.log(scale) - np.linalg.slogdet(v)[1]

    grid = np.linspace(0.01, 0.99, 99)
    assert variance_shares([z], y, 500)[0, 0] == pytest.approx(grid[np.argmax([likelihood(s) for s in grid])], abs=0.011)


def test_nothing_of_baselines_drift_or_run_means_remains(rng):
    base = smooth(rng, 300, 4)
    left = remaining(base, 1.5, RUNS)
    np.testing.assert_allclose(left @ left.T, np.eye(len(left)), atol=1e-9)
    assert np.abs(left @ (base - base.mean(0))).max() < 1e-8
    assert np.abs(left @ (np.arange(300) >= 150)).max() < 1e-8


def test_recover_finds_the_planted_book_beyond_a_baseline_that_it_resembles_and_claims_nothing_for_the_baseline_alone(rng):
    base = smooth(rng, 300, 2)
    books = [smooth(rng, 300, 3) + 0.5 * base[:, :1] for _ in range(3)]
    own = books[1] @ np.ones((3, 1))
    noise = 1.5 * smooth(rng, 300, 21) * base.std() * 2
    y = np.column_stack([own + base[:, :1] * 3, np.tile(base[:, :1] * 3, 20)]) + noise
    found = recover(books, base, y, t_r=1.5, run_onsets=RUNS, n_draws=200)
    assert found.shares[:, 0].argmax() == 1
    assert found.null.p[0] == found.null.p_floor
    assert (found.null.p[1:] <= 0.05).sum() <= 4  # of 20; more than 4 in one of 400 seeds


def test_the_null_of_the_books_is_fair_for_series_of_any_smoothness(rng):
    base, books = smooth(rng, 300, 3), [smooth(rng, 300, 3) for _ in range(2)]
    rough, slow = rng.standard_normal((300, 150)), gaussian_filter1d(rng.standard_normal((300, 150)), 3, axis=0)
    p = recover(books, base, np.column_stack([rough, slow]), t_r=1.5, run_onsets=RUNS, n_draws=200).null.p
    assert 0.01 <= (p[:150] <= 0.05).mean() <= 0.12
    assert 0.01 <= (p[150:] <= 0.05).mean() <= 0.12


def test_slow_directions_are_the_principal_ones_of_the_means(rng):
    means = 0.1 * rng.standard_normal((50, 5)) + 2 + np.sin(np.arange(50) / 2)[:, None] * np.array([0, 0, 3, 0, 0])
    directions = F.slow_directions(means, 2)
    np.testing.assert_allclose(directions @ directions.T, np.eye(2), atol=1e-9)
    assert abs(directions[0, 2]) > 0.95


def test_what_is_decoded_and_weighed_in_a_fold_knows_nothing_of_its_held_out_sound(rng):
    grids, folds = [TRGrid(1.5, 100), TRGrid(1.5, 100, 150.0)], contiguous_folds(200, 4, 10, (0, 100))
    codec = SimpleNamespace(sha256="f" * 64, codebooks=rng.standard_normal((2, 16, 12)), sample_rate=24_000)
    codes = Codes(rng.integers(0, 16, (2, 22_500)).astype(np.uint16), 24_000, 75.0, 22_500 * 320, 1.5, "fake", codec.sha256)
    wave, other = rng.standard_normal(22_500 * 320).astype(np.float32) / 9, codes.indices.copy()
    test = folds[1][1]  # the end of the first run: what came before it is training time and cannot have heard it
    other[:, int(test[0] * 112.5) : int((test[-1] + 1) * 112.5)] = rng.integers(0, 2, (2, 1))
    heard = [SimpleNamespace(codec=codec, codes=c, wave=wave, annotation=None) for c in (codes, codes.with_indices(other))]
    before, after = (make_spaces(stimulus, grids, folds, (0, 100)).values(folds)[:, : test[0]] for stimulus in heard)
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)  # rounding of the FFT
    assert np.abs(after[[0, 2, 3]] - before[[0, 2, 3]]).max(axis=(1, 2)).min() > 1e-2  # these folds learn from it


def test_an_unseen_listener_is_decoded_through_the_shared_response_and_test_time_stays_unseen(rng):
    heard, folds = smooth(rng, 200, 3), contiguous_folds(200, 4, 10)
    bold = [heard @ rng.standard_normal((3, 12)) + 0.3 * rng.standard_normal((200, 12)) * heard.std() for _ in range(4)]
    timing = {"run_onsets": (0,), "embargo": 10}
    found = decode_unseen(bold, 2, heard, folds, [1.0, 10.0], k=3, **timing)
    assert found.r.min() > 0.7
    other = heard.copy()
    other[folds[0][1]] = 9.0
    again = decode_unseen(bold, 2, other + 0 * heard, folds[:1], [1.0, 10.0], k=3, **timing)
    np.testing.assert_allclose(again.predictions[folds[0][1]], found.predictions[folds[0][1]], atol=1e-4)


def record(law=(0.015, 1.0, 0.7)):
    a, b, c = law
    cells = [(n, s, i) for n in (200, 400, 800) for s in (2, 4, 8) for i in (0.15, 0.29)]
    z = [a * n**b * reliability(i, 8, s) ** c for n, s, i in cells]
    from scipy.stats import norm

    return [{"figure": SHARE, "value": 0.27}, *({"figure": FIGURE, "n_trs": n, "n_subjects": s, "isc": i, "z": one,
                                                 "value": float(norm.cdf(2 * np.log(one / 4)))} for (n, s, i), one in zip(cells, z))]


def test_a_plan_inverts_the_law_of_its_record():
    rows = record()
    z = 0.015 * 800 * reliability(0.29, 8) ** 0.7
    needed = 4 * np.exp(0.8416 / 2)  # where the probit line reaches 80 %
    found = plan(rows, 800, 8, 0.29)
    assert found.effect == pytest.approx(0.27 * needed / z, rel=0.02)
    assert found.inside
    assert plan(rows, 400, 8, 0.29).effect == pytest.approx(2 * found.effect, rel=0.02)
    assert plan(rows, 800, 16, 0.35).effect < found.effect < plan(rows, 800, 4, 0.2).effect
    assert "beyond" in str(plan(rows, 4000, 8, 0.29))


def test_a_plan_without_a_record_or_out_of_range_is_refused():
    with pytest.raises(InputError, match="too few sizes"):
        plan([], 800, 8, 0.29)
    with pytest.raises(InputError, match="n_subjects=1"):
        plan(record(), 800, 1, 0.29)


def test_the_command_plans_from_the_record_of_the_book(capsys):
    assert main(["plan", "--subjects", "8", "--trs", "800", "--isc", "0.29"]) == 0
    assert "8 subjects, 800 TRs" in capsys.readouterr().out


@pytest.mark.slow
def test_small_worlds_go_through_the_whole_recovery():
    stimulus = gc.ensure_stimulus(smoke=True)
    rows = make_rows(stimulus, seeds=(1, 2, 3), sizes=((88, 8, 0.29),), n_draws=20)
    figures = {row["figure"] for row in rows}
    assert {"AUC of book recovery", SHARE, FIGURE, "gain in book regions", *(f"claims in {kind} regions" for kind in CONTROLS)} <= figures
