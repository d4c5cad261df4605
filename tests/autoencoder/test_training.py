"""Training is exact to the bit, never sees test time, and takes labels for labels."""

import ast
import dataclasses
import json

import numpy as np
import pytest
import torch
from caches import assert_flips_are_found, edited_copy
from made_codes import SMALL_NETWORK, made_up_codes
from safetensors.torch import load_file

from giblet_core.autoencoder import (
    SOURCES,
    NetworkConfig,
    TrainConfig,
    build_autoencoder,
    fit,
    overfit_batch,
    predict_indices,
    run_folder,
    run_ingredients,
    split_time,
    unigram_bits,
)
from giblet_core.errors import InputError
from giblet_core.files import content_hash


def weights(model):
    tensors = model.state_dict().values()
    return np.concatenate([tensor.detach().double().numpy().ravel() for tensor in tensors])


# --- by heart ------------------------------------------------------------------------------------


def random_batch(shape, cardinality):
    return torch.from_numpy(np.random.default_rng(0).integers(0, cardinality, shape))


def test_one_batch_is_over_fitted_to_more_than_99_percent_of_codes():
    network = NetworkConfig(
        num_codebooks=3,
        n_frames=56,
        cardinality=64,
        embed_dim=16,
        out_dim=64,
        encoder_hidden=16,
        decoder_hidden=64,
        dropout=0.0,
    )
    batch = random_batch((4, 3, 56), 64)
    assert overfit_batch(build_autoencoder(network), batch, steps=120)[-1] > 0.99


@pytest.mark.slow
def test_one_batch_of_the_seeds_size_is_over_fitted_to_more_than_99_percent_of_codes():
    """Uniform noise: nothing to guess from."""
    model = build_autoencoder(NetworkConfig(dropout=0.0))
    accuracy = overfit_batch(model, random_batch((4, 8, 112), 1024), steps=60)
    assert accuracy[0] < 0.01
    assert accuracy[-1] > 0.99


def test_decoder_knows_where_in_the_tr_a_frame_lies():
    network = NetworkConfig(
        num_codebooks=2,
        n_frames=12,
        cardinality=16,
        embed_dim=4,
        out_dim=8,
        encoder_hidden=8,
        decoder_hidden=8,
        n_segments=4,
        dropout=0.0,
        norm="layer",
    )
    frame_numbers = torch.arange(12).expand(1, 2, 12)  # entry = frame: only position tells it
    model = build_autoencoder(network)
    assert overfit_batch(model, frame_numbers, steps=150, learning_rate=1e-2)[-1] == 1.0


# --- exactness -----------------------------------------------------------------------------------


@pytest.mark.parametrize("head", ["classification", "regression", "latent"])
def test_resumed_run_equals_the_uninterrupted_one_to_the_bit(
    film, new_model, quick, tmp_path, rng, head
):
    vectors = rng.normal(size=(2, 32, 6)).astype(np.float32)
    whole = new_model(head)
    uninterrupted = fit(whole, film, quick, codebooks=vectors, progress=False)
    fit(new_model(head), film, quick, tmp_path, codebooks=vectors, stop_at=6, progress=False)
    torch.rand(3)  # the caller's random state is nobody's business
    # another process: other first weights, all replaced by the checkpoint's
    other = new_model(head, seed=5)
    resumed = fit(other, film, quick, tmp_path, resume=True, codebooks=vectors, progress=False)
    np.testing.assert_array_equal(weights(whole), weights(other))
    assert uninterrupted == resumed


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(film, new_model, quick):
    models = [new_model() for _ in range(3)]
    for model, seed in zip(models, (0, 0, 1)):
        fit(model, film, dataclasses.replace(quick, seed=seed), progress=False)
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))
    assert not np.array_equal(weights(models[0]), weights(models[2]))


def test_training_leaves_the_callers_random_state_alone(film, new_model, quick):
    model = new_model()
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    fit(model, film, dataclasses.replace(quick, steps=2), progress=False)
    assert torch.equal(torch.rand(4), expected)


def test_two_accumulated_batches_count_like_one_step(film, new_model, quick):
    history = fit(new_model(), film, dataclasses.replace(quick, accumulate=2), progress=False)
    assert history.steps == [0, 4, 8, 12]


def test_more_loss_frames_than_a_window_holds_are_all_of_them(film, new_model, quick):
    histories = [
        fit(new_model(), film, dataclasses.replace(quick, loss_frames=n), progress=False)
        for n in (0, 24, 100)
    ]
    assert histories[0] == histories[1] == histories[2]


def test_the_model_ends_with_its_best_weights(film, new_model, quick, tmp_path):
    model = new_model()
    config = dataclasses.replace(quick, steps=40, learning_rate=1e-2)
    history = fit(model, film, config, tmp_path, progress=False)
    best = history.steps.index(history.best_step)
    assert history.mean("validation")[best] == history.mean("validation").min()
    saved = load_file(tmp_path / "model.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in model.state_dict().items())
    assert json.loads((tmp_path / "history.json").read_text())["best_step"] == history.best_step


def test_training_stops_when_validation_no_longer_gains(new_model, quick):
    """Nothing to learn: validation can only get worse."""
    noise = made_up_codes(np.random.default_rng(0).integers(0, 32, (2, 4500)))
    config = dataclasses.replace(quick, steps=400, patience=2, learning_rate=1e-2)
    history = fit(new_model(), noise, config, progress=False)
    assert history.stopped_early
    assert history.steps[-1] < 400


# --- what a run is known by ----------------------------------------------------------------------


def files_imported_from_the_room(path):
    """Return files of the room that a file imports."""
    room = "giblet_core.autoencoder."
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(room):
            yield path.with_name(node.module.removeprefix(room) + ".py")


def test_a_run_is_known_by_all_code_of_the_room_that_shapes_it():
    [training] = [path for path in SOURCES if path.name == "training.py"]
    needed = {training}
    waiting = [training]
    while waiting:
        new = set(files_imported_from_the_room(waiting.pop())) - needed
        needed |= new
        waiting += new
    assert needed == set(SOURCES)
    assert all(path.is_file() for path in SOURCES)


def test_another_configuration_has_another_folder(tmp_path):
    folders = [
        run_folder(tmp_path, "film", config) for config in (TrainConfig(), TrainConfig(seed=1))
    ]
    assert folders[0] == run_folder(tmp_path, "film", TrainConfig())
    assert folders[0] != folders[1]


# --- what a checkpoint refuses -------------------------------------------------------------------


def test_checkpoint_of_another_run_is_refused(film, new_model, quick, tmp_path):
    fit(new_model(), film, quick, tmp_path, stop_at=4, progress=False)
    other_config = dataclasses.replace(quick, learning_rate=1.0)
    other_film = made_up_codes(film.indices[:, ::-1])
    for codes, config in ((film, other_config), (other_film, quick)):
        with pytest.raises(InputError, match="another config"):
            fit(new_model(), codes, config, tmp_path, resume=True, progress=False)


def architecture(**changes):
    """Return the architecture of a small network, one of its settings another."""
    return build_autoencoder(dataclasses.replace(SMALL_NETWORK, **changes)).architecture()


def with_frame_rate(codes):
    """Return the same frames at 50 a second."""
    return dataclasses.replace(codes, frame_rate=50.0, n_samples=codes.n_frames * 480)


CODEBOOKS = np.ones((2, 32, 6), np.float32)

#: Ingredient of a run -> the arguments of `run_ingredients` that change it.
INGREDIENTS = {
    "head": lambda film: {"architecture": architecture(head="regression")},
    "window": lambda film: {"architecture": architecture(n_frames=25, n_segments=8)},
    "width": lambda film: {"architecture": architecture(encoder_hidden=9)},
    "dropout": lambda film: {"architecture": architecture(dropout=0.3)},
    "norm": lambda film: {"architecture": architecture(norm="layer")},
    "codes": lambda film: {"codes": film.with_indices(film.indices[:, ::-1])},
    "frame rate": lambda film: {"codes": with_frame_rate(film)},
    **{
        f"config.{field.name}": lambda film, name=field.name: {"config": other_config(name)}
        for field in dataclasses.fields(TrainConfig)
    },
}


def other_config(name):
    """Return the default configuration with another value of one entry."""
    default = getattr(TrainConfig(), name)
    if isinstance(default, str):
        return dataclasses.replace(TrainConfig(), **{name: f"another {default}"})
    other = not default if isinstance(default, bool) else default / 2
    return dataclasses.replace(TrainConfig(), **{name: other if default else 1})


@pytest.mark.parametrize("ingredient", INGREDIENTS)
def test_a_run_is_known_by_each_ingredient(film, ingredient):
    given = {"architecture": architecture(), "codes": film, "config": TrainConfig()}
    same = {"architecture": architecture(), "codes": film, "config": TrainConfig()}
    changed = {**given, **INGREDIENTS[ingredient](film)}
    key = content_hash(run_ingredients(**given))
    assert content_hash(run_ingredients(**same)) == key
    assert content_hash(run_ingredients(**changed)) != key


def test_codebooks_are_an_ingredient_of_the_latent_head_alone(film):
    for head, differs in (("latent", True), ("classification", False)):
        given = {"architecture": architecture(head=head), "codes": film, "config": TrainConfig()}
        keys = [
            content_hash(run_ingredients(**given, codebooks=codebooks))
            for codebooks in (CODEBOOKS, 2 * CODEBOOKS)
        ]
        assert (keys[0] != keys[1]) == differs


def test_a_run_is_known_by_its_code(film, tmp_path, monkeypatch):
    key = content_hash(run_ingredients(architecture(), film, TrainConfig()))
    folder = run_folder(tmp_path, "film", 1)
    changed = edited_copy(SOURCES, tmp_path)
    monkeypatch.setattr("giblet_core.autoencoder.config.SOURCES", changed)
    assert content_hash(run_ingredients(architecture(), film, TrainConfig())) != key
    assert run_folder(tmp_path, "film", 1) != folder


def test_damaged_checkpoint_is_refused(film, new_model, quick, tmp_path):
    fit(new_model(), film, quick, tmp_path, stop_at=4, progress=False)
    paths = sorted(tmp_path.iterdir())
    assert [path.suffix for path in paths] == [".safetensors", ".json"]
    expected = dataclasses.asdict(fit(new_model(), film, quick, progress=False))
    kept = {path: path.read_bytes() for path in paths}

    def resume():
        history = fit(new_model(), film, quick, tmp_path, resume=True, progress=False)
        for path, content in kept.items():  # the run went on from the checkpoint
            path.write_bytes(content)
        return dataclasses.asdict(history)

    assert_flips_are_found(paths, resume, expected, n_flips=6)
    [path] = tmp_path.glob("checkpoint-000004.safetensors")
    path.unlink()
    with pytest.raises(InputError, match="missing or damaged"):
        resume()


def test_crash_while_saving_leaves_the_checkpoint_before_whole(
    film, new_model, quick, tmp_path, monkeypatch
):
    fit(new_model(), film, quick, tmp_path, stop_at=4, progress=False)

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("giblet_core.autoencoder.training.save", full)
    with pytest.raises(OSError, match="free some room"):
        fit(new_model(), film, quick, tmp_path, resume=True, progress=False)
    monkeypatch.undo()
    resumed = fit(new_model(seed=9), film, quick, tmp_path, resume=True, progress=False)
    assert resumed == fit(new_model(), film, quick, progress=False)


def test_to_resume_without_a_folder_is_refused(film, new_model, quick):
    with pytest.raises(InputError, match="folder=None"):
        fit(new_model(), film, quick, resume=True, progress=False)


def test_too_short_a_sound_is_named(film, new_model, quick):
    short = film.crop_frames(0, 200)
    with pytest.raises(InputError, match="no training time"):
        fit(new_model(), short, dataclasses.replace(quick, embargo_s=10), progress=False)
    with pytest.raises(InputError, match="no window of 24 frames"):
        fit(new_model(), short, dataclasses.replace(quick, embargo_s=0), progress=False)
    with pytest.raises(InputError, match="codebooks=None"):
        fit(new_model("latent"), film, quick, progress=False)


# --- learning ------------------------------------------------------------------------------------


def test_test_time_is_never_seen(film, new_model, quick):
    other = film.indices.copy()
    for start, stop in split_time(film.n_frames, 75.0, quick).test:
        other[:, start:stop] = 0
    models = [new_model(), new_model()]
    fit(models[0], film, quick, progress=False)
    fit(models[1], made_up_codes(other), quick, progress=False)
    np.testing.assert_array_equal(weights(models[0]), weights(models[1]))


def test_training_beats_the_unigram_on_held_out_time(film, new_model, quick):
    model = new_model()
    config = dataclasses.replace(
        quick,
        steps=300,
        batch_size=16,
        eval_every=50,
        learning_rate=1e-2,
        loss_frames=0,
        weight_decay=0.0,
    )
    history = fit(model, film, config, progress=False)
    split = split_time(film.n_frames, 75.0, config)
    [(start, stop)] = split.test
    base = unigram_bits(split.take("train", film.indices), film.indices[:, start:stop], 32)
    assert base == pytest.approx([5, 5], abs=0.4)  # about uniform over 32 entries
    assert np.mean(history.validation[0]) == pytest.approx(5, abs=0.3)  # the start is the unigram
    assert history.mean("validation").min() < 4.0  # 2 bits are unforeseeable noise
    starts = np.arange(start, stop - 24, 24)
    predicted = predict_indices(model, film, starts)
    true = np.stack([film.indices[:, s : s + 24] for s in starts])
    assert (predicted // 4 == true // 4).mean() > 0.5  # the hidden state; chance 1/8


def renamed(indices, model):
    """Rename every entry, and carry the rows of the embedding and of the head along."""
    rng = np.random.default_rng(2)
    indices = indices.copy()
    for k in range(len(indices)):
        new_name = rng.permutation(32)
        indices[k] = new_name[indices[k]]
        tables = [model.encoder.embeddings[k].weight]
        if model.decoder.head == "classification":
            tables += [model.decoder.heads[k].weight, model.decoder.heads[k].bias]
        for table in tables:
            table.data[new_name] = table.data.clone()
    return indices


@pytest.mark.parametrize("head", ["classification", "regression"])
def test_renaming_labels_changes_training_of_regression_but_not_of_classification(
    film, new_model, quick, head
):
    config = dataclasses.replace(quick, steps=40, patience=0)
    plain_model = new_model(head).double()  # rounding is all that may differ
    renamed_model = new_model(head).double()
    renamed_film = made_up_codes(renamed(film.indices, renamed_model))
    plain = fit(plain_model, film, config, progress=False).mean("validation")
    other = fit(renamed_model, renamed_film, config, progress=False).mean("validation")
    if head == "classification":
        np.testing.assert_allclose(plain, other, rtol=1e-6)
    else:
        assert np.abs(plain / other - 1).max() > 0.05


def test_small_scale_training_on_10_trs_learns_them(film, new_model, quick):
    ten = film.crop_frames(0, 10 * 112)
    config = dataclasses.replace(
        quick, steps=60, embargo_s=0, validation_fraction=0.2, test_fraction=0.2, learning_rate=1e-2
    )
    history = fit(new_model(), ten, config, progress=False)
    assert history.mean("train")[-1] < history.mean("train")[0] - 0.2
