"""Which codebooks drive which region."""

import numpy as np
import pytest

from giblet_core.validation.simulation import CODEBOOK_KINDS, codebooks_of_kind


@pytest.mark.parametrize("num_codebooks", [1, 2, 4, 8, 16, 32])
def test_codebook_regions_name_existing_codebooks_at_every_rate(num_codebooks):
    codebooks = codebooks_of_kind(num_codebooks, np.random.default_rng(0))
    assert set(codebooks) == set(CODEBOOK_KINDS)
    for chosen in codebooks.values():
        assert chosen
        assert set(chosen) <= set(range(num_codebooks))
    if num_codebooks >= 8:
        thirds = [codebooks[f"{part}_codebooks"] for part in ("low", "middle", "high")]
        assert sorted(sum(thirds, [])) == list(range(num_codebooks))
        assert codebooks["single_codebook"] != codebooks["single_codebook_2"]


def test_the_books_add_15_to_30_percent_beyond_envelope_in_book_regions_alone(simulation):
    truth = simulation.truth
    for kind, share in zip(truth.kinds, truth.codebook_share):
        if kind in CODEBOOK_KINDS:
            assert 0.13 < share < 0.32
        else:
            assert share == 0


def test_a_fifth_of_the_shared_variance_is_not_from_sound(simulation):
    truth = simulation.truth
    of_codebooks = np.isin(truth.kinds, CODEBOOK_KINDS)
    ratio = truth.max_r[:, of_codebooks] / truth.max_r_shared[:, of_codebooks]
    assert np.mean(ratio**2) == pytest.approx(0.8, abs=0.06)
