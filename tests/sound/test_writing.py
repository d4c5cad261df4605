"""Writing sound: whole or not at all, clipped only when asked."""

import numpy as np
import pytest
from fake_sounds import RATE, peak_hz, tone

from giblet_core.errors import InputError
from giblet_core.sound import audio_info, load_audio, save_audio
from giblet_core.sound.writing import FORMATS


@pytest.mark.parametrize("suffix", list(FORMATS))
def test_every_format_keeps_length_and_tone(tmp_path, suffix):
    path = save_audio(tmp_path / f"a{suffix}", tone(440, 1.0, RATE), RATE)
    assert audio_info(path).n_channels == 1
    back = load_audio(path, RATE)
    assert len(back) == RATE
    assert abs(peak_hz(back, RATE) - 440) <= 1


def test_saving_refuses_clipping_unless_asked(tmp_path):
    wave = tone(440, 0.1, RATE, level=1.5)
    with pytest.raises(InputError, match="pass clip=True"):
        save_audio(tmp_path / "a.wav", wave, RATE)
    assert not list(tmp_path.iterdir())
    save_audio(tmp_path / "a.flac", wave, RATE, clip=True)
    assert np.abs(load_audio(tmp_path / "a.flac", RATE) - np.clip(wave, -1, 1)).max() < 1e-4


def test_saving_refuses_other_formats(tmp_path):
    with pytest.raises(InputError, match="suffix must be one of"):
        save_audio(tmp_path / "a.xyz", tone(440, 0.1, RATE), RATE)
