"""Region lesions as sound: scenes that a region's decoder retrieves, and sound that a trained
generator makes from its voxels.

What is retrieved is real sound of training time. What is *generated* is made by the network of
notebook 3 from 256 numbers a TR that were read from BOLD, and is labelled so: the network has heard
most of the film, so that its sound alone is no evidence. The evidence is the difference to the same
generator on shuffled fMRI and on none.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from giblet_core.autoencoder import (
    AudioAutoencoder,
    NetworkConfig,
    build_autoencoder,
    demo_run,
    drawn,
    fit,
    run_folder,
)
from giblet_core.codecs import Codec
from giblet_core.decoding import Segments, retrieve, similarity
from giblet_core.encoding import bootstrap
from giblet_core.regions.lesions import RegionLesions, choose_penalties, read_out, scorer
from giblet_core.timing import Fold, Stimulus, run_index, shift_within_runs

SOURCES = ("measured fMRI", "shuffled fMRI", "no fMRI")
RESPONSE_S = (3.0, 7.5)  # seconds after the sound at which BOLD is read for the generator


@dataclass(frozen=True, eq=False)
class Scenes:
    """Held-out scenes of a region, best first: true, retrieved by the region, and retrieved by a
    matched random region.

    Attributes
    ----------
    segment : int array of shape (n_scenes,)
    wins : array of shape (n_scenes,), share of foils beaten
    true, retrieved, random : int arrays of shape (n_scenes,), first TR of each stretch
    """

    segment: np.ndarray
    wins: np.ndarray
    true: np.ndarray
    retrieved: np.ndarray
    random: np.ndarray


def ranked_scenes(
    lesions: RegionLesions, region: int, latents: np.ndarray, segments: Segments, folds: list[Fold]
) -> Scenes:
    """Rank all segments that have foils: by foils beaten, then by how alike prediction and truth
    are.
    """
    own, random = lesions.predictions[region], lesions.random_predictions[region]
    alike = np.diagonal(similarity(own, latents, segments))
    wins = lesions.alone[region]
    order = np.lexsort((-alike, -np.nan_to_num(wins, nan=-1)))
    order = order[np.isfinite(wins[order])]
    near, other = (
        retrieve(p, latents, segments, folds, n_best=1).starts[order, 0] for p in (own, random)
    )
    return Scenes(order, wins[order], segments.starts[order], near, other)


@dataclass(frozen=True, eq=False)
class Generator:
    """The autoencoder's decoder, and what it reads.

    Attributes
    ----------
    model : AudioAutoencoder
    z : array of shape (n_trs, dim), float32
        Bottleneck of each TR's window, from the sound.
    """

    model: AudioAutoencoder
    z: np.ndarray


def trained_model(
    stim: Stimulus, steps: int = 250, seed: int = 0, smoke: bool = False
) -> AudioAutoencoder:
    """Load the autoencoder that notebook 3 trained on this sound, with its configuration; train it
    where it is missing.
    """
    config = demo_run(stim.n_trs, steps, seed, smoke)
    k, n_frames = stim.grids[0].windows(stim.codes).array.shape[1:]
    network = NetworkConfig(k, n_frames, stim.codec.cardinality)
    model = build_autoencoder(network, config.seed, stim.codec.codebooks)
    folder = run_folder(stim.folder, stim.name, stim.key, config, k, n_frames)
    fit(model, stim.codes, config, folder, resume=True, codebooks=stim.codec.codebooks[:k])
    return model


def trained_generator(
    stim: Stimulus, grids: tuple, steps: int = 250, seed: int = 0, smoke: bool = False
) -> Generator:
    """Return `trained_model`, with its bottleneck of each TR of the grids."""
    model = trained_model(stim, steps, seed, smoke)
    windows = np.concatenate([grid.windows(stim.codes).array for grid in grids])
    with torch.no_grad():
        parts = [
            model.eval().encoder(part)
            for part in torch.from_numpy(windows.astype(np.int64)).split(50)
        ]
    return Generator(model, torch.cat(parts).numpy())


def listened(
    generator: Generator,
    numbers: Mapping[str, np.ndarray],
    first_tr: int,
    n_trs: int,
    codec: Codec,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Generate a stretch from each of `bottlenecks`, with the same draws."""
    return {
        f"generated from {name}": generate(generator, z[first_tr : first_tr + n_trs], codec, seed)
        for name, z in numbers.items()
    }


def bottlenecks(
    bold: np.ndarray,
    generator: Generator,
    folds: list[Fold],
    t_r: float,
    run_onsets: tuple[int, ...],
    embargo: int,
    shift: int,
) -> dict[str, np.ndarray]:
    """Read the generator's numbers from BOLD in held-out time: for each of `SOURCES` an array
    (n_trs, dim).

    Shuffled: the same BOLD, circularly shifted by `shift` TRs within runs and fitted anew. None:
    the training mean. Ridge shrinks what it predicts, so that predictions of a fold are brought
    back to the spread of training time, shuffled ones alike.
    """
    lags = tuple(range(round(RESPONSE_S[0] / t_r), round(RESPONSE_S[1] / t_r) + 1))
    last = (
        np.r_[run_onsets, len(bold)][1:][run_index(len(bold), run_onsets)] - 1
    )  # BOLD that came later, within its run
    out = {name: np.full_like(generator.z, np.nan) for name in SOURCES}
    for name, rows in zip(
        SOURCES, (np.arange(len(bold)), shift_within_runs(len(bold), shift, run_onsets))
    ):
        x = np.concatenate(
            [bold[rows][np.minimum(np.arange(len(bold)) + lag, last)] for lag in lags], axis=1
        )
        penalties = choose_penalties([x], generator.z, folds, run_onsets, embargo)
        out[name] = read_out(x, generator.z, folds, penalties)[0]
        for train, test in folds:
            p, target = out[name][test], generator.z[train]
            out[SOURCES[2]][test] = target.mean(0)
            sd = p.std(0)
            out[name][test] = target.mean(0) + (p - p.mean(0)) * np.where(
                sd > 0, target.std(0) / np.where(sd > 0, sd, 1), 0
            )
    return out


def generated_scores(
    z: Mapping[str, np.ndarray], generator: Generator, segments: Segments, gap: int, seed: int = 0
) -> pd.DataFrame:
    """Identify the segments from the numbers that the generator reads, measured, shuffled and none
    alike.

    Returns
    -------
    DataFrame
        Per cent identified, chance 50, a row a source; and how many points above shuffled, with 95
        % block bootstrap intervals over segments.
    """
    wins = scorer(generator.z, segments, gap)
    rows = {name: wins(value) for name, value in z.items()}
    has = np.isfinite(rows[SOURCES[1]])
    columns = {}
    for label, less in (("identified (%)", 0.0), ("above shuffled", rows[SOURCES[1]][has])):
        i = bootstrap(np.stack([row[has] - less for row in rows.values()], axis=1), 2, seed=seed)
        columns |= {
            label: 100 * i.mean,
            f"{label}, low": 100 * i.low,
            f"{label}, high": 100 * i.high,
        }
    return pd.DataFrame(columns, index=list(rows))


@torch.no_grad()
def generate(generator: Generator, z: np.ndarray, codec: Codec, seed: int = 0) -> np.ndarray:
    """Generate sound from bottlenecks (n_windows, dim): codes drawn as the network believes, with
    the same draws for the same seed.

    Returns
    -------
    array of shape (n_windows * n_frames * hop,), float32
    """
    logits = generator.model.eval().decoder(
        torch.from_numpy(np.asarray(z, np.float32))
    )  # (B, K, T, cardinality)
    indices = np.concatenate(list(drawn(logits, np.random.default_rng(seed)).numpy()), axis=1)
    latents = sum(codec.codebooks[k][row] for k, row in enumerate(indices)).T
    return codec.decode_latents(
        np.ascontiguousarray(latents, np.float32), indices.shape[1] * codec.hop_length
    )
