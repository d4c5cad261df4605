"""Any sound that is written in any format is read to the sample, or within what it declares."""

from functools import partial

import numpy as np
import pytest
import soundfile as sf
from fake_sounds import FILE_KINDS
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from giblet_core.sound import audio_info, load_audio

NOT_READ = {"RAW", "SD2"}  # one has no header, the other keeps it in another file
NOT_WRITTEN = {  # what libsndfile writes in a way that it does not read itself
    *(("AIFF", "DWVW_12"), ("AIFF", "DWVW_16"), ("AIFF", "DWVW_24")),
    *(("SDS", "PCM_S8"), ("SDS", "PCM_16"), ("SDS", "PCM_24")),
    ("PAF", "PCM_24"),
}
NOT_IN_STEREO = {"ALAC_20", "ALAC_24", "ALAC_32"}  # libsndfile writes one channel of them alone
ENCODINGS = [
    (format, encoding)
    for format in sorted(sf.available_formats())
    for encoding in sorted(sf.available_subtypes(format))
    if format not in NOT_READ and (format, encoding) not in NOT_WRITTEN
]
BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "ALAC_16": 16, "PCM_24": 24, "ALAC_24": 24}
BITS |= {"PCM_32": 32, "ALAC_20": 20, "ALAC_32": 32, "FLOAT": 24, "DOUBLE": 24}
RATES = (8000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000)
MOST_FILLING = 8192  # samples in the last block of compressed sound
PADDING = 10  # samples that the padding of bytes may look like

sizes = st.integers(1, 20_000)
seeds = st.integers(0, 2**32 - 1)
quick = partial(settings, deadline=None, derandomize=True, database=None)


def noise(n_channels, n_samples, seed):
    wave = np.random.default_rng(seed).uniform(-0.9, 0.9, (n_channels, n_samples))
    return wave.astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("properties") / "sound"


@given(st.sampled_from(ENCODINGS), st.integers(1, 2), sizes, st.sampled_from(RATES), seeds)
@quick(max_examples=120)
def test_what_libsndfile_writes(path, written, n_channels, n_samples, rate, seed):
    format, encoding = written
    assume(n_channels == 1 or encoding not in NOT_IN_STEREO)
    channels = noise(n_channels, n_samples, seed)
    try:
        sf.write(path, channels.T, rate, format=format, subtype=encoding)
    except sf.LibsndfileError:
        assume(False)  # no such rate or number of channels in this format
    info = audio_info(path, channel=0)  # two channels of noise may happen to cancel
    assert info.n_channels == n_channels
    back = load_audio(path, info.sample_rate, channel=0)
    assert len(back) == info.n_samples
    extra = len(back) - n_samples
    if encoding not in BITS:
        assert 0 <= extra <= MOST_FILLING
        return
    assert 0 <= extra <= (PADDING if format in ("AIFF", "PAF", "W64", "VOC") else 0)
    step = 2.0 ** (1 - BITS[encoding])
    assert np.abs(back[:n_samples] - channels[0]).max() <= 2 * step


@given(
    st.sampled_from([kind for kind in FILE_KINDS if kind.exact]),
    st.integers(1, 2),
    st.integers(2048, 20_000),
    st.sampled_from((24_000, 44_100, 48_000)),
    seeds,
)
@quick(max_examples=40)
def test_what_is_lossless_in_any_container(path, kind, n_channels, n_samples, rate, seed):
    channels = noise(n_channels, n_samples, seed)
    assume(n_channels == 1 or not kind.name.startswith("SVX"))
    kind.write(path, channels, rate)
    info = audio_info(path, channel=0)  # two channels of noise may happen to cancel
    assert (info.n_samples, info.sample_rate) == (n_samples, rate)
    for number in range(n_channels):
        back = load_audio(path, rate, channel=number)
        assert np.abs(back - channels[number]).max() < 1e-4


@given(
    st.sampled_from([kind for kind in FILE_KINDS if not kind.exact]),
    st.integers(4096, 20_000),
    seeds,
)
@quick(max_examples=40)
def test_what_is_lossy_begins_and_ends_within_what_it_declares(path, kind, n_samples, seed):
    kind.write(path, noise(1, n_samples, seed), 48_000)
    info = audio_info(path, channel=0)  # two channels of noise may happen to cancel
    assert info.sample_rate == 48_000
    assert abs(info.n_samples - n_samples - kind.late) <= kind.filling
    assert len(load_audio(path, 48_000)) == info.n_samples
