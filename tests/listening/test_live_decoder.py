"""The decoder's script: it holds the network, and measures loudness as the players do."""

import base64
import gzip
import json
import re

import numpy as np
import pyloudnorm
import pytest
import scipy.signal

from giblet_core.listening import media
from giblet_core.listening.live_decoder import write_decoder

SR = 24_000


@pytest.fixture(scope="module")
def script(demo_codec, tmp_path_factory):
    return write_decoder(demo_codec, 4, tmp_path_factory.mktemp("live"))


@pytest.fixture(scope="module")
def header(script):
    text = script.read_text()
    return json.loads(re.match(r"giblet\.decoder\((\{.*\}),\"", text).group(1))


def test_the_script_holds_shapes_and_arrays_in_one_order(script, header, demo_codec):
    packed = re.search(r',"([A-Za-z0-9+/=]+)"\);\n$', script.read_text()).group(1)
    numbers = np.frombuffer(gzip.decompress(base64.b64decode(packed)), "<f4")
    shapes = header["shapes"]
    assert numbers.size == sum(np.prod(shape, dtype=int) for shape in shapes.values())
    assert [*shapes][:2] == ["codebooks", "mel"]
    codebooks = numbers[: np.prod(shapes["codebooks"])].reshape(shapes["codebooks"])
    assert np.array_equal(codebooks, demo_codec.codebooks[:4])
    assert header["sampleRate"] == SR
    assert np.array_equal(header["palette"], media.palette())
    assert script.stat().st_size < 6e6


def test_the_loudness_filters_are_those_of_the_meter(header):
    """Filter, take the mean square: for a steady tone no block is gated, and that is its level."""
    tone = 0.1 * np.sin(2 * np.pi * 1000 * np.arange(10 * SR) / SR)
    weighted = tone
    for numerator, denominator in header["weighting"]:
        weighted = scipy.signal.lfilter(numerator, denominator, weighted)
    level = -0.691 + 10 * np.log10(np.mean(weighted**2))
    assert level == pytest.approx(pyloudnorm.Meter(SR).integrated_loudness(tone), abs=0.01)


def test_decoders_of_other_codecs_go_and_other_files_stay(demo_codec, tmp_path):
    (tmp_path / "decoder-of-another-codec.js").touch()
    (tmp_path / "notes.js").touch()
    script = write_decoder(demo_codec, 8, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {script.name, "notes.js"}
