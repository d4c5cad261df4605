"""Real brains as a positive control: Brennan et al. (2016), 27 subjects to Alice in Wonderland, six
regions.

References
----------
Brennan, Stabler, Van Wagenen, Luh & Hale (2016), Abstract linguistic structure correlates with
temporal activity during naturalistic comprehension. Brain and Language 157-158.
doi:10.1016/j.bandl.2016.04.008
"""

from pathlib import Path

import numpy as np

from giblet_core.encoding import correlate, make_null, noise_ceiling
from giblet_core.errors import InputError
from giblet_core.fmri import find_one, load_dataset, read_table, read_textgrid
from giblet_core.timing import hrf

RATE_HZ = 50
FIRST, LAST = 25, 17  # TRs dropped by the trimmed control: the onset of the story and its end
TEXTGRID = "alice_stim_shared/*.TextGrid"
WORD_RATE = "alice_data_shared/s30-rate.txt"


def word_rate(
    words: list[tuple[float, float, str]], t_r: float, n_trs: int, onset_s: float
) -> np.ndarray:
    """Convolve a pulse at the end of each word with SPM's response (the authors' regressor):
    (n_trs,).
    """
    pulses = np.zeros((int((max(stop for _, stop, _ in words) + (n_trs + 30) * t_r) * RATE_HZ), 1))
    np.add.at(pulses[:, 0], [int(stop * RATE_HZ) for _, stop, _ in words], 1.0)
    return hrf.convolve(pulses, RATE_HZ, t_r, model="spm", n_trs=n_trs, onset_s=onset_s)[:, 0]


def alice_report(dataset: str | Path) -> list[dict]:
    """Compute the clock oracle, the word-rate control with its shifted negative, and ISC: rows of a
    record.

    Parameters
    ----------
    dataset : path
        The manifest, ``book/params/alice_dataset.yaml``.

    Returns
    -------
    list of dict
        ``figure`` and ``value``. The clock is the stimulus time of the first volume at which the
        TextGrid's word rate, convolved, fits the shipped regressor best. Then a row a region: r of
        the group's mean series with the word rate without the first 25 and last 17 TRs; ``whole``,
        of all 362; ``single subjects``, the mean of theirs; mean and highest of all distinct
        circular shifts of at least 30 TRs; p, one-sided; ``ISC``, the mean leave-one-out
        correlation.

    Raises
    ------
    InputError
        The data are absent or not these.
    """
    data = load_dataset(dataset)
    if len(data.grids) != 1 or data.t_r != 2.0:
        raise InputError(
            f"dataset={dataset}: must be the Alice data (one run, TR 2 s). Give book/params/alice_dataset.yaml."
        )
    folder, n_trs, onset = data.manifest.folder, data.n_trs, data.grids[0].onset_s
    shipped, words = (
        read_table(find_one(folder, WORD_RATE)).to_numpy()[:, 0],
        read_textgrid(find_one(folder, TEXTGRID)),
    )
    clocks = np.arange(0, 30.5, 0.5)
    fits = [_r(word_rate(words, data.t_r, n_trs, float(clock)), shipped)[0] for clock in clocks]
    bold = np.stack([data.bold(subject) for subject in data.subjects]).astype(np.float64)
    bold = (bold - bold.mean(1, keepdims=True)) / bold.std(1, keepdims=True)
    group, kept = bold.mean(0), slice(FIRST, n_trs - LAST)
    r = _r(shipped[kept], group[kept])
    null = make_null(r, shift_null(group[kept], shipped[kept]), "circular shifts")
    fields = {
        "value": r,
        "whole": _r(shipped, group),
        "single subjects": np.mean([_r(shipped[kept], x[kept]) for x in bold], axis=0),
        "shifted, mean": null.null.mean(0),
        "shifted, highest": null.null.max(0),
        "p": null.p,
        "ISC": noise_ceiling(bold).mean(0),
    }
    whole = {
        "clock off by (s)": abs(clocks[np.argmax(fits)] - onset),
        "clock oracle (r)": fits[round(onset / 0.5)],
        "clock oracle at 0 s (r)": fits[0],
        "subjects": len(bold),
        "subjects rejected": len(data.manifest.rejected),
        "word rate, weakest region (r)": r.min(),
        "word rate, strongest region (r)": r.max(),
        "shifted word rate, mean (r)": null.null.mean(),
        "shifted word rate, highest of all (r)": null.null.max(),
        "shifts": len(null.null),
        "regions beyond all their shifts": (r > null.null.max(0)).sum(),
    }
    return [{"figure": name, "value": float(value)} for name, value in whole.items()] + [
        {"figure": name, **{field: float(x[i]) for field, x in fields.items()}}
        for i, name in enumerate(data.region_names)
    ]


def shift_null(bold: np.ndarray, x: np.ndarray, least: int = 30) -> np.ndarray:
    """Correlate (n_trs, n_regions) with every distinct circular shift of x by at least `least` TRs:
    (n_shifts, n_regions).
    """
    return np.stack([_r(np.roll(x, shift), bold) for shift in range(least, len(x) - least)])


def _r(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Correlate (n,) with each column of (n,) or (n, k): (k,)."""
    y = y.reshape(len(y), -1)
    return correlate(np.broadcast_to(x[:, None], y.shape), y)
