"""Every entry of `FEATURES` can be made, and a new one shows up wherever spaces are listed."""

from types import SimpleNamespace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.features import (
    FEATURES,
    NUISANCE,
    STRONG,
    FeatureEntry,
    FeatureSpace,
    baseline_features,
    codebook_features,
    join_spaces,
    make_features,
    make_groups,
    previous_tr,
)
from giblet_core.timing import TRGrid

SAMPLE_RATE = 24_000
GRIDS = (TRGrid(1.5, 10), TRGrid(1.5, 8, 18.0))
N_TRS = 18
N_CODEBOOKS = 4


class OneWord:
    """An annotation of one word and speech from 1 to 3 s."""

    words = (SimpleNamespace(start_s=1.0),)

    def active(self, kind, times_s):
        return (times_s >= 1) & (times_s < 3)


@pytest.fixture(scope="module")
def stimulus(demo_codec):
    """Half a minute of noise of changing level, coded."""
    rng = np.random.default_rng(0)
    level = np.repeat(rng.random(30), SAMPLE_RATE)
    wave = (0.1 * rng.standard_normal(30 * SAMPLE_RATE) * level).astype(np.float32)
    codes = demo_codec.encode(wave, 3.0)
    return SimpleNamespace(wave=wave, codec=demo_codec, codes=codes, spoken=OneWord())


@pytest.fixture
def silent_film(stimulus):
    """The same without annotation."""
    return SimpleNamespace(**{**vars(stimulus), "spoken": None})


@pytest.mark.parametrize("name", list(FEATURES))
def test_an_entry_makes_spaces_of_all_trs_with_names_that_differ(stimulus, name):
    spaces = make_features(stimulus, GRIDS, [name])[name]
    joined = join_spaces(name, spaces)
    assert len(joined.values) == N_TRS
    assert np.isfinite(joined.values).all()
    assert joined.values.std() > 0
    assert len(set(joined.feature_names)) == joined.values.shape[1]
    assert FEATURES[name].name == name
    assert FEATURES[name].description


def test_entries_hold_what_the_functions_of_the_room_return(stimulus):
    made = make_features(stimulus, GRIDS)
    codebooks = codebook_features(stimulus.codec, stimulus.codes, GRIDS, pool=("mean", "sd"))
    assert len(made["codebooks"]) == N_CODEBOOKS
    for space, expected in zip(made["codebooks"], codebooks):
        assert np.array_equal(space.values, expected.values)
    baselines = baseline_features(
        stimulus.wave, SAMPLE_RATE, GRIDS, annotation=stimulus.spoken, hrf="glover"
    )
    for name, expected in baselines.items():
        assert np.array_equal(made[name][0].values, expected.values)
    side_by_side = np.concatenate([space.values for space in codebooks], axis=1)
    repeated = previous_tr(side_by_side, (0, 10)).values
    assert np.array_equal(made["previous TR"][0].values, repeated)


def test_delays_of_the_fir_envelope_never_reach_into_the_run_before(stimulus):
    values = make_features(stimulus, GRIDS, ["envelope, FIR"])["envelope, FIR"][0].values
    bare = baseline_features(stimulus.wave, SAMPLE_RATE, GRIDS, ("envelope",), hrf=None)
    bare = bare["envelope"].values
    n = bare.shape[1]
    assert np.array_equal(values[12, :n], bare[11])
    assert np.array_equal(values[12, n : 2 * n], bare[10])
    assert (values[12, 2 * n :] == 0).all()


def test_groups_are_those_of_the_entries_and_the_nuisance_comes_last(stimulus):
    groups = make_groups(stimulus, GRIDS)
    assert list(groups)[:3] == ["codebooks", "codebook energy", "level"]
    assert list(groups)[-1] == NUISANCE
    strong = {
        space.name: space.values for space in make_features(stimulus, GRIDS, [STRONG])[STRONG]
    }
    assert {"onsets", "mel", "modulation", "speech"} <= set(groups)
    for values, name in zip(groups["level"], ("envelope", "loudness", "bands"), strict=True):
        assert np.array_equal(values, strong[name])
    assert np.array_equal(groups["modulation"][0], strong["modulation"])
    assert len(groups["codebooks"]) == len(groups["codebook energy"]) == N_CODEBOOKS


def test_speech_is_left_out_where_it_is_not_annotated_and_refused_where_it_is_asked_for(
    silent_film,
):
    assert "speech" not in make_features(silent_film, GRIDS)
    assert "speech" not in make_groups(silent_film, GRIDS)
    with pytest.raises(InputError, match="needs annotation"):
        make_features(silent_film, GRIDS, ["speech"])


def test_a_new_space_is_one_function_and_one_entry(stimulus, monkeypatch):
    def loud_trs(stimulus, grids):
        loudness = make_features(stimulus, grids, ["loudness"])["loudness"][0].values[:, :1]
        is_loud = (loudness > np.median(loudness)).astype(np.float32)
        return FeatureSpace("loud TRs", is_loud, ("loud",))

    entry = FeatureEntry(
        "loud TRs", loud_trs, needs=("wave",), description="louder than half", group="loud TRs"
    )
    monkeypatch.setitem(FEATURES, entry.name, entry)
    assert "loud TRs" in make_features(stimulus, GRIDS)
    assert list(make_groups(stimulus, GRIDS))[-2:] == ["loud TRs", NUISANCE]


def test_unknown_spaces_and_sources_are_refused(stimulus):
    with pytest.raises(InputError, match="must be some of codebooks"):
        make_features(stimulus, GRIDS, ["smell"])
    with pytest.raises(InputError, match="must be some of codes, wave, annotation"):
        FeatureEntry("smell", lambda stimulus, grids: None, needs=("nose",), description="")
