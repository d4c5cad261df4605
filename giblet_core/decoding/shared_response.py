"""Between subjects: region means, and a shared response fitted on training time only, also for the
subject left out.

Report *unseen time, seen subject* and *unseen time, unseen subject* apart, and never mix r of one
subject with r of a group.

References
----------
[1] Chen et al. 2015, A reduced-dimension fMRI shared response model, NeurIPS 28 (the deterministic
form, by Procrustes)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from giblet_core.decoding.regression import DecodingResult, by_fold
from giblet_core.encoding import fit_ridge
from giblet_core.errors import InputError, require
from giblet_core.timing import Fold, leave_one_subject_out


def region_means(
    bold: np.ndarray, atlas: np.ndarray, train: np.ndarray | None = None
) -> np.ndarray:
    """Average voxels of each region, scaled by their training mean and SD where `train` is given.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
    atlas : array of shape (n_voxels,), integer
        Region of each voxel from 1; 0 belongs to none.
    train : array of indices, optional

    Returns
    -------
    array of shape (n_trs, n_regions)
        In the order of the sorted labels.
    """
    require(
        atlas.shape == bold.shape[1:],
        f"atlas: shape {atlas.shape}; must be one label for each of {bold.shape[1]} voxels.",
    )
    scaled = bold if train is None else scale(bold, train)
    return np.column_stack(
        [scaled[:, atlas == label].mean(1) for label in np.unique(atlas[atlas > 0])]
    )


def scale(bold: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Standardise voxels with the mean and SD of the training rows; voxels constant there become 0."""
    sd = bold[train].std(0)
    return (bold - bold[train].mean(0)) * np.where(sd > 0, 1 / np.where(sd > 0, sd, 1), 0)


@dataclass(frozen=True, eq=False)
class SharedResponse:
    """A shared response model.

    Attributes
    ----------
    bases : tuple of arrays of shape (n_voxels_s, k), orthonormal columns
    shared : array of shape (n_train, k)
        Response of the group during training time.
    train : array of shape (n_train,)
    """

    bases: tuple[np.ndarray, ...]
    shared: np.ndarray
    train: np.ndarray

    def add(self, bold: np.ndarray) -> np.ndarray:
        """Fit the basis (n_voxels, k) of one more subject, on the same training time."""
        return procrustes(scale(bold, self.train)[self.train], self.shared)

    def project(self, bold: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Bring all rows of a subject into the shared space, (n_trs, k)."""
        return scale(bold, self.train) @ basis


def procrustes(x: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Return the orthonormal W (n_voxels, k) that minimises ``|x W - shared|`` over W and ``|x -
    shared W'|`` alike.
    """
    u, _, v = np.linalg.svd(x.T @ shared, full_matrices=False)
    return u @ v


def fit_shared_response(
    bold: Sequence[np.ndarray], train: np.ndarray, k: int = 20, n_iter: int = 10
) -> SharedResponse:
    """Fit a deterministic shared response model on training time: alternate the mean of the aligned
    subjects and Procrustes.

    Parameters
    ----------
    bold : sequence of arrays of shape (n_trs, n_voxels_s)
        Subjects, each with its own voxels.
    train : array of indices
    k : int
        Dimensions; at most the number of training rows and of voxels.
    n_iter : int

    Returns
    -------
    SharedResponse
        Begins at the strongest common components (SVD of the sum of kernels), so that it needs no
        seed.
    """
    if not 1 <= k <= min(len(train), *(x.shape[1] for x in bold)):
        raise InputError(
            f"k={k}: must be between 1 and the smallest of {len(train)} training rows and the voxels of each subject."
        )
    x = [scale(one, train)[train] for one in bold]
    vectors = np.linalg.eigh(sum(one @ one.T / one.shape[1] for one in x))[1]
    shared = vectors[:, ::-1][:, :k]
    for _ in range(n_iter):
        bases = tuple(procrustes(one, shared) for one in x)
        shared = np.mean([one @ basis for one, basis in zip(x, bases)], axis=0)
    return SharedResponse(bases, shared, np.asarray(train))


def decode_unseen(
    bold: Sequence[np.ndarray],
    held: int,
    targets: np.ndarray,
    folds: list[Fold],
    alphas: Sequence[float],
    k: int = 20,
    **timing,
) -> DecodingResult:
    """Decode one subject's unseen time by a model of the others' shared response.

    Fold by fold: the shared response and the held-out subject's basis come from training time, the
    decoder from the others in training time; it is applied to the held-out subject's test time.

    Parameters
    ----------
    bold : sequence of arrays of shape (n_trs, n_voxels_s)
    held : int
        Which subject no decoder sees.
    targets : array
        As `latents` of `fit_decoder`.
    timing
        run_onsets and embargo, as in `fit_ridge`.
    """
    others, fits = [bold[s] for s in leave_one_subject_out(len(bold))[held][0]], []
    for y, (train, test) in zip(by_fold(targets, folds), folds):
        model = fit_shared_response(others, train, k)
        x = scale(
            np.mean([model.project(one, basis) for one, basis in zip(others, model.bases)], axis=0),
            train,
        )
        x[test] = scale(model.project(bold[held], model.add(bold[held])), train)[test]
        fits.append(fit_ridge(x, y, [(train, test)], alphas, keep_predictions=True, **timing))
    return DecodingResult.joined(fits, targets, folds)
