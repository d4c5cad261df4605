"""The haemodynamic response: causal, where nilearn puts it, inside runs."""

import numpy as np
import pytest
from nilearn.glm.first_level import compute_regressor

from giblet_core.errors import InputError
from giblet_core.timing import hrf


def impulse(second, seconds=225, rate=75):
    x = np.zeros((seconds * rate, 1))
    x[int(second * rate)] = 1.0
    return x


@pytest.mark.parametrize("model", hrf.MODELS)
def test_nothing_answers_before_the_impulse(model):
    y = hrf.convolve(impulse(75.0), 75, 1.5, model=model)[:, 0]
    assert np.abs(y[:51]).max() < 1e-12 * y.max()  # TR 50 begins at the impulse itself
    assert y[51:56].min() > 0
    assert abs(np.argmax(y) * 1.5 - 75 - 5.0) <= 1.0


def test_the_kernel_peaks_at_five_seconds_and_sums_to_one():
    for dt in (0.1, 0.02, 1 / 75):
        h = hrf.kernel("glover", dt)
        assert abs(np.argmax(h) * dt - 5.0) < 0.2
        assert h.sum() == pytest.approx(1.0)
        assert h[0] == 0
    assert abs(np.argmax(hrf.kernel("glover", 0.02, peak_s=6.5)) * 0.02 - 6.5) < 0.05


def test_a_coarse_kernel_is_refused():
    with pytest.raises(InputError, match="dt_s=1.5"):
        hrf.kernel("glover", 1.5)


@pytest.mark.parametrize("model", hrf.MODELS)
def test_the_regressor_equals_nilearns(model, rng):
    onsets = np.sort(rng.uniform(5, 260, 40))
    frame_times = np.arange(200) * 1.5
    reference, _ = compute_regressor(
        np.stack([onsets, np.full(40, 0.5), np.ones(40)]), model, frame_times, oversampling=50
    )
    x = np.zeros((300 * 75, 1))
    for onset in onsets:
        x[int(onset * 75) : int((onset + 0.5) * 75)] += 1
    y = hrf.convolve(x, 75, 1.5, model=model)
    assert np.corrcoef(reference[:, 0], y[:, 0])[0, 1] > 0.999


def test_the_output_on_a_prefix_is_the_prefix_of_the_output(rng):
    x = rng.standard_normal((75 * 90, 3))
    whole = hrf.convolve(x, 75, 1.5)
    part = hrf.convolve(x[: 75 * 45], 75, 1.5)
    assert np.allclose(part, whole[: len(part)], atol=1e-12)


def test_convolution_is_linear_and_shift_invariant(rng):
    x = rng.standard_normal((75 * 60, 2))
    late = np.concatenate([np.zeros((75 * 15, 2)), x[: -75 * 15]])
    assert np.allclose(hrf.convolve(late, 75, 1.5)[10:], hrf.convolve(x, 75, 1.5)[:-10], atol=1e-12)
    assert np.allclose(
        hrf.convolve(2 * x + late, 75, 1.5),
        2 * hrf.convolve(x, 75, 1.5) + hrf.convolve(late, 75, 1.5),
        atol=1e-12,
    )


def test_a_slow_signal_is_held_not_undersampled():
    slow = np.zeros((150, 1))
    slow[50] = 1.0  # one value a TR of 1.5 s
    fast = np.repeat(slow, 112, axis=0)
    from_slow = hrf.convolve(slow, 1 / 1.5, 1.5)[:, 0]
    from_fast = hrf.convolve(fast, 112 / 1.5, 1.5, n_trs=150)[:, 0]
    assert np.corrcoef(from_slow, from_fast)[0, 1] > 0.999


def test_latents_of_12_5_frames_a_second_answer_as_those_of_75(rng):
    slow = rng.standard_normal((12 * 100, 1))
    fast = np.repeat(slow, 6, axis=0)
    from_slow = hrf.convolve(slow, 12.5, 1.5, n_trs=60)[:, 0]
    from_fast = hrf.convolve(fast, 75.0, 1.5, n_trs=60)[:, 0]
    assert np.corrcoef(from_slow, from_fast)[0, 1] > 0.999
    assert from_slow.std() == pytest.approx(from_fast.std(), rel=0.02)


def test_the_sample_moves_with_slice_time_ref():
    x = impulse(75.0)
    fine = hrf.convolve(x, 75, 0.75)
    assert np.allclose(hrf.convolve(x, 75, 1.5, slice_time_ref=0.5)[:, 0], fine[1::2, 0])


def test_onset_moves_the_grid():
    x = impulse(75.0)
    assert np.allclose(
        hrf.convolve(x, 75, 1.5, onset_s=30.0)[:, 0], hrf.convolve(x, 75, 1.5)[20:, 0]
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((750, 2), int), "integer codes are labels"),
        (np.zeros(750), "must be"),
        (np.full((750, 1), np.nan), "750 values are NaN"),
    ],
)
def test_bad_input_is_refused(x, message):
    with pytest.raises(InputError, match=message):
        hrf.convolve(x, 75, 1.5)


def test_no_trs_are_refused_and_not_taken_for_all():
    with pytest.raises(InputError, match="n_trs=0: must be a whole number of at least 1"):
        hrf.convolve(np.zeros((750, 1)), 75, 1.5, n_trs=0)


def test_unknown_models_and_too_many_trs_are_refused():
    with pytest.raises(InputError, match="model='gamma'"):
        hrf.convolve(np.zeros((750, 1)), 75, 1.5, model="gamma")
    with pytest.raises(InputError, match="must not be longer than the sound"):
        hrf.convolve(np.zeros((750, 1)), 75, 1.5, n_trs=7)


def test_delays_never_cross_a_run(rng):
    x = rng.standard_normal((20, 2))
    y = hrf.fir(x, delays=(0, 1, 3), run_onsets=(0, 8)).reshape(20, 3, 2)
    assert np.array_equal(y[:, 0], x)
    assert np.array_equal(y[1:8, 1], x[:7])
    assert np.array_equal(y[11:, 2], x[8:17])
    assert not y[8:11, 2].any()
    assert not y[8, 1].any()


def test_the_future_is_refused_as_a_delay():
    with pytest.raises(InputError, match="negative delay would look into the future"):
        hrf.fir(np.zeros((5, 1)), delays=(-1, 0))


def test_the_seeds_recipe_returns_labels_of_nothing(rng):
    codes = rng.integers(0, 1024, (75 * 120, 2))
    smooth = hrf.round_after_hrf(codes, 75, 1.5, 1024)
    assert smooth.dtype == np.int32
    assert smooth[20:].std() < 0.1 * codes.std()  # averages of labels crowd in the middle
    assert abs(smooth[20:].mean() - 511.5) < 30
    shuffled = rng.permutation(1024)
    relabelled = hrf.round_after_hrf(shuffled[codes], 75, 1.5, 1024)
    assert (
        abs(np.corrcoef(relabelled[20:, 0], smooth[20:, 0])[0, 1]) < 0.5
    )  # it depends on how the entries are numbered
