"""What a quick look measures: one subject's BOLD predicted from the sound's level, and the lag."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

import numpy as np

from giblet_core.encoding import EncodingResult, LagScan, fit_ridge, lag_scan
from giblet_core.errors import InputError
from giblet_core.features import baseline_features
from giblet_core.fmri import Dataset
from giblet_core.reporting.needs import FACTS, SECTIONS
from giblet_core.reporting.quick_look.blocks import Blocks, make_blocks
from giblet_core.sound import load_audio
from giblet_core.timing import contiguous_folds

SAMPLE_RATE = 24_000
KINDS = ("envelope", "loudness")
ALPHAS = tuple(np.logspace(0, 4, 5))
EMBARGO_S = 20.0  # the response is over by then
N_FOLDS = 5
SHORT_RUN_TRS = 100  # shorter runs have fewer folds, and a shorter embargo
LAG_REACH_S = 12.0
MOST_LAG_VOXELS = 500  # of all, evenly spread, in the lag scan
TOP_PERCENT = 5.0  # of the voxels, at each lag anew
SECTIONS_SHOWN = ("encoding", "lag")


@dataclass(frozen=True, eq=False)
class QuickLook:
    """One subject, the sound's level, no statistics.

    Attributes
    ----------
    data : Dataset
    subject : str
        The first one.
    wave : array of shape (n_samples,)
        At `SAMPLE_RATE`.
    mean_bold : array of shape (n_voxels,)
        Of the series as read: the picture on which the map is drawn.
    blocks : Blocks
        The voxels that each series stands for.
    bold : array of shape (n_trs, n_series)
        Prepared as the manifest says.
    fit : EncodingResult or None
        BOLD from envelope and loudness; None where the data do not allow it.
    lags : LagScan or None
        Of evenly spread voxels.
    left_out : tuple of str
        What is not shown, and what it needs.
    """

    data: Dataset
    subject: str
    wave: np.ndarray
    mean_bold: np.ndarray
    blocks: Blocks
    bold: np.ndarray
    fit: EncodingResult | None
    lags: LagScan | None
    left_out: tuple[str, ...]

    @property
    def r(self) -> np.ndarray:
        """Return r of each voxel: that of the series it belongs to, (n_voxels,)."""
        return self.blocks.painted(self.fit.r)

    @property
    def lag_profile(self) -> np.ndarray:
        """Return the mean r of the best voxels at each lag, chosen at each lag anew: (n_lags,).

        So no lag is favoured by the choice.
        """
        r = np.nan_to_num(self.lags.r)
        n_best = max(1, ceil(r.shape[1] * TOP_PERCENT / 100))
        return np.sort(r, axis=1)[:, -n_best:].mean(1)

    @property
    def best_lag_s(self) -> float:
        """Seconds by which BOLD follows the prediction where it fits best; 0 is right."""
        return float(self.lags.lags[self.lag_profile.argmax()] * self.data.t_r)


@dataclass(frozen=True)
class _Folding:
    """How series are cut: folds, and TRs left out around them."""

    n_folds: int
    embargo: int


def take_quick_look(data: Dataset, sound: str | Path) -> QuickLook:
    """Measure how the first subject's BOLD follows the level of the sound.

    Parameters
    ----------
    data : Dataset
    sound : path
        What the subjects heard.

    Returns
    -------
    QuickLook

    Raises
    ------
    InputError
        The sound or the series cannot be read.
    """
    heard = data.manifest.stimulus
    wave = load_audio(sound, SAMPLE_RATE, track=heard.track, channel=heard.channel)
    subject = data.subjects[0]
    blocks = make_blocks(data)
    bold = blocks.means(data.bold(subject))
    mean_bold = data.raw_bold(subject).mean(0)
    lacks = _lacks(data)
    if lacks:
        left_out = (f"Left out: the map and the lag scan. {lacks}",)
        return QuickLook(data, subject, wave, mean_bold, blocks, bold, None, None, left_out)
    spaces = baseline_features(wave, SAMPLE_RATE, data.grids, KINDS)
    features = np.concatenate([space.values for space in spaces.values()], axis=1)
    folding = _folding(data)
    fit = fit_ridge(
        features,
        bold,
        contiguous_folds(data.n_trs, folding.n_folds, folding.embargo, data.run_onsets),
        ALPHAS,
        run_onsets=data.run_onsets,
        embargo=folding.embargo,
        keep_predictions=True,
    )
    lags, reason = _scan(features, bold, data, folding)
    left_out = (reason,) if reason else ()
    return QuickLook(data, subject, wave, mean_bold, blocks, bold, fit, lags, left_out)


def _lacks(data: Dataset) -> str:
    """Say what the data lack for an encoding model; "" where they lack nothing."""
    for section in SECTIONS_SHOWN:
        least = SECTIONS[section].least["n_trs"]
        if data.n_trs < least:
            return f"It needs at least {least:g} {FACTS['n_trs']}, has {data.n_trs}."
    return ""


def _folding(data: Dataset) -> _Folding:
    """Return folds and embargo for the length of the runs."""
    n_runs = len(data.grids)
    shortest = min(grid.n_trs for grid in data.grids)
    embargo = ceil(EMBARGO_S / data.t_r)
    if shortest < SHORT_RUN_TRS:
        return _Folding(max(2 * n_runs, 2), min(embargo, shortest // 10))
    return _Folding(max(N_FOLDS, n_runs), embargo)


def _scan(
    features: np.ndarray, bold: np.ndarray, data: Dataset, folding: _Folding
) -> tuple[LagScan | None, str]:
    """Scan the lag of some voxels; where the runs are too short, say so."""
    reach = ceil(LAG_REACH_S / data.t_r)
    n_some = min(bold.shape[1], MOST_LAG_VOXELS)
    some = np.linspace(0, bold.shape[1] - 1, n_some).astype(int)
    try:
        lags = lag_scan(
            features,
            np.ascontiguousarray(bold[:, some]),
            range(-reach, reach + 1),
            run_onsets=data.run_onsets,
            n_folds=folding.n_folds,
            embargo=min(folding.embargo, reach),
            alphas=ALPHAS,
        )
    except InputError as fault:
        return None, f"Left out: the lag scan. {fault}"
    return lags, ""
