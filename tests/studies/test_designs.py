"""A design says everything beforehand, and nothing that is not known."""

import pytest

from giblet_core.errors import InputError
from giblet_core.studies import STATISTICS, design_path, find_design

DESIGNS = sorted(design_path("any").parent.glob("*.yaml"))


def test_the_hash_is_of_what_is_said(content, write_design):
    design = write_design(content)
    again = write_design(dict(reversed(content.items())))
    assert again.sha256 == design.sha256
    changed = write_design({**content, "n_draws": 20})
    assert changed.sha256 != design.sha256
    moved = write_design({**content, "first_seed": 6002})
    assert moved.sha256 != design.sha256


def test_films_have_seeds_of_their_own(content, write_design):
    design = write_design(content)
    first, second = (design.seeds_of(film) for film in design.films)
    assert [*first, *second] == list(design.seeds) == list(range(6001, 6007))


def test_more_seeds_may_be_of_negative_regions_alone(content, write_design):
    design = write_design({**content, "n_negative": 5})
    assert len(design.seeds) == 10
    assert design.seeds_of(design.films[1])[0] == 6006
    assert design.generators_of(2) == ("signed level", "envelope")
    assert design.generators_of(3) == ("envelope",)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("first_seed", 4001, "seeds 4001 to 4006 hold some of 1 to 5040"),
        ("first_seed", 6998, "seeds 6998 to 7003 hold some of 7001 to 7999"),
        ("generators", ["signed level", "no such"], "generators=no such: must be some of"),
        ("statistic", "luck", "statistic=luck: must be some of codebook recovery"),
        ("n_simulation", 3, "n_simulation: Extra inputs are not permitted"),
        ("bars", [], "bars: Tuple should have at least 1 item"),
        ("films", [{"name": "x"}], "films.0.kind: Field required"),
    ],
)
def test_what_is_not_known_is_refused(content, write_design, field, value, message):
    with pytest.raises(InputError, match=message):
        write_design({**content, field: value})


def test_a_bar_names_figures_and_generators_that_there_are(content, write_design):
    content["bars"][0]["of"] = ["power"]
    with pytest.raises(InputError, match=r"bars.of=power: must be some of signed level"):
        write_design(content)
    content["bars"][0] = {**content["bars"][1], "figure": "hope"}
    with pytest.raises(InputError, match=r"bars.figure=hope"):
        write_design(content)


def test_all_stands_for_all_generators(content, write_design):
    content["bars"][1]["of"] = ["all"]
    design = write_design(content)
    assert design.judged(design.bars[0]) == ("signed level",)
    assert design.judged(design.bars[1]) == ("signed level", "envelope")


def test_a_design_has_the_name_of_its_file(content, write_design):
    with pytest.raises(InputError, match="must be the name of the file, other"):
        write_design(content, "other")


@pytest.mark.parametrize("path", DESIGNS, ids=lambda path: path.stem)
def test_designs_of_the_book_can_be_read(path):
    design = find_design(path)
    assert design.statistic in STATISTICS
    assert find_design(path.stem).sha256 == design.sha256
    kinds = {film.kind for film in design.films}
    assert kinds == {"demo film", "real sounds"}
    assert min(film.t_r for film in design.films) == 0.72
    assert max(film.t_r for film in design.films) == 2.0
    assert len(design.seeds) >= 200
