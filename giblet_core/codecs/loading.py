"""`load_codec` and the registry of codecs by name.

To add a codec, write one function that loads it and give it one entry in `CODECS`. What comes from
the hub is compared with the hash that the hub declares for it, each time it is loaded.
"""

import hashlib
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from huggingface_hub import constants as hub_constants
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import EncodecModel
from transformers.utils import logging

from giblet_core.codecs.base import Codec
from giblet_core.codecs.encodec import TRAINING_ONLY, EncodecCodec
from giblet_core.devices import REFERENCE, choose_device, device_in_use
from giblet_core.errors import InputError, explained, require
from giblet_core.files import ASSETS, file_sha256

DEMO_FOLDER = ASSETS / "demo_codec"
#: The code that shapes codes and sound: the whole room
SOURCES = tuple(sorted(Path(__file__).parent.glob("*.py")))
HUB_FILES = ("config.json", "model.safetensors")  # all that is asked for; the weights come last
hub_constants.HF_HUB_DISABLE_TELEMETRY = True  # the client would send a request of its own
_LENGTH_SHA256 = 64
_LENGTH_SHA1 = 40
_REMEDY = "Connect to the network once, or give the path of a local folder."


@dataclass(frozen=True)
class CodecEntry:
    """A codec that has a name.

    Attributes
    ----------
    name : str
        What `load_codec` is asked for.
    load : callable
        Takes nothing, returns the `Codec`.
    summary : str
        What it is, in one line.
    """

    name: str
    load: Callable[[], Codec]
    summary: str


def load_demo() -> EncodecCodec:
    """Load the embedded codec; weights that are not the published ones are an InputError."""
    declared = (DEMO_FOLDER / "SHA256SUMS").read_text().split()[0]
    require(
        file_sha256(DEMO_FOLDER / "model.safetensors") == declared,
        f"codec='demo': the weights in {DEMO_FOLDER.name}/ do not match SHA256SUMS; they must be "
        "the published ones. Restore the file from the repository.",
    )
    return EncodecCodec(_encodec_model(DEMO_FOLDER, "demo"), "demo")


def load_encodec_folder(folder: str | Path) -> EncodecCodec:
    """Load an EnCodec from a local folder, named as the folder is."""
    return EncodecCodec(_encodec_model(folder, str(folder)), Path(folder).resolve().name)


def load_encodec_from_hub(hub_id: str, revision: str) -> EncodecCodec:
    """Load an EnCodec from the hub at one revision: a name alone may change under us.

    Nothing is asked of the network where the cache of the hub holds that revision.
    """
    paths = [_hub_file(hub_id, name, revision) for name in HUB_FILES]
    return EncodecCodec(_encodec_model(paths[-1].parent, hub_id), hub_id)


def _hub_file(hub_id: str, name: str, revision: str) -> Path:
    """Download a file, or take it from the cache of the hub; one that is damaged is fetched anew.

    Raises
    ------
    InputError
        There is no network and no copy, or the content is not what the hub declares.
    """
    reason = ""
    for is_second_try in (False, True):
        try:
            path = Path(
                hf_hub_download(hub_id, name, revision=revision, force_download=is_second_try)
            )
        except Exception as error:  # each version of the client has other types for the network
            reason = reason or " ".join(str(error).split())
            break
        if _is_as_declared(path):
            return path
        reason = f"{name} does not match the hash that the hub declares"
    raise InputError(f"codec={hub_id!r}: could not be loaded ({reason}). {_REMEDY}")


def _is_as_declared(path: Path) -> bool:
    """Compare a file in the cache of the hub with the hash by which its blob is named.

    The name is the ETag: a SHA-256, or for small files that of git. Where a file system has no
    links there is no such name, and the client's own comparison of sizes has to do.
    """
    if not path.is_symlink():
        return True
    declared = path.readlink().name
    if len(declared) == _LENGTH_SHA256:
        return file_sha256(path) == declared
    if len(declared) == _LENGTH_SHA1:
        content = path.read_bytes()
        header = f"blob {len(content)}\0".encode()
        return hashlib.sha1(header + content, usedforsecurity=False).hexdigest() == declared
    return True


#: Name -> entry. Folders and ``owner/name@revision`` need none: they are loaded as EnCodecs.
CODECS: dict[str, CodecEntry] = {
    "demo": CodecEntry(
        name="demo",
        load=load_demo,
        summary="embedded: a small EnCodec of 24 kHz, trained by this project; works offline",
    ),
    "facebook/encodec_24khz": CodecEntry(
        name="facebook/encodec_24khz",
        load=partial(
            load_encodec_from_hub,
            "facebook/encodec_24khz",
            "c1dbe2ae3f1de713481a3b3e7c47f357092ee040",
        ),
        summary="the published EnCodec of 24 kHz; 93 MB, downloaded on first use",
    ),
}


def load_codec(name: str | Path | None = None, device: str | None = None) -> Codec:
    """Load a codec by name; the same default everywhere.

    Parameters
    ----------
    name : str or path, optional
        A name of `CODECS` (``"demo"``, ``"facebook/encodec_24khz"``), ``"owner/name@revision"``
        on the hub, or a local folder. By default what ``GIBLET_CODEC`` says, else ``"demo"``.
    device : str, optional
        Where an EnCodec computes, of `giblet_core.devices`; by default the device in use, which is
        the CPU unless `use_device` was called.

    Returns
    -------
    Codec

    Raises
    ------
    InputError
        Unknown name, unpinned hub name, nothing to load, or demo weights that do not match their
        hash. Never a fallback.
    """
    name = str(name or os.environ.get("GIBLET_CODEC") or "demo")
    chosen = device_in_use() if device is None else choose_device(device)
    return _load(name, _version_of(name), chosen)


def _version_of(name: str) -> tuple[object, ...]:
    """Return what changes when another codec is meant by the same name.

    It is the entry of a listed codec, or name, size and time of the files of a local folder.
    """
    folder = Path(name)
    if name in CODECS:
        return (CODECS[name],)
    if not folder.is_dir():
        return ()
    states = [(path, path.stat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return tuple((path.name, state.st_size, state.st_mtime_ns) for path, state in states)


@lru_cache(maxsize=4)
def _load(name: str, _version: tuple[object, ...], device: str) -> Codec:
    """Load a codec onto a device; remembered for this version of it."""
    codec = _load_anew(name)
    if device != REFERENCE and isinstance(codec, EncodecCodec):
        codec.move_to(device)
    return codec


def _load_anew(name: str) -> Codec:
    if name in CODECS:
        return CODECS[name].load()
    if Path(name).is_dir():
        return load_encodec_folder(name)
    hub_id, _, revision = name.partition("@")
    choices = ", ".join(repr(known) for known in CODECS)
    require(
        hub_id.count("/") == 1 and revision,
        f"codec={name!r}: must be {choices}, 'owner/name@revision', or an existing folder. "
        "Choose one of them.",
    )
    return load_encodec_from_hub(hub_id, revision)


def _encodec_model(folder: str | Path, name: str) -> EncodecModel:
    """Read configuration and weights (safetensors: nothing in them can be run) from a folder."""
    logging.disable_progress_bar()  # a bar of half a second, which would stay on every page
    with (
        explained(
            f"codec={name!r}: could not be loaded",
            "Give a folder with config.json and model.safetensors of an EnCodec.",
            OSError,
            ValueError,
            RuntimeError,
            SafetensorError,
            StrictDataclassError,
            UserWarning,
        ),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("error", message="Initializing zero-element")  # layers of no size
        model, loading = EncodecModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    # The library would fill what is missing with random numbers.
    missing = sorted(key for key in loading["missing_keys"] if not key.endswith(TRAINING_ONLY))
    if missing:
        raise InputError(
            f"codec={name!r}: the weights lack {len(missing)} tensors ({missing[0]}, ...); all of "
            "an EnCodec are needed. Save the whole model."
        )
    return model
