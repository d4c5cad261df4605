"""Codecs from the hub: pinned, resumed, compared with their hashes, and there without a network."""

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub
import pytest
from fakes import conditioned_model
from hub_server import Hub

from giblet_core.codecs import CODECS, EncodecCodec
from giblet_core.codecs.loading import load_encodec_from_hub
from giblet_core.errors import InputError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "somebody/encodec_small"
WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A small EnCodec as the hub keeps one: what it is, and its files."""
    model = conditioned_model(num_filters=2, bandwidths=(1.5,), seconds=0.5)
    folder = tmp_path_factory.mktemp("published")
    model.save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(files) == {"config.json", WEIGHTS}
    others = {"README.md": b"", "preprocessor_config.json": b"{}", "pytorch_model.bin": b"a pickle"}
    return EncodecCodec(model, REPO), {**files, **others}


@pytest.fixture
def hub(published):
    with Hub(REPO, COMMIT, dict(published[1])) as server:
        yield server


@pytest.fixture
def connected(hub, tmp_path, monkeypatch):
    """The client of the hub asks our server and keeps files in a new folder."""
    constants = huggingface_hub.constants
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 2**16)  # what is kept of a cut download
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return hub


def load():
    return load_encodec_from_hub(REPO, COMMIT)


def asked_paths(names):
    return [f"/{REPO}/resolve/{COMMIT}/{name}" for name in names]


def test_the_registered_codec_is_pinned_to_a_commit():
    _, revision = CODECS["facebook/encodec_24khz"].load.args
    assert len(revision) == 40
    assert int(revision, 16)


def test_the_pinned_revision_is_asked_for_and_nothing_else(connected, published):
    assert load().sha256 == published[0].sha256
    expected = asked_paths(["config.json", WEIGHTS])
    assert connected.paths("HEAD") == expected
    assert connected.paths("GET") == expected


def test_what_is_there_is_not_asked_for_again(connected, published, monkeypatch):
    load()
    connected.asked.clear()
    assert load().sha256 == published[0].sha256
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert load().sha256 == published[0].sha256
    assert connected.asked == []


def test_an_interrupted_download_goes_on_where_it_was_cut(connected, published):
    n_bytes = len(published[1][WEIGHTS])
    connected.cut_after[WEIGHTS] = n_bytes // 3
    assert load().sha256 == published[0].sha256
    (resumed,) = [asked for _, _, asked in connected.asked if asked]
    n_kept = int(resumed.removeprefix("bytes=").rstrip("-"))
    assert n_bytes // 4 < n_kept <= n_bytes // 3


def flipped(content):
    """Return the same number of bytes, one of them another."""
    changed = bytearray(content)
    changed[-100] ^= 1
    return bytes(changed)


@pytest.mark.parametrize("name", ["config.json", WEIGHTS])
def test_content_that_does_not_match_its_hash_is_never_loaded(connected, published, name):
    connected.swapped[name] = flipped(published[1][name])
    message = f"{name} does not match the hash that the hub declares.*path of a local folder"
    with pytest.raises(InputError, match=message):
        load()
    assert connected.paths("GET").count(*asked_paths([name])) == 2  # fetched anew once
    connected.swapped.clear()
    assert load().sha256 == published[0].sha256


def test_a_file_that_is_shorter_than_declared_is_refused(connected, published):
    connected.swapped[WEIGHTS] = published[1][WEIGHTS][:-10]
    with pytest.raises(InputError, match=r"could not be loaded \(Consistency check failed"):
        load()
    assert not list(Path(huggingface_hub.constants.HF_HUB_CACHE).rglob(WEIGHTS))


def test_a_byte_that_flips_in_the_cache_is_found_and_mended(connected, published, monkeypatch):
    load()
    cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    (blob,) = cache.rglob(f"blobs/{connected.etag(WEIGHTS)}")
    blob.chmod(0o644)
    blob.write_bytes(flipped(blob.read_bytes()))
    with monkeypatch.context() as offline:
        offline.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(InputError, match="does not match the hash that the hub declares"):
            load()
    assert load().sha256 == published[0].sha256


def test_without_network_and_copy_the_remedy_is_named(connected, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    message = "Connect to the network once, or give the path of a local folder"
    with pytest.raises(InputError, match=message):
        load()
    assert connected.asked == []


def test_a_revision_that_is_not_there_is_an_error_not_another_revision(connected):
    with pytest.raises(InputError, match="could not be loaded"):
        load_encodec_from_hub(REPO, "f" * 40)
    assert all("f" * 40 in path for _, path, _ in connected.asked)


@pytest.mark.slow
def test_the_environment_names_the_hub_and_its_cache(hub, published, tmp_path):
    """As a user has it: variables of the environment, a process of its own, then no network."""
    program = f"import giblet_core as gc; print(gc.load_codec('{REPO}@{COMMIT}').sha256)"
    unset = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_CACHE")
    plain = {name: value for name, value in os.environ.items() if name not in unset}
    plain |= {"HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1"}
    online = {**plain, "HF_ENDPOINT": hub.url}
    offline = {**plain, "HF_HUB_OFFLINE": "1"}
    for environment in (online, offline):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.strip() == published[0].sha256, done.stderr
    assert hub.paths("GET") == asked_paths(["config.json", WEIGHTS])
