"""Files that can be trusted: content hashes, atomic writes, npz with a verified header, caches.

A reader sees the old file or the whole new one, never a part. A cache is keyed by a hash of all
that shapes its content, so it never serves stale data.
"""

import dataclasses
import hashlib
import io
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from giblet_core.errors import ARCHIVE_DAMAGE, InputError, explained, refuse_stream
from giblet_core.strict_yaml import parse_yaml

ASSETS = Path(__file__).parent / "assets"
FORMAT_VERSION = 1
TEMPORARY_PREFIX = ".giblet-"  # of files that are being written; a process that died leaves one
LEFTOVER_AGE_S = 3600.0  # a temporary file that old is nobody's any more
_HEADER = "__header__"
_SEAL = "content_sha256"

Arrays = dict[str, np.ndarray]
Metadata = dict[str, Any]


def in_memory(write: Callable[..., Any], *arguments: Any, **options: Any) -> bytes:
    """Return what ``write(file, *arguments, **options)`` writes."""
    buffer = io.BytesIO()
    write(buffer, *arguments, **options)
    return buffer.getvalue()


def project_root() -> Path:
    """Find the folder of the book (it holds ``_config.yml`` and ``notebooks``).

    It is looked for upwards from the current directory, then from the place of this package.

    Returns
    -------
    Path
        The project's root; the current directory where no book is around (an installed package).
    """
    for origin in (Path.cwd().resolve(), Path(__file__).parent.resolve()):
        for folder in (origin, *origin.parents):
            if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
                return folder
    return Path.cwd()


# --- hashes --------------------------------------------------------------------------------------


def _feed(digest: Any, part: Any) -> None:
    """Feed one value with its type: 1, 1.0 and "1" differ, and [a, bc] differs from [ab, c]."""
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {field.name: getattr(part, field.name) for field in dataclasses.fields(part)}
        part = (type(part).__name__, fields)
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
    else:
        text = _scalar_bytes(part)
        digest.update(f"{type(part).__name__}:{len(text)};".encode() + text)


def _scalar_bytes(part: Any) -> bytes:
    """Return the bytes that stand for a number, string, bytes or None."""
    if isinstance(part, bytes):
        return part
    if isinstance(part, np.generic):
        return repr(part.item()).encode()
    if part is None or isinstance(part, bool | int | float | str | Fraction):
        return repr(part).encode()
    raise TypeError(
        f"content_hash: {type(part).__name__} has no stable content; pass arrays, numbers, "
        "strings, paths or maps."
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
    fills up. The temporary name is short: a name as long as the file system allows stays possible.

    Parameters
    ----------
    path : path
        The file to write; its folder is made where it is missing.

    Yields
    ------
    Path
        Where to write; it has the ending of `path`.

    Raises
    ------
    OSError
        It could not be written; the message says why, and nothing was changed.
    """
    path = Path(path)
    ending = "".join(path.suffixes[-2:]) if path.suffix == ".gz" else path.suffix
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(4)}{ending[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OSError(
            error.errno,
            f"{path}: could not be written ({error.strerror}). Nothing was changed; free some room "
            "or choose another folder.",
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Tell whether a file is one that `atomic_path` was writing, by its name."""
    return path.name.startswith(TEMPORARY_PREFIX)


def remove_leftovers(folder: str | Path) -> None:
    """Remove temporary files of processes that were killed, below a folder.

    They are never mistaken for results, but take room. Young ones are left: somebody may be
    writing them now.
    """
    newest = time.time() - LEFTOVER_AGE_S
    for path in Path(folder).rglob(f"{TEMPORARY_PREFIX}*"):
        with suppress(FileNotFoundError):  # it was renamed meanwhile
            if path.is_file() and path.stat().st_mtime < newest:
                path.unlink()


# --- text, JSON, YAML ----------------------------------------------------------------------------


def write_text(path: str | Path, text: str) -> Path:
    """Write UTF-8 text atomically and return the path."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path: str | Path, obj: Any) -> Path:
    """Write JSON atomically; NaN is refused (write None and a reason instead)."""
    text = json.dumps(obj, indent=1, sort_keys=True, allow_nan=False, default=_plain)
    return write_text(path, text + "\n")


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
    return _parsed(path, _parse_json, "JSON")


def _parse_json(text: str) -> Any:
    """Read JSON; a name that stands twice in an object is an error: the last would silently win."""
    return json.loads(text, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{repeated!r} stands twice; leave one of them out")
    return content


def write_sealed(path: str | Path, record: Mapping[str, Any]) -> Path:
    """Write a JSON object atomically, with the hash of its content."""
    text = json.dumps(dict(record), sort_keys=True, allow_nan=False, default=_plain)
    return write_json(path, {**json.loads(text), _SEAL: content_hash(text)})


def read_sealed(path: str | Path) -> Metadata:
    """Read a file of `write_sealed`; one that was altered or damaged is an InputError."""
    record = read_json(path)
    seal = record.pop(_SEAL, None) if isinstance(record, dict) else None
    if seal != content_hash(json.dumps(record, sort_keys=True)):
        raise InputError(
            f"path={path}: its content does not match its hash; it was altered or damaged. "
            "Remove it, and make it anew."
        )
    return record


def read_yaml(path: str | Path) -> Any:
    """Read YAML by the rules of version 1.2; a missing or broken file is an InputError."""
    return _parsed(path, parse_yaml, "YAML")


def _parsed(path: str | Path, parse: Callable[[str], Any], kind: str) -> Any:
    refuse_stream(path)
    rule = f"path={path}: must be a readable {kind} file"
    with explained(rule, "Correct it.", OSError, ValueError, RecursionError, yaml.YAMLError):
        # What is no UTF-8 or no JSON is a ValueError, JSON of endless depth a RecursionError.
        return parse(Path(path).read_text(encoding="utf-8-sig"))


# --- arrays --------------------------------------------------------------------------------------


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

    Returns
    -------
    Path
    """
    arrays = {name: np.asarray(value) for name, value in arrays.items()}
    meta_text = json.dumps(dict(meta), sort_keys=True, default=_plain)
    header = {
        "format_version": FORMAT_VERSION,
        "meta": json.loads(meta_text),
        "sha256": content_hash(arrays, meta_text),
    }
    header_bytes = np.frombuffer(json.dumps(header).encode(), np.uint8)
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **{_HEADER: header_bytes}, **arrays)
    return Path(path)


def load_npz(path: str | Path, kind: str | None = None) -> tuple[Arrays, Metadata]:
    """Read a file of `save_npz`, verifying the hash of its content.

    Parameters
    ----------
    path : path
        The file.
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
    if not path.exists():
        raise InputError(f"path={path}: there is no such file. Check the name.")
    with explained(
        f"path={path}: must be a file written by this project", "Make it anew.", *ARCHIVE_DAMAGE
    ):
        arrays = _read_arrays(path)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        meta = header["meta"]
        meta_text = json.dumps(meta, sort_keys=True)
        intact = header["sha256"] == content_hash(arrays, meta_text)
        version = header["format_version"]
    if not intact:
        raise InputError(
            f"path={path}: its content does not match its hash; it was altered or damaged. "
            "Make it anew; remove it first if it lies in a cache."
        )
    if version != FORMAT_VERSION:
        raise InputError(
            f"path={path}: format version {version} must be {FORMAT_VERSION}. "
            "Make it anew with this version."
        )
    if kind is not None and meta.get("kind") != kind:
        raise InputError(
            f"path={path}: holds {meta.get('kind')!r}, but {kind!r} is wanted. Choose another file."
        )
    return arrays, meta


def _read_arrays(path: Path) -> Arrays:
    # The handle is opened here because np.load leaks its own where the file is broken.
    with open(path, "rb") as handle, np.load(handle, allow_pickle=False) as data:
        return {name: data[name] for name in data.files}


def cached_npz(
    folder: str | Path,
    alias: str,
    parts: Any,
    compute: Callable[[], tuple[Mapping[str, np.ndarray], Mapping[str, Any]]],
) -> tuple[Arrays, Metadata]:
    """Return what `compute` returns, from the cache where the same `parts` were seen before.

    The key hashes `parts` (all that shapes the content), so a change of any of them is a miss. A
    damaged file of the cache is found by its hash, and one that was moved under another name by
    its key. Both are errors: they say that a disk or a copy went wrong.

    Parameters
    ----------
    folder : path
        Of the cache.
    alias : str
        Keeps the file's name readable, e.g. ``sherlock_all_hrf_per_subject_encodec``.
    parts : value
        For `content_hash`: all that shapes the content.
    compute : callable
        Returns arrays and metadata for `save_npz`.

    Returns
    -------
    arrays : dict of ndarray
    meta : dict

    Raises
    ------
    InputError
        The file of the cache is damaged or another's; remove it.
    """
    key = content_hash(alias, parts)
    path = Path(folder) / f"{alias}-{key[:16]}.npz"
    if not path.is_file():
        arrays, meta = compute()
        save_npz(path, arrays, {**meta, "key": key, "alias": alias})
    arrays, meta = load_npz(path)
    if meta.get("key") != key:
        raise InputError(
            f"path={path}: was made from something else than its name says; files of a cache keep "
            "their names. Remove it."
        )
    return arrays, meta
