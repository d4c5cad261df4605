"""The single metrics, each on two sounds of equal length that are already aligned. A metric without a value raises `MetricError`.

References: ITU-T P.862.2 (PESQ wide band); Taal et al. 2011, doi:10.1109/TASL.2011.2114881 (STOI); Le Roux et al. 2019,
doi:10.1109/ICASSP.2019.8683855 (SI-SDR).
"""

import importlib.util
import json
import subprocess
import sys
import warnings
from collections.abc import Sequence

import numpy as np
import pystoi
import scipy.signal
from transformers.audio_utils import mel_filter_bank

from giblet_core.artifacts import in_memory
from giblet_core.audio import resample

PESQ_RATE = 16_000  # Hz; wide band is defined at this rate
PESQ_TIMEOUT_S = 60.0  # for one segment: a hundred times what it takes
PESQ_LONGEST_S = 20.0  # its C code holds 50 utterances and overruns its memory beyond
MEL_RANGE_DB = 80.0  # log-mel levels are compared down to this far below the loudest of the reference
_NO_PESQ = "the package pesq is not installed (it compiles on installation): run `pip install pesq` with a C compiler at hand"

# Reads an npz of pairs, prints one JSON line a pair as it goes, so that a crash costs one segment and not those before it.
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


class MetricError(ValueError):
    """A metric has no value for these sounds; the message is the reason."""


def si_sdr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the scale-invariant signal-to-distortion ratio in dB.

    With ``a = <d, r> / <r, r>``: ``10 log10(|a r|^2 / |d - a r|^2)``; infinite for a scaled copy. The mean is not removed.

    Parameters
    ----------
    reference, degraded : array of shape (n_samples,)

    Raises
    ------
    MetricError
        One of them is silent.
    """
    r, d = np.asarray(reference, float), np.asarray(degraded, float)
    if not (r @ r > 0 and d @ d > 0):
        raise MetricError(f"the {'reference' if not r @ r > 0 else 'sound'} is silent")
    target = (d @ r) / (r @ r) * r
    with np.errstate(divide="ignore"):
        return float(10 * np.log10((target @ target) / ((d - target) @ (d - target))))


def log_mel_distance(reference: np.ndarray, degraded: np.ndarray, sample_rate: int, n_mels: int = 80) -> float:
    """Return the distance of two log-mel spectrograms in dB: RMS over bands, mean over frames of 10 ms.

    Levels more than `MEL_RANGE_DB` below the loudest cell of the reference count as that floor, in both.

    Raises
    ------
    MetricError
        The reference is silent, or shorter than one 32 ms window.
    """
    window, hop = round(0.032 * sample_rate), round(0.010 * sample_rate)
    if len(reference) < window:
        raise MetricError(f"shorter than one window ({len(reference)} < {window} samples)")
    n_fft, hann = 1 << (window - 1).bit_length(), scipy.signal.windows.hann(window, sym=False)
    filters = mel_filter_bank(n_fft // 2 + 1, n_mels, 0.0, sample_rate / 2, sample_rate, norm="slaney", mel_scale="slaney")
    count = 1 - (-(len(reference) + window // 2) // hop)  # every frame that touches the sound, the first centred one hop before it
    frames = [np.lib.stride_tricks.sliding_window_view(np.pad(np.asarray(w, float), (window // 2 + hop, window)), window)[::hop][:count]
              for w in (reference, degraded)]
    blocks = range(0, len(frames[0]), 4096)  # a film's whole spectrogram would take gigabytes
    mel = [np.hstack([filters.T @ np.abs(np.fft.rfft(f[p : p + 4096] * hann, n_fft).T) ** 2 for p in blocks]) for f in frames]
    floor = mel[0].max() * 10 ** (-MEL_RANGE_DB / 10)
    if not floor > 0:
        raise MetricError("the reference is silent")
    r_db, d_db = (10 * np.log10(np.maximum(m, floor)) for m in mel)
    return float(np.sqrt(((r_db - d_db) ** 2).mean(0)).mean())


def stoi(reference: np.ndarray, degraded: np.ndarray, sample_rate: int) -> float:
    """Return the short-time objective intelligibility of speech (pystoi, 10 kHz inside).

    Raises
    ------
    MetricError
        Too little speech: pystoi itself would warn and return 1e-5.
    """
    if not (np.any(reference) and np.any(degraded)):
        raise MetricError(f"the {'sound' if np.any(reference) else 'reference'} is silent")
    with warnings.catch_warnings(action="error", category=RuntimeWarning):
        try:
            return float(pystoi.stoi(np.asarray(reference, float), np.asarray(degraded, float), sample_rate))
        except RuntimeWarning as warning:
            raise MetricError("too little speech for STOI, which needs 30 frames (0.4 s) after silence is removed") from warning


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


def pesq_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]], sample_rate: int) -> list[tuple[float, str]]:
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
        lines, end = _run_child([pairs[i] for i in todo], sample_rate)
        for i, line in zip(todo, lines):
            results[i] = line.get("score", np.nan), line.get("reason", "")
        todo = todo[len(lines) :]
        if todo:  # the child died on the first of them: note it, and go on behind it
            results[todo.pop(0)] = np.nan, f"PESQ's process {end}"
    return [results[i] for i in range(len(pairs))]


def _run_child(pairs, sample_rate) -> tuple[list[dict], str]:
    sounds = {f"{n}{i}": resample(w, sample_rate, PESQ_RATE) for i, pair in enumerate(pairs) for n, w in zip("rd", pair)}
    command = [sys.executable, "-P", "-c", _CHILD]
    try:
        done = subprocess.run(command, input=in_memory(np.savez, **sounds), capture_output=True, timeout=PESQ_TIMEOUT_S * len(pairs))
        out, code = done.stdout, done.returncode
        end = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}: {done.stderr.decode()[-200:].strip()}"
    except subprocess.TimeoutExpired as error:
        out, end = error.stdout or b"", f"was stopped after {PESQ_TIMEOUT_S * len(pairs):g} s"
    return [json.loads(line) for line in out.decode().splitlines() if line.startswith("{")], end
