"""Controls of lesions keep what they say they keep, and nothing else."""

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.lesions import (
    at_level_of,
    envelope_matched_noise,
    flat_envelope_sound,
    lesion,
    level_matched_control,
    matched_removal,
    reconstruction_matched,
    smooth_level,
)
from giblet_core.metrics import log_mel_distance, loudness_change_lu

RATE = 24_000


def correlation(a, b):
    return np.corrcoef(a, b)[0, 1]


def relative_spread(level):
    return level.std() / level.mean()


def test_smooth_level_of_a_tone_is_its_root_mean_square():
    t = np.arange(RATE) / RATE
    tone = (0.2 * np.sin(2 * np.pi * 500 * t)).astype(np.float32)
    inner = slice(RATE // 4, -RATE // 4)
    assert np.allclose(smooth_level(tone, RATE)[inner], 0.2 / np.sqrt(2), rtol=1e-3)


def test_the_flat_envelope_sound_loses_the_envelope_and_keeps_the_fine_structure():
    t = np.arange(3 * RATE) / RATE
    envelope = 1 + 0.9 * np.sin(2 * np.pi * 2 * t)
    tone = (0.2 * np.sin(2 * np.pi * 500 * t) * envelope).astype(np.float32)
    flat = flat_envelope_sound(tone, RATE)
    inner = slice(RATE // 4, -RATE // 4)
    assert relative_spread(smooth_level(flat, RATE)[inner]) < 0.05
    assert relative_spread(smooth_level(tone, RATE)[inner]) > 0.4
    assert correlation(np.sign(flat[inner]), np.sign(tone[inner])) > 0.99


def band_levels(sound):
    """Mean magnitude in 40 bands of 300 Hz, of 3 s of sound."""
    magnitude = np.abs(np.fft.rfft(sound))
    return magnitude[: 12_000 * 3].reshape(40, -1).mean(1)


def test_the_envelope_matched_noise_keeps_envelope_and_spectrum_but_not_the_waveform(wave):
    noise = envelope_matched_noise(wave, RATE)
    assert correlation(smooth_level(noise, RATE), smooth_level(wave, RATE)) > 0.9
    assert correlation(np.log(band_levels(noise)), np.log(band_levels(wave))) > 0.95
    assert abs(correlation(noise, wave)) < 0.1
    assert np.array_equal(noise, envelope_matched_noise(wave, RATE))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("make", [flat_envelope_sound, envelope_matched_noise])
def test_silence_has_no_envelope_to_take_away_or_to_keep(make):
    with pytest.raises(InputError, match="wave: is silent throughout"):
        make(np.zeros(RATE, np.float32), RATE)


def test_the_controls_leave_the_latents_of_the_codec_as_they_are(any_codec, codes):
    before = any_codec.latents(codes)
    matched_removal(any_codec, codes, [1])
    assert np.array_equal(any_codec.latents(codes), before)


def test_the_control_removes_the_same_energy_in_every_frame_and_dimension(codec, wave):
    codes = codec.encode(wave, 3.0)
    latents = codec.latents(codes)
    removed = latents[1] - matched_removal(codec, codes, [1])[1]
    energies = [np.linalg.norm(x, axis=0) for x in (removed, latents[1])]
    assert np.allclose(*energies, rtol=1e-4)
    singular_values = [np.linalg.svd(x, compute_uv=False) for x in (removed, latents[1])]
    assert np.allclose(*singular_values, rtol=1e-3, atol=1e-2)
    assert abs(correlation(removed.ravel(), latents[1].ravel())) < 0.1
    assert np.array_equal(matched_removal(codec, codes, []), latents)


@pytest.mark.parametrize("codebook", [0, 1])
def test_the_control_sounds_as_loud_as_the_omission(codec, wave, codebook):
    codes = codec.encode(wave, 3.0)
    omitted = codec.decode_latents(lesion(codec, codes, [codebook]).sum(0), codes.n_samples)
    control = level_matched_control(codec, codes, [codebook])
    assert loudness_change_lu(omitted, control, RATE) == pytest.approx(0, abs=0.1)
    turned = codec.decode_latents(matched_removal(codec, codes, [codebook]).sum(0), codes.n_samples)
    assert correlation(control, turned) == pytest.approx(1)  # but for its level


def test_a_level_is_loudness_or_rms_or_there_is_none(wave):
    louder = at_level_of(wave, 0.01 * wave[::-1], RATE)
    assert loudness_change_lu(0.01 * wave[::-1], louder, RATE) == pytest.approx(0, abs=0.1)
    short = at_level_of(wave[:2000], 0.01 * wave[2000:4000], RATE)
    assert short.std() == pytest.approx(0.01 * wave[2000:4000].std(), rel=0.02)
    assert np.array_equal(at_level_of(wave, np.zeros_like(wave), RATE), wave)


def test_the_reconstruction_matched_lesion_costs_what_the_codebook_costs(codec, wave):
    codes = codec.encode(wave, 3.0)
    latents = codec.latents(codes)
    intact = codec.decode(codes)

    def cost(lesioned):
        sound = codec.decode_latents(lesioned.sum(0), codes.n_samples)
        return log_mel_distance(intact, sound, RATE)

    matched, strength = reconstruction_matched(codec, codes, [0])
    omission_cost = cost(lesion(codec, codes, [0]))
    assert cost(matched) == pytest.approx(omission_cost, rel=0.02)
    assert omission_cost > cost(latents) == 0
    turned = latents + strength * (matched_removal(codec, codes, [0]) - latents)
    assert np.allclose(matched, turned, atol=1e-3)


def test_matching_no_codebook_removes_nothing_and_one_that_is_not_there_is_an_error(codec, wave):
    codes = codec.encode(wave, 3.0)
    assert reconstruction_matched(codec, codes, [])[1] == 0
    with pytest.raises(InputError, match="codebooks count from 0"):
        reconstruction_matched(codec, codes, [99])
