"""What is decoded in a fold knows nothing of the sound that the fold holds out."""

from types import SimpleNamespace

import numpy as np
from made_codes import made_up_codes

from giblet_core.decoding import (
    BEYOND,
    PLAIN,
    SETS,
    fit_decoder,
    make_spaces,
    standardise_voxels,
)
from giblet_core.encoding import draw_shifts
from giblet_core.timing import TRGrid, contiguous_folds

GRIDS = [TRGrid(1.5, 100), TRGrid(1.5, 100, 150.0)]
RUNS = (0, 100)
FOLDS = contiguous_folds(200, 4, 10, RUNS)


def random_stimuli(rng):
    """Return two stimuli that differ in the codes of the second fold's test time alone."""
    vectors = rng.standard_normal((2, 16, 12))
    codec = SimpleNamespace(sha256="f" * 64, codebooks=vectors, sample_rate=24_000)
    indices = rng.integers(0, 16, (2, 22_500)).astype(np.uint16)
    n_samples = 22_500 * 320
    codes = made_up_codes(indices, codec_sha256=codec.sha256)
    level_db = np.repeat(rng.uniform(-2, 2, 100), n_samples // 100)  # a new level every 3 s
    wave = (rng.standard_normal(n_samples) * 10 ** (level_db / 20) / 9).astype(np.float32)
    # the end of the first run: what came before it is training time and cannot have heard it
    test = FOLDS[1][1]
    other = indices.copy()
    other[:, int(test[0] * 112.5) : int((test[-1] + 1) * 112.5)] = rng.integers(0, 2, (2, 1))
    return [
        SimpleNamespace(codec=codec, codes=c, wave=wave, annotation=None, spoken=None)
        for c in (codes, codes.with_indices(other))
    ]


def test_what_is_decoded_and_weighed_in_a_fold_knows_nothing_of_its_held_out_sound(rng):
    before, after = (
        make_spaces(stimulus, GRIDS, FOLDS, RUNS).values()[:, : FOLDS[1][1][0]]
        for stimulus in random_stimuli(rng)
    )
    np.testing.assert_allclose(after[1], before[1], atol=1e-6)  # rounding of the FFT
    change = np.abs(after[[0, 2, 3]] - before[[0, 2, 3]]).max(axis=(1, 2))
    assert change.min() > 1e-2  # these folds learn from it


def sound_and_bold(rng, noise):
    """Return spaces, and BOLD of 20 voxels that follows loudness with noise."""
    spaces = make_spaces(random_stimuli(rng)[0], GRIDS, FOLDS, RUNS, length=5)
    plain = spaces.plain - spaces.plain.mean(0)
    bold = plain / plain.std(0) @ rng.standard_normal((plain.shape[1], 20))
    return spaces, bold + noise * rng.standard_normal(bold.shape)


TIMING = {"embargo": 4, "alphas": [0.1, 1.0]}


def test_bold_made_of_loudness_identifies_by_it_and_by_nothing_beyond_it(rng):
    spaces, bold = sound_and_bold(rng, noise=0.1)
    decoded = fit_decoder(bold, spaces.values(), FOLDS, run_onsets=RUNS, **TIMING)
    assert spaces.identified(decoded, PLAIN, 4).pairwise_accuracy > 0.8
    tested = spaces.tested(bold, n_shifts=39, min_shift=20, **TIMING)
    assert list(tested) == list(SETS)
    assert tested["loudness and speech"].p == 1 / 40
    assert tested["latents beyond loudness and speech"].p > 0.05
    for result in tested.values():
        assert abs(result.null.mean() - 0.5) < 0.15


def test_the_null_is_that_of_refits_on_bold_that_was_really_moved(rng):
    """Oracle: the decoder fitted anew on moved BOLD, whose voxels all have one scale."""
    spaces, bold = sound_and_bold(rng, noise=2.0)
    bold = standardise_voxels(bold, np.arange(len(bold)))
    tested = spaces.tested(bold, {"plain": PLAIN}, n_shifts=3, min_shift=20, **TIMING)["plain"]
    shifts = draw_shifts(len(bold), RUNS, 20, 3)
    for rows, accuracy in zip(shifts, tested.null):
        decoded = fit_decoder(bold[rows], spaces.values(), FOLDS, run_onsets=RUNS, **TIMING)
        expected = spaces.identified(decoded, PLAIN, 4).pairwise_accuracy
        assert abs(accuracy - expected) <= 0.03  # scaled by training time there: a tie may turn


def test_what_lies_beyond_loudness_is_uncorrelated_with_it_in_training_time(rng):
    spaces = make_spaces(random_stimuli(rng)[0], GRIDS, FOLDS, RUNS, length=5)
    values = spaces.values()
    for fold, (train, _) in enumerate(FOLDS):
        plain = spaces.plain[train] - spaces.plain[train].mean(0)
        for name in BEYOND:
            rest = values[fold][train, spaces.columns[name]]
            np.testing.assert_allclose(
                plain.T @ rest, 0, atol=1e-6 * np.abs(rest).max() * len(train)
            )
