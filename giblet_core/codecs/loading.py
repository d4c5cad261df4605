"""`load_codec` and the registry of codecs by name.

To add a codec, write one function that loads it and give it one entry in `CODECS`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
from transformers import EncodecModel
from transformers.utils import logging

from giblet_core.codecs.base import Codec
from giblet_core.codecs.encodec import EncodecCodec
from giblet_core.errors import explained, require
from giblet_core.files import ASSETS, file_sha256

DEMO_FOLDER = ASSETS / "demo_codec"


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
    return EncodecCodec(_encodec_model(DEMO_FOLDER), "demo")


def load_encodec_folder(folder: str | Path) -> EncodecCodec:
    """Load an EnCodec from a local folder, named as the folder is."""
    return EncodecCodec(_encodec_model(folder), Path(folder).resolve().name)


def load_encodec_from_hub(hub_id: str, revision: str) -> EncodecCodec:
    """Load an EnCodec from the hub at one revision: a name alone may change under us."""
    return EncodecCodec(_encodec_model(hub_id, revision=revision), hub_id)


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


def load_codec(name: str | Path | None = None) -> Codec:
    """Load a codec by name; the same default everywhere.

    Parameters
    ----------
    name : str or path, optional
        A name of `CODECS` (``"demo"``, ``"facebook/encodec_24khz"``), ``"owner/name@revision"``
        on the hub, or a local folder. By default what ``GIBLET_CODEC`` says, else ``"demo"``.

    Returns
    -------
    Codec

    Raises
    ------
    InputError
        Unknown name, unpinned hub name, nothing to load, or demo weights that do not match their
        hash. Never a fallback.
    """
    return _load(str(name or os.environ.get("GIBLET_CODEC") or "demo"))


@lru_cache(maxsize=4)
def _load(name: str) -> Codec:
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


def _encodec_model(source: str | Path, **options: str) -> EncodecModel:
    logging.disable_progress_bar()  # a bar of half a second, which would stay on every page
    with explained(
        f"codec={str(source)!r}: could not be loaded",
        "Connect to the network once, or give the path of a local folder.",
        OSError,
        ValueError,
        RuntimeError,
    ):
        return EncodecModel.from_pretrained(source, dtype=torch.float32, **options)
