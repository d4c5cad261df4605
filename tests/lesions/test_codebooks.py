"""The laws of lesions."""

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.files import project_root
from giblet_core.lesions import LESIONS, book_set, lesion
from giblet_core.workflow import find_notebooks, load_grid, notebook_parameters

EVERY_KIND = pytest.mark.parametrize("mode", LESIONS)


# --- lesion --------------------------------------------------------------------------------------


@EVERY_KIND
def test_the_empty_set_and_strength_zero_are_bitwise_the_baseline(any_codec, codes, donor, mode):
    baseline = any_codec.latents(codes)
    empty = lesion(any_codec, codes, [], mode, donor=donor)
    assert np.array_equal(empty, baseline)
    assert np.array_equal(
        lesion(any_codec, codes, [0, 3], mode, strength=0.0, donor=donor), baseline
    )
    sound = any_codec.decode_latents(empty.sum(0), codes.n_samples)
    assert np.array_equal(sound, any_codec.decode(codes))


@EVERY_KIND
def test_the_same_seed_gives_the_same_lesion(any_codec, codes, donor, mode):
    first = lesion(any_codec, codes, [1, 3], mode, donor=donor, seed=3)
    again = lesion(any_codec, codes, [1, 3], mode, donor=donor, seed=3)
    assert np.array_equal(first, again)


@EVERY_KIND
def test_nothing_changes_outside_the_window(any_codec, codes, donor, mode):
    baseline = any_codec.latents(codes)
    window_s = (75 / codes.frame_rate, 150 / codes.frame_rate)
    latents = lesion(any_codec, codes, [0, 3], mode, window_s=window_s, donor=donor)
    assert np.array_equal(latents[:, :, :75], baseline[:, :, :75])
    assert np.array_equal(latents[:, :, 150:], baseline[:, :, 150:])
    assert not np.array_equal(latents[0, :, 75:150], baseline[0, :, 75:150])


@EVERY_KIND
def test_the_strength_moves_from_nothing_to_the_whole(any_codec, codes, donor, mode):
    baseline = any_codec.latents(codes)
    whole = lesion(any_codec, codes, [1], mode, donor=donor)
    half = lesion(any_codec, codes, [1], mode, strength=0.5, donor=donor)
    assert np.allclose(half, (baseline + whole) / 2, atol=1e-5)


def test_removing_one_codebook_more_leaves_the_draws_of_the_others(any_codec, codes):
    alone = lesion(any_codec, codes, [1], "uniform")
    together = lesion(any_codec, codes, [1, 3], "uniform")
    assert np.array_equal(alone[1], together[1])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mode": "burn"}, "mode='burn': must be one of omit"),
        ({"codebooks": [8]}, r"codebooks=\[8\]: must lie in \[0, [357]\]"),
        ({"codebooks": [-1]}, "count from 0"),
        ({"strength": 1.5}, "strength=1.5"),
        ({"window_s": (4.0, 99.0)}, "inside the sound of [0-9.]+ s"),
        ({"window_s": (2.0, 2.0)}, "window_s"),
    ],
)
def test_impossible_lesions_are_errors(any_codec, codes, kwargs, message):
    with pytest.raises(InputError, match=message):
        lesion(any_codec, codes, **kwargs)


def test_a_donor_that_is_too_short_or_of_fewer_codebooks_is_refused(any_codec, codes, donor):
    for unfit in (donor.crop_frames(0, 50), donor.first(3)):
        with pytest.raises(InputError, match="Choose a longer scene"):
            lesion(any_codec, codes, [3], "swap", donor=unfit)


@pytest.mark.parametrize(
    ("old", "new", "value"), [("books", "codebooks", [2, 3]), ("dose", "strength", 0.5)]
)
def test_old_keywords_still_work_and_the_warning_names_the_new_one(
    any_codec, codes, old, new, value
):
    with pytest.warns(DeprecationWarning, match=f"lesion: keyword {old}= has been renamed {new}="):
        latents = lesion(any_codec, codes, mode="noise", **{old: value})
    assert np.array_equal(latents, lesion(any_codec, codes, mode="noise", **{new: value}))
    with pytest.raises(TypeError, match=f"{old} is the old name of {new}"):
        lesion(any_codec, codes, **{old: value, new: value})


# --- sets of codebooks ---------------------------------------------------------------------------


def test_sets_are_named_by_what_is_kept():
    assert book_set("prefix", 2, 4) == (2, 3)
    assert book_set("suffix", 2, 4) == (0, 1)
    assert book_set("solo", 2, 4) == (0, 1, 3)
    assert book_set("all_but", 2, 4) == (2,)
    assert book_set("prefix", 4, 4) == ()
    with pytest.raises(InputError, match="kind='odd'"):
        book_set("odd", 1, 4)
    with pytest.raises(InputError, match=r"k=4: must lie in \[0, 3\] for 'solo'"):
        book_set("solo", 4, 4)


def test_the_prefix_lesion_is_the_lower_bitrate(any_codec, codes):
    latents = lesion(any_codec, codes, book_set("prefix", 2, codes.num_codebooks), "omit")
    sound = any_codec.decode_latents(latents.sum(0), codes.n_samples)
    assert np.array_equal(sound, any_codec.decode(codes.first(2)))


# --- the sweep of lesions ------------------------------------------------------------------------


def test_the_sweep_file_of_lesions_varies_only_what_notebook_4_takes():
    grid = load_grid(project_root() / "book/params/lesions.yaml")
    [notebook] = find_notebooks(project_root(), [grid["notebook"]])
    assert notebook.stem == "04_lesioning_codebooks"
    assert set(grid["grid"]) | set(grid["parameters"]) <= set(notebook_parameters(notebook))
    assert {"bandwidth_kbps", "seed"} == set(grid["grid"])
