"""TODO: metrics/pesq."""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from giblet_core.errors import MetricError
from giblet_core.files import in_memory
from giblet_core.sound import resample

PESQ_RATE = 16_000  # Hz; wide band is defined at this rate
PESQ_TIMEOUT_S = 60.0  # for one segment: a hundred times what it takes
PESQ_LONGEST_S = 20.0  # its C code holds 50 utterances and overruns its memory beyond
_NO_PESQ = "the package pesq is not installed (it compiles on installation): run `pip install pesq` with a C compiler at hand"

# Reads an npz of pairs, prints one JSON line a pair as it goes, so that a crash costs one segment
# and not those before it.
_CHILD = """
import io, json, sys
import numpy as np
from pesq import pesq
with np.load(io.BytesIO(sys.stdin.buffer.read())) as data:
    for i in range(len(data.files) // 2):
        try:
            line = {"score": float(pesq(16000, data[f"r{i}"], data[f"d{i}"], "wb"))}
        except Exception as error:
            text = error.args[0] if error.args else ""
            line = {"reason": f"{type(error).__name__}: {text.decode() if isinstance(text, bytes) else text}"}
        print(json.dumps(line), flush=True)
"""


def pesq_wb(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return wide-band PESQ (MOS-LQO) of one segment of speech, computed in a child process.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
        8-10 s of speech is what it was made for; more than `PESQ_LONGEST_S` is refused.

    Raises
    ------
    MetricError
        pesq is absent, found no speech, was killed or ran out of time.
    """
    score, reason = pesq_pairs([(reference, degraded)], sample_rate)[0]
    if reason:
        raise MetricError(reason)
    return score


def pesq_pairs(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int
) -> list[tuple[float, str]]:
    """Score pairs of sounds with one child process: for each (score, ""), or (NaN, reason)."""
    if importlib.util.find_spec("pesq") is None:
        return [(np.nan, _NO_PESQ)] * len(pairs)
    results: dict[int, tuple[float, str]] = {}
    for i, pair in enumerate(pairs):
        if len(pair[0]) > PESQ_LONGEST_S * sample_rate:
            results[i] = np.nan, f"longer than {PESQ_LONGEST_S:g} s, on which PESQ is not safe"
        elif not (np.any(pair[0]) and np.any(pair[1])):
            results[i] = np.nan, f"the {'sound' if np.any(pair[0]) else 'reference'} is silent"
    todo = [i for i in range(len(pairs)) if i not in results]
    while todo:
        lines, end = run_child([pairs[i] for i in todo], sample_rate)
        for i, line in zip(todo, lines):
            results[i] = line.get("score", np.nan), line.get("reason", "")
        todo = todo[len(lines) :]
        if todo:  # the child died on the first of them: note it, and go on behind it
            results[todo.pop(0)] = np.nan, f"PESQ's process {end}"
    return [results[i] for i in range(len(pairs))]


def run_child(pairs, sample_rate) -> tuple[list[dict], str]:
    sounds = {
        f"{n}{i}": resample(w, sample_rate, PESQ_RATE)
        for i, pair in enumerate(pairs)
        for n, w in zip("rd", pair)
    }
    command = [sys.executable, "-P", "-c", _CHILD]
    try:
        done = subprocess.run(
            command,
            input=in_memory(np.savez, **sounds),
            capture_output=True,
            timeout=PESQ_TIMEOUT_S * len(pairs),
        )
        out, code = done.stdout, done.returncode
        end = (
            f"was killed by signal {-code}"
            if code < 0
            else f"ended with status {code}: {done.stderr.decode()[-200:].strip()}"
        )
    except subprocess.TimeoutExpired as error:
        out, end = error.stdout or b"", f"was stopped after {PESQ_TIMEOUT_S * len(pairs):g} s"
    return [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")], end
