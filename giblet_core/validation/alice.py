"""Real brains as a positive control: Brennan et al. (2016).

27 subjects listened to a chapter of Alice in Wonderland; the release holds six regions. The rate
of words is known to drive them.

References
----------
Brennan, Stabler, Van Wagenen, Luh & Hale (2016), Abstract linguistic structure correlates with
temporal activity during naturalistic comprehension. Brain and Language 157-158.
doi:10.1016/j.bandl.2016.04.008
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core.encoding import correlate, make_null, noise_ceiling
from giblet_core.errors import InputError
from giblet_core.fmri import Dataset, find_one, load_dataset, read_textgrid
from giblet_core.tables import read_table
from giblet_core.timing import hrf

RATE_HZ = 50
FIRST = 25  # TRs dropped at the start by the trimmed control: the onset of the story
LAST = 17  # and at its end
LEAST_SHIFT = 30  # TRs
CLOCK_STEP_S = 0.5
TEXTGRID = "alice_stim_shared/*.TextGrid"
WORD_RATE = "alice_data_shared/s30-rate.txt"


def word_rate(
    words: Sequence[tuple[float, float, str]], t_r: float, n_trs: int, onset_s: float
) -> np.ndarray:
    """Convolve a pulse at the end of each word with SPM's response (the authors' regressor).

    Parameters
    ----------
    words : sequence of (start_s, stop_s, word)
    t_r : float
        Seconds.
    n_trs : int
    onset_s : float
        Stimulus time of the first TR.

    Returns
    -------
    array of shape (n_trs,)
    """
    stops_s = [stop_s for _, stop_s, _ in words]
    duration_s = max(stops_s) + (n_trs + 30) * t_r
    pulses = np.zeros((int(duration_s * RATE_HZ), 1))
    np.add.at(pulses[:, 0], [int(stop_s * RATE_HZ) for stop_s in stops_s], 1.0)
    convolved = hrf.convolve(pulses, RATE_HZ, t_r, model="spm", n_trs=n_trs, onset_s=onset_s)
    return convolved[:, 0]


@dataclass(frozen=True, eq=False)
class _Recording:
    """What the report is made of.

    Attributes
    ----------
    data : Dataset
    bold : array of shape (n_subjects, n_trs, n_regions)
        Of mean 0 and variance 1.
    shipped : array of shape (n_trs,)
        The word rate of the release.
    words : list of (start_s, stop_s, word)
    """

    data: Dataset
    bold: np.ndarray
    shipped: np.ndarray
    words: list[tuple[float, float, str]]


def _read(dataset: str | Path) -> _Recording:
    data = load_dataset(dataset)
    if len(data.grids) != 1 or data.t_r != 2.0:
        raise InputError(
            f"dataset={dataset}: must be the Alice data (one run, TR 2 s). "
            "Give book/params/alice_dataset.yaml."
        )
    folder = data.manifest.folder
    shipped = read_table(find_one(folder, WORD_RATE)).numbers()[:, 0]
    words = read_textgrid(find_one(folder, TEXTGRID))
    bold = np.stack([data.bold(subject) for subject in data.subjects]).astype(np.float64)
    bold = (bold - bold.mean(1, keepdims=True)) / bold.std(1, keepdims=True)
    return _Recording(data, bold, shipped, words)


def _clock_figures(recording: _Recording) -> dict[str, float]:
    """Compare the shipped word rate with that of the TextGrid, the scanner starting anywhere."""
    data = recording.data
    onset_s = data.grids[0].onset_s
    clocks_s = np.arange(0, 30.5, CLOCK_STEP_S)
    fits = []
    for clock_s in clocks_s:
        rate = word_rate(recording.words, data.t_r, data.n_trs, float(clock_s))
        fits.append(_r(rate, recording.shipped)[0])
    return {
        "clock off by (s)": abs(clocks_s[np.argmax(fits)] - onset_s),
        "clock oracle (r)": fits[round(onset_s / CLOCK_STEP_S)],
        "clock oracle at 0 s (r)": fits[0],
    }


def alice_report(dataset: str | Path) -> list[dict]:
    """Compute the clock oracle, the word-rate control with its shifted negative, and ISC.

    Parameters
    ----------
    dataset : path
        The manifest, ``book/params/alice_dataset.yaml``.

    Returns
    -------
    list of dict
        Rows of a record, ``figure`` and ``value``. The clock is the stimulus time of the first
        volume at which the TextGrid's word rate, convolved, fits the shipped regressor best. Then a
        row a region: r of the group's mean series with the word rate without the first 25 and last
        17 TRs; ``whole``, of all 362; ``single subjects``, the mean of theirs; mean and highest of
        all distinct circular shifts of at least 30 TRs; p, one-sided; ``ISC``, the mean
        leave-one-out correlation.

    Raises
    ------
    InputError
        The data are absent or not these.
    """
    recording = _read(dataset)
    data = recording.data
    shipped = recording.shipped
    group = recording.bold.mean(0)
    trimmed = slice(FIRST, data.n_trs - LAST)
    r = _r(shipped[trimmed], group[trimmed])
    null = make_null(r, shift_null(group[trimmed], shipped[trimmed]), "circular shifts")
    single_r = [_r(shipped[trimmed], series[trimmed]) for series in recording.bold]
    figures = _clock_figures(recording) | {
        "subjects": len(recording.bold),
        "subjects rejected": len(data.manifest.rejected),
        "word rate, weakest region (r)": r.min(),
        "word rate, strongest region (r)": r.max(),
        "shifted word rate, mean (r)": null.null.mean(),
        "shifted word rate, highest of all (r)": null.null.max(),
        "shifts": len(null.null),
        "regions beyond all their shifts": (r > null.null.max(0)).sum(),
    }
    by_region = {
        "value": r,
        "whole": _r(shipped, group),
        "single subjects": np.mean(single_r, axis=0),
        "shifted, mean": null.null.mean(0),
        "shifted, highest": null.null.max(0),
        "p": null.p,
        "ISC": noise_ceiling(recording.bold).mean(0),
    }
    rows = [{"figure": name, "value": float(value)} for name, value in figures.items()]
    for index, name in enumerate(data.region_names):
        fields = {field: float(values[index]) for field, values in by_region.items()}
        rows.append({"figure": name, **fields})
    return rows


def shift_null(bold: np.ndarray, x: np.ndarray, least: int = LEAST_SHIFT) -> np.ndarray:
    """Correlate BOLD with every distinct circular shift of a regressor.

    Parameters
    ----------
    bold : array of shape (n_trs, n_regions)
    x : array of shape (n_trs,)
    least : int
        Smallest shift, TRs.

    Returns
    -------
    array of shape (n_shifts, n_regions)
    """
    return np.stack([_r(np.roll(x, shift), bold) for shift in range(least, len(x) - least)])


def _r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate (n,) with each column of (n,) or (n, k): (k,)."""
    columns = y.reshape(len(y), -1)
    return correlate(np.broadcast_to(x[:, None], columns.shape), columns)
