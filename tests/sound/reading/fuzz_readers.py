"""Read sound files whose bytes were changed at random; run as a script: SEED SECONDS.

Every file is read or refused with `InputError`. Anything else ends the process with a message: a
traceback, more than 5 s for a file, more than 500 MB beyond the beginning. What is changed depends
on the seed alone, so that a case that is found can be made again.
"""

import faulthandler
import itertools
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fake_sounds import FILE_KINDS

from giblet_core.errors import InputError
from giblet_core.sound import audio_info, load_audio

LONGEST_S = 5.0
MOST_BYTES = 500 << 20
EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
HEAD = 200  # bytes of a header, which are changed more often than the rest


def originals(folder):
    """The bytes of a short sound of every kind."""
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal((1, 9_600))).astype(np.float32)
    whole = []
    for kind in FILE_KINDS:
        kind.write(folder / "whole", wave, 48_000)
        whole.append((folder / "whole").read_bytes())
    return whole


def changed(raw, rng):
    """The bytes of a file with one to eight changes."""
    data = bytearray(raw)
    for _ in range(rng.integers(1, 9)):
        reach = min(len(data), HEAD) if rng.random() < 0.6 else len(data)
        if not reach:
            break
        at = int(rng.integers(reach))
        how = rng.integers(6)
        if how == 0:
            data[at] ^= 1 << int(rng.integers(8))
        elif how == 1:
            data[at] = EXTREMES[rng.integers(len(EXTREMES))]
        elif how == 2:  # a number of 32 bits
            data[at : at + 4] = bytes([EXTREMES[rng.integers(len(EXTREMES))]] * 4)
        elif how == 3:
            del data[at : at + int(rng.integers(1, 100))]
        elif how == 4:
            data[at:at] = rng.integers(0, 256, int(rng.integers(1, 100)), dtype=np.uint8).tobytes()
        else:
            data = data[: max(at, 1)] if rng.random() < 0.3 else data + data[at:]
    return bytes(data) or b"\0"


def is_read(path):
    """Read a file; tell whether it was read, or refused in proper form."""
    try:
        audio_info(path)
        load_audio(path, 24_000)
    except InputError as error:
        message = str(error)
    else:
        return True
    if ": " not in message or not message.endswith("."):
        raise ValueError(message)
    return False


def memory():
    """Bytes that the process held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


def main(seed, seconds):
    """Read changed files for so long; return how many were read and how many refused."""
    n_read = 0
    n_refused = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = originals(folder)
        path = folder / "changed"
        end = time.monotonic() + seconds
        before = None
        for number in itertools.count():
            if time.monotonic() > end:
                break
            rng = np.random.default_rng([seed, number])
            path.write_bytes(changed(whole[number % len(whole)], rng))
            print(f"seed {seed}, file {number}", file=sys.stderr, flush=True)
            faulthandler.dump_traceback_later(LONGEST_S, exit=True)
            if is_read(path):
                n_read += 1
            else:
                n_refused += 1
            faulthandler.cancel_dump_traceback_later()
            before = before or memory()
            if memory() - before > MOST_BYTES:
                raise MemoryError(f"{memory() - before} bytes more")
    return n_read, n_refused


if __name__ == "__main__":
    print(*main(int(sys.argv[1]), float(sys.argv[2])))
