"""EnCodec: transformers is the oracle."""

import math

import numpy as np
import pytest
import torch
from fakes import coloured_noise, conditioned_model
from transformers import EncodecConfig, EncodecModel

from giblet_core.codecs import EncodecCodec
from giblet_core.errors import InputError

RATE = 24_000


def test_encode_equals_transformers_on_the_whole_file(model, codec, wave, whole_file):
    codes = codec.encode(wave, 12.0)
    reference, _ = whole_file(model, wave, 12.0)
    assert min(len(np.unique(row)) for row in reference) > 50  # the comparison can fail: codes vary
    assert np.array_equal(codes.indices, reference)


@pytest.mark.parametrize("n", [320, 321, 24_000, 24_001, 24_000 * 2 - 1, 24_000 * 3 + 319])
def test_every_length_equals_the_whole_file(model, codec, wave, whole_file, n):
    reference, sound = whole_file(model, wave[:n], 6.0)
    codes = codec.encode(wave[:n], 6.0)
    assert np.array_equal(codes.indices, reference)
    assert codes.n_frames == math.ceil(n / 320)
    assert np.abs(codec.decode(codes) - sound[:n]).max() < 1e-5 * np.abs(sound).max()


def test_decode_equals_transformers_on_the_whole_file(model, codec, wave, whole_file):
    reference, sound = whole_file(model, wave, 6.0)
    decoded = codec.decode(codec.encode(wave, 6.0))
    assert decoded.shape == wave.shape
    assert np.abs(decoded - sound[: len(wave)]).max() < 1e-5 * np.abs(sound).max()


def test_codes_of_a_prefix_are_the_prefix_of_the_codes(codec, wave):
    half = codec.encode(wave[: 320 * 200], 6.0)
    assert np.array_equal(half.indices, codec.encode(wave, 6.0).indices[:, :200])


def test_the_number_of_codebooks_is_read_from_the_model():
    five = EncodecCodec(EncodecModel(EncodecConfig(num_filters=2)), "five rates")
    assert [five.codebooks_at(b) for b in five.bandwidths_kbps] == [2, 4, 8, 16, 32]
    assert five.num_codebooks == 32


def test_a_random_encoder_has_the_architecture_and_hears_by_its_seed(codec, wave):
    first = codec.untrained_latents(wave[:RATE], seed=0)
    assert first.shape == (codec.latent_dim, math.ceil(RATE / codec.hop_length))
    assert np.array_equal(first, codec.untrained_latents(wave[:RATE], seed=0))
    assert not np.allclose(first, codec.untrained_latents(wave[:RATE], seed=1))


def test_a_copy_decodes_the_same_codes_and_can_change_alone(codec, wave):
    codes = codec.encode(wave[:RATE])
    before = codec.decode(codes)
    twin = codec.copy_as("twin")
    assert (twin.id, twin.sha256) == ("twin", codec.sha256)
    assert np.array_equal(twin.decode(codes), before)
    with torch.no_grad():
        for weights in twin.decoder_network().parameters():
            weights.mul_(0.5)
    assert not np.allclose(twin.decode(codes), before)
    assert np.array_equal(codec.decode(codes), before)
    with pytest.raises(ValueError, match="read-only"):
        twin.codebooks[0, 0, 0] = 1


def test_exported_weights_are_those_of_the_decoder(codec):
    state = codec.decoder_network().state_dict()
    weights = codec.decoder_weights()
    assert list(weights) == list(state)
    assert all(np.array_equal(weights[name], state[name].numpy()) for name in state)


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
