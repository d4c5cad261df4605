"""libsndfile yields what it decoded, never what happened to lie in memory."""

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import RATE, refused, tone

from giblet_core.errors import InputError
from giblet_core.sound import load_audio
from giblet_core.sound.containers import Container, Span, StoredSamples, Window
from giblet_core.sound.reading.sndfile import SndfileReader

WAVE = tone(440, 2.0, RATE)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sound"


def test_reading_ends_where_decoding_ends(path, monkeypatch):
    """A decoder that gives up early, as one does on a cut MP3."""
    sf.write(path, WAVE, RATE, format="WAV")
    read = sf.SoundFile.read
    left = [20_000]

    def read_less(self, frames, *args, **options):
        n_frames = min(frames, left[0])
        left[0] -= n_frames
        return read(self, n_frames, *args, **options)

    monkeypatch.setattr(sf.SoundFile, "read", read_less)
    with pytest.raises(InputError, match="declares 48000 samples but reading ends at 20000"):
        load_audio(path)


def test_an_error_of_the_decoder_says_where(path, monkeypatch):
    sf.write(path, WAVE, RATE, format="WAV")
    monkeypatch.setattr("giblet_core.sound.reading.sndfile.BLOCK", 12_000)
    read = sf.SoundFile.read
    n_calls = []

    def fail_later(self, *args, **options):
        n_calls.append(1)
        if len(n_calls) > 2:
            raise sf.LibsndfileError(1)
        return read(self, *args, **options)

    monkeypatch.setattr(sf.SoundFile, "read", fail_later)
    with pytest.raises(InputError, match="damaged after 1.00 s"):
        load_audio(path)


@pytest.mark.parametrize(
    ("declared", "read"), [(48_000, 48_000), (47_990, 47_990), (None, 48_000), (96_000, None)]
)
def test_the_declared_samples_are_read(path, declared, read):
    sf.write(path, WAVE, RATE, format="WAV")
    container = Container("WAV", n_samples=declared)
    if read is None:
        with pytest.raises(InputError, match="declares 96000 samples but 48000 are there"):
            SndfileReader(path, container)
        return
    with SndfileReader(path, container) as reader:
        assert sum(block.shape[1] for block in reader.blocks(0.0, None)) == read


@pytest.mark.parametrize(
    ("counted", "read"),
    [(None, 48_000), (47_000, 47_000), (48_000, 48_000), (24_000, 48_000), (96_000, 48_000)],
)
def test_a_count_beside_the_blocks_is_believed_where_it_can_be_true(path, counted, read):
    """By libsndfile it is divided by the channels, by others multiplied."""
    sf.write(path, np.stack([WAVE, WAVE], 1), RATE, format="WAV")
    with SndfileReader(path, Container("WAV", n_fact=counted)) as reader:
        assert sum(block.shape[1] for block in reader.blocks(0.0, None)) == read


@pytest.mark.parametrize("n_samples", [1, 253, 505, 506, 20_000])
@pytest.mark.parametrize("format", ["WAV", "W64"])
def test_short_compressed_stereo_is_read_whole(path, format, n_samples):
    wave = np.stack([WAVE[:n_samples]] * 2, 1)
    sf.write(path, wave, RATE, format=format, subtype="IMA_ADPCM")
    back = load_audio(path, RATE)
    assert len(back) >= n_samples
    assert np.sqrt(np.mean((back[:n_samples] - WAVE[:n_samples]) ** 2)) < 0.05


@pytest.mark.parametrize("encoding", ["PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("offset", [0, 1, 45])
def test_samples_are_read_from_where_they_lie(path, encoding, offset):
    sf.write(path, WAVE, RATE, format="RAW", subtype=encoding)
    raw = path.read_bytes()
    path.write_bytes(bytes(offset) + raw + b"behind")
    span = Span(offset, offset + len(raw))
    stored = StoredSamples(span, encoding, "LITTLE", RATE, 1)
    with SndfileReader(path, Container("WAV", stored=stored)) as reader:
        back = np.concatenate([block[0] for block in reader.blocks(0.0, None)])
    assert np.abs(back - WAVE).max() < 1e-4


def test_a_window_is_a_file_of_its_own(path):
    path.write_bytes(bytes(range(100)))
    with Window(path, Span(10, 20)) as window:
        assert window.read() == bytes(range(10, 20))
        assert window.seek(-3, 2) == 7
        assert window.read(100) == bytes(range(17, 20))
        assert window.read() == b""
        assert window.seek(2) == 2
        assert window.seek(1, 1) == window.tell() == 3
        assert window.read(2) == bytes([13, 14])


def test_what_libsndfile_does_not_know_is_no_sound(path):
    path.write_bytes(b"no sound at all")
    refused(path, "must be a sound file")


def test_no_place_before_the_first_byte_of_a_window_is_read(tmp_path):
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(40)))
    with Window(path, Span(10, 20)) as window:
        assert window.seek(-5, 1) == 0
        assert window.read(3) == bytes([10, 11, 12])
