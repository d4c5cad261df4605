"""Sounds and pictures of a page: what they show, and that files hold the same."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile as sf
from caches import flipped
from PIL import Image

from giblet_core.listening import inline_to_files, media, picture, raster

SR = 24_000
SECOND = np.arange(SR) / SR


def pixels_of(png):
    return np.asarray(Image.open(io.BytesIO(png)))


def test_the_picture_is_small_and_shows_level_and_frequency():
    rising = np.linspace(0, 1, SR, dtype=np.float32)
    high = np.sin(2 * np.pi * 9000 * SECOND).astype(np.float32) * rising
    png = picture(high, SR)
    pixels = pixels_of(png)
    waveform = pixels[: media.WAVEFORM_HEIGHT]
    spectrogram = pixels[media.WAVEFORM_HEIGHT :]
    assert waveform.shape == (20, 320)
    assert spectrogram.shape == (52, 320)
    assert len(png) < 15_000
    assert spectrogram.argmax(0)[-10:].mean() < 52 / 3  # a high tone is near the top
    blue = waveform == 30
    assert blue[:, -5:].sum() > 3 * blue[:, :5].sum()  # and grows louder


@pytest.mark.parametrize("n_samples", [100, 319, 512, 513])
def test_a_sound_shorter_than_a_window_or_than_the_picture_is_drawn_too(n_samples):
    pixels = pixels_of(picture(0.5 * np.ones(n_samples, np.float32), SR))
    assert pixels.shape == (72, 320)
    blue = pixels[:20] == 30
    assert (blue.sum(0) == blue.sum(0)[0]).all()  # as loud everywhere
    assert 8 <= blue.sum(0)[0] <= 10  # half of the height


def test_louder_than_the_peak_shown_fills_the_height():
    tone = np.sin(2 * np.pi * 440 * SECOND).astype(np.float32)
    half_filled = (pixels_of(picture(tone, SR, top_peak=2.0))[:20] == 30).mean()
    filled = (pixels_of(picture(tone, SR, top_peak=1.0))[:20] == 30).mean()
    assert filled == pytest.approx(0.9, abs=0.01)
    assert half_filled == pytest.approx(0.45, abs=0.051)  # 8 to 10 of 20 rows


def test_a_brighter_top_darkens_the_spectrogram():
    noise = np.random.default_rng(0).standard_normal(SR).astype(np.float32)
    own = pixels_of(picture(noise, SR))[20:]
    darker = pixels_of(picture(noise, SR, top_db=60.0))[20:]
    assert own.max() == 29
    assert darker.mean() < own.mean()


def test_the_raster_pales_codebooks_that_are_off_and_shades_entries_without_order(demo_codec):
    wave = 0.1 * np.random.default_rng(0).standard_normal(SR).astype(np.float32)
    codes = demo_codec.encode(wave, 6.0)
    pixels = pixels_of(raster(codes, [0, 2]))
    assert pixels.shape == (8 * codes.num_codebooks, 320)
    assert (pixels[9:16] == 225).all()
    assert (pixels[::8] == 255).all()
    assert np.ptp(pixels[1:8].astype(int)) > 0
    shades_of_entries = dict(zip(codes.indices[0, [0, -1]], pixels[4, [0, -1]]))
    for entry, shade in shades_of_entries.items():
        assert shade == int(entry) * 2654435761 % 2**32 * 200 // 2**32 + 28
    assert len(base64.b64encode(raster(codes, [0]))) < 20_000


def test_what_a_page_carries_becomes_files_of_the_same_samples(tmp_path):
    tone = 0.2 * np.sin(2 * np.pi * 440 * SECOND).astype(np.float32)
    wav = media.wav_bytes(tone, SR)
    png = picture(tone, SR)
    page = (
        '<audio controls preload="auto"><source type="audio/wav" '
        f'src="data:audio/wav;base64,{base64.b64encode(wav).decode()}"></audio>'
        f'<img src="data:image/png;base64,{base64.b64encode(png).decode()}">'
    )
    moved = inline_to_files(page, tmp_path / "media", "../media")
    sound = re.search(r'src="\.\./media/(\w+\.flac)"', moved)[1]
    image = re.search(r'src="\.\./media/(\w+\.png)"', moved)[1]
    assert {path.name for path in (tmp_path / "media").iterdir()} == {sound, image}
    samples, rate = sf.read(tmp_path / "media" / sound, dtype="int16")
    expected, _ = sf.read(io.BytesIO(wav), dtype="int16")
    assert rate == SR
    assert (samples == expected).all()
    assert (tmp_path / "media" / image).read_bytes() == png
    assert '<audio preload="none" controls>' in moved
    assert 'type="audio/flac"' in moved
    assert inline_to_files(page, tmp_path / "media", "../media") == moved  # the same names again

    def files_of_page():
        inline_to_files(page, tmp_path / "media", "../media")
        return [(tmp_path / "media" / name).read_bytes() for name in (sound, image)]

    expected = files_of_page()
    for name in (sound, image):  # a damaged file is written anew
        with flipped(tmp_path / "media" / name, 100):
            assert files_of_page() == expected


def test_a_page_without_sounds_stays_as_it_is(tmp_path):
    page = '<p>text <img src="picture.png"></p>'
    assert inline_to_files(page, tmp_path / "media", "media") == page
    assert not (tmp_path / "media").exists()
