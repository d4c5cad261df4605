"""Features are exact in time, causal, blind to the names of codes, and say what they claim to say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor

from giblet_core import features as F
from giblet_core.codecs import Codes
from giblet_core.errors import InputError
from giblet_core.features import modulation_power, pooled
from giblet_core.metrics import loudness_lufs
from giblet_core.timing import TRGrid

RATE = 75.0
RUNS = (TRGrid(1.5, 40, 0.0), TRGrid(1.5, 30, 66.0))


@pytest.fixture
def codec(rng):
    """Three small codebooks: all that features ask of a codec."""
    return SimpleNamespace(
        id="fake",
        sha256="f" * 64,
        codebooks=rng.standard_normal((3, 16, 6)).astype(np.float32),
        cardinality=16,
    )


@pytest.fixture
def codes(rng, codec):
    indices = rng.integers(0, 16, (3, 9000)).astype(np.uint16)
    return Codes(indices, 24_000, RATE, 9000 * 320, 2.25, codec.id, codec.sha256)


def relabelled(codec, codes, rng):
    """Permute the entries of each codebook together with the codes that name them."""
    codebooks, indices = codec.codebooks.copy(), codes.indices.copy()
    for k in range(3):
        order = rng.permutation(16)
        codebooks[k], indices[k] = codebooks[k][order], np.argsort(order)[codes.indices[k]]
    return SimpleNamespace(**{**vars(codec), "codebooks": codebooks}), replace(
        codes, indices=indices
    )


@pytest.mark.parametrize(
    "make", [F.codebook_features, F.summed_features, F.histogram_features, F.surprisal_features]
)
def test_renaming_the_entries_of_a_book_changes_no_bit(codec, codes, rng, make):
    other, renamed = relabelled(codec, codes, rng)
    assert not np.array_equal(renamed.indices, codes.indices)
    a, b = make(codec, codes, RUNS), make(other, renamed, RUNS)
    for x, y in zip(*(s if isinstance(s, tuple) else (s,) for s in (a, b))):
        assert np.array_equal(x.values, y.values)


def test_means_without_response_are_the_means_of_the_exact_frames(codec, codes):
    grid = TRGrid(1.5, 60, 0.5)
    space = F.codebook_features(codec, codes, grid, [1], ("mean",), None)[0]
    edges, z = grid.frame_edges(RATE), codec.codebooks[1][codes.indices[1]]
    expected = [z[a:b].mean(0) for a, b in zip(edges[:-1], edges[1:])]
    np.testing.assert_allclose(space.values, expected, atol=1e-6)
    assert space.name == "codebook 1"


def test_sd_without_response_is_the_sd_of_the_exact_frames(codec, codes):
    grid = TRGrid(0.72, 50, 0.0)
    values = F.codebook_features(codec, codes, grid, [0], ("sd",), None)[0].values
    edges, z = grid.frame_edges(RATE), codec.codebooks[0][codes.indices[0]]
    np.testing.assert_allclose(
        values, [z[a:b].std(0) for a, b in zip(edges[:-1], edges[1:])], atol=1e-6
    )


def test_the_books_means_sum_to_the_mean_of_the_sum(codec, codes):
    codebooks = F.codebook_features(codec, codes, RUNS, pool=("mean",))
    np.testing.assert_allclose(
        sum(b.values for b in codebooks),
        F.summed_features(codec, codes, RUNS, ("mean",)).values,
        atol=1e-5,
    )


@pytest.mark.parametrize("rate_hz", [2.9, 5.7, 11.0])
def test_modulation_energy_lands_in_the_band_of_a_tone(rate_hz):
    t = np.arange(6000) / RATE
    energy = pooled(
        np.sin(2 * np.pi * rate_hz * t)[None], RATE, TRGrid(1.5, 50), ("modulation",), None
    )[10:].mean(0)
    own = {2.9: 0, 5.7: 1, 11.0: 2}[rate_hz]
    np.testing.assert_allclose(energy[own], np.sqrt(0.5), atol=0.03)
    assert (np.delete(energy, own) < 0.3 * energy[own]).all()


def test_modulation_power_of_a_constant_is_zero_from_the_first_frame():
    np.testing.assert_allclose(
        modulation_power(np.full((1, 200), 5.0), RATE, (2, 4)), 0, atol=1e-20
    )


@pytest.mark.parametrize("kind", ["mean", "sd", "modulation"])
@pytest.mark.parametrize("hrf", [None, "glover"])
def test_features_of_a_prefix_are_the_prefix_of_the_features(rng, kind, hrf):
    x = rng.standard_normal((2, 6000))
    whole = pooled(x, RATE, TRGrid(1.5, 50), (kind,), hrf)
    changed = x.copy()
    changed[:, 3375:] = 3 * changed[:, 3375:] + 100  # from second 45, TR 30
    np.testing.assert_allclose(
        pooled(changed, RATE, TRGrid(1.5, 50), (kind,), hrf)[:30], whole[:30], atol=1e-5
    )
    assert not np.allclose(
        pooled(changed, RATE, TRGrid(1.5, 50), (kind,), hrf)[30:], whole[30:], atol=1e-2
    )


def test_a_run_knows_nothing_of_the_run_before(rng):
    x = rng.standard_normal((2, 9000))
    apart = np.concatenate([pooled(x, RATE, grid) for grid in RUNS])
    assert np.array_equal(pooled(x, RATE, RUNS), apart)
    changed = x.copy()
    changed[:, : int(60 * RATE)] += 3
    assert np.array_equal(pooled(changed, RATE, RUNS)[40:], apart[40:])


@pytest.mark.parametrize("t_r", [0.72, 1.5, 2.0])
def test_an_event_gives_nilearns_regressor_with_nothing_before_it(t_r):
    x = np.zeros((1, 7500))
    x[0, int(30 * RATE) : int(33 * RATE)] = 1
    grid = TRGrid(t_r, int(90 / t_r))
    ours = pooled(x, RATE, grid, ("mean",))[:, 0]
    expected = compute_regressor(
        np.array([[30.0], [3.0], [1.0]]), "glover", grid.times(), oversampling=50
    )[0][:, 0]
    assert np.corrcoef(ours, expected)[0, 1] > 0.999
    np.testing.assert_allclose(ours[grid.times() < 30], 0, atol=1e-8)
    assert 35 < grid.times()[ours.argmax()] < 39


def test_history_heard_before_the_run_is_carried_into_it(rng):
    x = rng.standard_normal((1, 9000))
    whole = pooled(x, RATE, TRGrid(2.0, 55), history_s=0.0)
    later = pooled(x, RATE, TRGrid(2.0, 45, 20.0), history_s=20.0)
    np.testing.assert_allclose(later, whole[10:], atol=1e-6)
    with pytest.raises(InputError, match="whole number of TRs"):
        pooled(x, RATE, TRGrid(2.0, 45, 20.0), history_s=3.0)


def test_sound_that_does_not_change_gives_no_onset_transient():
    np.testing.assert_allclose(pooled(np.full((1, 6000), 7.0), RATE, TRGrid(1.5, 50)), 0, atol=1e-9)


def test_histogram_counts_each_vector_in_each_tr(codec, codes):
    grid = TRGrid(2.0, 30)
    values = F.histogram_features(codec, codes, grid, [2], None)[0].values
    np.testing.assert_allclose(values.sum(1), 1, atol=1e-6)
    order = np.lexsort(codec.codebooks[2].T[::-1])
    np.testing.assert_allclose(
        values[3] * 150, np.bincount(codes.indices[2, 450:600], minlength=16)[order], atol=1e-3
    )


def test_surprisal_equals_counting_by_hand():
    indices = np.array([[3, 3, 1, 3, 0, 1]])
    seen = [0, 1, 0, 2, 0, 1]
    np.testing.assert_allclose(
        F.code_surprisal(indices, 4)[0], [-np.log2((s + 1) / (t + 4)) for t, s in enumerate(seen)]
    )


def test_frequent_codes_surprise_less_than_rare_ones(rng):
    indices = np.where(rng.random((1, 5000)) < 0.9, 0, rng.integers(1, 64, (1, 5000)))
    bits = F.code_surprisal(indices, 64)[0, 2000:]
    assert bits[indices[0, 2000:] == 0].mean() < 1 < 6 < bits[indices[0, 2000:] > 0].mean()


def test_loudness_of_steady_noise_equals_the_meter(rng):
    noise = 0.1 * rng.standard_normal(10 * 24_000).astype(np.float32)
    track = F.momentary_loudness(noise, 24_000)[0]
    np.testing.assert_allclose(track[100:].mean(), loudness_lufs(noise, 24_000), atol=0.2)
    assert (F.momentary_loudness(np.zeros(24_000, np.float32), 24_000) == -70).all()


def test_loudness_knows_only_the_last_400_ms(rng):
    wave = np.zeros(48_000, np.float32)
    wave[24_000:26_400] = 0.1 * rng.standard_normal(2400)
    track = F.momentary_loudness(wave, 24_000)[0]
    assert (track[:100] == -70).all()
    assert (track[100:148] > -60).all()
    assert track[155] == -70


def test_envelope_is_the_rms_of_10_ms():
    wave = np.repeat([0.5, 0.0, 0.25], 240).astype(np.float32)
    np.testing.assert_allclose(F.envelope(wave, 24_000)[0], [0.5, 0, 0.25])


class Words:
    """An annotation of two words and speech from 1 to 3 s."""

    words = (SimpleNamespace(start_s=1.0), SimpleNamespace(start_s=2.5))

    def active(self, kind, times_s):
        assert kind == "speech"
        return (times_s >= 1) & (times_s < 3)


def test_speech_presence_and_word_rate_count_in_their_trs(rng):
    wave = 0.01 * rng.standard_normal(24_000 * 60).astype(np.float32)
    spaces = F.baseline_features(wave, 24_000, TRGrid(2.0, 30), annotation=Words(), hrf=None)
    np.testing.assert_allclose(
        spaces["speech"].values[:3], [[0.5, 0.5], [0.5, 0.5], [0, 0]], atol=1e-6
    )
    assert {name: space.values.shape[1] for name, space in spaces.items()} == {
        "envelope": 10,
        "loudness": 2,
        "mel": 640,
        "speech": 2,
        "time": 2,
    }
    assert all(np.isfinite(space.values).all() for space in spaces.values())


def test_baselines_cover_the_last_tr_of_a_sound_that_is_no_multiple_of_10_ms():
    wave = np.ones(24_000 * 60 - 100, np.float32) / 10
    space = F.baseline_features(
        np.append(wave, wave[:100]), 24_000, TRGrid(1.5, 40), ("envelope",)
    )["envelope"]
    assert space.values.shape == (40, 10)


def test_previous_tr_is_the_row_before_in_the_same_run():
    x = np.arange(6.0)[:, None]
    assert np.array_equal(F.previous_tr(x, (0, 3)).values[:, 0], [0, 0, 1, 0, 3, 4])


def test_random_codec_is_seeded_differs_by_seed_and_varies_with_the_sound(demo_codec, rng):
    wave = (0.1 * rng.standard_normal(24_000 * 12) * np.repeat(rng.random(12), 24_000)).astype(
        np.float32
    )
    grid = TRGrid(1.5, 8)
    a, b, c = (
        F.random_codec_features(demo_codec, wave, grid, ("mean", "sd"), None, seed=s).values
        for s in (0, 0, 1)
    )
    assert np.array_equal(a, b)
    assert not np.allclose(a, c)
    assert (a.std(0) > 1e-3).mean() > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda c, k: F.codebook_features(
                SimpleNamespace(**{**vars(c), "sha256": "0" * 64}), k, RUNS
            ),
            "other weights",
        ),
        (
            lambda c, k: F.codebook_features(c, k, RUNS, pool=("median",)),
            "must be some of mean, sd, modulation",
        ),
        (lambda c, k: F.codebook_features(c, k, TRGrid(1.5, 900)), "Use n_trs=80"),
        (lambda c, k: pooled(k.indices, RATE, RUNS), "labels"),
        (lambda c, k: pooled(np.zeros((1, 900)), 10.0, TRGrid(1.5, 5)), "rate_hz=10.0"),
        (
            lambda c, k: F.baseline_features(np.zeros(48_000), 24_000, TRGrid(1.0, 2), ("speech",)),
            "needs annotation",
        ),
        (
            lambda c, k: F.baseline_features(np.zeros(48_000), 22_050, TRGrid(1.0, 2)),
            "multiple of 100 Hz",
        ),
        (lambda c, k: F.FeatureSpace("x", np.zeros((3, 2)), ("a",)), "one name a column"),
    ],
)
def test_wrong_input_is_refused_with_the_remedy(codec, codes, call, message):
    with pytest.raises(InputError, match=message):
        call(codec, codes)
