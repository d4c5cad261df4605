"""What codecs share whose codebooks add up: slices, sums and look-ups are identities."""

import numpy as np
import pytest
import torch
from fakes import conditioned_model, projected_codec, slow_codec

from giblet_core.codecs import CodecShape, EncodecCodec, chunk_bounds, nearest, residual_codes
from giblet_core.errors import InputError

RATE = 24_000


def test_a_rate_buys_whole_codebooks_also_where_binary_numbers_fall_short():
    shape = CodecShape(24_000, 1920, 2048, 8, (0.55,))  # 0.1375 kbit/s a codebook
    for k in range(1, 33):
        assert shape.codebooks_for(round(0.1375 * k, 4)) == k
    assert shape.codebooks_for(0.1) == 0


def test_chunks_cover_the_sound_once_and_none_is_short():
    for n in (1, 99, 100, 101, 199, 200, 777):
        bounds = chunk_bounds(n, 100)
        assert [a for a, _ in bounds] + [n] == [0] + [b for _, b in bounds]
        assert all(b - a >= min(n, 100) for a, b in bounds)


def test_lower_rates_are_slices_of_the_highest(codec, wave):
    top = codec.encode(wave, 12.0)
    for bandwidth, k in ((1.5, 2), (3.0, 4), (6.0, 8)):
        assert codec.codebooks_at(bandwidth) == k
        assert codec.encode(wave, bandwidth) == top.first(k)


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


def test_relabelling_a_codebook_with_its_rows_changes_no_sound(wave):
    relabelled_model = conditioned_model()
    order = torch.from_numpy(np.random.default_rng(3).permutation(1024))
    level = relabelled_model.quantizer.layers[1].codebook
    level.embed.copy_(level.embed[order])
    codec = EncodecCodec(conditioned_model(), "first")
    relabelled = EncodecCodec(relabelled_model, "relabelled")
    codes = codec.encode(wave[:RATE], 6.0)
    new_codes = relabelled.encode(wave[:RATE], 6.0)
    assert np.array_equal(order.numpy()[new_codes.indices[1]], codes.indices[1])
    assert np.array_equal(codec.decode(codes), relabelled.decode(new_codes))


def test_the_nearest_entry_has_the_least_distance(rng):
    points = torch.from_numpy(rng.standard_normal((50, 4)).astype(np.float32))
    centres = torch.from_numpy(rng.standard_normal((9, 4)).astype(np.float32))
    expected = torch.cdist(points.double(), centres.double()).argmin(1)
    assert torch.equal(nearest(points, centres), expected)
    assert torch.equal(nearest(points, centres, chunk=7), expected)


def test_each_level_quantises_what_those_before_it_left(rng):
    points = torch.from_numpy(rng.standard_normal((50, 4)).astype(np.float32))
    codebooks = torch.from_numpy(rng.standard_normal((2, 9, 4)).astype(np.float32))
    codes = residual_codes(points, codebooks)
    left = points - codebooks[0][codes[0]]
    assert np.array_equal(codes[1], nearest(left, codebooks[1]).numpy())


@pytest.mark.parametrize("codec", [slow_codec(), projected_codec()], ids=["slow", "projected"])
def test_a_codec_quantises_latents_as_its_nearest_says(codec, rng):
    wave = rng.standard_normal(codec.hop_length * 20).astype(np.float32) * 0.1
    codes = codec.encode(wave, codec.bandwidths_kbps[-1])
    first = codec.encode(codec.decode(codes), codec.bandwidths_kbps[-1])
    points = codec.latents(codes).sum(0).T
    assert (codec.nearest(0, points) == first.indices[0]).mean() > 0.95  # but for rounding


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
