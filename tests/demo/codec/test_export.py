"""The exported codec gives what the trained one gives, and can be read back."""

import copy

import torch
from transformers import EncodecModel

import giblet_core as gc
from giblet_core.demo.codec import from_encodec, save_codec, to_encodec
from giblet_core.files import ASSETS, file_sha256

HOP = 320
SETTLE = 20  # frames: the starts are mirrored there and zero here


def relative_error(ours, theirs, start=0):
    """Return the mean squared difference after `start` (second dimension), of the mean square."""
    difference = (ours - theirs)[:, start:].square().mean()
    return float(difference / ours.square().mean())


def awake(tiny):
    """Return a copy whose weights that start silent are not."""
    net = copy.deepcopy(tiny)
    silent = (
        net.widen.weight,
        net.synthesis.weight,
        net.synthesis.bias,
        net.encoder_conv.weight,
        net.analysis.bias,
    )
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in silent:
            parameter.add_(0.002 * torch.randn_like(parameter))
    net.pin()
    return net


def test_exported_network_equals_the_trained_one(tiny, vowels, tmp_path):
    net = awake(tiny)
    model = to_encodec(net)
    wave = torch.from_numpy(vowels(2.0)[: HOP * 140])[None]
    with torch.inference_mode():
        z = net.encode(wave.reshape(1, -1, HOP))
        exported_z = model.encoder(wave[None])[0].T[None]
        sound = net.decode(z)
        exported_sound = model.decoder(z.transpose(1, 2))[0]
    assert relative_error(z, exported_z, SETTLE) < 1e-4
    assert relative_error(sound, exported_sound, SETTLE * HOP) < 1e-4
    digest = save_codec(model, tmp_path)
    assert digest == file_sha256(tmp_path / "model.safetensors")
    assert gc.load_codec(tmp_path).num_codebooks == 4


def test_published_weights_can_be_trained_on(vowels):
    model = EncodecModel.from_pretrained(ASSETS / "demo_codec", dtype=torch.float32)
    net = from_encodec(model)
    again = to_encodec(net)
    wave = torch.from_numpy(vowels(1.5)[: HOP * 100])[None, None]
    with torch.inference_mode():
        z = model.encoder(wave)
        sound = model.decoder(z)
        assert relative_error(z, again.encoder(wave)) < 1e-5
        assert relative_error(sound, again.decoder(z)) < 1e-5
        assert relative_error(sound[0], net.decode(z.transpose(1, 2)), SETTLE * HOP) < 1e-4
