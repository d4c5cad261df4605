"""Experiments: the seed's dimension table in bytes, fair comparison on unheard time, records that
say when they were made.
"""

import numpy as np
import pandas as pd
import pytest
from join_sounds import mixed_track

from giblet_core.autoencoder import (
    AudioEncoder,
    TrainConfig,
    build_autoencoder,
    fit,
    held_out_bits,
    memory_table,
    pca_latents,
    score_one,
    split_time,
    sum_latents,
    train_one,
)
from giblet_core.codecs import Codes
from giblet_core.encoding import seed_interval
from giblet_core.errors import InputError
from giblet_core.files import cached_npz, content_hash
from giblet_core.reporting import read_record, records, write_record

CONFIG = TrainConfig(
    steps=4, batch_size=2, eval_every=4, eval_windows=2, loss_frames=4, n_blocks=2, embargo_s=1.0
)
TINY = {"encoder": {"hidden": 4}, "decoder": {"hidden": 8}}


@pytest.fixture(scope="module")
def film():
    indices = np.random.default_rng(0).integers(0, 50, (2, 6000)) + 300
    return Codes(indices, 24_000, 75.0, 6000 * 320, 1.5, "made-up", "0" * 64)


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
    model = build_autoencoder(2, 112, embed_dim=4, **TINY)
    bits = held_out_bits(model, film, CONFIG)
    split = split_time(film.n_frames, 75.0, CONFIG)
    n = sum(
        (b - a) // 112 - 1 for a, b in split.test
    )  # the first TR of each stretch has none before it
    assert {name: value.shape for name, value in bits.items()} == dict.fromkeys(
        ("autoencoder", "unigram", "previous TR"), (n, 2)
    )
    assert bits["unigram"].mean() == pytest.approx(
        np.log2(50), abs=0.5
    )  # 50 of 1024 entries are in use, alike often
    assert bits["autoencoder"].mean() == pytest.approx(10, abs=0.2)  # untrained: uniform over 1024
    assert bits["previous TR"].mean() == pytest.approx(
        bits["unigram"].mean(), abs=0.1
    )  # nothing repeats


def test_training_starts_from_the_unigram(film):
    model = build_autoencoder(2, 112, embed_dim=4, **TINY)
    fit(model, film, CONFIG, progress=False)
    bits = held_out_bits(model, film, CONFIG)
    assert bits["autoencoder"].mean() == pytest.approx(bits["unigram"].mean(), abs=0.2)


def test_linear_bottleneck_knows_training_time_only(film, vectors):
    (a, b), _ = split_time(film.n_frames, 75.0, CONFIG).test
    other = film.indices.copy()
    other[:, a + 224 : b] = 0  # later test time
    one, two = (
        pca_latents(film.with_indices(x), vectors, CONFIG, [a, a + 112], n_components=20)
        for x in (film.indices, other)
    )
    np.testing.assert_array_equal(one, two)
    assert one.shape == (16, 224)
    z = sum_latents(film.indices[:, a : a + 224], vectors)
    assert np.square(one - z).mean() < 1.2 * z.var()


@pytest.mark.parametrize("head", ["classification", "regression", "latent"])
def test_a_row_of_an_experiment_is_reproducible(film, vectors, head):
    sizes = TINY | ({"decoder": {"hidden": 8, "latent_dim": 16}} if head == "latent" else {})
    start_from = "codec" if head == "latent" else "random"
    models = [train_one(film, vectors, CONFIG, head, 4, start_from, **sizes) for _ in range(2)]
    one, two = (score_one(model, film, vectors, CONFIG, head=head) for model in models)
    assert one == two
    assert ("bits" in one) == (head == "classification")  # the other heads give no probabilities
    assert 0 < one["latent_error"] < 5


def test_interval_over_seeds_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [
        low < 1 < high for _, low, high in (seed_interval(rng.normal(1, 2, 3)) for _ in range(2000))
    ]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.02)
    with pytest.raises(InputError, match="at least 3"):
        seed_interval([1, 2])


def test_a_record_says_when_and_of_what_it_was_made(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(records, "project_root", lambda: tmp_path)
    assert read_record("long_run", "a" * 64) is None
    assert "full=True" in capsys.readouterr().out
    write_record("long_run", [{"seed": 0, "bits": 8.5}], "a" * 64, sound="a film", n_trs=920)
    record = read_record("long_run", "a" * 64)
    assert capsys.readouterr().out == ""
    pd.testing.assert_frame_equal(
        record.table[["seed", "bits"]], pd.DataFrame([{"seed": 0, "bits": 8.5}])
    )
    assert record.about["n_trs"] == 920
    assert str(record).startswith("Recorded 20")
    read_record("long_run", "b" * 64)
    assert "other weights of the codec" in capsys.readouterr().out


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
    encoded = lambda: ({"indices": demo_codec.encode(track, 3.0).indices}, {"kind": "codes"})  # noqa: E731
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
    model = train_one(
        codes, demo_codec.codebooks, config, encoder={"hidden": 32}, decoder={"hidden": 64}
    )
    row = score_one(model, codes, demo_codec.codebooks, config)
    assert row["gain"] > 0.02  # bits a token, on time that nobody trained on
    assert row["bits"] < 10
