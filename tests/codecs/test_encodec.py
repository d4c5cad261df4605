"""The codec: transformers is the oracle; streaming, slicing and lookups are identities."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from fakes import coloured_noise, conditioned_model
from transformers import EncodecConfig, EncodecModel
from transformers.models.encodec.modeling_encodec import EncodecResnetBlock

import giblet_core as gc
from giblet_core.codecs import Codes, EncodecCodec, by_threads, chunk_bounds, reach, stream
from giblet_core.errors import InputError

RATE = 24_000


@pytest.fixture(scope="module")
def model():
    return conditioned_model()


@pytest.fixture(scope="module")
def codec(model):
    return EncodecCodec(model, "conditioned")


@pytest.fixture(scope="module")
def wave():
    return coloured_noise(RATE * 7 + 123, np.random.default_rng(1))


@torch.no_grad()
def whole_file(model, wave, bandwidth):
    codes = model.encode(torch.from_numpy(wave)[None, None], bandwidth=bandwidth).audio_codes[0, 0]
    sound = model.decode(codes[None, None], [None]).audio_values[0, 0]
    return codes.numpy(), sound.numpy()


def test_encode_equals_transformers_on_the_whole_file(model, codec, wave):
    codes = codec.encode(wave, 12.0)
    reference, _ = whole_file(model, wave, 12.0)
    assert min(len(np.unique(row)) for row in reference) > 50  # the comparison can fail: codes vary
    assert np.array_equal(codes.indices, reference)


@pytest.mark.parametrize("n", [320, 321, 24_000, 24_001, 24_000 * 2 - 1, 24_000 * 3 + 319])
def test_every_length_equals_the_whole_file(model, codec, wave, n):
    reference, sound = whole_file(model, wave[:n], 6.0)
    codes = codec.encode(wave[:n], 6.0)
    assert np.array_equal(codes.indices, reference)
    assert codes.n_frames == -(-n // 320)
    assert np.abs(codec.decode(codes) - sound[:n]).max() < 1e-5 * np.abs(sound).max()


@pytest.mark.parametrize("span_chunks", [1, 3])
@pytest.mark.parametrize("chunk_frames", [20, 33, 75, 1000])
def test_streaming_does_not_depend_on_chunks_and_spans(
    codec, wave, chunk_frames, span_chunks, monkeypatch
):
    whole = codec.encode(wave, 6.0)
    monkeypatch.setattr("giblet_core.codecs.streaming.CHUNK_FRAMES", chunk_frames)
    monkeypatch.setattr("giblet_core.codecs.streaming.SPAN_CHUNKS", span_chunks)
    assert np.array_equal(codec.encode(wave, 6.0).indices, whole.indices)


def front_of(model):
    blocks = [
        i for i, layer in enumerate(model.encoder.layers) if isinstance(layer, EncodecResnetBlock)
    ]
    return model.encoder.layers[: blocks[-1] + 1]


@pytest.mark.parametrize(
    "shape", [{}, {"num_residual_layers": 3}, {"upsampling_ratios": [4, 4, 2, 2], "kernel_size": 9}]
)
def test_a_span_begins_as_early_as_its_layers_reach(shape):
    """The oracle is the gradient.

    The earliest sample that moves the last frame of the convolutions above the frame rate.
    """
    torch.manual_seed(0)
    front = front_of(EncodecModel(EncodecConfig(num_filters=2, **shape)).eval())
    samples = torch.randn(1, 1, 24_000, requires_grad=True)
    frames = torch.nn.Sequential(*front)(samples)
    frames[..., -1].square().sum().backward()
    stride = 24_000 // frames.shape[-1]
    assert 24_000 - stride - int(samples.grad[0, 0].nonzero()[0]) == reach(front)


def test_deep_dilations_get_the_warm_up_they_need(wave, monkeypatch):
    model = conditioned_model(num_residual_layers=6)
    assert reach(front_of(model)) > 8 * 320  # beyond what the usual shape needs
    reference, _ = whole_file(model, wave, 6.0)
    monkeypatch.setattr("giblet_core.codecs.streaming.CHUNK_FRAMES", 40)
    monkeypatch.setattr("giblet_core.codecs.streaming.SPAN_CHUNKS", 1)
    assert np.array_equal(EncodecCodec(model, "deep").encode(wave, 6.0).indices, reference)
    assert min(len(np.unique(row)) for row in reference) > 50


def test_threads_keep_the_order_and_stay_close_to_who_reads():
    most, begun = 2 * min(4, torch.get_num_threads()), []
    squares = by_threads(lambda i: begun.append(i) or i * i, range(100))
    assert next(squares) == 0
    assert len(begun) <= most
    assert list(squares) == [i * i for i in range(1, 100)]
    with pytest.raises(ZeroDivisionError):
        list(by_threads(lambda i: 1 / i, [1, 0]))


def test_encoding_leaves_the_threads_of_torch_as_they_were(codec, wave):
    before = torch.get_num_threads()
    codec.encode(wave[:24_000], 6.0)
    assert torch.get_num_threads() == before


def test_chunks_cover_the_sound_once_and_none_is_short():
    for n in (1, 99, 100, 101, 199, 200, 777):
        bounds = chunk_bounds(n, 100)
        assert [a for a, _ in bounds] + [n] == [0] + [b for _, b in bounds]
        assert all(b - a >= min(n, 100) for a, b in bounds)


def test_decode_equals_transformers_on_the_whole_file(model, codec, wave):
    reference, sound = whole_file(model, wave, 6.0)
    decoded = codec.decode(codec.encode(wave, 6.0))
    assert decoded.shape == wave.shape
    assert np.abs(decoded - sound[: len(wave)]).max() < 1e-5 * np.abs(sound).max()


def test_codes_of_a_prefix_are_the_prefix_of_the_codes(codec, wave):
    half = codec.encode(wave[: 320 * 200], 6.0)
    assert np.array_equal(half.indices, codec.encode(wave, 6.0).indices[:, :200])


def test_lower_rates_are_slices_of_the_highest(codec, wave):
    top = codec.encode(wave, 12.0)
    for bandwidth, k in ((1.5, 2), (3.0, 4), (6.0, 8)):
        assert codec.codebooks_at(bandwidth) == k
        assert codec.encode(wave, bandwidth) == top.first(k)


def test_the_number_of_codebooks_is_read_from_the_model():
    five = EncodecCodec(EncodecModel(EncodecConfig(num_filters=2)), "five rates")
    assert [five.codebooks_at(b) for b in five.bandwidths_kbps] == [2, 4, 8, 16, 32]
    assert five.num_codebooks == 32


def test_latents_sum_to_what_decode_uses_bitwise(codec, wave):
    codes = codec.encode(wave, 6.0)
    z = codec.latents(codes)
    assert z.shape == (8, 128, codes.n_frames)
    assert np.array_equal(codec.decode_latents(z.sum(0), codes.n_samples), codec.decode(codes))
    assert np.array_equal(z[3, :, 17], codec.codebooks[3, codes.indices[3, 17]])


def test_a_piece_of_the_latents_is_a_slice(codec, wave):
    codes = codec.encode(wave, 3.0)
    assert np.array_equal(
        codec.latents(codes, start_s=1.5, stop_s=3.0), codec.latents(codes)[:, :, 112:225]
    )


def test_relabelling_a_book_with_its_rows_changes_no_sound(wave):
    first, second = conditioned_model(), conditioned_model()
    order = torch.from_numpy(np.random.default_rng(3).permutation(1024))
    second.quantizer.layers[1].codebook.embed.copy_(
        second.quantizer.layers[1].codebook.embed[order]
    )
    a, b = EncodecCodec(first, "a"), EncodecCodec(second, "b")
    ca, cb = a.encode(wave[:RATE], 6.0), b.encode(wave[:RATE], 6.0)
    assert np.array_equal(order.numpy()[cb.indices[1]], ca.indices[1])
    assert np.array_equal(a.decode(ca), b.decode(cb))


def test_codes_survive_the_disk(codec, wave, tmp_path):
    codes = codec.encode(wave, 6.0)
    assert Codes.load(codes.save(tmp_path / "film.npz")) == codes
    assert (tmp_path / "film.npz").stat().st_size < codes.indices.nbytes + 4096


def test_altered_codes_are_refused(codec, wave, tmp_path):
    path = codec.encode(wave[:RATE], 6.0).save(tmp_path / "film.npz")
    raw = bytearray(path.read_bytes())
    at = raw.find(b"indices.npy") + 200
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="Make it anew"):
        Codes.load(path)


def test_codes_can_be_built_from_predictions(codec, wave, rng):
    codes = codec.encode(wave[:RATE], 6.0)
    predicted = codes.with_indices(rng.integers(0, 1024, codes.indices.shape))
    assert codec.decode(predicted).shape == (RATE,)
    with pytest.raises(ValueError, match="read-only"):
        codes.indices[0, 0] = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": np.zeros((8, 75))}, "labels and must be integers"),
        ({"bandwidth_kbps": -5.0}, "bandwidth_kbps=-5.0: must be positive and finite"),
        ({"bandwidth_kbps": np.nan}, "bandwidth_kbps=nan: must be positive and finite"),
        ({"bandwidth_kbps": np.inf}, "bandwidth_kbps=inf: must be positive and finite"),
        ({"indices": np.full((8, 75), 1024)}, r"range \[1024, 1024\] must lie in \[0, 1023\]"),
        ({"indices": np.full((8, 75), -1)}, r"range \[-1, -1\]"),
        ({"indices": np.zeros(75, int)}, "must be"),
        ({"n_samples": 100}, "n_samples=100"),
        ({"n_samples": 24_001}, "n_samples=24001"),
    ],
)
def test_codes_out_of_their_domain_are_errors(codec, wave, change, message):
    with pytest.raises(InputError, match=message):
        replace(codec.encode(wave[:RATE], 6.0), **change)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_any_integer_type_gives_the_same_codes(codec, wave, dtype):
    codes = codec.encode(wave[:RATE], 1.5)
    indices = np.minimum(codes.indices, 255).astype(dtype)
    assert codes.with_indices(indices) == codes.with_indices(indices.astype(int))


def test_bad_sound_and_rates_are_errors(codec, wave):
    with pytest.raises(
        InputError, match=r"319 samples are less than one hop \(320 samples, 13.3 ms\)"
    ):
        codec.encode(wave[:319])
    with pytest.raises(InputError, match="bandwidth_kbps=5: must be one of 1.5, 3, 6, 12"):
        codec.encode(wave, 5)
    with pytest.raises(InputError, match="NaN or infinite"):
        codec.encode(np.append(wave, np.nan).astype(np.float32))
    with pytest.raises(InputError, match="Divide 16-bit samples"):
        codec.encode((wave * 32767).astype(np.int16))
    with pytest.raises(InputError, match="Mix channels"):
        codec.encode(np.stack([wave, wave]))


def test_codes_of_another_codec_are_refused(codec, wave):
    other = EncodecCodec(conditioned_model(seed=1, seconds=1.0), "other")
    codes = other.encode(wave[:RATE], 6.0)
    with pytest.raises(InputError, match="must come from codec 'conditioned'"):
        codec.decode(codes)
    with pytest.raises(InputError, match="must come from codec"):
        codec.latents(codes)


def test_a_model_that_cannot_stream_is_refused():
    with pytest.raises(InputError, match="must be a causal mono EnCodec"):
        EncodecCodec(EncodecModel(EncodecConfig(num_filters=2, use_causal_conv=False)), "x")
    with pytest.raises(InputError, match="must be a causal mono EnCodec"):
        EncodecCodec(
            EncodecModel(
                EncodecConfig(
                    num_filters=2,
                    audio_channels=2,
                    normalize=True,
                    chunk_length_s=1.0,
                    overlap=0.01,
                )
            ),
            "48k",
        )


def test_a_local_folder_is_a_codec(model, wave, tmp_path):
    folder = tmp_path / "mine"
    fresh = conditioned_model()
    fresh.save_pretrained(folder)
    loaded = gc.load_codec(folder)
    assert loaded.id == "mine"
    assert (
        loaded.encode(wave[:RATE]).indices.tolist()
        == EncodecCodec(fresh, "fresh").encode(wave[:RATE]).indices.tolist()
    )


def test_unknown_and_unpinned_names_are_errors_never_a_fallback(tmp_path):
    with pytest.raises(InputError, match="must be 'demo'"):
        gc.load_codec("no such codec")
    with pytest.raises(InputError, match="owner/name@revision"):
        gc.load_codec("somebody/encodec")
    with pytest.raises(InputError, match="could not be loaded"):
        gc.load_codec(tmp_path)


def test_giblet_codec_names_the_default(model, monkeypatch, tmp_path):
    conditioned_model(seconds=1.0).save_pretrained(tmp_path / "named")
    monkeypatch.setenv("GIBLET_CODEC", str(tmp_path / "named"))
    assert gc.load_codec().id == "named"


def test_the_streamed_layers_are_only_those_with_a_rule():
    with pytest.raises(TypeError, match="no rule for a layer of type Linear"):
        next(stream([torch.nn.Linear(2, 2)], iter([torch.zeros(1, 2, 2)])))


@pytest.mark.slow
def test_five_minutes_of_a_full_size_model_have_the_codes_of_the_whole_file():
    model = conditioned_model(num_filters=32, bandwidths=(1.5, 3.0, 6.0), seconds=20.0)
    wave = coloured_noise(RATE * 300, np.random.default_rng(2))
    with torch.no_grad():
        reference = (
            model.encode(torch.from_numpy(wave)[None, None], bandwidth=6.0)
            .audio_codes[0, 0]
            .numpy()
        )
    codes = EncodecCodec(model, "full size").encode(wave, 6.0)
    assert min(len(np.unique(row)) for row in reference) > 200
    assert np.array_equal(codes.indices, reference)


@pytest.mark.slow
def test_memory_is_flat_in_the_length_of_the_sound():
    """Half an hour is measured by `giblet bench`.

    Here the peak may grow by the samples themselves and no more.
    """
    program = (
        "import re, sys, numpy as np\n"
        "from transformers import EncodecConfig, EncodecModel\n"
        "from giblet_core.codecs import EncodecCodec\n"
        "config = EncodecConfig(num_filters=4, target_bandwidths=[6.0])\n"
        "codec = EncodecCodec(EncodecModel(config), 'x')\n"
        "n_samples = 24_000 * int(sys.argv[1])\n"
        "wave = np.random.default_rng(0).standard_normal(n_samples, dtype='f4')\n"
        "codes = codec.encode(wave, 6.0)\n"
        "del wave\n"
        "codec.decode(codes)\n"
        "status = open('/proc/self/status').read()\n"
        "print(codes.n_frames, re.search(r'VmHWM:\\s+(\\d+)', status)[1])\n"
    )
    peaks = {}
    for seconds in (60, 360):
        done = subprocess.run(
            [sys.executable, "-c", program, str(seconds)],
            capture_output=True,
            text=True,
            check=True,
        )
        n_frames, peaks[seconds] = map(int, done.stdout.split())
        assert n_frames == 75 * seconds
    samples_kb = 300 * 24_000 * 4 / 1024
    assert (
        peaks[360] - peaks[60] < 2.5 * samples_kb
    )  # the sound in, the sound out; whole-file encoding takes 3,100 kB a second
    assert 2.5 * samples_kb < 0.1 * 300 * 3100


def test_real_codes_are_read(shared):
    from safetensors.numpy import load_file

    (array,) = load_file(shared / "reference" / "encodec_24khz_jfk_codes.safetensors").values()
    codes = Codes(array[0], RATE, 75.0, 828 * 320, 1.5, "facebook/encodec_24khz", "0" * 64)
    assert codes.indices.shape == (2, 828)
    assert codes.bandwidth_kbps == 1.5
