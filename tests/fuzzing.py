"""Read files whose bytes were changed at random; run as a script: KIND SEED SECONDS FOLDER.

Every file is read or refused with `InputError`. Anything else ends the process with a message: a
traceback, more than 5 s of computing for a file or a minute of waiting, more than 1 GB of memory in
all. What is changed depends on kind and seed alone. A case that is found stays in the folder, under
the name that the last line of the standard error says.
"""

import faulthandler
import json
import re
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzz_kinds import KINDS

from giblet_core.errors import InputError

LONGEST_S = 5.0  # of computing, whatever else the machine does
LONGEST_WAIT_S = 60.0
MOST_BYTES = 1_000_000_000
EXTREMES = (0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF)
HEAD = 200  # bytes of a header, which are changed more often than the rest
MOST_CHANGES = 8
SLOW_KINDS = {"codec": 3, "data set": 1, "yaml": 3}  # files that are looked at, at least


@dataclass
class Count:
    """What came of the files: read, refused, seconds of computing of the slowest, bytes held."""

    n_read: int = 0
    n_refused: int = 0
    slowest_s: float = 0.0
    most_bytes: int = 0


def n_changes(rng):
    """Return how often a file is changed: once as often as not."""
    return 1 if rng.random() < 0.5 else int(rng.integers(2, MOST_CHANGES + 1))


def changed_bytes(raw, rng):
    """Return the bytes of a file with one to eight changes."""
    data = bytearray(raw)
    for _ in range(n_changes(rng)):
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


def changed_text(raw, words, rng):
    """Return a text with one to eight words put in, taken out, doubled or replaced."""
    data = bytearray(raw)
    for _ in range(n_changes(rng)):
        at = int(rng.integers(len(data) + 1))
        length = int(rng.integers(1, 12))
        how = rng.integers(4)
        word = words[rng.integers(len(words))]
        if how == 0:
            data[at:at] = word
        elif how == 1:
            data[at : at + length] = word
        elif how == 2:
            del data[at : at + length]
        else:
            data[at:at] = data[at : at + 10 * length]
    return bytes(data) or b"\0"


def changed(raw, kind, rng):
    """Return a changed file: of a text, words are changed as often as bytes."""
    if kind.words and rng.random() < 0.5:
        return changed_text(raw, kind.words, rng)
    return changed_bytes(raw, rng)


def least_files(name):
    """Return how many files of a kind are looked at, however slow the machine is."""
    return SLOW_KINDS.get(name, 20)


def is_read(kind, folder, path):
    """Read a file; tell whether it was read, or refused in proper form."""
    try:
        kind.read(folder, path)
    except InputError as error:
        message = str(error)
    else:
        return True
    if ": " not in message or not message.endswith("."):
        raise ValueError(message)
    return False


def memory():
    """Return the bytes that the process held at most.

    The figure of `getrusage` holds that of the process which started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)[1]) << 10


def look_at(kind, folder, path, count):
    """Read one changed file and count it; a hang ends the process."""
    began = time.process_time()
    signal.setitimer(signal.ITIMER_PROF, LONGEST_S)
    faulthandler.dump_traceback_later(LONGEST_WAIT_S, exit=True)
    if is_read(kind, folder, path):
        count.n_read += 1
    else:
        count.n_refused += 1
    faulthandler.cancel_dump_traceback_later()
    signal.setitimer(signal.ITIMER_PROF, 0)
    count.slowest_s = max(count.slowest_s, time.process_time() - began)
    count.most_bytes = memory()
    if count.most_bytes > MOST_BYTES:
        raise MemoryError(f"{count.most_bytes} bytes")


def main(name, seed, seconds, folder):
    """Read changed files in an empty folder for so long; return what came of them."""
    kind = KINDS[name]
    faulthandler.register(signal.SIGPROF, chain=True)  # a traceback, then the end
    count = Count()
    kind.prepare(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and kind.is_changed(path)]
    whole = {path: path.read_bytes() for path in files}
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end or number < least_files(name):
        rng = np.random.default_rng([seed, number])
        path = files[number % len(files)]
        path.write_bytes(changed(whole[path], kind, rng))
        print(f"{name}, seed {seed}, file {number}: {path}", file=sys.stderr, flush=True)
        look_at(kind, folder, path, count)
        path.write_bytes(whole[path])
        number += 1
    return count


if __name__ == "__main__":
    kind_name, seed_text, seconds_text, folder_name = sys.argv[1:]
    total = main(kind_name, int(seed_text), float(seconds_text), Path(folder_name))
    print(json.dumps(asdict(total)))
