"""Metrics against pesq, pystoi and closed forms; lags recovered; failures said."""

import numpy as np
import pytest
import scipy.signal

from giblet_core import metrics
from giblet_core.errors import InputError, MetricError
from giblet_core.metrics import pesq, quality
from giblet_core.sound import load_audio, resample, speech_segments

SR = 24_000


def make_voice(seconds=9.0, seed=0, sample_rate=SR):
    """Make a voice-like sound: gliding pulses through formants, in syllables with pauses.
    Guaranteed: speech by the voicing rule.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * sample_rate)
    knots = np.arange(0, seconds + 1, 0.13)  # a syllable is two: four a second
    at = np.arange(n) / sample_rate
    pitch = 120 * 2 ** np.interp(at, knots, 0.25 * rng.standard_normal(len(knots)))
    phase = np.cumsum(pitch) / sample_rate
    source = np.diff(np.floor(phase), prepend=0) + 0.02 * rng.standard_normal(n)
    voice = sum(
        scipy.signal.lfilter(*scipy.signal.iirpeak(f, 6, sample_rate), source)
        for f in (500, 1500, 2600)
    )
    peaks = rng.choice([0.02, 0.6, 1.0], len(knots)) * np.resize([0.05, 1.0], len(knots))
    envelope = np.interp(at, knots, peaks)
    return (0.1 * voice * envelope / np.std(voice)).astype(np.float32)


@pytest.fixture(scope="module")
def voice():
    return make_voice()


@pytest.fixture(scope="module")
def noisy(voice):
    return voice + np.float32(0.01) * np.random.default_rng(1).standard_normal(len(voice)).astype(
        np.float32
    )


@pytest.mark.parametrize("a", [0.1, 1.0, -3.0])
def test_si_sdr_equals_the_closed_form_of_orthogonal_noise_at_any_scale(rng, a):
    r = rng.standard_normal(5000)
    e = rng.standard_normal(5000)
    e -= (e @ r) / (r @ r) * r
    e *= np.linalg.norm(r) / np.linalg.norm(e) * 10 ** (-12.5 / 20)
    assert metrics.si_sdr(r, a * (r + e)) == pytest.approx(12.5, abs=1e-9)
    assert metrics.si_sdr(r, 2 * r) == np.inf


def test_log_mel_distance_of_a_gain_is_that_gain(rng):
    noise = rng.standard_normal(SR)
    assert metrics.log_mel_distance(noise, noise * 0.5, SR) == pytest.approx(
        20 * np.log10(2), abs=1e-9
    )
    assert metrics.log_mel_distance(noise, noise, SR) == 0


def test_log_mel_distance_in_blocks_equals_one_spectrogram(rng):
    a, b = rng.standard_normal((2, 60 * 8000))  # 6000 frames: two blocks
    from transformers.audio_utils import mel_filter_bank

    stft = scipy.signal.ShortTimeFFT(scipy.signal.windows.hann(256, sym=False), 80, 8000, mfft=256)
    bank = mel_filter_bank(129, 80, 0.0, 4000.0, 8000, norm="slaney", mel_scale="slaney").T
    mel_a, mel_b = (bank @ stft.spectrogram(w) for w in (a, b))
    floor = mel_a.max() * 1e-8
    delta = 10 * np.log10(np.maximum(mel_a, floor)) - 10 * np.log10(np.maximum(mel_b, floor))
    assert metrics.log_mel_distance(a, b, 8000) == pytest.approx(
        np.sqrt((delta**2).mean(0)).mean(), rel=1e-12
    )


def test_stoi_equals_pystoi(voice, noisy):
    import pystoi

    assert metrics.stoi(voice, noisy, SR) == pystoi.stoi(
        voice.astype(float), noisy.astype(float), SR
    )


def test_pesq_equals_the_package_at_16_khz_wide_band(voice, noisy):
    pesq = pytest.importorskip("pesq")
    expected = pesq.pesq(16_000, resample(voice, SR, 16_000), resample(noisy, SR, 16_000), "wb")
    assert metrics.pesq_wb(voice, noisy, SR) == pytest.approx(expected, abs=1e-6)
    assert quality(voice, noisy, SR).pesq_wb == pytest.approx(expected, abs=1e-6)


def test_identity_scores_the_best_of_every_metric(voice):
    q = quality(voice, voice, SR)
    assert (q.stoi, q.pesq_wb) == pytest.approx((1, 4.644), abs=1e-3)
    assert (q.si_sdr_db, q.log_mel_db, q.lag_samples, q.reasons) == (np.inf, 0, 0, {})


@pytest.mark.parametrize("lag", [-700, -1, 0, 1, 37, 1200])
def test_a_known_lag_is_found_reported_and_undone(voice, noisy, lag):
    late = (
        np.concatenate([np.zeros(lag, np.float32), noisy])[: len(noisy)]
        if lag >= 0
        else np.append(noisy[-lag:], noisy[:-lag] * 0)
    )
    q = quality(voice, late, SR, pesq=False)
    assert q.lag_samples == lag
    assert q.si_sdr_db == pytest.approx(metrics.si_sdr(voice, noisy), abs=0.2)
    if lag == 1:  # what a single sample costs without alignment
        assert metrics.si_sdr(voice, late) < q.si_sdr_db - 3


def test_a_periodic_sound_is_not_moved_by_a_period():
    tone = np.sin(2 * np.pi * 240 * np.arange(2 * SR) / SR).astype(np.float32)
    assert quality(tone, tone * 0.5, SR, pesq=False).lag_samples == 0


def test_segments_are_taken_on_the_clock_of_the_reference(voice, rng):
    film = 0.1 * rng.standard_normal(30 * SR).astype(np.float32)
    film[12 * SR : 21 * SR] = voice
    early = film[2400:]
    q = quality(film, early, SR, segments=[(12.0, 21.0)])
    assert (q.lag_samples, q.n_segments) == (-2400, 1)
    assert (q.stoi, q.pesq_wb) == pytest.approx((1, 4.644), abs=1e-3)


def test_noise_has_no_speech_segment_and_says_so(rng):
    noise = 0.1 * rng.standard_normal(10 * SR).astype(np.float32)
    q = quality(noise, noise, SR)
    assert np.isnan([q.pesq_wb, q.stoi]).all()
    assert "no speech segment" in q.reasons["pesq_wb"]
    assert q.n_segments == 0


def test_a_steady_melody_is_not_taken_for_speech(rng):
    notes = 220 * 2 ** (rng.integers(0, 12, 25) / 12)
    t = np.arange(0.4 * SR) / SR
    melody = np.concatenate(
        [np.exp(-6 * t) * sum(np.sin(2 * np.pi * f * k * t) / k for k in (1, 2, 3)) for f in notes]
    )
    assert "no speech segment" in quality(melody, melody, SR).reasons["pesq_wb"]


def test_the_voicing_rule_finds_real_speech_and_leaves_real_music(shared):
    files = {
        True: [
            *(shared / "audio/speech/librispeech_84-121123").glob("*-000*.wav"),
            *(shared / "audio/speech/fleurs").glob("*-en-*"),
        ],
        False: [*(shared / "audio/music/mdn").glob("*.mp3")],
    }
    found = {}
    for speech, paths in files.items():
        waves = [w for p in paths if len(w := load_audio(p, 16_000, stop_s=16.0)) > 4 * 16_000]
        found[speech] = np.mean([bool(speech_segments(w, 16_000)) for w in waves])
    assert found[True] >= 0.9
    assert found[False] <= 0.2


def test_annotated_intervals_give_segments_of_8_to_10_s_that_are_mostly_speech():
    wave = np.zeros(60 * 1000, np.float32)
    intervals = [(1.0, 4.0), (4.5, 8.0), (20.0, 21.0), (30.0, 55.0)]
    segments = speech_segments(wave, 1000, intervals)
    assert segments == [(1.0, 9.0), (30.0, 40.0), (40.0, 50.0), (50.0, 58.0)]
    assert speech_segments(wave, 1000, intervals, max_segments=2) == [
        (1.0, 9.0),
        (50.0, 58.0),
    ]


def test_a_crash_of_pesq_costs_one_segment_and_is_said(voice, noisy, monkeypatch):
    crash = '        if data[f"d{i}"].max() > 1e3: __import__("os").kill(__import__("os").getpid(), 11)\n'
    child = pesq._CHILD.replace("        try:\n", crash + "        try:\n")
    monkeypatch.setattr(pesq, "_CHILD", child)
    pytest.importorskip("pesq")
    bomb = noisy.copy()
    bomb[:100] = 1e5
    good, bad, also_good = pesq.pesq_pairs([(voice, noisy), (voice, bomb), (voice, noisy)], SR)
    assert good == also_good
    assert good[1] == ""
    assert np.isnan(bad[0])
    assert "killed by signal 11" in bad[1]


def test_a_hanging_pesq_is_stopped(voice, monkeypatch):
    pytest.importorskip("pesq")
    monkeypatch.setattr(pesq, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(pesq, "PESQ_TIMEOUT_S", 0.5)
    with pytest.raises(MetricError, match="stopped after 0.5 s"):
        metrics.pesq_wb(voice, voice, SR)


def test_an_absent_pesq_is_nan_with_the_remedy(voice, monkeypatch):
    monkeypatch.setattr(pesq.importlib.util, "find_spec", lambda name: None)
    q = quality(voice, voice, SR)
    assert np.isnan(q.pesq_wb)
    assert "pip install pesq" in q.reasons["pesq_wb"]
    assert q.stoi == pytest.approx(1)


def test_pesq_refuses_minutes(voice):
    pytest.importorskip("pesq")
    with pytest.raises(MetricError, match="longer than 20 s"):
        metrics.pesq_wb(np.tile(voice, 3), np.tile(voice, 3), SR)


def test_too_little_speech_for_stoi_is_a_reason_not_a_number(voice):
    with pytest.raises(MetricError, match="too little speech"):
        metrics.stoi(voice[: SR // 5], voice[: SR // 5], SR)
    q = quality(voice[:SR], voice[:SR], SR)
    assert np.isnan(q.stoi)
    assert "no speech segment" in q.reasons["stoi"]


def test_silence_is_a_reason_in_every_metric(voice):
    q = quality(voice, voice * 0, SR)
    assert np.isnan([q.pesq_wb, q.stoi, q.si_sdr_db]).all()
    assert all("silent" in q.reasons[name] for name in ("pesq_wb", "stoi", "si_sdr_db"))
    assert "silent" in quality(voice * 0, voice, SR).reasons["log_mel_db"]


def test_lengths_that_differ_are_an_input_error_never_stretched(voice):
    with pytest.raises(InputError, match="never stretch"):
        quality(voice, voice[: len(voice) // 2], SR)


def test_the_noise_floor_is_far_below_any_useful_score(voice, noisy):
    floor, useful = metrics.noise_floor(voice, SR), quality(voice, noisy, SR)
    assert floor.si_sdr_db < -20
    assert floor.stoi < useful.stoi - 0.3
    assert floor.pesq_wb < useful.pesq_wb
    assert np.std(metrics.noise_like(voice)) == pytest.approx(np.sqrt(np.mean(voice**2)), rel=1e-3)


def test_the_table_holds_every_sound_and_the_floor(voice, noisy):
    table = metrics.quality_table(voice, {"half": voice / 2, "noisy": noisy}, SR, pesq=False)
    assert [*table.index] == ["half", "noisy", "noise floor (white, level-matched)"]
    assert table.loudness_change_lu["half"] == pytest.approx(-20 * np.log10(2), abs=0.01)
    assert table.reasons["half"] == {"pesq_wb": "not asked for"}


def test_loudness_is_minus_3_lufs_for_a_full_scale_tone_and_matched_by_level_match(voice):
    tone = np.sin(2 * np.pi * 997 * np.arange(2 * 48_000) / 48_000).astype(
        np.float32
    )  # BS.1770: 0 dBFS, one channel
    assert metrics.loudness_lufs(tone, 48_000) == pytest.approx(-3.01, abs=0.05)
    assert metrics.loudness_lufs(tone * 0, 48_000) == -np.inf
    matched = metrics.level_match(voice * 0.1, voice, SR)
    assert metrics.loudness_lufs(matched, SR) == pytest.approx(
        metrics.loudness_lufs(voice, SR), abs=0.01
    )
    with pytest.raises(MetricError, match="0.4 s"):
        metrics.loudness_lufs(voice[:1000], SR)
    with pytest.raises(MetricError, match="silence"):
        metrics.level_match(voice * 0, voice)
