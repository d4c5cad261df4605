"""PESQ, the perceptual evaluation of speech quality, wide band, computed in a child process.

The package's C code overruns its memory on long or odd sounds and then takes the process down with
it, so it never runs in ours.

References
----------
ITU-T P.862.2 (2007), Wideband extension to Recommendation P.862.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.errors import MetricError
from giblet_core.files import in_memory
from giblet_core.metrics.scores import Score
from giblet_core.sound import resample

PESQ_RATE = 16_000  # Hz; wide band is defined at this rate
PESQ_TIMEOUT_S = 60.0  # for one segment: a hundred times what it takes
PESQ_LONGEST_S = 20.0  # its C code holds 50 utterances and overruns its memory beyond
NO_PESQ = (
    "the package pesq is not installed (it compiles on installation): run `pip install pesq` with "
    "a C compiler at hand"
)

# Reads an npz of pairs, prints one JSON line a pair as it goes, so that a crash costs one segment
# and not those before it.
_CHILD = """
import io, json, sys
import numpy as np
from pesq import pesq

def text_of(error):
    text = error.args[0] if error.args else ""
    return text.decode() if isinstance(text, bytes) else text

with np.load(io.BytesIO(sys.stdin.buffer.read()), allow_pickle=False) as data:
    for i in range(len(data.files) // 2):
        try:
            line = {"value": float(pesq(16000, data[f"reference{i}"], data[f"degraded{i}"], "wb"))}
        except Exception as error:
            line = {"value": float("nan"), "reason": f"{type(error).__name__}: {text_of(error)}"}
        print(json.dumps(line), flush=True)
"""


@dataclass(frozen=True)
class _ChildResult:
    """What the child process scored before it ended, and how it ended."""

    scores: list[Score]
    end: str


def pesq_wb(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return wide-band PESQ (MOS-LQO, 1.04 to 4.64) of one segment of speech.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)
        8-10 s of speech is what it was made for; more than `PESQ_LONGEST_S` is refused.
    sample_rate : int
        Hz.

    Returns
    -------
    float

    Raises
    ------
    MetricError
        pesq is absent, found no speech, was killed or ran out of time.
    """
    [score] = pesq_pairs([(reference, degraded)], sample_rate)
    if score.reason:
        raise MetricError(score.reason)
    return score.value


def pesq_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int) -> list[Score]:
    """Score pairs of (reference, degraded) with one child process, a `Score` each."""
    if importlib.util.find_spec("pesq") is None:
        return [Score(np.nan, NO_PESQ)] * len(pairs)
    scores: dict[int, Score] = {}
    for i, (reference, degraded) in enumerate(pairs):
        reason = _why_not(reference, degraded, sample_rate)
        if reason:
            scores[i] = Score(np.nan, reason)
    waiting = [i for i in range(len(pairs)) if i not in scores]
    while waiting:
        result = _run_child([pairs[i] for i in waiting], sample_rate)
        scores.update(zip(waiting, result.scores))
        waiting = waiting[len(result.scores) :]
        if waiting:  # the child died on the first of them: note it, and go on behind it
            fatal = waiting.pop(0)
            scores[fatal] = Score(np.nan, f"PESQ's process {result.end}")
    return [scores[i] for i in range(len(pairs))]


def _why_not(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> str:
    """Say why a pair is not given to PESQ; "" where it is."""
    if len(reference) > PESQ_LONGEST_S * sample_rate:
        return f"longer than {PESQ_LONGEST_S:g} s, on which PESQ is not safe"
    if not np.any(reference):
        return "the reference is silent"
    if not np.any(degraded):
        return "the sound is silent"
    return ""


def _run_child(pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int) -> _ChildResult:
    """Score pairs in a new process, until it is done, dies or has taken too long."""
    sounds = {}
    for i, (reference, degraded) in enumerate(pairs):
        sounds[f"reference{i}"] = resample(reference, sample_rate, PESQ_RATE)
        sounds[f"degraded{i}"] = resample(degraded, sample_rate, PESQ_RATE)
    timeout_s = PESQ_TIMEOUT_S * len(pairs)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _CHILD],
            input=in_memory(np.savez, **sounds),
            capture_output=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired as error:
        return _ChildResult(_read_scores(error.stdout or b""), f"was stopped after {timeout_s:g} s")
    if done.returncode < 0:
        end = f"was killed by signal {-done.returncode}"
    else:
        words = done.stderr.decode()[-200:].strip()
        end = f"ended with status {done.returncode}: {words}"
    return _ChildResult(_read_scores(done.stdout), end)


def _read_scores(output: bytes) -> list[Score]:
    lines = output.decode().splitlines()
    whole_lines = [line for line in lines if line.startswith("{") and line.endswith("}")]
    return [Score(**json.loads(line)) for line in whole_lines]
