"""The film, its stems and its dry voices, rendered once."""

import pytest

import giblet_core as gc
from giblet_core.demo.film import mix
from giblet_core.sound import KINDS


@pytest.fixture(scope="session")
def film_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("film")


@pytest.fixture(scope="session")
def film(film_folder):
    return gc.demo_film(seed=0, folder=film_folder)


@pytest.fixture(scope="session")
def stems():
    """A second, independent rendering, kind by kind."""
    return {kind: mix(0, (kind,))[0] for kind in KINDS}


@pytest.fixture(scope="session")
def dry_voices():
    """The voices without their rooms: (wave, annotation)."""
    return mix(0, ("speech",), dry=True)
