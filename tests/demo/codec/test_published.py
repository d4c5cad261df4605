"""The published demo codec: causal, quiet in silence, finer with every rung, and what it was."""

import json
import shutil

import numpy as np
import pytest

import giblet_core as gc
from giblet_core import metrics
from giblet_core.codecs import loading
from giblet_core.demo.codec import flaws, held_out_speech
from giblet_core.errors import InputError
from giblet_core.files import ASSETS, file_sha256

# Changes only with the published weights
DEMO_SHA256 = "6c0c5d92f1440807a1b5ae5b05ef7d4421782baadd42a90d2bdec7e9a5d40134"
RUNGS = (2, 4, 8, 16)  # codebooks at 1.5, 3, 6 and 12 kbps
RATE = 24_000


def test_weights_are_the_published_ones_and_small_enough():
    path = ASSETS / "demo_codec" / "model.safetensors"
    stated = (ASSETS / "demo_codec" / "SHA256SUMS").read_text().split()[0]
    assert file_sha256(path) == DEMO_SHA256 == stated
    assert path.stat().st_size <= 16_000_000


def test_other_weights_are_refused(tmp_path, monkeypatch):
    shutil.copytree(ASSETS / "demo_codec", tmp_path / "demo_codec")
    with open(tmp_path / "demo_codec" / "model.safetensors", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    monkeypatch.setattr(loading, "DEMO_FOLDER", tmp_path / "demo_codec")
    with pytest.raises(InputError, match="SHA256SUMS"):
        loading.load_demo()


def test_it_is_an_encodec_of_the_promised_shape(demo_codec):
    assert demo_codec.sample_rate == RATE
    assert demo_codec.frame_rate == 75.0
    assert demo_codec.cardinality == 1024
    assert demo_codec.bandwidths_kbps[:4] == (1.5, 3.0, 6.0, 12.0)
    config = json.loads((ASSETS / "demo_codec" / "config.json").read_text())
    assert config["architectures"] == ["EncodecModel"]


def test_the_past_does_not_hear_the_future(demo_codec, vowels):
    wave = vowels()
    other = wave.copy()
    other[36_000:] = vowels(seed=5)[36_000:][::-1]
    frame = 36_000 // 320
    codes = demo_codec.encode(wave, 12.0)
    other_codes = demo_codec.encode(other, 12.0)
    np.testing.assert_array_equal(codes.indices[:, :frame], other_codes.indices[:, :frame])
    assert (codes.indices[:, frame:] != other_codes.indices[:, frame:]).any()
    past = demo_codec.decode(codes)[: frame * 320]
    other_past = demo_codec.decode(other_codes)[: frame * 320]
    np.testing.assert_allclose(past, other_past, atol=1e-5)


def test_every_rung_is_nearer_to_the_sound(demo_codec, vowels):
    wave = vowels()
    codes = demo_codec.encode(wave, 12.0)
    log_mel_db = []
    snr_db = []
    for n_codebooks in RUNGS:
        decoded = demo_codec.decode(codes.first(n_codebooks))
        log_mel_db.append(gc.quality(wave, decoded, RATE, pesq=False).log_mel_db)
        error = np.mean((wave - decoded) ** 2) / np.mean(wave**2)
        snr_db.append(-10 * np.log10(error))
    assert (np.diff(log_mel_db) < 0).all(), log_mel_db
    assert (np.diff(snr_db) > 0).all(), snr_db


def test_silence_stays_silent_and_nothing_drifts_to_dc(demo_codec, vowels):
    measured = flaws(demo_codec, vowels(5.0))
    assert measured["silence_dbfs"] < -60
    assert measured["dc_dbfs"] < -50
    assert measured["chunk_border_error"] < 1e-4


@pytest.mark.slow
def test_every_kind_of_real_sound_comes_back_at_its_length_and_near_its_level(shared, demo_codec):
    suffixes = (".wav", ".flac", ".mp3", ".ogg")
    files = [p for p in sorted((shared / "audio").rglob("*")) if p.suffix in suffixes]
    for path in files[::12]:
        wave = gc.load_audio(path, RATE, stop_s=3.0)
        back = demo_codec.decode(demo_codec.encode(wave, 6.0))
        assert back.shape == wave.shape, path.name
        assert 0.03 < np.sqrt(np.mean(back**2) / np.mean(wave**2)) < 1.5, path.name


@pytest.mark.slow
def test_held_out_speech_is_recognisable(shared, demo_codec):
    speech = held_out_speech(shared / "audio" / "speech")["LibriSpeech"][: RATE * 9]
    codes = demo_codec.encode(speech, 12.0)
    stoi = [metrics.stoi(speech, demo_codec.decode(codes.first(k)), RATE) for k in RUNGS]
    assert (np.diff(stoi) > 0).all(), stoi
    assert stoi[2] > 0.75  # at 6 kbps; the bar of .85 is not reached yet, see MODEL_CARD.md
