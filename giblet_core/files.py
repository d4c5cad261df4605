"""Files that can be trusted: content hashes, atomic writes, npz with a verified header, caches that
never serve stale data.
"""

import dataclasses
import hashlib
import io
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from giblet_core.errors import InputError, explained, require

ASSETS = Path(__file__).parent / "assets"
FORMAT_VERSION = 1
_HEADER = "__header__"


def in_memory(write: Callable[..., Any], *arguments: Any, **options: Any) -> bytes:
    """Return what ``write(file, *arguments, **options)`` writes."""
    buffer = io.BytesIO()
    write(buffer, *arguments, **options)
    return buffer.getvalue()


def project_root() -> Path:
    """Find the folder of the book (it holds ``_config.yml`` and ``notebooks``) from any working
    directory.

    Looked for upwards from the current directory, then from the place of this package.

    Returns
    -------
    Path
        The project's root; the current directory where no book is around (an installed
        package).
    """
    for origin in (Path.cwd(), Path(__file__).parent):
        for folder in (origin.resolve(), *origin.resolve().parents):
            if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
                return folder
    return Path.cwd()


def _feed(digest: Any, part: Any) -> None:
    """Feed one value with its type, so that 1, 1.0 and "1" differ and [a, bc] differs from [ab, c]."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        part = (
            type(part).__name__,
            {f.name: getattr(part, f.name) for f in dataclasses.fields(part)},
        )
    if isinstance(part, np.ndarray):
        if part.dtype.hasobject:
            raise TypeError(
                "content_hash: object arrays have no stable content; convert to numbers or strings."
            )
        digest.update(f"array:{part.dtype.str}:{part.shape};".encode())
        digest.update(np.ascontiguousarray(part).data if part.size else b"")
    elif isinstance(part, Path):
        digest.update(f"file:{file_sha256(part)};".encode())
    elif isinstance(part, Mapping):
        digest.update(f"map:{len(part)};".encode())
        for key in sorted(part, key=str):
            _feed(digest, str(key))
            _feed(digest, part[key])
    elif isinstance(part, list | tuple):
        digest.update(f"seq:{len(part)};".encode())
        for item in part:
            _feed(digest, item)
    elif part is None or isinstance(part, bool | int | float | str | bytes | Fraction | np.generic):
        text = (
            part
            if isinstance(part, bytes)
            else repr(part.item() if isinstance(part, np.generic) else part).encode()
        )
        digest.update(f"{type(part).__name__}:{len(text)};".encode() + text)
    else:
        raise TypeError(
            f"content_hash: {type(part).__name__} has no stable content; pass arrays, numbers, strings, paths or maps."
        )


def content_hash(*parts: Any) -> str:
    """Return the SHA-256 (hex) of everything given.

    Parameters
    ----------
    *parts : array, number, str, bytes, None, mapping, sequence, dataclass or Path
        Arrays count with dtype and shape; a ``Path`` counts by the content of its file, not by its
        name.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    _feed(digest, parts)
    return digest.hexdigest()


def file_sha256(path: str | Path) -> str:
    """Return the SHA-256 (hex) of a file's bytes."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it over `path` on success, remove it on failure.

    A reader therefore sees the old file or the whole new one, never a part, also when the disk
    fills up.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path}: could not be written ({error.strerror}). Nothing was changed; free some room "
            "or choose another folder.",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text atomically and return the path."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | Path, obj: Any) -> Path:
    """Write JSON atomically; NaN is refused (write None and a reason instead)."""
    return write_text(
        path, json.dumps(obj, indent=1, sort_keys=True, allow_nan=False, default=_plain) + "\n"
    )


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def read_json(path: str | Path) -> Any:
    """Read JSON; a missing or broken file is an InputError."""
    return _parsed(path, json.loads, "JSON")


def read_yaml(path: str | Path) -> Any:
    """Read YAML; a missing or broken file is an InputError."""
    return _parsed(path, yaml.safe_load, "YAML")


def _parsed(path: str | Path, parse: Callable[[str], Any], kind: str) -> Any:
    with explained(
        f"path={path}: must be a readable {kind} file",
        "Correct it.",
        OSError,
        ValueError,
        yaml.YAMLError,
    ):
        return parse(
            Path(path).read_text(encoding="utf-8")
        )  # what is no UTF-8 or no JSON is a ValueError


def save_npz(path: str | Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Path:
    """Write arrays and metadata to one npz without pickle, atomically, with a hash of the content.

    Parameters
    ----------
    path : path
        Ends in ``.npz``.
    arrays : mapping of str to ndarray
        No object arrays.
    meta : mapping
        JSON values; ``meta["kind"]`` says what the file is.
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    text = json.dumps(dict(meta), sort_keys=True, default=_plain)
    header = {
        "format_version": FORMAT_VERSION,
        "meta": json.loads(text),
        "sha256": content_hash(arrays, text),
    }
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(
            handle, **{_HEADER: np.frombuffer(json.dumps(header).encode(), np.uint8)}, **arrays
        )
    return Path(path)


def load_npz(
    path: str | Path, kind: str | None = None
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a file of `save_npz`, verifying the hash of its content.

    Parameters
    ----------
    path : path
    kind : str, optional
        The kind the file must have.

    Returns
    -------
    arrays : dict of ndarray
    meta : dict

    Raises
    ------
    InputError
        Missing, truncated, altered, pickled or of another kind.
    """
    path = Path(path)
    require(path.exists(), f"path={path}: there is no such file. Check the name.")
    with explained(
        f"path={path}: must be a file written by this project",
        "Make it anew.",
        OSError,
        ValueError,
        KeyError,
        EOFError,
        zipfile.BadZipFile,
        NotImplementedError,
    ):
        with (
            open(path, "rb") as handle,
            np.load(handle, allow_pickle=False) as data,
        ):  # np.load leaks the handle of a broken file
            arrays = {name: data[name] for name in data.files}
        header = json.loads(arrays.pop(_HEADER).tobytes())
        text = json.dumps(header["meta"], sort_keys=True)
        intact = header["sha256"] == content_hash(arrays, text)
        version = header["format_version"]
    require(
        intact,
        f"path={path}: its content does not match its hash; it was altered or damaged. Make it anew.",
    )
    require(
        version == FORMAT_VERSION,
        f"path={path}: format version {version} must be {FORMAT_VERSION}. Make it anew with this version.",
    )
    if kind is not None and header["meta"].get("kind") != kind:
        raise InputError(
            f"path={path}: holds {header['meta'].get('kind')!r}, but {kind!r} is wanted. Choose another file."
        )
    return arrays, header["meta"]


def cached_npz(
    folder: str | Path,
    alias: str,
    parts: Any,
    compute: Callable[[], tuple[Mapping[str, np.ndarray], Mapping[str, Any]]],
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return what `compute` returns, from the cache where the same `parts` were seen before.

    The key hashes `parts` (all that shapes the content), so a change of any of them is a miss; the
    alias keeps the file's name readable, e.g. ``sherlock_all_hrf_per_subject_encodec``.
    """
    key = content_hash(alias, parts)
    path = Path(folder) / f"{alias}-{key[:16]}.npz"
    if not path.is_file():
        arrays, meta = compute()
        save_npz(path, arrays, {**meta, "key": key, "alias": alias})
    return load_npz(path)
