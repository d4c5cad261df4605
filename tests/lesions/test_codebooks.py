"""The laws of lesions."""

import numpy as np
import pytest
from fakes import coloured_noise, conditioned_model

from giblet_core.codecs import EncodecCodec
from giblet_core.errors import InputError
from giblet_core.lesions import DEFINITIONS, LESIONS, book_set, lesion

ALL = pytest.mark.parametrize("mode", LESIONS)


@pytest.fixture(scope="module")
def codec():
    return EncodecCodec(conditioned_model(), "conditioned")


@pytest.fixture(scope="module")
def codes(codec):
    return codec.encode(coloured_noise(24_000 * 5, np.random.default_rng(4)), 6.0)


@pytest.fixture(scope="module")
def donor(codec):
    return codec.encode(coloured_noise(24_000 * 6, np.random.default_rng(9)), 6.0)


def test_there_are_twelve_kinds_each_defined():
    assert len(LESIONS) == 12
    assert set(DEFINITIONS) == set(LESIONS)


@ALL
def test_the_empty_set_and_dose_zero_are_bitwise_the_baseline(codec, codes, donor, mode):
    baseline = codec.latents(codes)
    assert np.array_equal(lesion(codec, codes, [], mode, donor=donor), baseline)
    assert np.array_equal(lesion(codec, codes, [0, 3], mode, strength=0.0, donor=donor), baseline)
    assert np.array_equal(
        codec.decode_latents(lesion(codec, codes, [], mode, donor=donor).sum(0), codes.n_samples),
        codec.decode(codes),
    )


@ALL
def test_book_k_changes_slice_k_alone_but_for_reencode(codec, codes, donor, mode):
    baseline, z = codec.latents(codes), lesion(codec, codes, [2], mode, donor=donor)
    changed = [k for k in range(8) if not np.array_equal(z[k], baseline[k])]
    if mode == "reencode":
        assert changed[0] == 2
        assert len(changed) > 1
    else:
        assert changed == [2]


@ALL
def test_the_same_seed_gives_the_same_lesion(codec, codes, donor, mode):
    a, b = (lesion(codec, codes, [1, 4], mode, donor=donor, seed=3) for _ in range(2))
    assert np.array_equal(a, b)


@pytest.mark.parametrize(
    "mode", ["resample", "time_shuffle", "block_shuffle", "circular_shift", "uniform", "noise"]
)
def test_another_seed_gives_another_draw(codec, codes, mode):
    draws = [lesion(codec, codes, [1], mode, seed=seed)[1].tobytes() for seed in range(4)]
    assert len(set(draws)) > 1


@ALL
def test_nothing_changes_outside_the_window(codec, codes, donor, mode):
    baseline, z = (
        codec.latents(codes),
        lesion(codec, codes, [0, 5], mode, window_s=(1.0, 2.0), donor=donor),
    )
    assert np.array_equal(z[:, :, :75], baseline[:, :, :75])
    assert np.array_equal(z[:, :, 150:], baseline[:, :, 150:])
    assert not np.array_equal(z[0, :, 75:150], baseline[0, :, 75:150])


@ALL
def test_the_dose_moves_from_nothing_to_the_whole(codec, codes, donor, mode):
    baseline, whole = codec.latents(codes), lesion(codec, codes, [1], mode, donor=donor)
    half = lesion(codec, codes, [1], mode, strength=0.5, donor=donor)
    assert np.allclose(half, (baseline + whole) / 2, atol=1e-5)


@pytest.mark.parametrize("mode", [m for m in LESIONS if m != "index_zero"])
def test_relabelling_a_book_with_its_rows_changes_nothing(codec, codes, donor, mode, monkeypatch):
    before = lesion(codec, codes, [1, 2], mode, donor=donor)
    order = np.random.default_rng(8).permutation(1024)
    codebooks = codec.codebooks.copy()
    codebooks[1] = codebooks[1][order]
    place = np.argsort(order)

    def relabelled(c):
        indices = c.indices.copy()
        indices[1] = place[indices[1]]
        return c.with_indices(indices)

    monkeypatch.setattr(codec, "codebooks", codebooks)
    assert np.array_equal(
        lesion(codec, relabelled(codes), [1, 2], mode, donor=relabelled(donor)), before
    )


def test_omit_mean_and_index_zero_are_what_they_say(codec, codes):
    z = codec.latents(codes)
    assert not lesion(codec, codes, [3], "omit")[3].any()
    assert np.allclose(lesion(codec, codes, [3], "mean")[3], z[3].mean(1, keepdims=True), atol=1e-6)
    assert np.array_equal(lesion(codec, codes, [3], "index_zero")[3][:, 7], codec.codebooks[3, 0])


def test_writing_index_zero_is_not_silence(codec, codes):
    """The predecessor filled missing codebooks with entry 0; it adds a vector that has nothing to
    do with the sound.
    """
    z = codec.latents(codes)
    higher = range(2, 8)
    omitted, zeroed = (lesion(codec, codes, higher, mode).sum(0) for mode in ("omit", "index_zero"))
    truth = z.sum(0)
    assert np.linalg.norm(zeroed - truth) > np.linalg.norm(omitted - truth)


def test_conditional_mean_is_the_mean_of_the_frames_that_share_the_lower_entry(codec, codes):
    z, below = codec.latents(codes), codes.indices[0]
    entry = np.bincount(below).argmax()
    conditional = lesion(codec, codes, [1], "conditional_mean")[1]
    frames = np.flatnonzero(below == entry)
    assert len(frames) > 1
    assert np.allclose(conditional[:, frames], z[1][:, frames].mean(1, keepdims=True), atol=1e-5)
    assert np.array_equal(
        lesion(codec, codes, [0], "conditional_mean"), lesion(codec, codes, [0], "mean")
    )


def test_shuffles_keep_the_frames_and_move_them(codec, codes):
    z = codec.latents(codes)[2]
    for mode in ("time_shuffle", "block_shuffle", "circular_shift"):
        moved = lesion(codec, codes, [2], mode)[2]
        assert np.array_equal(np.sort(moved[0]), np.sort(z[0]))
    shifted = lesion(codec, codes, [2], "circular_shift")[2]
    shift = next(s for s in range(codes.n_frames) if np.array_equal(np.roll(z, s, axis=1), shifted))
    assert codes.n_frames // 4 <= shift <= codes.n_frames - codes.n_frames // 4


def test_resample_keeps_the_books_own_frequencies(codec, codes):
    z = codec.latents(codes)[0]
    drawn = lesion(codec, codes, [0], "resample")[0]
    assert {tuple(v) for v in drawn.T} <= {tuple(v) for v in z.T}
    assert np.allclose(drawn.mean(1), z.mean(1), atol=4 * z.std() / np.sqrt(codes.n_frames))


def test_noise_has_the_energy_of_the_slice_in_every_frame(codec, codes):
    z, noisy = codec.latents(codes)[1], lesion(codec, codes, [1], "noise")[1]
    assert np.allclose(np.linalg.norm(noisy, axis=0), np.linalg.norm(z, axis=0), rtol=1e-4)
    assert abs(np.corrcoef(noisy.ravel(), z.ravel())[0, 1]) < 0.05


def test_swap_takes_the_donors_book(codec, codes, donor):
    assert np.array_equal(
        lesion(codec, codes, [4], "swap", donor=donor)[4],
        codec.latents(donor)[4][:, : codes.n_frames],
    )
    with pytest.raises(InputError, match="needs the codes of another scene"):
        lesion(codec, codes, [4], "swap")
    with pytest.raises(InputError, match="Choose a longer scene"):
        lesion(codec, codes, [4], "swap", donor=donor.crop_frames(0, 50))


def test_reencoding_comes_closer_than_omitting(codec, codes):
    """The higher codebooks take over a part of what was removed: the total effect is smaller than
    the direct one.
    """
    truth = codec.latents(codes).sum(0)
    omitted, reencoded = (lesion(codec, codes, [3], mode).sum(0) for mode in ("omit", "reencode"))
    assert np.linalg.norm(reencoded - truth) < np.linalg.norm(omitted - truth)


def test_removing_one_book_more_leaves_the_draws_of_the_others(codec, codes):
    one, two = (lesion(codec, codes, codebooks, "uniform") for codebooks in ([1], [1, 5]))
    assert np.array_equal(one[1], two[1])


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"mode": "burn"}, "mode='burn': must be one of omit"),
        ({"codebooks": [8]}, r"codebooks=\[8\]: must lie in \[0, 7\]"),
        ({"codebooks": [-1]}, "count from 0"),
        ({"strength": 1.5}, "strength=1.5"),
        ({"window_s": (4.0, 9.0)}, "inside the sound of 5.00 s"),
        ({"window_s": (2.0, 2.0)}, "window_s"),
    ],
)
def test_impossible_lesions_are_errors(codec, codes, kwargs, message):
    with pytest.raises(InputError, match=message):
        lesion(codec, codes, **kwargs)


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


def test_the_prefix_lesion_is_the_lower_bitrate(codec, codes):
    z = lesion(codec, codes, book_set("prefix", 2, 8), "omit")
    assert np.array_equal(
        codec.decode_latents(z.sum(0), codes.n_samples), codec.decode(codes.first(2))
    )


def test_the_sweep_file_of_lesions_varies_only_what_notebook_4_takes():
    from giblet_core.files import project_root
    from giblet_core.workflow import find_notebooks, load_grid, notebook_parameters

    grid = load_grid(project_root() / "book/params/lesions.yaml")
    [notebook] = find_notebooks(project_root(), [grid["notebook"]])
    assert notebook.stem == "04_lesioning_codebooks"
    assert set(grid["grid"]) | set(grid["parameters"]) <= set(notebook_parameters(notebook))
    assert {"bandwidth_kbps", "seed"} == set(grid["grid"])
