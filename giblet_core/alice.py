"""Real brains as a positive control: Brennan et al. (2016), 27 listeners to Alice in Wonderland, six regions.

References
----------
Brennan, Stabler, Van Wagenen, Luh & Hale (2016), Abstract linguistic structure correlates with temporal activity during naturalistic
comprehension. Brain and Language 157-158. doi:10.1016/j.bandl.2016.04.008
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giblet_core import hrf
from giblet_core.artifacts import InputError
from giblet_core.bold_io import find_one, read_table, read_textgrid
from giblet_core.ceiling import noise_ceiling
from giblet_core.dataset import load_dataset
from giblet_core.kernels import correlate
from giblet_core.nulls import make_null

RATE_HZ = 50
FIRST, LAST = 25, 17  # TRs dropped by the trimmed control: the onset of the story and its end
TEXTGRID = "alice_stim_shared/*.TextGrid"
WORD_RATE = "alice_data_shared/s30-rate.txt"


@dataclass(frozen=True)
class AliceReport:
    """What the real data say; correlations are of the group's mean series with the word rate unless named otherwise.

    Attributes
    ----------
    regions : tuple of str
    n_subjects : int
    rejected : dict, subject to reason
    clock_s, clock_r, clock_r_at_0 : float
        Stimulus time of the first volume at which the TextGrid's word rate, convolved, fits the shipped regressor best; the correlation
        at the declared clock; and at 0 s.
    r_whole, r_trimmed : (n_regions,)
        Group: all 362 TRs; and without the first 25 and last 17.
    r_subject : (n_regions,)
        Trimmed, mean over single subjects.
    r_shift_max : (n_regions,)
        The highest trimmed correlation over all distinct circular shifts of at least 30 TRs.
    p : (n_regions,)
        (1 + shifts that reach the true one) / (1 + n_shifts).
    n_shifts : int
    isc : (n_regions,)
        Mean leave-one-out correlation of subjects.
    """

    regions: tuple[str, ...]
    n_subjects: int
    rejected: dict[str, str]
    clock_s: float
    clock_r: float
    clock_r_at_0: float
    r_whole: np.ndarray
    r_trimmed: np.ndarray
    r_subject: np.ndarray
    r_shift_max: np.ndarray
    p: np.ndarray
    n_shifts: int
    isc: np.ndarray

    def table(self) -> list[dict[str, float | str]]:
        """Return one row a region, for a data frame."""
        return [{"region": name, "r_whole": self.r_whole[i], "r_trimmed": self.r_trimmed[i], "r_subject": self.r_subject[i],
                 "r_shift_max": self.r_shift_max[i], "p": self.p[i], "isc": self.isc[i]} for i, name in enumerate(self.regions)]


def word_rate(words: list[tuple[float, float, str]], t_r: float, n_trs: int, onset_s: float) -> np.ndarray:
    """Convolve a pulse at the end of each word with SPM's response (the authors' regressor): (n_trs,)."""
    pulses = np.zeros((int((max(stop for _, stop, _ in words) + (n_trs + 30) * t_r) * RATE_HZ), 1))
    np.add.at(pulses[:, 0], [int(stop * RATE_HZ) for _, stop, _ in words], 1.0)
    return hrf.convolve(pulses, RATE_HZ, t_r, model="spm", n_trs=n_trs, onset_s=onset_s)[:, 0]


def alice_report(dataset: str | Path) -> AliceReport:
    """Compute the clock oracle, the word-rate control and ISC.

    Parameters
    ----------
    dataset : path
        The manifest, ``book/params/alice_dataset.yaml``.

    Raises
    ------
    InputError
        The data are absent or not these.
    """
    data = load_dataset(dataset)
    if len(data.grids) != 1 or data.t_r != 2.0:
        raise InputError(f"dataset={dataset}: must be the Alice data (one run, TR 2 s). Give book/params/alice_dataset.yaml.")
    folder, n_trs = data.manifest.folder, data.n_trs
    shipped = read_table(find_one(folder, WORD_RATE)).to_numpy()[:, 0]
    words = read_textgrid(find_one(folder, TEXTGRID))
    clocks = np.arange(0, 30.5, 0.5)
    fits = [_r(word_rate(words, data.t_r, n_trs, float(onset)), shipped)[0] for onset in clocks]
    bold = np.stack([data.bold(subject) for subject in data.subjects]).astype(np.float64)
    bold = (bold - bold.mean(1, keepdims=True)) / bold.std(1, keepdims=True)
    group, kept = bold.mean(0), slice(FIRST, n_trs - LAST)
    trimmed = _r(shipped[kept], group[kept])
    null = make_null(trimmed, shift_null(group[kept], shipped[kept]), "circular shifts")
    single, declared = np.mean([_r(shipped[kept], one[kept]) for one in bold], axis=0), fits[round(data.grids[0].onset_s / 0.5)]
    return AliceReport(data.region_names, len(bold), data.manifest.rejected, float(clocks[np.argmax(fits)]), float(declared),
                       float(fits[0]), _r(shipped, group), trimmed, single, null.null.max(0), null.p, len(null.null),
                       noise_ceiling(bold).mean(0))


def shift_null(bold: np.ndarray, x: np.ndarray, least: int = 30) -> np.ndarray:
    """Correlate (n_trs, n_regions) with every distinct circular shift of x by at least `least` TRs: (n_shifts, n_regions)."""
    return np.stack([_r(np.roll(x, shift), bold) for shift in range(least, len(x) - least)])


def _r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate (n,) with each column of (n,) or (n, k): (k,)."""
    y = y.reshape(len(y), -1)
    return correlate(np.broadcast_to(x[:, None], y.shape), y)
