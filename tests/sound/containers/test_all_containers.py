"""What a container declares is compared with what is there: each kind of file, each fault."""

import numpy as np
import pytest
from fake_sounds import FILE_KINDS, refused

from giblet_core.sound import audio_info, load_audio

N_SAMPLES = 3 * 48_000 + 77
KINDS = [pytest.param(kind, id=kind.name) for kind in FILE_KINDS]


@pytest.fixture(scope="module")
def noisy_tone():
    """A tone that swells, in noise, so that no part of it is like another."""
    rng = np.random.default_rng(0)
    times_s = np.arange(N_SAMPLES) / 48_000
    swell = 0.55 + 0.45 * np.sin(2 * np.pi * 0.7 * times_s)
    wave = 0.3 * swell * np.sin(2 * np.pi * 440 * times_s)
    return (wave + 0.02 * rng.standard_normal(N_SAMPLES)).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory, noisy_tone):
    """The bytes of a file of each kind, made when they are first asked for."""
    folder = tmp_path_factory.mktemp("files")
    made = {}

    def bytes_of(kind):
        if kind.name not in made:
            path = folder / "made"
            kind.write(path, noisy_tone[None], 48_000)
            made[kind.name] = path.read_bytes()
        return made[kind.name]

    return bytes_of


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_read_to_the_sample_or_within_what_it_declares(
    tmp_path, files, noisy_tone, kind
):
    path = tmp_path / "sound"
    path.write_bytes(files(kind))
    info = audio_info(path)
    back = load_audio(path, info.sample_rate)
    assert len(back) == info.n_samples == round(info.duration_s * info.sample_rate)
    assert info.sample_rate == 48_000
    if kind.exact:
        assert len(back) == N_SAMPLES
        assert np.abs(back - noisy_tone).max() < 1e-4
        return
    assert abs(len(back) - N_SAMPLES - kind.late) <= kind.filling
    late = back[kind.late :][:N_SAMPLES]
    assert np.sqrt(np.mean((late - noisy_tone[: len(late)]) ** 2)) < 0.03
    if kind.late and info.format not in ("MPEG-TS", "MP4"):  # those place sound by time stamps
        assert any("delay" in note for note in info.notes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("keep", [0.6, 0.95, -600, -20])
def test_a_file_that_ends_early_is_refused(tmp_path, files, kind, keep):
    whole = files(kind)
    n_bytes = round(keep * len(whole)) if keep > 0 else len(whole) + keep
    path = tmp_path / "sound"
    path.write_bytes(whole[:n_bytes])
    refused(path, "whole|must|damaged")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_goes_on_behind_its_end_is_refused(tmp_path, files, kind, rng):
    path = tmp_path / "sound"
    path.write_bytes(files(kind) + rng.integers(1, 256, 4000, dtype=np.uint8).tobytes())
    refused(path, "must")


@pytest.mark.parametrize("kind", KINDS)
def test_two_files_joined_are_refused_or_read_whole(tmp_path, files, kind):
    path = tmp_path / "sound"
    path.write_bytes(files(kind) * 2)
    if kind.joins_silently:
        assert abs(audio_info(path).n_samples - 2 * (N_SAMPLES + kind.late)) <= 2 * kind.filling
    else:
        refused(path, "must")
