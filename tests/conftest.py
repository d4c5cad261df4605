"""Fixtures shared by all tests.

Seeded arrays, the demo codec, and the real material that may lie beside the project.
"""

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test reaches for the network

# The grammar of web addresses, which nbformat's checks would load, takes seconds to build.
# Notebooks are checked without it where it is not installed.
sys.modules.setdefault("rfc3987_syntax", None)

# The same examples in every run: a failure can be looked at again.
settings.register_profile("reproducible", derandomize=True, deadline=None, database=None)
settings.load_profile("reproducible")

pytest_plugins = ["durations"]  # the record of how long each test takes

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared():
    """The folder of real sound and fMRI; tests that read it are skipped where it is absent."""
    folder = Path(os.environ.get("GIBLET_SHARED", ROOT.parent / "shared"))
    if not (folder / "audio").is_dir():
        pytest.skip("real material is absent: set GIBLET_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def demo_codec():
    import giblet_core as gc

    return gc.load_codec("demo")
