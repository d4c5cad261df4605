"""What the tests of decoding share: a protocol of two runs and four folds, and a small brain."""

from dataclasses import dataclass

import pytest

from giblet_core.decoding import Segments, fold_numbers, make_segments
from giblet_core.timing import Fold, contiguous_folds


@dataclass(frozen=True, eq=False)
class Protocol:
    """400 TRs in two runs, cut into four folds and these into 40 segments."""

    run_onsets: tuple[int, ...]
    embargo: int
    folds: list[Fold]
    segments: Segments

    @property
    def timing(self) -> dict:
        return {"run_onsets": self.run_onsets, "embargo": self.embargo}


@pytest.fixture(scope="session")
def protocol():
    folds = contiguous_folds(400, 4, 10, (0, 200))
    segments = make_segments(fold_numbers(400, folds), 10, run_onsets=(0, 200))
    return Protocol((0, 200), 10, folds, segments)


@pytest.fixture
def latents(rng):
    return rng.standard_normal((400, 5))


@pytest.fixture
def bold(rng, latents):
    """BOLD of 40 voxels that holds the latents, with noise."""
    return latents @ rng.standard_normal((5, 40)) + 3 * rng.standard_normal((400, 40))
