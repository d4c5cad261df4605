"""TODO: codecs/loading."""

import os
from functools import lru_cache
from pathlib import Path

import torch
from transformers import EncodecModel
from transformers.utils import logging

from giblet_core.codecs.encodec import EncodecCodec
from giblet_core.errors import explained, require
from giblet_core.files import ASSETS, file_sha256

DEMO_FOLDER = ASSETS / "demo_codec"
HUB_REVISIONS = {
    "facebook/encodec_24khz": "c1dbe2ae3f1de713481a3b3e7c47f357092ee040"
}  # a name alone may change under us


def load_codec(name: str | Path | None = None) -> EncodecCodec:
    """Load a codec by name; the same default everywhere.

    Parameters
    ----------
    name : str or path, optional
        ``"demo"`` (embedded, offline), ``"facebook/encodec_24khz"`` (pinned revision; downloaded on
        first use), ``"owner/name@revision"``, or a local folder. By default what ``GIBLET_CODEC``
        says, else ``"demo"``.

    Raises
    ------
    InputError
        Unknown name, unpinned hub name, nothing to load, or demo weights that do not match their
        hash. Never a fallback.
    """
    return _load(str(name or os.environ.get("GIBLET_CODEC") or "demo"))


@lru_cache(maxsize=4)
def _load(name: str) -> EncodecCodec:
    if name == "demo":
        declared = (DEMO_FOLDER / "SHA256SUMS").read_text().split()[0]
        require(
            file_sha256(DEMO_FOLDER / "model.safetensors") == declared,
            f"codec='demo': the weights in {DEMO_FOLDER.name}/ do not "
            "match SHA256SUMS; they must be the published ones. Restore the file from the repository.",
        )
        return EncodecCodec(_pretrained(DEMO_FOLDER), "demo")
    if Path(name).is_dir():
        return EncodecCodec(_pretrained(Path(name)), Path(name).resolve().name)
    hub_id, _, revision = name.partition("@")
    revision = revision or HUB_REVISIONS.get(hub_id, "")
    require(
        hub_id.count("/") == 1 and revision,
        f"codec={name!r}: must be 'demo', {', '.join(map(repr, HUB_REVISIONS))}, "
        "'owner/name@revision', or an existing folder. Choose one of them.",
    )
    return EncodecCodec(_pretrained(hub_id, revision=revision), hub_id)


def _pretrained(source: str | Path, **options: str) -> EncodecModel:
    logging.disable_progress_bar()  # a bar of half a second, which would stay on every page
    with explained(
        f"codec={str(source)!r}: could not be loaded",
        "Connect to the network once, or give the path of a local folder.",
        OSError,
        ValueError,
        RuntimeError,
    ):
        return EncodecModel.from_pretrained(source, dtype=torch.float32, **options)
