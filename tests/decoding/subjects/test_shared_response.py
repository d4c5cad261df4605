"""A planted shared response is recovered in unseen time and subject, from training time alone."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from giblet_core.decoding import decode_unseen, fit_shared_response, procrustes
from giblet_core.encoding import correlate
from giblet_core.errors import InputError
from giblet_core.timing import contiguous_folds


@dataclass(frozen=True, eq=False)
class PlantedGroup:
    shared: np.ndarray
    bases: list[np.ndarray]
    bold: list[np.ndarray]


def planted_group(rng, n_subjects, noise, k=4):
    """Subjects of 60, 70, ... voxels, each a rotation of one response with noise."""
    shared = rng.standard_normal((300, k)) @ np.diag([3.0, 2.5, 2.0, 1.5])
    bases = [np.linalg.qr(rng.standard_normal((60 + 10 * s, k)))[0] for s in range(n_subjects)]
    bold = [shared @ basis.T + noise * rng.standard_normal((300, len(basis))) for basis in bases]
    return PlantedGroup(shared, bases, bold)


def test_procrustes_is_orthonormal_and_undoes_a_rotation(rng):
    group = planted_group(rng, 1, 0.0)
    w = procrustes(group.bold[0], group.shared)
    np.testing.assert_allclose(w.T @ w, np.eye(4), atol=1e-10)
    np.testing.assert_allclose(w, group.bases[0], atol=1e-8)


def test_shared_response_of_training_time_is_recovered_in_unseen_time_and_subject(rng):
    group = planted_group(rng, 5, 0.3)
    bold = group.bold
    train = np.arange(200)
    test = np.arange(220, 300)
    model = fit_shared_response(bold[:4], train, 4)
    unseen_subject = model.project(bold[4], model.add(bold[4]))[test]
    seen = [model.project(b, basis) for b, basis in zip(bold[:4], model.bases)]
    others = np.mean(seen, axis=0)[test]
    assert (correlate(unseen_subject, others) > 0.7).all()
    rotation = np.linalg.lstsq(others, group.shared[test], rcond=None)[0]
    assert (correlate(others @ rotation, group.shared[test]) > 0.85).all()
    untrained = bold[4] @ np.linalg.qr(rng.standard_normal((100, 4)))[0]
    by_chance = np.abs(correlate(untrained[test], others)).mean()
    assert by_chance < 0.5 * correlate(unseen_subject, others).mean()


def test_shared_response_never_sees_test_time(rng):
    bold = planted_group(rng, 3, 0.3).bold
    train = np.arange(200)
    is_train = np.arange(300)[:, None] < 200
    changed = [np.where(is_train, b, 1e3 * rng.standard_normal(b.shape)) for b in bold]
    before = fit_shared_response(bold, train, 3).bases
    after = fit_shared_response(changed, train, 3).bases
    for basis_before, basis_after in zip(before, after, strict=True):
        assert np.array_equal(basis_before, basis_after)


def test_an_unseen_subject_is_decoded_through_the_shared_response_and_test_time_stays_unseen(rng):
    noise = rng.standard_normal((240, 3))
    latents = gaussian_filter1d(noise, 2, axis=0)[20:-20]
    folds = contiguous_folds(200, 4, 10)
    bold = []
    for _ in range(4):
        signal = latents @ rng.standard_normal((3, 12))
        bold.append(signal + 0.3 * rng.standard_normal((200, 12)) * latents.std())
    timing = {"run_onsets": (0,), "embargo": 10}
    result = decode_unseen(bold, 2, latents, folds, [1.0, 10.0], k=3, **timing)
    assert result.r.min() > 0.7
    test = folds[0][1]
    other = latents.copy()
    other[test] = 9.0
    again = decode_unseen(bold, 2, other, folds[:1], [1.0, 10.0], k=3, **timing)
    np.testing.assert_allclose(again.predictions[test], result.predictions[test], atol=1e-4)


def test_more_dimensions_than_voxels_are_refused(rng):
    with pytest.raises(InputError, match="k=50"):
        fit_shared_response([rng.standard_normal((400, 40))], np.arange(400), 50)
