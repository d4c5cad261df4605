"""Series as memory maps in a folder, each with the hash of its content beside it."""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from giblet_core.errors import InputError
from giblet_core.files import atomic_path, file_sha256, read_sealed, write_sealed


def cached_series(
    path: Path, key: str, shape: tuple[int, int], read: Callable[[np.ndarray], None]
) -> np.ndarray:
    """Return the series of a file of the cache, which is made where it is missing.

    Parameters
    ----------
    path : Path
        Ends in ``.npy``; a JSON file of the same name beside it keeps the hash of its content.
    key : str
        Hash of all that shapes the series.
    shape : tuple of int
        (n_trs, n_voxels).
    read : callable
        Writes the series into an array of this shape, float32.

    Returns
    -------
    memmap of shape (n_trs, n_voxels), float32
        Read-only.

    Raises
    ------
    InputError
        The file of the cache was altered or damaged, or belongs to another key.
    """
    record = path.with_suffix(".json")
    if not (path.is_file() and record.is_file()):
        with atomic_path(path) as temporary:
            series = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
            read(series)
            series.flush()
        # The record comes last: series without one were not finished.
        write_sealed(record, {"key": key, "series_sha256": file_sha256(path)})
    kept = read_sealed(record)
    state = path.stat()
    series_sha256 = _hash_of_version(path.absolute(), state.st_mtime_ns, state.st_size)
    if kept["key"] != key or kept["series_sha256"] != series_sha256:
        raise InputError(
            f"path={path}: does not match the hash in {record.name}; the cache was altered or "
            "damaged. Remove both files, and they are made anew."
        )
    return np.load(path, mmap_mode="r", allow_pickle=False)


@lru_cache(maxsize=256)
def _hash_of_version(path: Path, _changed_ns: int, _n_bytes: int) -> str:
    """Hash a file; remembered for this version (time, size) of it in this process."""
    return file_sha256(path)
