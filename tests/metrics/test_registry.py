"""Every metric of the registry: its best, its direction, its reasons, its place in tables."""

import numpy as np
import pytest
from fake_sounds import RATE

from giblet_core.errors import MetricError
from giblet_core.metrics import (
    METRICS,
    Metric,
    metric_headings,
    noise_floor,
    quality,
    quality_table,
)

NAMES = list(METRICS)


def is_better(metric, a, b):
    return a > b if metric.higher_is_better else a < b


@pytest.fixture(scope="module")
def steps(voice, noisy):
    """The quality of the sound itself, with little noise, and with 10 dB more of it."""
    noisier = voice + 3.16 * (noisy - voice)
    return [quality(voice, wave, RATE) for wave in (voice, noisy, noisier)]


def skip_without_pesq(name):
    if name == "pesq_wb":
        pytest.importorskip("pesq")


@pytest.mark.parametrize("name", NAMES)
def test_identity_scores_the_best(steps, name):
    skip_without_pesq(name)
    assert steps[0].scores[name] == pytest.approx(METRICS[name].best, abs=5e-3)
    assert name not in steps[0].reasons


@pytest.mark.parametrize("name", NAMES)
def test_more_noise_scores_worse_and_noise_alone_still_worse_than_little(voice, steps, name):
    skip_without_pesq(name)
    metric = METRICS[name]
    itself, little, more = (step.scores[name] for step in steps)
    alone = noise_floor(voice, RATE, pesq=name == "pesq_wb").scores[name]
    assert is_better(metric, itself, little)
    assert is_better(metric, little, more)
    assert is_better(metric, little, alone)
    assert is_better(metric, alone, metric.floor)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("silent", ["reference", "sound"])
def test_silence_is_a_number_or_a_reason_never_an_error(voice, name, silent):
    reference = voice * 0 if silent == "reference" else voice
    sound = voice * 0 if silent == "sound" else voice
    q = quality(reference, sound, RATE)
    assert np.isnan(q.scores[name]) == (name in q.reasons)
    if silent == "reference":
        assert np.isnan(q.scores[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_is(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.heading == metric_headings()[name]
    assert metric.unit in metric.heading
    assert isinstance(metric.function, type(quality))


def peak_difference_db(reference, degraded, sample_rate):
    """A metric of a test: how much higher the peak is."""
    if not np.any(reference):
        raise MetricError("the reference is silent")
    return float(20 * np.log10(np.abs(degraded).max() / np.abs(reference).max()))


def test_a_new_metric_is_one_function_and_one_entry(voice, monkeypatch):
    entry = Metric(
        name="peak_db",
        label="peak",
        unit="dB",
        function=peak_difference_db,
        speech_only=False,
        higher_is_better=True,
        best=0.0,
        floor=-np.inf,
    )
    monkeypatch.setitem(METRICS, "peak_db", entry)
    table = quality_table(voice, {"half": voice / 2}, RATE, pesq=False)
    assert table["peak_db"]["half"] == pytest.approx(-6.02, abs=0.01)
    assert metric_headings()["peak_db"] == "peak (dB)"
    q = quality(voice * 0, voice, RATE, pesq=False)
    assert q.reasons["peak_db"] == "the reference is silent"
