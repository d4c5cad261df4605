"""Fixtures of this room: a model of small feature spaces."""

import numpy as np
import pytest
from derivatives_material import make_model


@pytest.fixture(scope="session")
def model():
    return make_model(np.random.default_rng(11))
