"""Devices are chosen by name, never silently another; the CPU is the reference."""

from dataclasses import replace

import numpy as np
import pytest

import giblet_core as gc
from giblet_core import devices
from giblet_core.autoencoder import TrainConfig, demo_run
from giblet_core.codecs import EncodecCodec
from giblet_core.devices import (
    DEVICES,
    choose_device,
    device_in_use,
    symmetric_eigen,
    use_device,
)
from giblet_core.errors import InputError
from giblet_core.workflow.parameters import check_inputs


@pytest.fixture(autouse=True)
def reference_afterwards():
    yield
    use_device("cpu")


def there(monkeypatch, *names):
    """Let this machine have these devices, and no others."""
    for name, kind in DEVICES.items():
        monkeypatch.setitem(DEVICES, name, replace(kind, is_there=lambda n=name: n in names))


@pytest.mark.parametrize(
    ("has", "auto"), [(("cpu",), "cpu"), (("cpu", "mps"), "mps"), (("cpu", "mps", "cuda"), "cuda")]
)
def test_auto_takes_a_card_where_there_is_one(monkeypatch, has, auto):
    there(monkeypatch, *has)
    assert choose_device("auto") == auto
    assert choose_device("cpu") == "cpu"


def test_auto_is_the_cpu_where_torch_finds_no_card(monkeypatch):
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(devices.torch.backends.mps, "is_available", lambda: False)
    there(monkeypatch, "cpu")
    assert use_device("auto") == device_in_use() == "cpu"


@pytest.mark.parametrize("name", ["cuda", "mps"])
def test_a_device_that_is_not_there_is_an_error_with_its_remedy(monkeypatch, name):
    there(monkeypatch, "cpu")
    with pytest.raises(
        InputError, match=f"device={name}: .* has cpu. Choose one of these, or auto"
    ):
        use_device(name)
    assert device_in_use() == "cpu"
    with pytest.raises(InputError, match="finds none"):
        gc.load_codec("demo", device=name)
    with pytest.raises(InputError, match="finds none"):
        check_inputs({"device": name})


def test_an_unknown_device_is_an_error():
    with pytest.raises(InputError, match="device=tpu: must be one of auto, cuda, mps, cpu"):
        choose_device("tpu")


def test_a_run_trains_on_the_device_in_use(monkeypatch):
    there(monkeypatch, "cpu", "cuda")
    use_device("cuda")
    assert demo_run(100).device == "cuda"
    assert TrainConfig().device == "cpu"


def test_a_codec_moves_to_the_device_it_is_loaded_for(monkeypatch):
    there(monkeypatch, "cpu", "cuda")
    moved = []
    monkeypatch.setattr(EncodecCodec, "move_to", lambda _codec, device: moved.append(device))
    reference = gc.load_codec("demo")
    on_card = gc.load_codec("demo", device="cuda")
    assert moved == ["cuda"]
    assert on_card is not reference
    assert gc.load_codec("demo", device="cpu") is reference


def test_arrays_go_in_and_come_out_wherever_a_codec_computes(demo_codec):
    twin = demo_codec.copy_as("twin")
    twin.move_to("cpu")
    wave = (0.1 * np.sin(np.arange(24_000) / 20)).astype(np.float32)
    codes = twin.encode(wave, 6.0)
    assert np.array_equal(codes.indices, demo_codec.encode(wave, 6.0).indices)
    assert np.array_equal(twin.decode(codes), demo_codec.decode(codes))
    assert twin.device == "cpu"


def test_the_decomposition_by_torch_is_that_of_scipy(rng):
    root = rng.standard_normal((30, 40))
    matrix = root @ root.T
    values, vectors = symmetric_eigen(matrix.copy())
    by_torch, torch_vectors = devices._eigen_by_torch(matrix.copy(), "cpu")
    np.testing.assert_allclose(by_torch, values, rtol=1e-10)
    np.testing.assert_allclose(torch_vectors @ np.diag(by_torch) @ torch_vectors.T, matrix)
    np.testing.assert_allclose(np.abs((vectors * torch_vectors).sum(0)), 1)


def test_ridge_stays_on_the_cpu_where_the_device_has_no_doubles(monkeypatch, rng):
    there(monkeypatch, "cpu", "mps")
    use_device("mps")
    monkeypatch.setattr(devices, "_eigen_by_torch", pytest.fail)
    values, _ = symmetric_eigen(np.eye(3))
    assert values.tolist() == [1, 1, 1]
