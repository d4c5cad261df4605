"""Which codebooks a region follows beyond envelope, loudness, spectrum and speech.

`make_design` makes the columns of one sound. `recover_regions` weighs the codebooks and tests them
together; `codebook_gain` asks what they add on unseen time; `residual_scores` asks what is left of
each codebook when level and spectrum are taken out of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from giblet_core.encoding.kernels import centre, kernel, ridge
from giblet_core.encoding.regression import fit_banded
from giblet_core.encoding.statistics import correlate, fisher_mean
from giblet_core.encoding.variance_components import Recovery, Regressors, recover
from giblet_core.errors import InputError
from giblet_core.features import (
    BASE_RATE_HZ,
    CodebookMeans,
    FeatureSpace,
    codebook_means,
    envelope,
    momentary_loudness,
    pooled,
    slow_codebooks,
    strong_baselines,
)
from giblet_core.sound import log_mel
from giblet_core.timing import Fold, Stimulus, TRGrid, contiguous_folds

MOST_CODEBOOKS = 8  # whose subsets are weighed
FEW_DIRECTIONS = 4  # of each codebook, in the forms that follow it less closely
BASE_SPACES = ("envelope", "loudness", "mel")
BASE_GAMMAS = np.array([[0.4, 0.2, 0.4], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])  # of `BASE_SPACES`
CODEBOOK_WEIGHTS = (0, 0.25, 0.5)  # of the kernel of all codebooks beside the baselines
GAIN_ALPHAS = tuple(np.logspace(-1, 2, 5))
EMBARGO = 20  # TRs
N_RESIDUAL_BANDS = 16  # of the log-mel spectrum that codebooks are freed of


@dataclass(frozen=True, eq=False)
class Design:
    """Features of one sound.

    Attributes
    ----------
    means : list of CodebookMeans
        One a codebook.
    base : dict of str to FeatureSpace
        Strong baselines.
    t_r : float
        Seconds a TR.
    run_n_trs : tuple of int
        TRs of each run.
    """

    means: list[CodebookMeans]
    base: dict[str, FeatureSpace]
    t_r: float
    run_n_trs: tuple[int, ...]

    def rows(self, n_trs: int | None = None) -> tuple[np.ndarray, tuple[int, ...]]:
        """Choose the first TRs of each run, `n_trs` in all; all TRs by default.

        Returns
        -------
        rows : array of shape (n_trs,)
        run_onsets : tuple of int
            Where runs begin among them.

        Raises
        ------
        InputError
            The runs do not hold as many.
        """
        n_runs = len(self.run_n_trs)
        lengths = self.run_n_trs if n_trs is None else (n_trs // n_runs,) * n_runs
        if any(wanted > held for wanted, held in zip(lengths, self.run_n_trs)):
            raise InputError(f"n_trs={n_trs}: the runs hold {self.run_n_trs}. Ask for fewer.")
        starts = np.cumsum((0, *self.run_n_trs[:-1]))
        rows = [np.arange(start, start + length) for start, length in zip(starts, lengths)]
        onsets = np.cumsum((0, *lengths[:-1]))
        return np.concatenate(rows), tuple(int(onset) for onset in onsets)

    def unseen_r(
        self,
        spaces: list[np.ndarray],
        Y: np.ndarray,
        folds: list[Fold],
        *penalties: Sequence,
        **timing,
    ) -> np.ndarray:
        """Fit the codebooks beside other spaces, and score unseen time.

        The codebooks are one space, reduced to directions that the training time of each fold
        tells.

        Parameters
        ----------
        spaces : list of arrays of shape (n_trs, n_features)
            The other spaces.
        Y : array of shape (n_trs, n_targets)
        folds : list of (train, test)
        *penalties
            ``alphas`` and ``gammas`` of `fit_banded`, the codebooks' weight first.
        **timing
            More keywords of `fit_banded`.

        Returns
        -------
        array of shape (n_targets,)
            r, Fisher-averaged over folds.
        """
        r_folds = []
        for train, test in folds:
            codebooks = np.concatenate(slow_codebooks(self.means, train), axis=1)
            fit = fit_banded([codebooks, *spaces], Y, [(train, test)], *penalties, **timing)
            r_folds.append(fit.r_folds)
        return fisher_mean(np.concatenate(r_folds))


def make_design(stimulus: Stimulus, grids: Sequence[TRGrid] | None = None) -> Design:
    """Make the features of a stimulus, for runs at `grids` (its own by default)."""
    grids = grids or stimulus.grids
    rate = stimulus.codec.sample_rate
    return Design(
        means=codebook_means(stimulus.codec, stimulus.codes, grids),
        base=strong_baselines(stimulus.wave, rate, grids, stimulus.spoken),
        t_r=grids[0].t_r,
        run_n_trs=tuple(grid.n_trs for grid in grids),
    )


def recover_regions(
    design: Design, Y: np.ndarray, n_trs: int | None = None, n_draws: int = 1000
) -> Recovery:
    """Estimate which codebooks regions follow, and test the codebooks together.

    How a subject follows codebooks is not known. Six forms are therefore weighed as equals: four
    directions of each codebook or eight, each with one of three responses. The test takes eight
    directions with the mean response.

    Parameters
    ----------
    design : Design
        Of the sound; its first eight codebooks are asked for.
    Y : array of shape (n_subjects, all TRs, n_targets)
        BOLD, e.g. region means.
    n_trs : int, optional
        Use the first TRs of each run, so many in all.
    n_draws : int
        Phase randomisations of the null.

    Returns
    -------
    Recovery
    """
    rows, run_onsets = design.rows(n_trs)
    means = design.means[:MOST_CODEBOOKS]
    n_responses = len(means[0].responded)
    close_forms = [slow_codebooks(means, peaks=[i]) for i in range(n_responses)]
    loose_forms = [  # the slowest directions come first
        [codebook[:, :FEW_DIRECTIONS] for codebook in form] for form in close_forms
    ]
    mean_form = np.mean(close_forms, axis=0)  # (n_codebooks, n_trs, n_directions)
    baselines = [space.values for space in design.base.values()]
    regressors = Regressors(
        codebooks=[codebook[rows] for codebook in mean_form],
        base=np.concatenate(baselines, axis=1)[rows],
        t_r=design.t_r,
        run_onsets=run_onsets,
        forms=[[codebook[rows] for codebook in form] for form in (*loose_forms, *close_forms)],
    )
    return recover(regressors, Y[:, rows], n_draws=n_draws)


def codebook_gain(
    design: Design, Y: np.ndarray, alphas: Sequence[float] = GAIN_ALPHAS
) -> tuple[np.ndarray, np.ndarray]:
    """Score what codebooks add to envelope, loudness and mel on unseen time.

    The weight of the codebooks is chosen for each target in nested folds, and may be 0.

    Parameters
    ----------
    design : Design
    Y : array of shape (n_trs, n_targets)
    alphas : sequence of float
        Penalties on offer.

    Returns
    -------
    gain : array of shape (n_targets,)
        r|r| with the codebooks less r|r| without them.
    r : array of shape (n_targets,)
        With the codebooks.
    """
    rows, run_onsets = design.rows()
    folds = contiguous_folds(len(rows), 5, EMBARGO, run_onsets)
    timing = {"run_onsets": run_onsets, "embargo": EMBARGO}
    baselines = [design.base[name].values for name in BASE_SPACES]
    gammas = [
        np.column_stack([np.full(len(BASE_GAMMAS), weight), (1 - weight) * BASE_GAMMAS])
        for weight in CODEBOOK_WEIGHTS
    ]
    r = design.unseen_r(baselines, Y, folds, alphas, np.vstack(gammas), **timing)
    r_baselines = fit_banded(baselines, Y, folds, alphas, BASE_GAMMAS, **timing).r
    return r * np.abs(r) - r_baselines * np.abs(r_baselines), r


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
