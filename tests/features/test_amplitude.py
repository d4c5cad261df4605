"""Level in many forms: power laws, logarithms, onsets, spectro-temporal modulation."""

import numpy as np
import pytest

from giblet_core.features import level_family, onsets, spectrotemporal_modulation
from giblet_core.features.amplitude import (
    RATES_HZ,
    SCALES_PER_OCTAVE,
    band_rms,
    levels,
    smoothed,
    syllabic_share,
)

N_MELS = 96
CENTRES_HZ = 90 * 2 ** (np.arange(N_MELS) / 14)


def test_the_family_holds_the_power_laws_themselves(rng):
    rms = rng.gamma(1.0, 1.0, 400)
    family = level_family(rms)
    for power in (0.3, 0.5, 1.0, 2.0):
        r = [np.corrcoef(row, rms**power)[0, 1] for row in family]
        assert max(r) == pytest.approx(1)


def test_smoothing_averages_the_last_frames_alone(rng):
    power = rng.random(300)
    mean = smoothed(power, 0.2)
    np.testing.assert_allclose(mean[200], power[181:201].mean())
    changed = power.copy()
    changed[250:] = 9
    np.testing.assert_allclose(smoothed(changed, 0.2)[:250], mean[:250])


def test_a_step_is_an_onset_and_its_end_is_none():
    rms = np.full(300, 0.01)
    rms[100:200] = 1.0
    rows = onsets(rms, np.stack([rms, rms]))
    assert (rows >= 0).all()
    assert (rows[:, 90:100] == 0).all()
    assert (rows[:, 100:112].max(1) > 0).all()
    assert np.abs(rows[:, 200:]).max() < 1e-12  # it falls


def ripple(rate_hz, scale, n_frames=600):
    """Make a spectrum of one ripple that rises along frequency for positive rates, in dB."""
    t = np.arange(n_frames) / 100
    octave = np.log2(CENTRES_HZ / CENTRES_HZ[0])
    return 10 * np.cos(2 * np.pi * (rate_hz * t - scale * octave[:, None]))


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("scale", [0.5, 1.0])
def test_a_ripple_is_strongest_at_its_own_rate_and_scale(rate_hz, scale):
    strength = {}
    for direction in (1, -1):
        made = spectrotemporal_modulation(ripple(direction * rate_hz, scale), CENTRES_HZ)
        strength[direction] = made[:, 300:].mean(1)
    names = [
        (s, r, d)
        for s in SCALES_PER_OCTAVE
        for r in RATES_HZ
        for d in ((1, -1) if s else (1,))
        for _ in range(3)
    ]
    found = {direction: names[strength[direction].argmax()] for direction in strength}
    assert {name[:2] for name in found.values()} == {(scale, rate_hz)}
    assert found[1][2] != found[-1][2]  # rising and falling are told apart


def test_modulation_knows_nothing_of_what_is_yet_to_sound(rng):
    spectrum = rng.standard_normal((N_MELS, 500))
    changed = spectrum.copy()
    changed[:, 400:] += 5
    before = spectrotemporal_modulation(spectrum, CENTRES_HZ)[:, :400]
    np.testing.assert_allclose(
        spectrotemporal_modulation(changed, CENTRES_HZ)[:, :400], before, atol=1e-9
    )


def test_bands_add_up_to_the_whole_power(rng):
    mel_db = 10 * rng.standard_normal((128, 20))
    power = (10 ** (mel_db / 10)).sum(0)
    np.testing.assert_allclose((band_rms(mel_db) ** 2).sum(0), power)


def test_syllables_are_taken_for_speech_and_slow_swells_are_not():
    t = np.arange(6000) / 100
    rate_hz = np.where(t < 30, 5.0, 1.2)
    level = 10 * np.sin(2 * np.pi * np.cumsum(rate_hz) / 100)
    share = syllabic_share(np.tile(level, (128, 1)))
    assert share[500:2900].mean() > 0.8
    assert share[3500:].mean() < 0.2


def test_levels_are_formed_before_and_after_smoothing(rng):
    rms = rng.gamma(1.0, 1.0, 500)
    rows = levels(rms)
    assert len(rows) == 3 * len(level_family(rms))
    assert np.isfinite(rows).all()
