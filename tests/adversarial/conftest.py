"""A short film of the demo's voices that nobody tuned on, for the attacks."""

import pytest

from giblet_core.studies import FilmSpec, make_film

SHORT = FilmSpec(name="attacked", kind="demo film", seed=41, t_r=1.5, run_n_trs=(160,))


@pytest.fixture(scope="session")
def film(demo_codec, tmp_path_factory):
    return make_film(SHORT, demo_codec, tmp_path_factory.mktemp("film"))
