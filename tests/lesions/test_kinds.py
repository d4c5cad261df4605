"""Each kind of lesion does what its entry says; a new kind is one function and one entry."""

from dataclasses import replace

import numpy as np
import pytest

from giblet_core.errors import InputError
from giblet_core.lesions import LESIONS, LesionKind, kinds_for, lesion

EVERY_KIND = pytest.mark.parametrize("mode", LESIONS)


def test_the_public_kinds_come_first_and_in_their_order():
    public = "omit mean conditional_mean resample time_shuffle block_shuffle circular_shift uniform"
    public += " swap reencode noise index_zero"
    assert list(LESIONS)[:12] == public.split()
    assert "omit" in LESIONS
    assert "burn" not in LESIONS


# --- what an entry says is true ------------------------------------------------------------------


@EVERY_KIND
def test_a_kind_and_its_question_are_described_in_one_line(mode):
    kind = LESIONS[mode]
    for text in (kind.definition, kind.question):
        assert text == " ".join(text.split()) != ""


@EVERY_KIND
def test_only_random_kinds_give_another_draw_for_another_seed(any_codec, codes, donor, mode):
    draws = [lesion(any_codec, codes, [1], mode, seed=seed, donor=donor) for seed in range(4)]
    n_different = len({draw.tobytes() for draw in draws})
    assert (n_different > 1) == LESIONS[mode].random


@EVERY_KIND
def test_only_kinds_that_need_a_donor_refuse_to_go_without(any_codec, codes, mode):
    if LESIONS[mode].needs_donor:
        with pytest.raises(InputError, match=f"kind '{mode}' needs the codes of another scene"):
            lesion(any_codec, codes, [1], mode)
        assert mode not in kinds_for(None)
    else:
        assert lesion(any_codec, codes, [1], mode).shape == any_codec.latents(codes).shape
        assert mode in kinds_for(None)


@EVERY_KIND
def test_only_kinds_that_act_on_all_change_other_slices(any_codec, codes, donor, mode):
    baseline = any_codec.latents(codes)
    latents = lesion(any_codec, codes, [2], mode, donor=donor)
    changed = [k for k in range(codes.num_codebooks) if not np.array_equal(latents[k], baseline[k])]
    if LESIONS[mode].acts_on_all:
        assert changed[0] == 2
        assert len(changed) > 1
    else:
        assert changed == [2]


@pytest.mark.parametrize("mode", [name for name in LESIONS if name != "index_zero"])
def test_relabelling_a_codebook_with_its_rows_changes_nothing(
    any_codec, codes, donor, mode, monkeypatch
):
    """Indices are labels; to read entry 0 as a quantity is what `index_zero` shows."""
    before = lesion(any_codec, codes, [1, 2], mode, donor=donor)
    order = np.random.default_rng(8).permutation(any_codec.cardinality)
    new_label = np.argsort(order)
    codebooks = any_codec.codebooks.copy()
    codebooks[1] = codebooks[1][order]

    def relabelled(codes):
        indices = codes.indices.copy()
        indices[1] = new_label[indices[1]]
        return codes.with_indices(indices)

    monkeypatch.setattr(any_codec, "codebooks", codebooks)
    after = lesion(any_codec, relabelled(codes), [1, 2], mode, donor=relabelled(donor))
    assert np.array_equal(after, before)


def test_a_new_kind_is_one_function_and_one_entry(any_codec, codes, monkeypatch):
    def reverse(context, codebook):
        return context.vectors(codebook)[:, ::-1]

    kind = LesionKind("Plays the codebook backwards", "Is its direction needed?", reverse)
    monkeypatch.setitem(LESIONS, "reverse", kind)
    latents = lesion(any_codec, codes, [3], "reverse")
    assert np.array_equal(latents[3], any_codec.latents(codes)[3][:, ::-1])
    assert kinds_for(None)[-1] == "reverse"


# --- what each kind puts in the place of a codebook ----------------------------------------------


def test_omit_leaves_zeros(any_codec, codes):
    assert not lesion(any_codec, codes, [3], "omit")[3].any()


def test_mean_is_the_mean_over_the_sound(any_codec, codes):
    vectors = any_codec.latents(codes)[3]
    replaced = lesion(any_codec, codes, [3], "mean")[3]
    assert np.allclose(replaced, vectors.mean(1, keepdims=True), atol=1e-6)


def test_index_zero_is_the_vector_of_entry_0(any_codec, codes):
    replaced = lesion(any_codec, codes, [3], "index_zero")[3]
    assert np.array_equal(replaced[:, 7], any_codec.codebooks[3, 0])


def test_writing_index_zero_is_not_silence(any_codec, codes):
    """Entry 0 adds a vector that has nothing to do with the sound."""
    truth = any_codec.latents(codes).sum(0)
    higher = range(2, codes.num_codebooks)
    omitted = lesion(any_codec, codes, higher, "omit").sum(0)
    zeroed = lesion(any_codec, codes, higher, "index_zero").sum(0)
    assert np.linalg.norm(zeroed - truth) > np.linalg.norm(omitted - truth)


def mean_by_entry(vectors, entries_below, entry):
    """The plain mean where no frame has the entry."""
    shared = vectors[:, entries_below == entry]
    return (shared if shared.shape[1] else vectors).mean(1)


def test_conditional_mean_is_that_of_frames_a_second_away_that_share_the_lower_entry(
    any_codec, codes
):
    vectors = any_codec.latents(codes)[1]
    entries_below = codes.indices[0]
    length = min(round(codes.frame_rate), codes.n_frames // 5)
    replaced = lesion(any_codec, codes, [1], "conditional_mean")[1]
    for start in range(0, codes.n_frames, length):
        is_away = np.ones(codes.n_frames, bool)
        is_away[max(0, start - length) : start + 2 * length] = False
        for frame in range(start, min(start + length, codes.n_frames), 7):
            expected = mean_by_entry(
                vectors[:, is_away], entries_below[is_away], entries_below[frame]
            )
            np.testing.assert_allclose(replaced[:, frame], expected, atol=1e-4)


def test_conditional_mean_of_a_reference_is_that_of_its_frames(any_codec, codes, donor):
    vectors = any_codec.latents(donor)[1]
    replaced = lesion(any_codec, codes, [1], "conditional_mean", reference=donor)[1]
    for frame in range(0, codes.n_frames, 37):
        expected = mean_by_entry(vectors, donor.indices[0], codes.indices[0, frame])
        np.testing.assert_allclose(replaced[:, frame], expected, atol=1e-4)


def test_conditional_mean_knows_nothing_of_the_frames_it_replaces(any_codec, codes):
    """Other vectors in half a second change nothing there."""
    length = max(1, round(codes.frame_rate / 2))
    changed = codes.indices.copy()
    changed[1, :length] = (changed[1, :length] + 1) % any_codec.cardinality
    window_s = (0.0, length / codes.frame_rate)
    before = lesion(any_codec, codes, [1], "conditional_mean", window_s=window_s)
    after = lesion(
        any_codec, codes.with_indices(changed), [1], "conditional_mean", window_s=window_s
    )
    np.testing.assert_allclose(after[1][:, :length], before[1][:, :length], atol=1e-4)


def test_a_sound_too_short_to_tell_its_means_needs_a_reference(any_codec, codes, donor):
    short = codes.crop_frames(0, 3)
    with pytest.raises(InputError, match="3 frames are too few to tell the mean"):
        lesion(any_codec, short, [1], "conditional_mean")
    replaced = lesion(any_codec, short, [1], "conditional_mean", reference=donor)
    assert replaced[1].shape == (any_codec.latent_dim, 3)


@EVERY_KIND
def test_only_kinds_that_use_a_reference_change_with_it(any_codec, codes, donor, mode):
    options = {"donor": donor} if LESIONS[mode].needs_donor else {}
    other = donor.crop_frames(0, donor.n_frames // 2)
    lesioned = [
        lesion(any_codec, codes, [1], mode, reference=reference, **options)
        for reference in (None, other)
    ]
    assert np.array_equal(*lesioned) != LESIONS[mode].uses_reference


def test_a_reference_of_another_codec_is_refused(any_codec, codes, donor):
    strange = replace(donor, codec_sha256="0" * 64)
    with pytest.raises(InputError, match="reference: .* must be of the same codec"):
        lesion(any_codec, codes, [1], "mean", reference=strange)


def test_conditional_mean_of_the_lowest_codebook_is_its_mean(any_codec, codes):
    conditional = lesion(any_codec, codes, [0], "conditional_mean")
    assert np.array_equal(conditional, lesion(any_codec, codes, [0], "mean"))


@pytest.mark.parametrize("mode", ["time_shuffle", "block_shuffle", "circular_shift"])
def test_shuffles_keep_the_frames_and_move_them(any_codec, codes, mode):
    vectors = any_codec.latents(codes)[2]
    moved = lesion(any_codec, codes, [2], mode)[2]
    assert np.array_equal(np.sort(moved[0]), np.sort(vectors[0]))
    assert not np.array_equal(moved, vectors)


def test_block_shuffle_keeps_half_a_second_together(any_codec, codes):
    vectors = any_codec.latents(codes)[2]
    moved = lesion(any_codec, codes, [2], "block_shuffle")[2]
    length = round(0.5 * codes.frame_rate)
    blocks = [vectors[:, start : start + length] for start in range(0, codes.n_frames, length)]
    placed = 0
    while placed < codes.n_frames:
        rest = moved[:, placed:]
        next_block = [b for b in blocks if np.array_equal(rest[:, : b.shape[1]], b)]
        assert len(next_block) == 1
        placed += next_block[0].shape[1]


def test_circular_shift_moves_by_a_quarter_at_least(any_codec, codes):
    vectors = any_codec.latents(codes)[2]
    moved = lesion(any_codec, codes, [2], "circular_shift")[2]
    shifts = [
        s for s in range(codes.n_frames) if np.array_equal(np.roll(vectors, s, axis=1), moved)
    ]
    assert codes.n_frames // 4 <= shifts[0] <= codes.n_frames - codes.n_frames // 4


@pytest.mark.parametrize("n_frames", [1, 2, 3, 4])
@pytest.mark.parametrize("mode", ["block_shuffle", "circular_shift"])
def test_the_shortest_windows_are_moved_too_but_one_frame_cannot_be(
    any_codec, codes, mode, n_frames
):
    window = codes.crop_frames(0, n_frames)
    vectors = any_codec.latents(window)[2]
    assert len({tuple(vector) for vector in vectors.T}) == n_frames
    for seed in range(6):
        moved = lesion(any_codec, window, [2], mode, seed=seed)[2]
        assert np.array_equal(moved, vectors) == (n_frames == 1)


def test_resample_keeps_the_codebooks_own_frequencies(any_codec, codes):
    vectors = any_codec.latents(codes)[0]
    drawn = lesion(any_codec, codes, [0], "resample")[0]
    assert {tuple(vector) for vector in drawn.T} <= {tuple(vector) for vector in vectors.T}
    standard_error = vectors.std() / np.sqrt(codes.n_frames)
    assert np.allclose(drawn.mean(1), vectors.mean(1), atol=4 * standard_error)


def test_noise_has_the_energy_of_the_slice_in_every_frame(any_codec, codes):
    vectors = any_codec.latents(codes)[1]
    noisy = lesion(any_codec, codes, [1], "noise")[1]
    energies = [np.linalg.norm(x, axis=0) for x in (noisy, vectors)]
    assert np.allclose(*energies, rtol=1e-4)
    assert abs(np.corrcoef(noisy.ravel(), vectors.ravel())[0, 1]) < 0.05


def test_swap_takes_the_donors_codebook(any_codec, codes, donor):
    swapped = lesion(any_codec, codes, [3], "swap", donor=donor)[3]
    assert np.array_equal(swapped, any_codec.latents(donor)[3][:, : codes.n_frames])


def test_reencoding_comes_closer_than_omitting_where_entries_are_chosen_by_distance(codec, wave):
    """The higher codebooks repair a part: the total effect is smaller than the direct one."""
    codes = codec.encode(wave, 6.0)
    truth = codec.latents(codes).sum(0)
    omitted = lesion(codec, codes, [3], "omit").sum(0)
    reencoded = lesion(codec, codes, [3], "reencode").sum(0)
    assert np.linalg.norm(reencoded - truth) < np.linalg.norm(omitted - truth)


def test_reencoding_asks_the_codec_which_entry_is_nearest(any_codec, codes, monkeypatch):
    """What is nearest is the codec's own affair: here always the entry after the nearest."""
    nearest = any_codec.nearest

    def next_to_nearest(k, points):
        return (nearest(k, points) + 1) % any_codec.cardinality

    intact = any_codec.latents(codes)
    monkeypatch.setattr(any_codec, "nearest", next_to_nearest)
    reencoded = lesion(any_codec, codes, [0], "reencode")
    expected = any_codec.codebooks[1][next_to_nearest(1, intact.sum(0).T)].T
    assert np.array_equal(reencoded[1], expected)
