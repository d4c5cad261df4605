"""How subjects differ in what drives one region of theirs."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class SubjectDraws:
    """Random weights of one region, alike but not the same in all subjects.

    Attributes
    ----------
    n_subjects : int
    similarity : float
        Correlation of the weights of two subjects, 0 to 1.
    rng : numpy.random.Generator
    """

    n_subjects: int
    similarity: float
    rng: np.random.Generator

    def weights(self, *shape: int) -> np.ndarray:
        """Draw weights of variance 1: (n_subjects, *shape)."""
        common = self.rng.standard_normal(shape)
        individual = self.rng.standard_normal((self.n_subjects, *shape))
        own_part = np.sqrt(1 - self.similarity)
        return np.sqrt(self.similarity) * common + own_part * individual
