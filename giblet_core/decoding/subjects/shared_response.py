"""Between subjects: the shared response model, fitted on training time only.

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

from giblet_core.decoding.regression import DecodingResult, targets_of_folds
from giblet_core.decoding.subjects.voxels import standardise_voxels
from giblet_core.encoding import fit_ridge
from giblet_core.errors import InputError
from giblet_core.timing import Fold, leave_one_subject_out


@dataclass(frozen=True, eq=False)
class SharedResponse:
    """A shared response model: each subject's BOLD is the shared response times a basis [1].

    Attributes
    ----------
    bases : tuple of arrays of shape (n_voxels_s, k)
        One a subject, with orthonormal columns.
    shared : array of shape (n_train, k)
        Response of the group in training time.
    train : int array of shape (n_train,)
        Training rows.
    """

    bases: tuple[np.ndarray, ...]
    shared: np.ndarray
    train: np.ndarray

    def add(self, bold: np.ndarray) -> np.ndarray:
        """Fit the basis (n_voxels, k) of one more subject, on the same training time."""
        standardised = standardise_voxels(bold, self.train)
        return procrustes(standardised[self.train], self.shared)

    def project(self, bold: np.ndarray, basis: np.ndarray) -> np.ndarray:
        """Bring all rows of a subject (n_trs, n_voxels) into the shared space, (n_trs, k)."""
        return standardise_voxels(bold, self.train) @ basis


def procrustes(x: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Solve the orthogonal Procrustes problem: return the orthonormal W nearest to mapping x.

    W (n_voxels, k) minimises ``|x W - shared|`` and ``|x - shared W'|`` alike, for x (n_rows,
    n_voxels) and shared (n_rows, k).
    """
    left, _, right = np.linalg.svd(x.T @ shared, full_matrices=False)
    return left @ right


def fit_shared_response(
    bold: Sequence[np.ndarray], train: np.ndarray, k: int = 20, n_iter: int = 10
) -> SharedResponse:
    """Fit a deterministic shared response model on training time [1].

    Each iteration aligns every subject with the shared response (Procrustes), and makes the mean
    of the aligned subjects the new shared response. It begins at the strongest common components,
    by SVD of the sum of the subjects' kernels, so that it needs no seed.

    Parameters
    ----------
    bold : sequence of arrays of shape (n_trs, n_voxels_s)
        Subjects, each with its own voxels.
    train : int array of shape (n_train,)
        Training rows.
    k : int
        Dimensions; at most the number of training rows and of each subject's voxels.
    n_iter : int
        Iterations.

    Returns
    -------
    SharedResponse

    Raises
    ------
    InputError
        When `k` is not possible.
    """
    fewest = min(len(train), *(subject.shape[1] for subject in bold))
    if not 1 <= k <= fewest:
        raise InputError(
            f"k={k}: must be between 1 and the smallest of {len(train)} training rows and the "
            "voxels of each subject."
        )
    training = [standardise_voxels(subject, train)[train] for subject in bold]
    total_kernel = sum(rows @ rows.T / rows.shape[1] for rows in training)
    ascending_components = np.linalg.eigh(total_kernel)[1]
    shared = ascending_components[:, ::-1][:, :k]
    for _ in range(n_iter):
        bases = tuple(procrustes(rows, shared) for rows in training)
        shared = np.mean([rows @ basis for rows, basis in zip(training, bases)], axis=0)
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
    """Decode one subject's unseen time by a model of the other subjects.

    Fold by fold, the shared response, the decoder and the held-out subject's basis come from
    training time; the decoder is fitted to the other subjects and applied to the held-out
    subject's test time.

    Parameters
    ----------
    bold : sequence of arrays of shape (n_trs, n_voxels_s)
        All subjects.
    held : int
        Which subject no decoder sees.
    targets : array of shape (n_trs, n_dims) or (n_folds, n_trs, n_dims)
        As `latents` of `fit_decoder`.
    folds : list of (train, test)
        From `contiguous_folds`.
    alphas : sequence of float
        Penalties on offer.
    k : int
        Dimensions of the shared response.
    **timing
        `run_onsets` and `embargo`, as in `fit_ridge`.

    Returns
    -------
    DecodingResult
    """
    others = [bold[s] for s in leave_one_subject_out(len(bold))[held][0]]
    fits = []
    for fold_targets, fold in zip(targets_of_folds(targets, len(folds)), folds):
        train, test = fold
        model = fit_shared_response(others, train, k)
        projected = [model.project(other, basis) for other, basis in zip(others, model.bases)]
        responses = standardise_voxels(np.mean(projected, axis=0), train)
        held_response = model.project(bold[held], model.add(bold[held]))
        responses[test] = standardise_voxels(held_response, train)[test]
        fit = fit_ridge(responses, fold_targets, [fold], alphas, keep_predictions=True, **timing)
        fits.append(fit)
    return DecodingResult.from_fits(fits, targets, folds)
