"""Whether BOLD follows the sound on the declared clock: a wrong clock shows as a lag."""

from dataclasses import dataclass

import numpy as np

from giblet_core.fmri.checks.clock import measured_clock, report_clock, report_response
from giblet_core.fmri.clock import Span
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems
from giblet_core.timing import hrf

SOUND_RATE_HZ = 8000  # enough for an envelope
ENVELOPE_RATE_HZ = 20
LOUDNESS_EXPONENT = 0.15  # of power, near that of loudness
MOST_LAG_TRS = 8
LEAST_TRS = 60  # fewer say nothing
LEAST_GAIN = 1.25  # the peak must be so much higher than at lag 0
LEAST_Z = 5.0  # the peak's correlation must be so many standard errors from 0


@dataclass(frozen=True)
class Lag:
    """Where BOLD fits a prediction best: the lag in TRs, |r| there, and |r| at lag 0.

    |r| is without sign: a region that answers with less BOLD follows the sound too.
    """

    trs: int
    r: float
    r_at_zero: float


@dataclass(frozen=True, eq=False)
class Group:
    """The mean over subjects of their standardised series.

    Attributes
    ----------
    bold : array of shape (n_trs, n_voxels)
    names : tuple of str
        Of the columns where they are regions; () where they are voxels.
    """

    bold: np.ndarray
    names: tuple[str, ...] = ()


def lag_of(bold: np.ndarray, predicted: np.ndarray, run_onsets: list[int]) -> Lag:
    """Find the lag at which BOLD fits a prediction best, runs apart.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
    predicted : array of shape (n_trs,)
    run_onsets : list of int
        First row of each run.

    Returns
    -------
    Lag
        Positive where BOLD is late. Its two r are the mean of |r| over the best 2 % of voxels (at
        least one), which are chosen at each lag anew.
    """
    borders = run_onsets[1:]
    y = np.concatenate([_centred(run, 0) for run in np.split(bold, borders)])
    size_of_y = (y**2).sum(0)
    lags = range(-MOST_LAG_TRS, MOST_LAG_TRS + 1)
    scores = []
    for lag in lags:
        x = np.concatenate([_centred(run, lag) for run in np.split(predicted, borders)])
        r = np.abs(x @ y) / np.sqrt((x @ x) * size_of_y + 1e-20)
        n_best = max(1, len(r) // 50)
        scores.append(np.sort(r)[-n_best:].mean())
    best = int(np.argmax(scores))
    return Lag(lags[best], scores[best], scores[MOST_LAG_TRS])


def _centred(run: np.ndarray, lag: int) -> np.ndarray:
    """Return the inner rows of a run, moved by `lag` and without their mean."""
    inner = run[MOST_LAG_TRS - lag : len(run) - MOST_LAG_TRS - lag]
    return inner - inner.mean(0)


def _envelope(wave: np.ndarray) -> np.ndarray:
    """Return the compressed power of a sound of `SOUND_RATE_HZ`.

    It is power to the `LOUDNESS_EXPONENT`, which follows what one hears better than power does, of
    shape (n_frames, 1) at `ENVELOPE_RATE_HZ`; the last frame stands twice.
    """
    length = SOUND_RATE_HZ // ENVELOPE_RATE_HZ
    n_frames = len(wave) // length
    frames = wave[: n_frames * length].reshape(n_frames, length)
    power = np.mean(frames**2, axis=1)
    envelope = (power**LOUDNESS_EXPONENT)[:, None].astype(np.float64)
    return np.concatenate([envelope, envelope[-1:]])  # the sound may end within a frame


def check_lag(
    manifest: Manifest,
    spans: list[Span],
    wave: np.ndarray,
    group: Group,
    problems: Problems,
) -> None:
    """Compare the sound's envelope, convolved, with BOLD at several lags; locked runs are left out.

    Nothing is compared, and nothing said, where any of the other runs is shorter than `LEAST_TRS`.

    Parameters
    ----------
    manifest : Manifest
    spans : list of Span
    wave : array of shape (n_samples,)
        The sound at `SOUND_RATE_HZ`.
    group : Group
    problems : Problems
        A lag is added here as a warning; how long after the sound BOLD answers, as a note.
    """
    is_open = [not span.run.locked for span in spans]
    lengths = [span.grid.n_trs for span in spans]
    bold = group.bold[np.repeat(is_open, lengths)]
    spans = [span for span in spans if not span.run.locked]
    if min((span.grid.n_trs for span in spans), default=0) < LEAST_TRS:
        return
    envelope = _envelope(wave)
    predicted = []
    for span in spans:
        response = hrf.at_trs(envelope - envelope.mean(), ENVELOPE_RATE_HZ, span.grid)
        predicted.append(response[:, 0])
    run_onsets = np.cumsum([0, *map(len, predicted)])[:-1].tolist()
    lag = lag_of(bold, np.concatenate(predicted), run_onsets)
    is_followed = lag.r >= LEAST_Z / np.sqrt(len(bold))
    is_late = is_followed and abs(lag.trs) >= 2 and lag.r >= LEAST_GAIN * lag.r_at_zero
    if is_late:
        direction = "late" if lag.trs > 0 else "early"
        problems.warning(
            "label_shift_trs",
            manifest.label_shift_trs,
            f"BOLD follows the sound's envelope best {abs(lag.trs)} TRs too {direction} "
            f"(r {lag.r:.2f}, {lag.r_at_zero:.2f} on this clock)",
            f"Try label_shift_trs: {manifest.label_shift_trs - lag.trs}, or correct "
            "stimulus_start_s; a response model on this clock counts delays wrongly.",
        )
    clock = None
    if is_followed:
        clock = measured_clock(envelope[:, 0], ENVELOPE_RATE_HZ, spans, bold, group.names)
    if clock is not None:
        report_clock(clock, spans, is_late, problems)
        report_response(clock, manifest.preprocessing.hrf, problems)
