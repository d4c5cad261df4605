"""Training: interrupted or not the same, and averaged as it says."""

import copy
from dataclasses import replace

import pytest
import torch
from caches import assert_flips_are_found, assert_known_by, edited_copy

from giblet_core.demo.codec import (
    CodecTrainConfig,
    Corpus,
    load_weights,
    refit_codebooks,
    save_weights,
    stage,
    stage_ingredients,
    train_codec,
    training,
)
from giblet_core.demo.codec.network import FrameCodec
from giblet_core.errors import InputError
from giblet_core.files import content_hash

SHORT = CodecTrainConfig(
    n_steps=4,
    batch_size=2,
    n_frames=40,
    n_codebooks=4,
    prefixes=(2, 4),
    prefix_odds=(0.5, 0.5),
    checkpoint_every=2,
)


@pytest.fixture
def corpus(vowels):
    return Corpus({"speech": [vowels(4.0)]})


def test_a_trained_codec_is_refitted_the_same_way_each_time(tiny, vowels):
    corpus = Corpus({"speech": [vowels(8.0, seed=3)]})
    first = refit_codebooks(copy.deepcopy(tiny), corpus, n_crops=4).codebooks.embed
    again = refit_codebooks(copy.deepcopy(tiny), corpus, n_crops=4).codebooks.embed
    torch.testing.assert_close(first, again, rtol=0, atol=0)
    assert not torch.equal(first, tiny.codebooks.embed)


def test_what_is_kept_is_the_moving_average_of_the_weights(tiny, corpus, monkeypatch):
    net = copy.deepcopy(tiny)
    pin = net.pin
    weights = []

    def pin_and_remember():
        pin()
        weights.append(net.synthesis.weight.detach().clone())

    monkeypatch.setattr(net, "pin", pin_and_remember)
    train_codec(net, corpus, replace(SHORT, n_steps=3, averaging=0.6))
    # a plain mean first, then decay .6
    expected = 0.3 * weights[0] + 0.3 * weights[1] + 0.4 * weights[2]
    torch.testing.assert_close(net.synthesis.weight, expected)
    assert not torch.equal(net.synthesis.weight, weights[2])


def test_without_averaging_the_last_weights_are_kept_and_the_encoder_rests(tiny, corpus):
    net = copy.deepcopy(tiny)
    history = train_codec(net, corpus, SHORT)
    assert [record["step"] for record in history] == [0, 1, 2, 3]
    assert torch.equal(net.encoder_conv.weight, tiny.encoder_conv.weight)
    assert not torch.equal(net.synthesis.weight, tiny.synthesis.weight)


def test_interrupted_training_ends_as_uninterrupted(tiny, vowels, tmp_path):
    whole = copy.deepcopy(tiny)
    corpus = Corpus({"speech": [vowels(4.0)]})
    history = train_codec(whole, corpus, SHORT)

    broken = Corpus({"speech": [vowels(4.0)]})
    draw = broken.batch
    n_drawn = 0

    def stop_at_the_third(*size):
        nonlocal n_drawn
        n_drawn += 1
        if n_drawn == 3:
            raise KeyboardInterrupt
        return draw(*size)

    broken.batch = stop_at_the_third
    with pytest.raises(KeyboardInterrupt):
        train_codec(copy.deepcopy(tiny), broken, SHORT, tmp_path)

    resumed = copy.deepcopy(tiny)
    assert train_codec(resumed, corpus, SHORT, tmp_path) == history
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(value, resumed.state_dict()[name])
    with pytest.raises(InputError, match="another configuration"):
        train_codec(resumed, corpus, replace(SHORT, n_steps=5), tmp_path)


#: Ingredient of a stage -> function (net, corpus, config) that changes it in the dictionary.
STAGE_CHANGES = {
    "configuration": lambda given, vowels: given.update(config=replace(SHORT, seed=1)),
    "sounds": lambda given, vowels: given.update(corpus=Corpus({"speech": [vowels(4.0, seed=5)]})),
    "kind of sounds": lambda given, vowels: given.update(corpus=Corpus({"tts": [vowels(4.0)]})),
    "start": lambda given, vowels: given.update(net=shifted(given["net"])),
}


def shifted(net):
    """Return a copy of a network with one other weight."""
    other = copy.deepcopy(net)
    with torch.no_grad():
        other.synthesis.weight[0, 0] += 0.1
    return other


@pytest.mark.parametrize("ingredient", STAGE_CHANGES)
def test_a_stage_is_known_by_each_ingredient(tiny, vowels, tmp_path, ingredient):
    given = {"net": tiny, "corpus": Corpus({"speech": [vowels(4.0)]}), "config": SHORT}
    key = content_hash(stage_ingredients(**given))
    same = {**given, "net": copy.deepcopy(tiny), "corpus": Corpus({"speech": [vowels(4.0)]})}
    assert content_hash(stage_ingredients(**same)) == key
    STAGE_CHANGES[ingredient](given, vowels)
    assert content_hash(stage_ingredients(**given)) != key


def test_a_stage_is_known_by_its_code(tiny, corpus, tmp_path, monkeypatch):
    key = content_hash(stage_ingredients(tiny, corpus, SHORT))
    monkeypatch.setattr(stage, "SOURCES", edited_copy(stage.SOURCES, tmp_path))
    assert content_hash(stage_ingredients(tiny, corpus, SHORT)) != key


def test_a_damaged_checkpoint_is_found(tiny, corpus, tmp_path):
    def train():
        return train_codec(copy.deepcopy(tiny), corpus, SHORT, tmp_path)

    history = train()
    assert_flips_are_found(tmp_path.iterdir(), train, history, n_flips=6)


def test_the_first_network_is_built_once_from_the_same_sounds(tiny, vowels, tmp_path, monkeypatch):
    made = []
    sounds = {"speech": [vowels(4.0)]}
    whole = FrameCodec()

    def build(corpus):
        made.append(corpus)
        return whole

    def serve():
        net = training._first_network(None, tmp_path, Corpus(sounds))
        return {name: value.numpy() for name, value in net.state_dict().items()}

    monkeypatch.setattr(training, "start", build)
    assert_known_by(serve, made, lambda: sounds.update(speech=[vowels(4.0, seed=5)]))
    assert_flips_are_found(tmp_path.iterdir(), serve, serve(), n_flips=4)


def test_weights_come_back_as_they_were(tmp_path):
    net = FrameCodec()
    back = load_weights(save_weights(net, tmp_path / "net.npz"))
    for name, value in net.state_dict().items():
        assert torch.equal(value, back.state_dict()[name])
