"""Experiments: the seed's dimension table in bytes, and fair comparison on unheard time."""

import dataclasses

import numpy as np
import pytest
from fakes import FAKE_CODECS, coloured_noise
from join_sounds import mixed_track
from made_codes import made_up_codes

from giblet_core.autoencoder import (
    AudioEncoder,
    NetworkConfig,
    TrainConfig,
    bits_table,
    build_autoencoder,
    fit,
    held_out_bits,
    memory_table,
    pca_latents,
    predict_indices,
    reconstruct,
    reconstructions,
    score_one,
    split_time,
    sum_latents,
    train_one,
)
from giblet_core.codecs import Codes
from giblet_core.errors import InputError
from giblet_core.files import cached_npz, content_hash

CONFIG = TrainConfig(
    steps=4, batch_size=2, eval_every=4, eval_windows=2, loss_frames=4, n_blocks=2, embargo_s=1.0
)
TINY = NetworkConfig(num_codebooks=2, embed_dim=4, encoder_hidden=4, decoder_hidden=8)


@pytest.fixture(scope="module")
def film():
    """80 s in which 50 of 1024 entries are in use, alike often."""
    return made_up_codes(np.random.default_rng(0).integers(0, 50, (2, 6000)) + 300)


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(1).normal(size=(2, 1024, 16)).astype(np.float32)


@pytest.mark.slow
def test_dimension_table_at_920_trs_is_that_of_the_seed_in_bytes():
    table = memory_table(
        AudioEncoder(), np.zeros(1000, np.float32), np.zeros((3, 8, 112), np.int32)
    )
    assert table.loc["sound", "bytes"] == 132_480_000
    assert table.loc["codes", "bytes"] == 3_297_280
    assert table.loc["codes as stored", "bytes"] == 3_297_280 / 2
    assert table.loc["embedded", "bytes"] == 211_025_920
    assert table.loc["compressed", "bytes"] == 942_080
    assert table.loc["codes", "saved (%)"] == pytest.approx(97.51, abs=0.005)
    assert table.loc["embedded", "shape"] == "(920, 8, 112, 64)"


def test_all_predictors_are_scored_on_the_same_tokens_of_test_time(film):
    bits = held_out_bits(build_autoencoder(TINY), film, CONFIG)
    test_stretches = split_time(film.n_frames, 75.0, CONFIG).test
    # the first TR of each stretch has none before it
    n_trs = sum((stop - start) // 112 - 1 for start, stop in test_stretches)
    shapes = {name: value.shape for name, value in bits.items()}
    assert shapes == dict.fromkeys(("autoencoder", "unigram", "previous TR"), (n_trs, 2))
    assert bits["unigram"].mean() == pytest.approx(np.log2(50), abs=0.5)
    assert bits["autoencoder"].mean() == pytest.approx(10, abs=0.2)  # untrained: uniform over 1024
    # nothing repeats
    assert bits["previous TR"].mean() == pytest.approx(bits["unigram"].mean(), abs=0.1)


def test_too_little_test_time_for_two_trs_is_named(film):
    with pytest.raises(InputError, match="no two TRs in a row of test time"):
        held_out_bits(build_autoencoder(TINY), film.crop_frames(0, 2400), CONFIG)


def test_the_table_of_bits_averages_over_trs():
    bits = {"unigram": np.full((20, 2), 6.0), "autoencoder": np.full((20, 2), 5.0)}
    bits["autoencoder"][::2, 1] = 7.0  # codebook 1: no gain on average
    table = bits_table(bits)
    assert table.gain.tolist() == [1.0, 0.0]
    assert table.low[0] == table.high[0] == 1.0
    assert table.low[1] < 0 < table.high[1]


def test_training_starts_from_the_unigram(film):
    model = build_autoencoder(TINY)
    fit(model, film, CONFIG, progress=False)
    bits = held_out_bits(model, film, CONFIG)
    assert bits["autoencoder"].mean() == pytest.approx(bits["unigram"].mean(), abs=0.2)


def test_linear_bottleneck_knows_training_time_only(film, vectors):
    (start, stop), _ = split_time(film.n_frames, 75.0, CONFIG).test
    later_silent = film.indices.copy()
    later_silent[:, start + 224 : stop] = 0
    starts = [start, start + 112]
    one = pca_latents(film, vectors, CONFIG, starts, 112, n_components=20)
    two_film = film.with_indices(later_silent)
    two = pca_latents(two_film, vectors, CONFIG, starts, 112, n_components=20)
    np.testing.assert_array_equal(one, two)
    assert one.shape == (16, 224)
    latents = sum_latents(film.indices[:, start : start + 224], vectors)
    assert np.square(one - latents).mean() < 1.2 * latents.var()


@pytest.mark.slow
def test_a_stretch_is_heard_in_every_way_between_floor_and_ceiling(demo_codec):
    rng = np.random.default_rng(0)
    codes = demo_codec.encode(0.1 * rng.standard_normal(60 * 24_000).astype(np.float32), 1.5)
    config = dataclasses.replace(CONFIG, n_blocks=1)
    model = train_one(codes, demo_codec.codebooks, config, TINY)
    sounds = reconstructions(model, codes, demo_codec, config, (4000, 4224))
    piece = codes.crop_frames(4000, 4224)
    assert {sound.shape for sound in sounds.values()} == {(piece.n_samples,)}
    np.testing.assert_array_equal(sounds["ceiling: codec alone"], demo_codec.decode(piece))
    likeliest = predict_indices(model, codes, [4000, 4112])
    expected = demo_codec.decode(piece.with_indices(np.concatenate(list(likeliest), 1)))
    np.testing.assert_array_equal(sounds["autoencoder, most likely codes"], expected)
    again = reconstructions(model, codes, demo_codec, config, (4000, 4224))
    other = reconstructions(model, codes, demo_codec, config, (4000, 4224), seed=1)
    for name in ("autoencoder, codes drawn as it believes", "floor: unigram codes"):
        np.testing.assert_array_equal(sounds[name], again[name])
        assert (sounds[name] != other[name]).any()


@pytest.mark.parametrize("head", ["classification", "regression", "latent"])
def test_a_row_of_an_experiment_is_reproducible(film, vectors, head):
    network = dataclasses.replace(TINY, head=head)
    start_from = "codec" if head == "latent" else "random"
    models = [train_one(film, vectors, CONFIG, network, start_from) for _ in range(2)]
    one, two = (score_one(model, film, vectors, CONFIG, head=head) for model in models)
    assert one == two
    assert ("bits" in one) == (head == "classification")  # the other heads give no probabilities
    assert 0 < one["latent_error"] < 5


def test_a_network_takes_the_shape_of_codes_and_codebooks(film, rng):
    """Codes of a codec of 2048 entries, whatever the configuration says."""
    codebooks = rng.normal(size=(8, 2048, 6)).astype(np.float32)
    model = train_one(film, codebooks, CONFIG, NetworkConfig(embed_dim=4, decoder_hidden=8))
    assert model.encoder.num_codebooks == 2
    assert model.encoder.cardinality == model.decoder.cardinality == 2048


@pytest.mark.parametrize("name", FAKE_CODECS)
@pytest.mark.parametrize("head", ["classification", "latent"])
def test_codes_of_any_codec_pass_through_and_can_be_heard(name, head):
    """TRs of 18 frames at 12.5 Hz with 2048 entries; TRs of 75 frames of a codec that projects."""
    codec = FAKE_CODECS[name].load()
    wave = coloured_noise(120 * codec.sample_rate, np.random.default_rng(0))
    codes = codec.encode(wave, codec.bandwidths_kbps[0])
    network = NetworkConfig(
        n_frames=int(1.5 * codec.frame_rate),
        head=head,
        embed_dim=4,
        encoder_hidden=4,
        decoder_hidden=8,
    )
    model = train_one(codes, codec.codebooks, CONFIG, network)
    row = score_one(model, codes, codec.codebooks, CONFIG)
    assert 0 < row["latent_error"] < 5
    if head == "classification":
        assert abs(row["gain"]) < 0.5  # training starts from the unigram
    out = reconstruct(model, codes, codec.codebooks)
    assert len(codec.decode(out)) == len(wave)


@pytest.mark.slow
@pytest.mark.shared
def test_full_scale_training_on_920_trs_of_mixed_real_sound_learns_what_the_unigram_does_not_know(
    shared, demo_codec, request
):
    track = mixed_track(shared / "audio")
    assert len(track) == 920 * 36_000
    key = content_hash(track, demo_codec.sha256)
    folder = (
        request.config.rootpath / "build" / "cache"
    )  # encoding 23 minutes is most of this test's time

    def encoded():
        return {"indices": demo_codec.encode(track, 3.0).indices}, {"kind": "codes"}

    arrays, _ = cached_npz(folder, "mixed_920_encodec", key, encoded)
    codes = Codes(
        arrays["indices"], 24_000, 75.0, len(track), 3.0, demo_codec.id, demo_codec.sha256
    )
    config = TrainConfig(
        steps=100,
        batch_size=8,
        loss_frames=14,
        eval_every=50,
        eval_windows=24,
        warmup=5,
        patience=0,
        learning_rate=1e-2,
    )
    network = NetworkConfig(encoder_hidden=32, decoder_hidden=64)
    model = train_one(codes, demo_codec.codebooks, config, network)
    row = score_one(model, codes, demo_codec.codebooks, config)
    assert row["gain"] > 0.02  # bits a token, on time that nobody trained on
    assert row["bits"] < 10
