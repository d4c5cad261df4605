"""Training: resumed equals uninterrupted to the bit, time is split without leaks, bits are right,
labels are only labels.
"""

import dataclasses
import json

import numpy as np
import pytest
import torch

from giblet_core.autoencoder import (
    TimeSplit,
    TrainConfig,
    bits_per_token,
    build_autoencoder,
    drawn,
    expected_latents,
    fit,
    pca_reconstruction,
    predict_indices,
    previous_tr_bits,
    reconstruct,
    requantise,
    split_time,
    sum_latents,
    unigram_bits,
)
from giblet_core.codecs import Codes
from giblet_core.errors import InputError

QUICK = TrainConfig(
    steps=12,
    batch_size=4,
    eval_every=4,
    eval_windows=4,
    warmup=2,
    loss_frames=5,
    n_blocks=1,
    embargo_s=1.0,
)
SIZES = {
    "encoder": {"cardinality": 32, "hidden": 8, "out_dim": 16},
    "decoder": {"cardinality": 32, "hidden": 16, "latent_dim": 6},
}


def as_codes(indices):
    return Codes(
        indices,
        24_000,
        75.0,
        indices.shape[1] * 320,
        10 * len(indices) * 0.075,
        "made-up",
        "0" * 64,
    )


@pytest.fixture
def film():
    """60 s in which a hidden state, new every half second, says which 4 of 32 entries both
    codebooks draw from.
    """
    rng = np.random.default_rng(0)
    state = np.repeat(rng.integers(0, 8, 120), 38)[:4500]
    return as_codes(4 * state + rng.integers(0, 4, (2, 4500)))


def model(head="classification", seed=0, **kwargs):
    return build_autoencoder(2, 24, head, embed_dim=8, seed=seed, **SIZES, **kwargs)


def weights(net):
    return np.concatenate([p.detach().double().numpy().ravel() for p in net.state_dict().values()])


# --- exactness
# -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["classification", "regression", "latent"])
def test_resumed_run_equals_the_uninterrupted_one_to_the_bit(film, tmp_path, rng, head):
    vectors = rng.normal(size=(2, 32, 6)).astype(np.float32)
    whole, parts = model(head), model(head)
    one = fit(whole, film, QUICK, codebooks=vectors, progress=False)
    fit(parts, film, QUICK, tmp_path, codebooks=vectors, stop_at=6, progress=False)
    torch.rand(3)  # the caller's random state is nobody's business
    again = model(
        head, seed=5
    )  # another process: other first weights, all replaced by the checkpoint's
    two = fit(again, film, QUICK, tmp_path, resume=True, codebooks=vectors, progress=False)
    np.testing.assert_array_equal(weights(whole), weights(again))
    assert one.validation == [two.validation[i] for i in range(len(one.validation))]
    assert one == two


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(film):
    nets = [model() for _ in range(3)]
    for net, seed in zip(nets, (0, 0, 1)):
        fit(net, film, dataclasses.replace(QUICK, seed=seed), progress=False)
    np.testing.assert_array_equal(weights(nets[0]), weights(nets[1]))
    assert not np.array_equal(weights(nets[0]), weights(nets[2]))


def test_training_leaves_the_callers_random_state_alone(film):
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    fit(model(), film, dataclasses.replace(QUICK, steps=2), progress=False)
    assert torch.equal(torch.rand(4), expected)


def test_two_accumulated_batches_count_like_one_step(film):
    history = fit(model(), film, dataclasses.replace(QUICK, accumulate=2), progress=False)
    assert history.steps == [0, 4, 8, 12]


def test_the_model_ends_with_its_best_weights(film, tmp_path):
    net = model()
    history = fit(
        net,
        film,
        dataclasses.replace(QUICK, steps=40, learning_rate=1e-2),
        tmp_path,
        progress=False,
    )
    i = history.steps.index(history.best_step)
    assert history.mean("validation")[i] == history.mean("validation").min()
    from safetensors.torch import load_file

    saved = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in net.state_dict().items())
    assert json.loads((tmp_path / "history.json").read_text())["best_step"] == history.best_step


def test_training_stops_when_validation_no_longer_gains(film):
    noise = as_codes(
        np.random.default_rng(0).integers(0, 32, (2, 4500))
    )  # nothing to learn: validation can only get worse
    history = fit(
        model(),
        noise,
        dataclasses.replace(QUICK, steps=400, patience=2, learning_rate=1e-2),
        progress=False,
    )
    assert history.stopped_early
    assert history.steps[-1] < 400


# --- what a checkpoint refuses
# -------------------------------------------------------------------------------------------


def test_checkpoint_of_another_run_is_refused(film, tmp_path):
    fit(model(), film, QUICK, tmp_path, stop_at=4, progress=False)
    with pytest.raises(InputError, match="another config"):
        fit(
            model(),
            film,
            dataclasses.replace(QUICK, learning_rate=1.0),
            tmp_path,
            resume=True,
            progress=False,
        )
    with pytest.raises(InputError, match="another config"):
        fit(model(), as_codes(film.indices[:, ::-1]), QUICK, tmp_path, resume=True, progress=False)


def test_damaged_checkpoint_is_refused(film, tmp_path):
    fit(model(), film, QUICK, tmp_path, stop_at=4, progress=False)
    (path,) = tmp_path.glob("checkpoint-*.safetensors")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="missing or damaged"):
        fit(model(), film, QUICK, tmp_path, resume=True, progress=False)


def test_crash_while_saving_leaves_the_checkpoint_before_whole(film, tmp_path, monkeypatch):
    fit(model(), film, QUICK, tmp_path, stop_at=4, progress=False)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("giblet_core.autoencoder.training.save_file", full)
    with pytest.raises(OSError, match="free some room"):
        fit(model(), film, QUICK, tmp_path, resume=True, progress=False)
    monkeypatch.undo()
    whole = model()
    assert fit(whole, film, QUICK, progress=False) == fit(
        model(seed=9), film, QUICK, tmp_path, resume=True, progress=False
    )


def test_unknown_keys_and_wrong_values_fail():
    with pytest.raises(TypeError, match="learning_rat"):
        TrainConfig(learning_rat=0.1)
    with pytest.raises(InputError, match="steps=0"):
        TrainConfig(steps=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().steps = 3


def test_too_short_a_sound_is_named(film):
    with pytest.raises(InputError, match="no training time"):
        fit(
            model(),
            film.crop_frames(0, 200),
            dataclasses.replace(QUICK, embargo_s=10),
            progress=False,
        )
    with pytest.raises(InputError, match="no window of 24 frames"):
        fit(
            model(),
            film.crop_frames(0, 200),
            dataclasses.replace(QUICK, embargo_s=0),
            progress=False,
        )
    with pytest.raises(InputError, match="codebooks=None"):
        fit(model("latent"), film, QUICK, progress=False)


# --- time
# ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_blocks", [1, 3])
def test_purposes_are_apart_by_the_embargo(n_blocks):
    config = TrainConfig(n_blocks=n_blocks, embargo_s=4.0)
    split = split_time(90_000, 75.0, config)
    used = np.full(90_000, "", dtype=object)
    for name in ("train", "validation", "test"):
        for a, b in getattr(split, name):
            assert (used[a:b] == "").all()
            used[a:b] = name
    named = np.flatnonzero(used != "")
    changes = [(a, b) for a, b in zip(named, named[1:]) if used[a] != used[b]]
    assert len(changes) == 3 * n_blocks - 1
    assert min(b - a - 1 for a, b in changes) >= 300
    assert (used == "test").mean() == pytest.approx(0.15, abs=0.001)


def test_windows_begin_at_any_frame_and_stay_in_their_stretch():
    split = TimeSplit(train=((0, 30), (50, 75)), validation=(), test=((90, 95),))
    np.testing.assert_array_equal(split.starts("train", 24, 1), [0, 1, 2, 3, 4, 5, 6, 50, 51])
    np.testing.assert_array_equal(split.starts("train", 12), [0, 12, 50, 62])
    assert len(split.starts("test", 24)) == 0


def test_test_time_is_never_seen(film):
    split = split_time(film.n_frames, 75.0, QUICK)
    other = film.indices.copy()
    for a, b in split.test:
        other[:, a:b] = 0
    nets = model(), model()
    fit(nets[0], film, QUICK, progress=False)
    fit(nets[1], as_codes(other), QUICK, progress=False)
    np.testing.assert_array_equal(weights(nets[0]), weights(nets[1]))


# --- learning
# ------------------------------------------------------------------------------------------------------------


def test_training_beats_the_unigram_on_held_out_time(film):
    net = model()
    config = dataclasses.replace(
        QUICK,
        steps=300,
        batch_size=16,
        eval_every=50,
        learning_rate=1e-2,
        loss_frames=0,
        weight_decay=0.0,
    )
    history = fit(net, film, config, progress=False)
    ((a, b),) = split_time(film.n_frames, 75.0, config).test
    train = np.concatenate(
        [film.indices[:, x:y] for x, y in split_time(film.n_frames, 75.0, config).train], 1
    )
    base = unigram_bits(train, film.indices[:, a:b], 32)
    assert base == pytest.approx([5, 5], abs=0.4)  # about uniform over 32 entries
    assert np.mean(history.validation[0]) == pytest.approx(5, abs=0.3)  # the start is the unigram
    predicted = predict_indices(net, film, np.arange(a, b - 24, 24))
    true = film.indices[:, np.arange(a, b - 24, 24)[:, None] + np.arange(24)].transpose(1, 0, 2)
    assert history.mean("validation").min() < 4.0  # 2 bits are unforeseeable noise
    assert (predicted // 4 == true // 4).mean() > 0.5  # the hidden state; chance 1/8


def permuted(indices, net, rng):
    """Rename every entry, and carry the rows of the embedding and of the head along."""
    renamed = indices.copy()
    for k in range(len(indices)):
        new_name = rng.permutation(32)
        renamed[k] = new_name[indices[k]]
        tables = [net.encoder.embeddings[k].weight]
        if net.decoder.head == "classification":
            tables += [net.decoder.heads[k].weight, net.decoder.heads[k].bias]
        for table in tables:
            table.data[new_name] = table.data.clone()
    return renamed


def test_renaming_labels_changes_training_of_regression_but_not_of_classification(film):
    curves = {}
    for head in ("classification", "regression"):
        for name in ("plain", "renamed"):
            net = model(head).double()  # rounding is all that may differ
            codes = (
                as_codes(permuted(film.indices, net, np.random.default_rng(2)))
                if name == "renamed"
                else film
            )
            curves[head, name] = fit(
                net, codes, dataclasses.replace(QUICK, steps=40, patience=0), progress=False
            ).mean("validation")
    np.testing.assert_allclose(
        curves["classification", "plain"], curves["classification", "renamed"], rtol=1e-6
    )
    assert np.abs(curves["regression", "plain"] / curves["regression", "renamed"] - 1).max() > 0.05


def test_small_scale_training_on_10_trs_learns_them(film):
    ten = film.crop_frames(0, 10 * 112)
    config = dataclasses.replace(
        QUICK, steps=60, embargo_s=0, validation_fraction=0.2, test_fraction=0.2, learning_rate=1e-2
    )
    history = fit(model(), ten, config, progress=False)
    assert history.mean("train")[-1] < history.mean("train")[0] - 0.2


def test_reconstruction_keeps_length_header_and_every_frame(film):
    piece = film.crop_frames(0, 100)  # 4 windows of 24 and 4 frames more
    out = reconstruct(model(), piece)
    assert dataclasses.replace(out, indices=piece.indices) == piece
    net = model()
    np.testing.assert_array_equal(out.indices[:, -24:], predict_indices(net, piece, [76])[0])


def test_drawn_codes_are_seeded_and_come_as_often_as_the_network_believes(film):
    logits = torch.log(torch.tensor([0.7, 0.2, 0.1])).expand(20_000, 3)
    shares = np.bincount(drawn(logits, np.random.default_rng(0)), minlength=3) / 20_000
    np.testing.assert_allclose(shares, [0.7, 0.2, 0.1], atol=0.01)
    net, piece = model(), film.crop_frames(0, 100)
    first, again, other = (
        reconstruct(net, piece, rng=np.random.default_rng(s)).indices for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_the_share_of_a_stretch_in_training_time():
    split = TimeSplit(((0, 10), (20, 30)), ((10, 15),), ((15, 20),))
    assert [split.share(name, 5, 25) for name in ("train", "validation", "test")] == [
        0.5,
        0.25,
        0.25,
    ]


# --- bits and baselines
# --------------------------------------------------------------------------------------------------


def test_bits_per_token_of_known_distributions():
    targets = torch.tensor([[[0, 1], [2, 3]]])
    even = torch.zeros(1, 2, 2, 1024)
    np.testing.assert_allclose(bits_per_token(even, targets), [10, 10], rtol=1e-6)
    sure = torch.nn.functional.one_hot(targets, 1024) * 100.0
    np.testing.assert_allclose(bits_per_token(sure, targets), [0, 0], atol=1e-6)
    wrong = even.clone()
    wrong[:, 1, :, 0] = np.log(2.0)  # one wrong entry twice as likely, in codebook 1 alone
    np.testing.assert_allclose(bits_per_token(wrong, targets), [10, np.log2(1025)], rtol=1e-5)


def test_unigram_bits_is_the_entropy_and_unseen_entries_cost_finitely(rng):
    p = np.array([0.5, 0.25, 0.125, 0.125])
    train, test = (rng.choice(4, size=(1, 100_000), p=p) for _ in range(2))
    assert unigram_bits(train, test, 4)[0] == pytest.approx(1.75, abs=0.02)
    np.testing.assert_allclose(
        unigram_bits([[0, 0]] * np.ones((1, 1), int), np.array([[3]]), 4), [np.log2(6)]
    )


def test_previous_tr_helps_where_sound_repeats_and_costs_nothing_where_it_does_not(rng):
    steady = np.repeat(rng.integers(0, 256, (1, 60)), 224, axis=1)  # one entry for two TRs
    noise = rng.integers(0, 256, (1, 60 * 224))
    codes = np.concatenate([steady, noise])
    half = codes.shape[1] // 2
    bits = previous_tr_bits(codes[:, :half], codes[:, half:], 112, 256).mean(0)
    base = unigram_bits(codes[:, :half], codes[:, half:], 256)
    assert bits[0] < base[0] - 2
    assert bits[1] == pytest.approx(base[1], abs=0.05)


def test_baselines_never_read_the_future(rng):
    codes = rng.integers(0, 16, (1, 480))
    later = codes.copy()
    later[:, 400:] = 0
    a, b = (previous_tr_bits(c[:, :200], c, 24, 16, starts=[300, 376]) for c in (codes, later))
    np.testing.assert_array_equal(a, b)


def test_requantising_summed_latents_gives_the_codes_back(rng):
    vectors = (
        rng.normal(size=(3, 32, 8)) * np.array([100.0, 10.0, 1.0])[:, None, None]
    )  # each codebook refines the one before
    indices = rng.integers(0, 32, (3, 200))
    back = requantise(sum_latents(indices, vectors), vectors)
    assert (back[0] == indices[0]).mean() > 0.8
    exact = np.abs(sum_latents(back, vectors) - sum_latents(indices, vectors)).mean()
    assert exact <= np.abs(sum_latents(indices, vectors)).mean() / 10


def test_expected_latents_of_certain_logits_are_the_books_vectors(rng):
    vectors, indices = rng.normal(size=(2, 16, 4)).astype(np.float32), rng.integers(0, 16, (2, 9))
    logits = torch.nn.functional.one_hot(torch.from_numpy(indices), 16) * 200.0
    np.testing.assert_allclose(
        expected_latents(logits, vectors), sum_latents(indices, vectors), rtol=1e-5
    )


def test_pca_passes_what_lies_in_its_width_and_knows_training_only(rng):
    axes = rng.normal(size=(5, 3, 8))
    train, test = (np.einsum("nk,kdt->ndt", rng.normal(size=(n, 5)), axes) for n in (50, 10))
    np.testing.assert_allclose(pca_reconstruction(train, test, 5), test, atol=1e-4)
    assert np.abs(pca_reconstruction(train, test, 2) - test).mean() > 0.1
    with pytest.raises(InputError, match="n_components=60"):
        pca_reconstruction(train, test, 60)
