"""Metrics put together: segments, reasons, the noise floor, tables."""

import numpy as np
import pytest
from fake_sounds import RATE

from giblet_core import metrics
from giblet_core.metrics import FLOOR, Quality, quality, quality_table


def test_identity_scores_the_best_of_every_metric(voice):
    pytest.importorskip("pesq")
    q = quality(voice, voice, RATE)
    assert (q.stoi, q.pesq_wb) == pytest.approx((1, 4.644), abs=1e-3)
    assert (q.si_sdr_db, q.log_mel_db, q.lag_samples, q.reasons) == (np.inf, 0, 0, {})


def test_segments_are_taken_on_the_clock_of_the_reference(voice, rng):
    pytest.importorskip("pesq")
    film = 0.1 * rng.standard_normal(30 * RATE).astype(np.float32)
    film[12 * RATE : 21 * RATE] = voice
    early = film[2400:]
    q = quality(film, early, RATE, segments=[(12.0, 21.0)])
    assert (q.lag_samples, q.n_segments) == (-2400, 1)
    assert (q.stoi, q.pesq_wb) == pytest.approx((1, 4.644), abs=1e-3)


def test_sounds_scored_together_score_as_alone(voice, noisy):
    quiet = voice / 2
    together = metrics.qualities(voice, [noisy, quiet], RATE)
    assert together == [quality(voice, noisy, RATE), quality(voice, quiet, RATE)]


def test_noise_has_no_speech_segment_and_says_so(rng):
    noise = 0.1 * rng.standard_normal(10 * RATE).astype(np.float32)
    q = quality(noise, noise, RATE)
    assert np.isnan([q.pesq_wb, q.stoi]).all()
    assert "no speech segment" in q.reasons["pesq_wb"]
    assert q.n_segments == 0


def test_segments_that_fail_are_counted_and_the_others_averaged(voice):
    pause = np.zeros(2 * RATE, np.float32)
    film = np.concatenate([voice, pause, voice])
    half_silent = np.concatenate([voice, pause, 0 * voice])
    segments = [(0.0, 9.0), (11.0, 20.0)]
    q = quality(film, half_silent, RATE, segments, pesq=False)
    assert q.n_segments == 2
    assert q.stoi == pytest.approx(1, abs=1e-3)
    assert q.reasons["stoi"] == "1 of 2 segments failed: the sound is silent"


def test_silence_is_a_reason_in_every_metric(voice):
    q = quality(voice, voice * 0, RATE)
    assert np.isnan([q.pesq_wb, q.stoi, q.si_sdr_db]).all()
    assert "silent" in q.reasons["stoi"]
    assert "silent" in q.reasons["si_sdr_db"]
    assert "silent" in q.reasons["pesq_wb"] or "not installed" in q.reasons["pesq_wb"]
    assert "silent" in quality(voice * 0, voice, RATE).reasons["log_mel_db"]


def test_a_silent_reference_fills_a_table_with_nan_and_reasons(voice):
    table = quality_table(voice * 0, {"voice": voice}, RATE)
    assert [*table.index] == ["voice", FLOOR]
    undefined = [*metrics.METRICS, "loudness_change_lu"]
    assert table[undefined].isna().all(axis=None)
    for reasons in table["reasons"]:
        assert set(undefined) <= set(reasons)
    assert np.isnan(metrics.noise_floor(voice * 0, RATE).si_sdr_db)


def test_the_noise_floor_is_far_below_any_useful_score(voice, noisy):
    pytest.importorskip("pesq")
    floor = metrics.noise_floor(voice, RATE)
    useful = quality(voice, noisy, RATE)
    assert floor.si_sdr_db < -20
    assert floor.stoi < useful.stoi - 0.3
    assert floor.pesq_wb < useful.pesq_wb


def test_the_table_holds_every_sound_and_the_floor(voice, noisy):
    table = quality_table(voice, {"half": voice / 2, "noisy": noisy}, RATE, pesq=False)
    assert [*table.index] == ["half", "noisy", "noise floor (white, level-matched)"]
    assert table.loudness_change_lu["half"] == pytest.approx(-20 * np.log10(2), abs=0.01)
    assert table.reasons["half"] == {"pesq_wb": "not asked for"}
    bare = quality_table(voice, {"half": voice / 2}, RATE, pesq=False, floor=False)
    assert [*bare.index] == ["half"]


def test_a_row_of_a_table_is_a_quality_again(voice, noisy):
    table = quality_table(voice, {"noisy": noisy}, RATE, pesq=False, floor=False)
    again = Quality.from_row(table.loc["noisy"])
    assert again.scores["stoi"] == quality(voice, noisy, RATE, pesq=False).stoi
    assert again.reasons == {"pesq_wb": "not asked for"}
