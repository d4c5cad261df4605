"""The legacy path: mel and Griffin-Lim."""

import numpy as np
import pytest

from giblet_core.codecs import MelCodec
from giblet_core.errors import InputError


def chord(rate=22_050, seconds=1.0):
    t = np.arange(int(rate * seconds)) / rate
    return sum(0.2 * np.sin(2 * np.pi * f * t) for f in (220, 440, 660)).astype(np.float32)


def test_griffin_lim_returns_a_sound_of_the_same_spectrogram():
    wave = chord()
    codec = MelCodec()
    back = codec.decode(codec.encode(wave), len(wave))
    assert back.shape == wave.shape
    peaks = [np.argmax(np.abs(np.fft.rfft(x * np.hanning(len(x))))) for x in (wave, back)]
    assert abs(peaks[0] - peaks[1]) <= 3
    loud = codec.encode(wave) > codec.encode(wave).max() - 30
    assert np.abs(codec.encode(back) - codec.encode(wave))[loud].mean() < 4  # dB


def test_the_phase_is_guessed_so_the_waveform_is_not_the_original():
    wave = chord()
    codec = MelCodec()
    back = codec.decode(codec.encode(wave), len(wave))
    assert abs(np.corrcoef(wave, back)[0, 1]) < 0.95


def test_the_guess_is_seeded():
    mel = MelCodec().encode(chord(seconds=0.3))
    a, b, c = (MelCodec().decode(mel, 6000, n_iter=3, seed=s) for s in (0, 0, 1))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_a_spectrogram_of_other_settings_is_refused():
    with pytest.raises(InputError, match=r"must be finite dB of shape \(128, n_frames\)"):
        MelCodec().decode(np.zeros((80, 10)))
