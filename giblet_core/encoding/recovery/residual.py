"""What is left of each codebook when level and spectrum are taken out of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from giblet_core.encoding.kernels import centre, kernel, ridge
from giblet_core.encoding.statistics import correlate, fisher_mean
from giblet_core.features import BASE_RATE_HZ, envelope, momentary_loudness, pooled
from giblet_core.sound import log_mel
from giblet_core.timing import Fold, Stimulus, TRGrid

N_RESIDUAL_BANDS = 16  # of the log-mel spectrum that codebooks are freed of


@dataclass(frozen=True, eq=False)
class ResidualScores:
    """r on held-out time of each codebook alone, Fisher-averaged over folds.

    Attributes
    ----------
    intact : array of shape (num_codebooks, n_targets)
        As the codebook is.
    freed : array of shape (num_codebooks, n_targets)
        Freed of level and spectrum.
    """

    intact: np.ndarray
    freed: np.ndarray


# threads that meet at each small solve can be ten times slower than one
@threadpool_limits.wrap(limits=1, user_api="blas")
def residual_scores(
    stimulus: Stimulus, grids: Sequence[TRGrid], Y: np.ndarray, folds: list[Fold], alpha: float
) -> ResidualScores:
    """Score each codebook alone, as it is and freed of level and spectrum (the energy control).

    From a codebook's vectors is taken, frame by frame, what least squares over the frames of
    *training* TRs predicts of them from envelope, loudness and 16 mel bands. TRs then hold means of
    what is left. Nothing is chosen on what is tested: one penalty for all.

    Parameters
    ----------
    stimulus : Stimulus
        Its sound, codec and codes.
    grids : sequence of TRGrid
        One a run.
    Y : array of shape (n_trs, n_targets)
    folds : list of (train, test)
    alpha : float
        As in `ridge`.

    Returns
    -------
    ResidualScores
    """
    codec = stimulus.codec
    codes = stimulus.codes
    y = (Y - Y.mean(0)).astype(np.float32)
    low = _level_and_spectrum(stimulus)
    low_pooled = pooled(low, codes.frame_rate, grids, ("mean",))
    frames_of_tr = _frames_of_trs(grids, codes.frame_rate)
    shape = (codes.num_codebooks, len(folds), y.shape[1])
    scores = ResidualScores(intact=np.empty(shape), freed=np.empty(shape))
    for k in range(codes.num_codebooks):
        z = codec.codebooks[k][codes.indices[k]].T
        z_pooled = pooled(z, codes.frame_rate, grids, ("mean",))
        for f, fold in enumerate(folds):
            train_frames = np.concatenate([frames_of_tr[tr] for tr in fold[0]])
            weights = _least_squares(low[:, train_frames], z[:, train_frames])
            # means over TRs are linear: the same as frame by frame
            left = z_pooled - low_pooled @ weights
            scores.intact[k, f] = _held_out_r(z_pooled, y, fold, alpha)
            scores.freed[k, f] = _held_out_r(left, y, fold, alpha)
    return ResidualScores(fisher_mean(scores.intact, axis=1), fisher_mean(scores.freed, axis=1))


def _level_and_spectrum(stimulus: Stimulus) -> np.ndarray:
    """Return envelope, loudness and mel bands at the codec's frames, (n_rows, n_frames)."""
    wave = stimulus.wave
    rate = stimulus.codec.sample_rate
    codes = stimulus.codes
    tracks = [
        *envelope(wave, rate),
        *momentary_loudness(wave, rate),
        *log_mel(wave, rate, N_RESIDUAL_BANDS, rate // BASE_RATE_HZ),
    ]
    middles_s = (np.arange(codes.n_frames) + 0.5) / codes.frame_rate
    places = middles_s * BASE_RATE_HZ - 0.5
    rows = [np.interp(places, np.arange(len(track)), track) for track in tracks]
    return np.stack(rows).astype(np.float32)


def _frames_of_trs(grids: Sequence[TRGrid], frame_rate: float) -> list[np.ndarray]:
    """List the frames of each TR, run after run."""
    frames = []
    for grid in grids:
        edges = grid.frame_edges(frame_rate)
        frames += [np.arange(first, last) for first, last in zip(edges[:-1], edges[1:])]
    return frames


def _least_squares(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return weights (n_rows, D) of centred x (n_rows, n_frames) that predict z (D, n_frames)."""
    x = x - x.mean(1, keepdims=True)
    return np.linalg.lstsq(x @ x.T, x @ z.T, rcond=None)[0]


def _held_out_r(x: np.ndarray, y: np.ndarray, fold: Fold, alpha: float) -> np.ndarray:
    """Fit features (n_trs, n_features) with one penalty and score the test rows, (n_targets,)."""
    train, test = fold
    k_train, k_test = centre(kernel(x, train), train, test)
    return correlate(ridge(k_train, k_test, y[train], alpha), y[test])
