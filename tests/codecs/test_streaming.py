"""Streaming: the output of the whole file, whatever the chunks, spans and threads."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from fakes import conditioned_model
from transformers import EncodecConfig, EncodecModel
from transformers.models.encodec.modeling_encodec import EncodecResnetBlock

from giblet_core.codecs import EncodecCodec, by_threads, reach, stream


def front_of(model):
    blocks = [
        i for i, layer in enumerate(model.encoder.layers) if isinstance(layer, EncodecResnetBlock)
    ]
    return model.encoder.layers[: blocks[-1] + 1]


@pytest.mark.parametrize("span_chunks", [1, 3])
@pytest.mark.parametrize("chunk_frames", [20, 33, 75, 1000])
def test_streaming_does_not_depend_on_chunks_and_spans(
    codec, wave, chunk_frames, span_chunks, monkeypatch
):
    whole = codec.encode(wave, 6.0)
    monkeypatch.setattr("giblet_core.codecs.streaming.CHUNK_FRAMES", chunk_frames)
    monkeypatch.setattr("giblet_core.codecs.streaming.SPAN_CHUNKS", span_chunks)
    assert np.array_equal(codec.encode(wave, 6.0).indices, whole.indices)


@pytest.mark.parametrize(
    "shape", [{}, {"num_residual_layers": 3}, {"upsampling_ratios": [4, 4, 2, 2], "kernel_size": 9}]
)
def test_a_span_begins_as_early_as_its_layers_reach(shape):
    """The oracle is the gradient.

    It finds the earliest sample that moves the last frame of the convolutions above the frame
    rate.
    """
    torch.manual_seed(0)
    front = front_of(EncodecModel(EncodecConfig(num_filters=2, **shape)).eval())
    samples = torch.randn(1, 1, 24_000, requires_grad=True)
    frames = torch.nn.Sequential(*front)(samples)
    frames[..., -1].square().sum().backward()
    stride = 24_000 // frames.shape[-1]
    assert 24_000 - stride - int(samples.grad[0, 0].nonzero()[0]) == reach(front)


def test_deep_dilations_get_the_warm_up_they_need(wave, whole_file, monkeypatch):
    model = conditioned_model(num_residual_layers=6)
    assert reach(front_of(model)) > 8 * 320  # beyond what the usual shape needs
    reference, _ = whole_file(model, wave, 6.0)
    monkeypatch.setattr("giblet_core.codecs.streaming.CHUNK_FRAMES", 40)
    monkeypatch.setattr("giblet_core.codecs.streaming.SPAN_CHUNKS", 1)
    assert np.array_equal(EncodecCodec(model, "deep").encode(wave, 6.0).indices, reference)
    assert min(len(np.unique(row)) for row in reference) > 50


def test_threads_keep_the_order_and_stay_close_to_who_reads():
    begun = []

    def square(i):
        begun.append(i)
        return i * i

    squares = by_threads(square, range(100))
    assert next(squares) == 0
    assert len(begun) <= 2 * min(4, torch.get_num_threads())
    assert list(squares) == [i * i for i in range(1, 100)]
    with pytest.raises(ZeroDivisionError):
        list(by_threads(lambda i: 1 / i, [1, 0]))


def test_encoding_leaves_the_threads_of_torch_as_they_were(codec, wave):
    before = torch.get_num_threads()
    codec.encode(wave[:24_000], 6.0)
    assert torch.get_num_threads() == before


def test_the_streamed_layers_are_only_those_with_a_rule():
    with pytest.raises(TypeError, match="no rule for a layer of type Linear"):
        next(stream([torch.nn.Linear(2, 2)], iter([torch.zeros(1, 2, 2)])))


MEASURE = """
import re
import sys

import numpy as np
from transformers import EncodecConfig, EncodecModel

from giblet_core.codecs import EncodecCodec

model = EncodecModel(EncodecConfig(num_filters=4, target_bandwidths=[6.0]))
codec = EncodecCodec(model, "x")
wave = np.random.default_rng(0).standard_normal(24_000 * int(sys.argv[1]), dtype="f4")
codes = codec.encode(wave, 6.0)
del wave
codec.decode(codes)
status = open("/proc/self/status").read()
print(codes.n_frames, re.search(r"VmHWM:\\s+(\\d+)", status)[1])
"""


@pytest.mark.slow
def test_memory_is_flat_in_the_length_of_the_sound():
    """The peak may grow by the samples themselves, the sound in and the sound out, and no more.

    Whole-file encoding takes 3,100 kB a second. Half an hour is measured by `giblet bench`.
    """
    peaks_kb = {}
    for seconds in (60, 360):
        command = [sys.executable, "-c", MEASURE, str(seconds)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        n_frames, peaks_kb[seconds] = map(int, done.stdout.split())
        assert n_frames == 75 * seconds
    samples_kb = 300 * 24_000 * 4 / 1024
    assert peaks_kb[360] - peaks_kb[60] < 2.5 * samples_kb
    assert 2.5 * samples_kb < 0.1 * 300 * 3100
