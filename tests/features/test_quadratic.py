"""Second moments hold any power of a codebook's vectors, and forms know nothing of labels."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.features import (
    ENERGY,
    SIGNED,
    Response,
    codebook_energy,
    codebook_forms,
    pooled,
    second_moments,
)

RATE_HZ = 75.0


def test_moments_are_the_products_of_all_pairs(rng):
    x = rng.standard_normal((4, 20))
    moments = second_moments(x, 5)
    of_step = x[:, 5:10] @ x[:, 5:10].T / 5
    first, second = np.triu_indices(4)
    weights = np.where(first == second, 1, np.sqrt(2))
    np.testing.assert_allclose(moments[:, 1], weights * of_step[first, second])


def test_inner_products_of_moments_are_those_of_matrices(rng):
    x = rng.standard_normal((3, 8))
    moments = second_moments(x, 4)
    matrices = [x[:, :4] @ x[:, :4].T / 4, x[:, 4:] @ x[:, 4:].T / 4]
    np.testing.assert_allclose(moments[:, 0] @ moments[:, 1], (matrices[0] * matrices[1]).sum())


def explained(x, y):
    x = np.column_stack([x, np.ones(len(x))])
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0]
    return 1 - left.var() / y.var()


def test_the_power_of_any_direction_is_linear_in_the_form_of_power(rng, codec, codes, runs):
    bare = (Response(None),)  # rows of TRs that are nearly independent
    forms = {form.name: form for form in codebook_forms(codec, codes, runs, bare)}
    z = codec.codebooks[1][codes.indices[1]].T
    z = z - z.mean(1, keepdims=True)
    power = (rng.standard_normal(6) @ z) ** 2
    y = pooled(power[None], RATE_HZ, runs, ("mean",), None)[:, 0]
    own = forms["power"].codebooks[1].mean(0)
    other = forms["power"].codebooks[2].mean(0)
    signed = forms["any direction"].codebooks[1].mean(0)
    assert explained(own, y) > 0.9
    assert explained(own, y) > explained(other, y) + 0.3
    assert explained(own, y) > explained(signed, y) + 0.3


def test_forms_have_a_family_and_are_centred(codec, codes, runs):
    forms = codebook_forms(codec, codes, runs, num_codebooks=2)
    assert {form.family for form in forms} == {SIGNED, ENERGY}
    for form in forms:
        assert len(form.codebooks) == 2
        for codebook in form.codebooks:
            assert codebook.shape[:2] == (3, 70)
            np.testing.assert_allclose(codebook.mean(1), 0, atol=1e-6)


def test_labels_may_be_permuted_with_their_vectors(rng, codec, codes, runs):
    order = rng.permutation(codec.codebooks.shape[1])
    renamed_codec = SimpleNamespace(**{**vars(codec), "codebooks": codec.codebooks[:, order]})
    renamed = replace(codes, indices=np.argsort(order)[codes.indices].astype(np.uint16))
    before = codebook_forms(codec, codes, runs)
    after = codebook_forms(renamed_codec, renamed, runs)
    for form, same in zip(before, after, strict=True):
        for codebook, same_codebook in zip(form.codebooks, same.codebooks, strict=True):
            np.testing.assert_array_equal(codebook, same_codebook)


@pytest.mark.parametrize("n_directions", [2, 8])
def test_energy_has_one_space_a_codebook_with_its_length(codec, codes, runs, n_directions):
    spaces = codebook_energy(codec, codes, runs, n_directions)
    assert [space.name for space in spaces] == [f"energy of codebook {k}" for k in range(3)]
    z = codec.codebooks[0][codes.indices[0]]
    length = np.linalg.norm(z, axis=1)
    expected = pooled(length[None].astype(float), RATE_HZ, runs, ("mean",))[:, 0]
    held = spaces[0].values[:, n_directions]
    assert np.corrcoef(held, expected)[0, 1] == pytest.approx(1, abs=1e-5)
