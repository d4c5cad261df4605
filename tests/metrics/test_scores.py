"""Single metrics against closed forms and the reference package."""

import numpy as np
import pystoi
import pytest
import scipy.signal
from fake_sounds import RATE
from transformers.audio_utils import mel_filter_bank

from giblet_core import metrics
from giblet_core.errors import MetricError


@pytest.mark.parametrize("gain", [0.1, 1.0, -3.0])
def test_si_sdr_equals_the_closed_form_of_orthogonal_noise_at_any_scale(rng, gain):
    reference = rng.standard_normal(5000)
    error = rng.standard_normal(5000)
    error -= (error @ reference) / (reference @ reference) * reference
    error *= np.linalg.norm(reference) / np.linalg.norm(error) * 10 ** (-12.5 / 20)
    degraded = gain * (reference + error)
    assert metrics.si_sdr(reference, degraded) == pytest.approx(12.5, abs=1e-9)
    assert metrics.si_sdr(reference, 2 * reference) == np.inf


def test_log_mel_distance_of_a_gain_is_that_gain(rng):
    noise = rng.standard_normal(RATE)
    expected = 20 * np.log10(2)
    assert metrics.log_mel_distance(noise, noise * 0.5, RATE) == pytest.approx(expected, abs=1e-9)
    assert metrics.log_mel_distance(noise, noise, RATE) == 0


def test_log_mel_distance_in_blocks_equals_one_spectrogram(rng):
    rate = 8000
    sounds = rng.standard_normal((2, 60 * rate))  # 6000 frames: two blocks
    hann = scipy.signal.windows.hann(256, sym=False)
    stft = scipy.signal.ShortTimeFFT(hann, 80, rate, mfft=256)
    bank = mel_filter_bank(129, 80, 0.0, 4000.0, rate, norm="slaney", mel_scale="slaney").T
    mel_a, mel_b = (bank @ stft.spectrogram(wave) for wave in sounds)
    floor = mel_a.max() * 1e-8
    delta = 10 * np.log10(np.maximum(mel_a, floor)) - 10 * np.log10(np.maximum(mel_b, floor))
    expected = np.sqrt((delta**2).mean(0)).mean()
    assert metrics.log_mel_distance(*sounds, rate) == pytest.approx(expected, rel=1e-12)


def test_stoi_equals_pystoi(voice, noisy):
    expected = pystoi.stoi(voice.astype(float), noisy.astype(float), RATE)
    assert metrics.stoi(voice, noisy, RATE) == expected


def test_too_little_speech_for_stoi_is_a_reason_not_a_number(voice):
    piece = voice[: RATE // 5]
    with pytest.raises(MetricError, match="too little speech"):
        metrics.stoi(piece, piece, RATE)
    q = metrics.quality(voice[:RATE], voice[:RATE], RATE)
    assert np.isnan(q.stoi)
    assert "no speech segment" in q.reasons["stoi"]


def test_a_sound_shorter_than_a_window_has_no_log_mel_distance():
    with pytest.raises(MetricError, match="shorter than one window"):
        metrics.log_mel_distance(np.ones(100), np.ones(100), RATE)
