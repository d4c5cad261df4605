"""What is decoded in a fold knows nothing of the sound that the fold holds out."""

from types import SimpleNamespace

import numpy as np

from giblet_core.codecs import Codes
from giblet_core.decoding import LATENTS, PLAIN, fit_decoder, make_spaces
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
    codes = Codes(indices, 24_000, 75.0, n_samples, 1.5, "fake", codec.sha256)
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


def test_bold_made_of_the_sound_identifies_it_and_shifted_sound_is_at_chance(rng):
    spaces = make_spaces(random_stimuli(rng)[0], GRIDS, FOLDS, RUNS, length=5)
    plain = spaces.plain - spaces.plain.mean(0)
    bold = plain / plain.std(0) @ rng.standard_normal((plain.shape[1], 20))
    bold += 0.1 * rng.standard_normal(bold.shape)
    decoded = fit_decoder(bold, spaces.values(), FOLDS, [0.1, 1.0], run_onsets=RUNS, embargo=4)
    assert spaces.identified(decoded, PLAIN, 4, n_draws=0).pairwise_accuracy > 0.8
    beyond = spaces.beyond(bold, embargo=4, alphas=[10.0])
    assert beyond.predictions.shape[1] == spaces.columns[PLAIN[0]].start
    chance = spaces.shifted(
        bold, [PLAIN, LATENTS], n_shifts=6, min_shift=20, embargo=4, alphas=[0.1, 1.0]
    )
    assert chance.shape == (2, 6)
    assert (np.abs(chance.mean(1) - 0.5) < 0.15).all()
