"""Codebooks: search, refitting, and entries that follow what chooses them."""

import numpy as np
import torch

from giblet_core import codecs
from giblet_core.demo.codec import Codebooks, fit_codebooks, k_means, refit, search


def left_of(points, codebooks, codes):
    """Return what the chosen entries leave of points."""
    return points - sum(codebook[chosen] for codebook, chosen in zip(codebooks, codes.T))


def mean_error(left):
    return float(left.square().sum() / len(left))


def test_entries_move_towards_what_chose_them():
    torch.manual_seed(0)
    codebooks = Codebooks(2)
    z = torch.randn(512, 128)
    codebooks.fill(torch.randn(2, 1024, 128))
    before = (z - codebooks(z, 2)).square().mean()
    for _ in range(60):
        codebooks(z, 2, update=True)
    assert (z - codebooks(z, 2)).square().mean() < 0.7 * before


def test_narrow_search_is_greedy_and_full_search_finds_the_best_sum():
    torch.manual_seed(0)
    points = torch.randn(50, 5)
    codebooks = torch.randn(2, 6, 5)
    greedy = search(points, codebooks, width=1)
    full = search(points, codebooks, width=6)  # all six beginnings are kept: every pair is tried
    np.testing.assert_array_equal(greedy.T, codecs.residual_codes(points, codebooks))
    sums = (codebooks[0][:, None] + codebooks[1][None]).reshape(-1, 5)
    least = torch.cdist(points, sums).square().amin(1)
    full_error = left_of(points, codebooks, full).square().sum(1)
    greedy_error = left_of(points, codebooks, greedy).square().sum(1)
    torch.testing.assert_close(full_error, least)
    assert (full_error <= greedy_error + 1e-6).all()
    assert (full_error < greedy_error - 1e-3).any()


def nested_codebooks(points, first_seed):
    """Return three codebooks of four entries, each fitted to what those before leave."""
    codebooks = []
    left = points
    for seed in range(first_seed, first_seed + 3):
        codebook = k_means(left, 4, seed=seed)
        codebooks.append(codebook)
        left = left - codebook[codecs.nearest(left, codebook)]
    return torch.stack(codebooks), mean_error(left)


def test_refitted_codebooks_serve_their_choices_better_and_find_what_was_planted():
    torch.manual_seed(1)
    planted = torch.randn(3, 4, 8)
    points = sum(codebook[torch.randint(4, (3000,))] for codebook in planted)
    points = points + 0.1 * torch.randn(3000, 8)
    noise_error = 8 * 0.1**2
    nested_error = {}
    for start in range(4):  # each ends where it can; one of a few finds the truth
        codebooks, at_start = nested_codebooks(points, 3 * start)
        for _ in range(8):
            codes = search(points, codebooks)
            moved = refit(points, codebooks, inertia=2.0)
            before = mean_error(left_of(points, codebooks, codes))
            after = mean_error(left_of(points, moved, codes))
            assert after <= before * (1 + 1e-6)
            codebooks = moved
        nested_error[after] = at_start
    best = min(nested_error)
    assert best < 1.05 * noise_error < 0.05 * nested_error[best]


def test_refined_codebooks_are_finer_with_each_and_the_later_ones_share_out_the_latents():
    torch.manual_seed(2)
    points = torch.zeros(3000, 128)
    points[:, :12] = torch.randn(3000, 12) @ torch.randn(12, 12)
    codebooks = Codebooks(4)
    nested = fit_codebooks(points[:, :12].contiguous(), 4, n_iter=2)
    codebooks.fill(torch.nn.functional.pad(nested, (0, 116)))
    codebooks.refine(points)
    errors = [float((points - codebooks(points, k)).square().mean()) for k in range(5)]
    assert (np.diff(errors) < 0).all(), errors
    used = (codebooks.embed != 0).any(1)  # (codebook, latent)
    assert used[:2, :12].all()
    assert not used[:, 12:].any()
    owners = used[2:, :12].sum(0)  # every latent belongs to one of the two last codebooks
    np.testing.assert_array_equal(owners, 1)
