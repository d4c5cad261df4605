"""What regions follow is what the entries say, and nothing of it is heard before it sounds."""

import numpy as np
import pytest
from simulated_sounds import DURATION_S, FRAME_RATE, RATE, made_sound

from giblet_core.simulations import (
    GENERATORS,
    HeardCodebook,
    SubjectDraws,
    codebook_drivers,
    sound_drivers,
)

DRIVEN = [entry for entry in GENERATORS.values() if entry.drive is not None]
T_S = 400  # from here on the sound is another one


def draws_of(seed=0, n_subjects=3):
    return SubjectDraws(n_subjects, 0.7, np.random.default_rng(seed))


def tracks_of(entry, sound, seed=0):
    followed = sound if entry.is_negative else HeardCodebook(sound, 2)
    return entry.drive(followed, draws_of(seed))


@pytest.fixture(scope="module")
def changed(heard, codebooks):
    """The same sound up to a second, and then its frames in another order."""
    rng = np.random.default_rng(1)
    indices = heard.codes.indices.copy()
    frames = np.arange(T_S * FRAME_RATE, indices.shape[1])
    indices[:, frames] = indices[:, rng.permutation(frames)]
    wave = heard.wave.copy()
    samples = np.arange(T_S * RATE, DURATION_S * RATE)
    wave[samples] = wave[rng.permutation(samples)]
    return made_sound(wave, indices, codebooks)


@pytest.mark.parametrize("entry", DRIVEN, ids=lambda entry: entry.name)
def test_nothing_is_followed_before_it_sounds(entry, heard, changed):
    before = slice(None, T_S * 10)
    expected = tracks_of(entry, heard)
    found = tracks_of(entry, changed)
    assert found[:, before] == pytest.approx(expected[:, before], rel=1e-5, abs=1e-7)
    if entry.name not in ("seen", "speech"):  # which do not follow this sound
        assert not np.allclose(found, expected)


@pytest.mark.parametrize("entry", DRIVEN, ids=lambda entry: entry.name)
def test_a_track_moves_and_follows_its_seed(entry, heard):
    tracks = tracks_of(entry, heard)
    assert tracks.shape[1] == heard.n_bins
    assert tracks.shape[0] in (1, 3)
    assert (tracks.std(1) > 0).all()
    assert np.array_equal(tracks, tracks_of(entry, heard))


@pytest.mark.parametrize(
    "entry", [e for e in DRIVEN if not e.is_negative], ids=lambda entry: entry.name
)
def test_only_the_named_codebook_is_followed(entry, heard, codebooks):
    """Other codebooks may say what they like."""
    indices = heard.codes.indices.copy()
    others = np.arange(len(indices)) != 2
    indices[others] = indices[others][:, ::-1]
    other_sound = made_sound(heard.wave, indices, codebooks)
    assert np.array_equal(tracks_of(entry, other_sound), tracks_of(entry, heard))


@pytest.mark.parametrize(
    "entry", [e for e in DRIVEN if not e.is_negative], ids=lambda entry: entry.name
)
def test_names_of_entries_mean_nothing(entry, heard, codebooks):
    """Labels and rows of a codebook, renamed together, change no track."""
    order = np.random.default_rng(3).permutation(codebooks.shape[1])
    renamed = codebooks[:, np.argsort(order)]
    sound = made_sound(heard.wave, order[heard.codes.indices].astype(np.uint16), renamed)
    expected = tracks_of(entry, heard)
    assert tracks_of(entry, sound) == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_norm_is_the_length_of_the_latents(heard):
    latents = heard.codebooks[4][heard.codes.indices[4]]
    lengths = np.linalg.norm(latents, axis=1).reshape(-1, 5).mean(1)
    assert codebook_drivers.norm(HeardCodebook(heard, 4), draws_of())[0] == pytest.approx(
        lengths, rel=1e-5
    )


def test_power_is_the_square_of_one_projection(heard, codebooks):
    """The direction is found again by regression on all products of four latents."""
    sound = made_sound(heard.wave, heard.codes.indices, codebooks[:, :, :4])
    track = codebook_drivers.power(HeardCodebook(sound, 1), draws_of(n_subjects=1))[0]
    latents = sound.codebooks[1][sound.codes.indices[1]].astype(float)
    latents -= latents.mean(0)
    rows, columns = np.triu_indices(4)
    products = (latents[:, rows] * latents[:, columns]).reshape(-1, 5, len(rows)).mean(1)
    weights = np.linalg.lstsq(products, track, rcond=None)[0]
    assert products @ weights == pytest.approx(track, rel=1e-4, abs=1e-5)
    matrix = np.zeros((4, 4))
    matrix[rows, columns] = weights / 2
    values = np.linalg.eigvalsh(matrix + matrix.T)
    assert values[-1] > 0
    assert np.abs(values[:-1]).max() < 1e-4 * values[-1]


def test_a_slow_level_is_slower_than_a_signed_level(heard):
    def step_size(track):
        return (np.diff(track).std() / track.std()).item()

    slow = codebook_drivers.slow_level(HeardCodebook(heard, 0), draws_of())[0]
    signed = codebook_drivers.signed_level(HeardCodebook(heard, 0), draws_of())[0]
    assert step_size(slow) < 0.3 * step_size(signed)


def test_weights_of_two_subjects_correlate_as_asked():
    weights = SubjectDraws(2, 0.7, np.random.default_rng(0)).weights(20_000)
    assert np.corrcoef(weights)[0, 1] == pytest.approx(0.7, abs=0.02)
    assert weights.std() == pytest.approx(1, abs=0.02)


def test_levels_follow_their_laws(heard):
    rms = sound_drivers.root_mean_square(heard, draws_of())[0]
    frames = np.sqrt(heard.power)
    assert rms == pytest.approx(frames.reshape(-1, 10).mean(1))
    power = sound_drivers.mean_power(heard, draws_of())[0]
    assert power == pytest.approx(heard.power.reshape(-1, 10).mean(1))


def test_onsets_answer_to_rises_and_not_to_falls(heard, codebooks):
    times_s = np.arange(DURATION_S * RATE) / RATE
    noise = 0.1 * np.random.default_rng(0).standard_normal(len(times_s))
    louder = np.where((times_s >= 100) & (times_s < 200), 10.0, 1.0)
    sound = made_sound((noise * louder).astype(np.float32), heard.codes.indices, codebooks)
    track = sound_drivers.onsets(sound, draws_of())[0]
    steady = track[500:900].mean()
    assert track[999:1003].max() > 2 * steady
    assert track[1999:2003].max() < 1.5 * steady


def test_loudness_counts_in_speech(heard):
    track = sound_drivers.loudness_in_speech(heard, draws_of())[0]
    loudness = sound_drivers.loudness(heard, draws_of())[0]
    share = track / loudness
    assert share[heard.speech == 1] == pytest.approx(np.ones(int(heard.speech.sum())))
    assert (share[heard.speech == 0] <= 0.3).all()
