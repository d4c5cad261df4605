"""Sound that a trained generator makes from a region's voxels.

It is made by the network of notebook 3 from 256 numbers a TR (its bottleneck) that were read from
BOLD, and is labelled so. The network has heard most of the film, so that its sound alone is no
evidence. The evidence is the difference to the same generator on shuffled fMRI and on none.
"""

from collections.abc import Mapping, Sequence
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
from giblet_core.decoding import Segments
from giblet_core.encoding import bootstrap
from giblet_core.inference import LEAST_UNITS, Claim, Control
from giblet_core.regions.decoder import choose_penalties, make_scorer, read_out
from giblet_core.timing import Fold, Stimulus, TRGrid, run_index, shift_within_runs

MEASURED = "measured fMRI"
SHUFFLED = "shuffled fMRI"
NONE = "no fMRI"
SOURCES = (MEASURED, SHUFFLED, NONE)
RESPONSE_WINDOW_S = (3.0, 7.5)  # after the sound: when BOLD is read for the generator
BATCH = 50  # windows that the encoder sees at once


@dataclass(frozen=True, eq=False)
class Generator:
    """A trained autoencoder: its decoder makes sound, its encoder says what of.

    Attributes
    ----------
    model : AudioAutoencoder
    z : array of shape (n_trs, dim), float32
        Bottleneck of each TR's window, encoded from the sound.
    """

    model: AudioAutoencoder
    z: np.ndarray


@dataclass(frozen=True, eq=False)
class ReadingProtocol:
    """How the generator's numbers are read from BOLD.

    Attributes
    ----------
    folds : list of (train, test)
    t_r : float
        Seconds.
    run_onsets : sequence of int
        Row at which each run begins.
    embargo : int
        TRs around inner test folds.
    shift : int
        TRs by which shuffled BOLD is moved circularly, within runs.
    """

    folds: list[Fold]
    t_r: float
    run_onsets: Sequence[int]
    embargo: int
    shift: int


def trained_model(
    stim: Stimulus, steps: int = 250, seed: int = 0, smoke: bool = False
) -> AudioAutoencoder:
    """Load the autoencoder that notebook 3 trained on this sound; train it where it is missing.

    Parameters
    ----------
    stim : Stimulus
        From `ensure_stimulus`.
    steps, seed, smoke
        As in `demo_run`: they make the configuration of notebook 3.

    Returns
    -------
    AudioAutoencoder
    """
    config = demo_run(stim.n_trs, steps, seed, smoke)
    k, n_frames = stim.grids[0].windows(stim.codes).array.shape[1:]
    network = NetworkConfig(k, n_frames, stim.codec.cardinality)
    model = build_autoencoder(network, config.seed, stim.codec.codebooks)
    folder = run_folder(stim.folder, stim.name, stim.key, config, k, n_frames)
    fit(model, stim.codes, config, folder, resume=True, codebooks=stim.codec.codebooks[:k])
    return model


def trained_generator(
    stim: Stimulus,
    grids: Sequence[TRGrid],
    steps: int = 250,
    seed: int = 0,
    smoke: bool = False,
) -> Generator:
    """Return `trained_model`, with its bottleneck of each TR of the grids.

    Parameters
    ----------
    stim : Stimulus
        From `ensure_stimulus`.
    grids : sequence of TRGrid
        One a run.
    steps, seed, smoke
        As in `demo_run`.

    Returns
    -------
    Generator
    """
    model = trained_model(stim, steps, seed, smoke)
    model.eval()
    windows = np.concatenate([grid.windows(stim.codes).array for grid in grids])
    batches = torch.from_numpy(windows.astype(np.int64)).split(BATCH)
    with torch.no_grad():
        z = torch.cat([model.encoder(batch) for batch in batches])
    return Generator(model, z.numpy())


def bottlenecks(
    bold: np.ndarray, generator: Generator, protocol: ReadingProtocol
) -> dict[str, np.ndarray]:
    """Read the generator's numbers from BOLD in held-out time.

    Parameters
    ----------
    bold : array of shape (n_trs, n_voxels)
        Of a region.
    generator : Generator
        From `trained_generator`.
    protocol : ReadingProtocol
        How time is split.

    Returns
    -------
    dict of str to array of shape (n_trs, dim)
        For each of `SOURCES`. Shuffled: the same BOLD, shifted and fitted anew. None: the mean of
        training time. NaN in rows of no test fold.
    """
    shuffled_rows = shift_within_runs(len(bold), protocol.shift, protocol.run_onsets)
    no_bold = np.full_like(generator.z, np.nan)
    for train, test in protocol.folds:
        no_bold[test] = generator.z[train].mean(0)
    return {
        MEASURED: _read_bottleneck(bold, generator.z, protocol),
        SHUFFLED: _read_bottleneck(bold[shuffled_rows], generator.z, protocol),
        NONE: no_bold,
    }


def _read_bottleneck(bold: np.ndarray, z: np.ndarray, protocol: ReadingProtocol) -> np.ndarray:
    """Predict z (n_trs, dim) in held-out time by ridge from the BOLD that came after each TR.

    Ridge shrinks what it predicts: predictions of a fold are brought back to the mean and spread of
    its training time.
    """
    later_bold = _response_window(bold, protocol)
    folds = protocol.folds
    penalties = choose_penalties([later_bold], z, folds, protocol.run_onsets, protocol.embargo)
    predictions = read_out(later_bold, z, folds, penalties).intact
    for train, test in folds:
        deviation = predictions[test] - predictions[test].mean(0)
        sd = predictions[test].std(0)
        varies = sd > 0
        gain = np.where(varies, z[train].std(0) / np.where(varies, sd, 1), 0)
        predictions[test] = z[train].mean(0) + deviation * gain
    return predictions


def _response_window(bold: np.ndarray, protocol: ReadingProtocol) -> np.ndarray:
    """Put side by side, for each TR, the BOLD that came later, within its run.

    Returns
    -------
    array of shape (n_trs, n_lags * n_voxels)
    """
    n_trs = len(bold)
    first_lag, last_lag = (round(seconds / protocol.t_r) for seconds in RESPONSE_WINDOW_S)
    run_ends = np.array([*protocol.run_onsets[1:], n_trs]) - 1
    end_of_run = run_ends[run_index(n_trs, protocol.run_onsets)]
    lagged = [
        bold[np.minimum(np.arange(n_trs) + lag, end_of_run)]
        for lag in range(first_lag, last_lag + 1)
    ]
    return np.concatenate(lagged, axis=1)


def generated_scores(
    z: Mapping[str, np.ndarray],
    generator: Generator,
    segments: Segments,
    embargo: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Identify the segments from the numbers that the generator reads, of each source alike.

    Parameters
    ----------
    z : mapping of str to array of shape (n_trs, dim)
        From `bottlenecks`.
    generator : Generator
        Holds the true numbers.
    segments : Segments
        Segments to identify.
    embargo : int
        TRs between a segment and its foils.
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        A row a source: per cent identified (chance 50) and points above shuffled, each with a 95 %
        block bootstrap interval over pairs of segments; NaN below `LEAST_UNITS` pairs.
    """
    scorer = make_scorer(generator.z, segments, embargo)
    accuracy = {source: scorer.accuracy(numbers) for source, numbers in z.items()}
    of_sources = np.stack(list(accuracy.values()), axis=1)
    above_shuffled = of_sources - accuracy[SHUFFLED][:, None]
    columns = {}
    for label, values in (("identified (%)", of_sources), ("above shuffled", above_shuffled)):
        interval = bootstrap(values, 2, seed=seed)
        columns[label] = 100 * interval.mean
        is_enough = interval.n >= LEAST_UNITS
        columns[f"{label}, low"] = np.where(is_enough, 100 * interval.low, np.nan)
        columns[f"{label}, high"] = np.where(is_enough, 100 * interval.high, np.nan)
    return pd.DataFrame(columns, index=list(accuracy))


def generated_claim(scores: pd.DataFrame, name: str, n_pairs: int, label: str) -> Claim:
    """Claim that what is generated from a region's fMRI says more than from shuffled fMRI.

    Its control is the same figure of the generator without fMRI, which cannot know the segment.

    Parameters
    ----------
    scores : DataFrame
        From `generated_scores`.
    name : str
        Of the region.
    n_pairs : int
        Pairs of segments.
    label : str
        Whose BOLD it is.

    Returns
    -------
    Claim
    """
    real = scores.loc[MEASURED]
    silent = scores.loc[NONE]
    claim = Claim(
        f"What the generator reads from {name} tells segments apart better than shuffled fMRI",
        "points of pairwise accuracy",
        real["above shuffled"],
        "pairs of segments",
        n_pairs,
        low=real["above shuffled, low"],
        high=real["above shuffled, high"],
        label=label,
        digits=1,
    )
    control = Control.beside_claim(
        claim,
        "the same without fMRI",
        silent["above shuffled"],
        low=silent["above shuffled, low"],
        high=silent["above shuffled, high"],
        n=n_pairs,
    )
    return claim.beside(control)


@torch.no_grad()
def generate(generator: Generator, z: np.ndarray, codec: Codec, seed: int = 0) -> np.ndarray:
    """Generate sound from bottlenecks, codes drawn as the network believes.

    Parameters
    ----------
    generator : Generator
        From `trained_generator`.
    z : array of shape (n_windows, dim)
        Bottlenecks.
    codec : Codec
        Turns the codes into sound.
    seed : int
        The same seed gives the same draws, whatever is drawn from.

    Returns
    -------
    array of shape (n_windows * n_frames * hop,), float32
    """
    decoder = generator.model.eval().decoder
    logits = decoder(torch.from_numpy(np.asarray(z, np.float32)))
    windows = drawn(logits, np.random.default_rng(seed)).numpy()  # (n_windows, K, n_frames)
    indices = np.concatenate(list(windows), axis=1)  # (K, n_windows * n_frames)
    latents = sum(codec.codebooks[k][row] for k, row in enumerate(indices)).T
    n_samples = indices.shape[1] * codec.hop_length
    return codec.decode_latents(np.ascontiguousarray(latents, np.float32), n_samples)


def generated_sounds(
    generator: Generator,
    numbers: Mapping[str, np.ndarray],
    rows: slice,
    codec: Codec,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Generate a stretch from each of `bottlenecks`, with the same draws.

    Parameters
    ----------
    generator : Generator
        From `trained_generator`.
    numbers : mapping of str to array of shape (n_trs, dim)
        From `bottlenecks`.
    rows : slice
        TRs of the stretch.
    codec : Codec
        Turns codes into sound.
    seed : int
        Of the draws.

    Returns
    -------
    dict of str to array of shape (n_samples,)
        By "generated from" and the source.
    """
    return {
        f"generated from {source}": generate(generator, z[rows], codec, seed)
        for source, z in numbers.items()
    }
