"""PESQ equals the package; what goes wrong in its process costs one segment and is said."""

import numpy as np
import pytest
from fake_sounds import RATE

from giblet_core import metrics
from giblet_core.errors import MetricError
from giblet_core.metrics import pesq, quality
from giblet_core.sound import resample


def test_pesq_equals_the_package_at_16_khz_wide_band(voice, noisy):
    package = pytest.importorskip("pesq")
    expected = package.pesq(
        16_000, resample(voice, RATE, 16_000), resample(noisy, RATE, 16_000), "wb"
    )
    assert metrics.pesq_wb(voice, noisy, RATE) == pytest.approx(expected, abs=1e-6)
    assert quality(voice, noisy, RATE).pesq_wb == pytest.approx(expected, abs=1e-6)


def test_a_crash_of_pesq_costs_one_segment_and_is_said(voice, noisy, monkeypatch):
    pytest.importorskip("pesq")
    crash = (
        '        if data[f"degraded{i}"].max() > 1e3:\n'
        "            import os; os.kill(os.getpid(), 11)\n"
    )
    child = pesq._CHILD.replace("        try:\n", crash + "        try:\n")
    monkeypatch.setattr(pesq, "_CHILD", child)
    bomb = noisy.copy()
    bomb[:100] = 1e5
    pairs = [(voice, noisy), (voice, bomb), (voice, noisy)]
    good, bad, also_good = pesq.pesq_pairs(pairs, RATE)
    assert good == also_good
    assert not good.reason
    assert np.isnan(bad.value)
    assert "killed by signal 11" in bad.reason


def test_an_error_of_pesq_is_its_reason(voice, monkeypatch):
    pytest.importorskip("pesq")
    noise_alone = 1e-6 * np.random.default_rng(0).standard_normal(RATE // 10).astype(np.float32)
    score = metrics.attempt(metrics.pesq_wb, noise_alone, noise_alone, RATE)
    assert np.isnan(score.value)
    assert "Error" in score.reason


def test_a_hanging_pesq_is_stopped(voice, monkeypatch):
    pytest.importorskip("pesq")
    monkeypatch.setattr(pesq, "_CHILD", "import time; time.sleep(60)")
    monkeypatch.setattr(pesq, "PESQ_TIMEOUT_S", 0.5)
    with pytest.raises(MetricError, match="stopped after 0.5 s"):
        metrics.pesq_wb(voice, voice, RATE)


def test_an_absent_pesq_is_nan_with_the_remedy(voice, monkeypatch):
    monkeypatch.setattr(pesq.importlib.util, "find_spec", lambda name: None)
    q = quality(voice, voice, RATE)
    assert np.isnan(q.pesq_wb)
    assert "pip install pesq" in q.reasons["pesq_wb"]
    assert q.stoi == pytest.approx(1)


def test_pesq_refuses_minutes(voice):
    pytest.importorskip("pesq")
    minutes = np.tile(voice, 3)
    with pytest.raises(MetricError, match="longer than 20 s"):
        metrics.pesq_wb(minutes, minutes, RATE)
