"""Spectra against their definition."""

import numpy as np
import pytest
import torch
from transformers.audio_utils import mel_filter_bank

from giblet_core.sound import log_mel, mel_filters, stft


def chord(rate=22_050, seconds=1.0):
    times_s = np.arange(int(rate * seconds)) / rate
    parts = [0.2 * np.sin(2 * np.pi * hz * times_s) for hz in (220, 440, 660)]
    return sum(parts).astype(np.float32)


def test_the_spectrogram_equals_its_definition():
    wave = chord()
    mel = log_mel(wave, 22_050)
    assert mel.shape == (128, 1 + 22_050 // 256)
    frame = wave[256 * 40 - 1024 : 256 * 40 + 1024] * np.hanning(2049)[:-1]
    power = np.abs(np.fft.rfft(frame)) ** 2
    filters = mel_filter_bank(1025, 128, 0, 11_025, 22_050, norm="slaney", mel_scale="slaney")
    expected = 10 * np.log10(np.maximum(filters.T @ power, 1e-10))
    loud = expected > expected.max() - 90  # below, single precision ends
    assert loud.sum() > 20
    assert np.allclose(mel[loud, 40], expected[loud], atol=0.02)


def test_silence_is_the_floor():
    mel = log_mel(np.zeros(5000, np.float32), 22_050)
    np.testing.assert_allclose(mel, -100.0, rtol=1e-6)  # single precision: log10 differs by CPU


@pytest.mark.parametrize("n_mels", [128, 2048])
def test_every_filter_hears_something(n_mels):
    assert (mel_filters(22_050, n_mels, 2048).sum(0) > 0).all()


def test_the_transform_of_a_frame_is_its_fourier_transform():
    wave = chord()
    spectrum = stft(torch.from_numpy(wave), 512, 128).numpy()
    assert spectrum.shape == (257, 1 + len(wave) // 128)
    frame = wave[128 * 20 - 256 : 128 * 20 + 256] * np.hanning(513)[:-1]
    assert np.allclose(spectrum[:, 20], np.fft.rfft(frame), atol=1e-4)
