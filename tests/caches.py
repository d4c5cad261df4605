"""What every cache has to do: know its ingredients, and find a damaged file.

A test says how a cache is served (a function that returns what it serves) and how often its content
was made (a list that grows); the ingredients are a table of changes.
"""

from contextlib import contextmanager

import numpy as np

from giblet_core.errors import InputError

N_FLIPS = 12  # places in each file where a bit is turned, first and last byte among them


@contextmanager
def flipped(path, position):
    """Turn one bit of a file; afterwards the file is what it was."""
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[position] ^= 1
    path.write_bytes(damaged)
    try:
        yield
    finally:
        path.write_bytes(whole)


def assert_flips_are_found(paths, serve, expected, n_flips=N_FLIPS):
    """Damage every file at several places; what is served is an error or the right content."""
    n_found = 0
    for path in paths:
        size = path.stat().st_size
        for position in np.unique(np.linspace(0, size - 1, n_flips).astype(int)):
            with flipped(path, position):
                try:
                    served = serve()
                except InputError:
                    n_found += 1
                else:
                    np.testing.assert_equal(served, expected, err_msg=f"{path}, byte {position}")
    assert n_found


def assert_known_by(serve, made, change):
    """Check that the same ingredients hit, that a changed one misses, and that it hits then too."""
    first = serve()
    n_made = len(made)
    np.testing.assert_equal(serve(), first)
    assert len(made) == n_made, "the same ingredients were not known again"
    change()
    other = serve()
    assert len(made) == n_made + 1, "a changed ingredient was not seen"
    np.testing.assert_equal(serve(), other)
    assert len(made) == n_made + 1, "the changed ingredient was not known again"


def edited_copy(paths, folder):
    """Return paths of code, the first of them replaced by a copy with one more line."""
    first, *others = paths
    copy = folder / first.name
    copy.write_text(first.read_text() + "\n# another version\n")
    return (copy, *others)


def mark_encrypted(path):
    """Set the bits of a zip archive that say that its first part is encrypted."""
    raw = bytearray(path.read_bytes())
    for start, place_of_flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        raw[raw.index(start) + place_of_flags] |= 1
    path.write_bytes(raw)
