"""All maps together: planted voxels are found in each subject and over subjects."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from derivatives_material import N_TRS, planted, smooth
from scipy.stats import false_discovery_control

from giblet_core.derivatives import map_settings, voxel_maps
from giblet_core.derivatives.statistics import (
    MapKey,
    fit_models,
    fit_subjects,
    fitting,
    voxel_model,
)
from giblet_core.encoding import ceiling, fdr, noise_ceiling
from giblet_core.errors import InputError
from giblet_core.timing import inner_folds, run_index

N_EACH = 12
CODEBOOK_VOXELS = slice(0, N_EACH)
MEL_VOXELS = slice(N_EACH, 2 * N_EACH)
NOISE_VOXELS = slice(2 * N_EACH, 3 * N_EACH)


def subject(model, seed):
    """One subject: voxels of codebooks, of mel and of noise; all follow one rule of weights."""
    weights = np.random.default_rng(1)
    rng = np.random.default_rng(seed)
    signal = np.concatenate(
        [planted(model, weights, space, N_EACH, share=1.0) for space in ("codebooks", "mel")], 1
    )
    signal = np.concatenate([signal, np.zeros((N_TRS, N_EACH), np.float32)], 1)
    return signal + 0.5 * smooth(rng, N_TRS, 3 * N_EACH)


@pytest.fixture(scope="module")
def found(model):
    few = replace(model, settings=replace(model.settings, n_draws=99))
    return voxel_maps(few, {f"{s}": subject(model, 50 + s) for s in range(3)})


def test_planted_codebook_voxels_replicate_in_all_subjects_and_others_do_not(found):
    times = found.group[MapKey("codebooks", "uniquensubj")]
    assert (times[CODEBOOK_VOXELS] >= 2).all()
    assert times[MEL_VOXELS].mean() <= 0.5
    assert times[NOISE_VOXELS].mean() <= 0.5
    followed = found.group[MapKey("full", "nsubj")]
    assert (followed[:24] == 3).mean() >= 0.9
    assert followed[NOISE_VOXELS].mean() <= 0.6


def test_r_of_a_voxel_is_that_of_plain_ridge(model, rng):
    """Nested selection and ridge written out in numpy, with features instead of kernels."""
    y = subject(model, 50)[:, :1].astype(float)
    weights = model.weights(len(model.spaces))
    z_of_folds = []
    for train, test in model.folds:
        features = []
        for x in model.spaces:
            z = (x - x[train].mean(0)) / x[train].std(0)
            features.append(z / np.sqrt(x.shape[1]))
        runs = run_index(N_TRS, model.run_onsets)
        inner = inner_folds(train, runs, 5, model.settings.embargo)
        best_r = -np.inf
        for gamma, alpha in itertools.product(weights, model.settings.alphas):
            X = np.concatenate([np.sqrt(g) * z for g, z in zip(gamma, features)], axis=1)
            r_inner = np.mean([ridge_r(X, y, rows, held, alpha) for rows, held in inner])
            if r_inner > best_r:
                best_r = r_inner
                r_test = ridge_r(X, y, train, test, alpha)
        z_of_folds.append(np.arctanh(r_test))
    r = fit_models(model, y.astype(np.float32)).r["full"]
    assert r[0] == pytest.approx(np.tanh(np.mean(z_of_folds)), abs=1e-4)


def ridge_r(X, y, train, test, alpha):
    """Correlate y of the test rows with its prediction by ridge from the training rows."""
    x_train = X[train] - X[train].mean(0)
    gram = x_train.T @ x_train + alpha * np.eye(X.shape[1])
    coefficients = np.linalg.solve(gram, x_train.T @ (y[train] - y[train].mean(0)))
    return np.corrcoef((X[test] @ coefficients)[:, 0], y[test, 0])[0, 1]


def test_q_is_scipys_and_counts_all_voxels_together(found):
    for maps in (*found.subjects.values(), found.group):
        p = maps[MapKey("full", "p")]
        assert maps[MapKey("full", "q")] == pytest.approx(false_discovery_control(p))
        assert maps[MapKey("codebooks", "uniqueq")] == pytest.approx(
            fdr(maps[MapKey("codebooks", "uniquep")])
        )


def test_ceiling_is_that_of_the_subjects_and_r_is_divided_by_it(found, model):
    series = np.stack([subject(model, 50 + s) for s in range(3)])
    scaled = (series - series.mean(1, keepdims=True)) / series.std(1, keepdims=True)
    top = ceiling(scaled, model.folds)
    assert found.group[MapKey("shared", "ceiling")] == pytest.approx(top.subject, abs=1e-5)
    isc = np.tanh(np.arctanh(noise_ceiling(scaled, model.folds)).mean(0))
    assert found.group[MapKey("shared", "isc")] == pytest.approx(isc, abs=1e-5)
    r = found.subjects["1"][MapKey("full", "r")]
    expected = top.normalise(r, "subject", threshold=0.2)
    assert found.subjects["1"][MapKey("full", "rnorm")] == pytest.approx(
        expected, nan_ok=True, abs=1e-4
    )
    assert any("ceiling of 0.2 or less" in note for note in found.notes)


def test_every_r_lies_inside_its_interval(found):
    for maps in (*found.subjects.values(), found.group):
        models = {key.desc for key in maps if key.stat == "r"}
        assert models == {"codebooks", "envelopeloudness", "mel", "baselines", "full"}
        for desc in models:
            low, r, high = (maps[MapKey(desc, stat)] for stat in ("rlow", "r", "rhigh"))
            assert ((low < r) & (r < high)).all()


def test_the_floors_of_p_are_said(found):
    assert "99 draws of random phases: no p below 0.01" in found.notes[0]
    assert "8 must be there before any q can be at 0.05" in found.notes[0]
    assert "no p over subjects can be below 0.12" in found.notes[1]


def test_one_subject_has_no_ceiling_and_the_reason_is_said(model):
    few = replace(model, settings=replace(model.settings, n_draws=19))
    alone = voxel_maps(few, {"01": subject(model, 50)[:, :6]})
    assert np.isnan(alone.group[MapKey("shared", "ceiling")]).all()
    assert np.isnan(alone.subjects["01"][MapKey("full", "rnorm")]).all()
    assert np.isnan(alone.group[MapKey("full", "psubj")]).all()
    assert alone.group[MapKey("full", "r")] == pytest.approx(
        alone.subjects["01"][MapKey("full", "r")]
    )
    assert "One subject: no ceiling" in alone.notes[1]


def test_a_constant_voxel_is_nan_and_counted_and_changes_no_other(model):
    few = replace(model, settings=replace(model.settings, n_draws=19))
    series = subject(model, 50)[:, 8:14].copy()
    intact = voxel_maps(few, {"01": series})
    series[:, 3] = 7.0
    broken = voxel_maps(few, {"01": series})
    others = [0, 1, 2, 4, 5]
    for key, values in broken.subjects["01"].items():
        assert np.isnan(values[3]), key
        if not key.stat.endswith("q"):
            expected = intact.subjects["01"][key][others]
            assert values[others] == pytest.approx(expected, nan_ok=True, abs=1e-5)
    assert "Subject 01: 1 voxels are constant" in broken.notes[2]


def test_blocks_of_voxels_give_what_all_voxels_at_once_give(model, monkeypatch):
    series = subject(model, 50)
    whole = fit_models(model, series)
    monkeypatch.setattr(fitting, "BLOCK_BYTES", 4 * N_TRS * 7)
    blocks = fit_models(model, series)
    for label in whole.r:
        assert blocks.r[label] == pytest.approx(whole.r[label], abs=1e-6)
        assert blocks.low[label] == pytest.approx(whole.low[label], abs=1e-6)
    for label, chosen in whole.chosen.items():
        assert (blocks.chosen[label].choice == chosen.choice).mean() > 0.99


def test_subjects_side_by_side_are_fitted_as_each_alone(model, monkeypatch):
    """Three of five at once: two blocks, the last of them smaller."""
    series = [subject(model, 60 + s) for s in range(5)]
    monkeypatch.setattr(fitting, "BLOCK_BYTES", 4 * series[0].size * 3)
    for together, one in zip(fit_subjects(model, series), series, strict=True):
        alone = fit_models(model, one)
        for label in alone.r:
            assert together.r[label] == pytest.approx(alone.r[label], abs=1e-6)
            assert together.high[label] == pytest.approx(alone.high[label], abs=1e-6)
            same_choice = together.chosen[label].choice == alone.chosen[label].choice
            assert same_choice.mean() > 0.99


def test_series_of_another_length_and_features_without_a_baseline_are_refused(model):
    with pytest.raises(InputError, match=r"must be \(n_trs=160, n_voxels\)"):
        voxel_maps(model, {"01": np.zeros((90, 3), np.float32)})
    with pytest.raises(InputError, match="must hold codebooks and a baseline"):
        voxel_model({"codebooks": [model.groups["codebooks"]]}, (0,), model.settings)


def test_settings_count_the_embargo_in_seconds_and_refuse_too_few_draws():
    assert map_settings(400, 2, 1.5).embargo == 20
    assert map_settings(400, 2, 0.72).embargo == 42
    assert map_settings(150, 3, 2.0).n_folds == 6
    with pytest.raises(InputError, match="draws=9: must be at least 19"):
        map_settings(400, 1, 1.5, n_draws=9)
