"""Measurements for the open questions: what a fine-tuned decoder gains, and what each codebook
carries.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy.stats import entropy
from torch.nn import functional as F

from giblet_core.autoencoder.token_scores import sum_latents
from giblet_core.codecs import Codec, Codes, TrainableDecoder, check_made_by, check_offers
from giblet_core.encoding import fit_ridge, seed_interval
from giblet_core.features import envelope, latent_features, momentary_loudness, pooled
from giblet_core.metrics import log_mel_distance, si_sdr
from giblet_core.sound import Annotation, pitch_track
from giblet_core.timing import TRGrid, contiguous_folds

TARGET_RATE_HZ = 100  # of envelope, loudness, pitch and presence, before they are pooled in TRs
PROBE_ALPHAS = (1.0, 10.0, 100.0, 1000.0)


def paired_differences(rows: list[dict], factor: str, score: str, baseline: object) -> pd.DataFrame:
    """Compare each level of a factor with a baseline, seed by seed.

    Returns
    -------
    pandas.DataFrame
        A row a level: ``mean`` score; ``difference`` from the baseline with Student's 95 % interval
        over seeds (``low``, ``high``); ``shown``: whether the interval leaves out 0.
    """
    table = pd.DataFrame(rows).pivot_table(index="seed", columns=factor, values=score)
    out = {}
    for level in table:
        mean, low, high = (
            seed_interval(table[level] - table[baseline]) if level != baseline else (0.0, 0.0, 0.0)
        )
        out[level] = {
            "mean": table[level].mean(),
            "difference": mean,
            "low": low,
            "high": high,
            "shown": low > 0 or high < 0,
        }
    return pd.DataFrame(out).T.rename_axis(factor)


def finetune_decoder(
    codec: Codec,
    wave: np.ndarray,
    codes: Codes,
    spans: Sequence[tuple[int, int]],
    steps: int = 60,
    seed: int = 0,
    learning_rate: float = 3e-6,
    batch_size: int = 4,
    n_frames: int = 75,
) -> Codec:
    """Train a copy of the codec's decoder on one sound; encoder and codebooks stay, so that codes
    keep their meaning.

    The loss is the mean absolute error of the samples plus that of log magnitudes at three
    resolutions, on random windows.

    Parameters
    ----------
    codec : Codec
        Left unchanged.
    wave : array of shape (n_samples,)
    codes : Codes
        Of `wave`.
    spans : sequence of (start, stop)
        Frames to train on.
    steps, seed, learning_rate, batch_size, n_frames :
        Of the training.

    Returns
    -------
    Codec
        Its ``id`` says that it was fine-tuned; it decodes the same codes.
    """
    check_offers(codec, TrainableDecoder, "fine-tuning the decoder")
    rng, hop = np.random.default_rng(seed), codes.hop_length
    tuned = codec.copy_as(f"{codec.id}, decoder fine-tuned")
    decoder = tuned.decoder_network().requires_grad_(True)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=learning_rate)
    starts = np.concatenate(
        [np.arange(a, b - n_frames) for a, b in spans if (b * hop) <= len(wave)]
    )
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = learning_rate * 0.5 * (1 + np.cos(np.pi * step / steps))
        batch = rng.choice(starts, batch_size)
        z = np.stack(
            [sum_latents(codes.indices[:, s : s + n_frames], codec.codebooks) for s in batch]
        )
        target = torch.from_numpy(np.stack([wave[s * hop : (s + n_frames) * hop] for s in batch]))
        out = decoder(torch.from_numpy(z))[:, 0, : target.shape[1]]
        skip = 10 * hop  # the decoder has not heard what came before the window
        optimizer.zero_grad()
        _spectral_loss(out[:, skip:], target[:, skip:]).backward()
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
    decoder.requires_grad_(False)
    return tuned


def _spectral_loss(out: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    loss = 10 * F.l1_loss(out, target)
    for n_fft in (256, 1024, 2048):
        window = torch.hann_window(n_fft)
        a, b = (
            torch.stft(x, n_fft, n_fft // 4, window=window, return_complex=True).abs()
            for x in (out, target)
        )
        loss = loss + F.l1_loss(torch.log(a + 1e-3), torch.log(b + 1e-3))
    return loss


def decoder_scores(
    codecs: dict[str, Codec],
    wave: np.ndarray,
    codes: Codes,
    starts: np.ndarray,
    n_frames: int = 600,
) -> list[dict]:
    """Score decoders on the same pieces of sound: one row a codec, ``log_mel_db`` and ``si_sdr_db``
    averaged over pieces.
    """
    rows, hop = [], codes.hop_length
    for name, codec in codecs.items():
        pairs = [
            (wave[s * hop : (s + n_frames) * hop], codec.decode(codes.crop_frames(s, s + n_frames)))
            for s in starts
        ]
        rows.append(
            {
                "decoder": name,
                "log_mel_db": float(
                    np.mean([log_mel_distance(a, b, codes.sample_rate) for a, b in pairs])
                ),
                "si_sdr_db": float(np.mean([si_sdr(a, b) for a, b in pairs])),
            }
        )
    return rows


def codebook_table(codes: Codes, codebooks: np.ndarray) -> pd.DataFrame:
    """Describe how each codebook is used.

    Returns
    -------
    pandas.DataFrame
        A row a codebook: entries ``used``, ``entropy_bits`` of their frequencies, ``repeats``
        (share of frames with the entry of the frame before), and ``left_over``: the energy of the
        full sum that codebooks up to this one leave unexplained, as a share.
    """
    whole, so_far, rows = sum_latents(codes.indices, codebooks), 0.0, []
    for codebook, vectors in zip(codes.indices.astype(int), codebooks):
        counts = np.bincount(codebook, minlength=len(vectors))
        so_far = so_far + vectors[codebook].T
        rows.append(
            {
                "used": int((counts > 0).sum()),
                "entropy_bits": float(entropy(counts, base=2)),
                "repeats": float((codebook[1:] == codebook[:-1]).mean()),
                "left_over": float(np.square(whole - so_far).sum() / np.square(whole).sum()),
            }
        )
    return pd.DataFrame(rows).rename_axis("codebook")


def probe_codebooks(
    codec: Codec,
    codes: Codes,
    wave: np.ndarray,
    grids: Sequence[TRGrid],
    annotation: Annotation | None = None,
    n_folds: int = 5,
    embargo: int = 4,
    seed: int | None = None,
) -> pd.DataFrame:
    """Ask of each codebook alone what can be read from its pooled vectors: ridge, held-out
    contiguous time.

    Parameters
    ----------
    codec, codes, wave, grids :
        The sound, its codes and the TRs.
    annotation : Annotation, optional
        Adds speech and music, where it tells them, and where both also silence (neither speech,
        music, nor an effect), as targets.
    n_folds, embargo : int
        Of `contiguous_folds`.
    seed : int, optional
        Replace the codebook's vectors by random ones first: what labels alone tell, without the
        codec's geometry.

    Returns
    -------
    pandas.DataFrame
        A row a codebook and target: ``r``, the Fisher mean over folds, and ``low``, ``high``:
        Student's interval over folds.
    """
    times = (np.arange(len(wave) * TARGET_RATE_HZ // codes.sample_rate) + 0.5) / TARGET_RATE_HZ
    pitch, voiced = pitch_track(wave, codes.sample_rate)
    tracks = {
        "envelope": envelope(wave, codes.sample_rate)[1],
        "loudness": momentary_loudness(wave, codes.sample_rate)[0],
        "pitch": pitch,
        "voicing": voiced,
    }
    known = annotation.counts if annotation else ()
    tracks |= {
        kind: annotation.active(kind, times) for kind in ("speech", "music") if kind in known
    }
    if {"speech", "music"} <= set(known):
        tracks["silence"] = ~(
            tracks["speech"] | tracks["music"] | annotation.active("effect", times)
        )
    n = min(len(track) for track in tracks.values())
    Y = pooled(
        np.stack([np.asarray(track, float)[:n] for track in tracks.values()]),
        TARGET_RATE_HZ,
        grids,
        ("mean",),
        None,
    )
    onsets = tuple(np.cumsum([0, *(grid.n_trs for grid in grids[:-1])]))
    folds = contiguous_folds(len(Y), n_folds, embargo, onsets)
    check_made_by(codec, codes)
    vectors = codec.codebooks
    if seed is not None:
        vectors = np.random.default_rng(seed).normal(size=vectors.shape).astype(np.float32)
    rows = []
    for k, indices in enumerate(codes.indices):
        space = latent_features(
            f"codebook {k}", vectors[k][indices].T, codes.frame_rate, grids, ("mean", "sd"), None
        )
        result = fit_ridge(
            space.values, Y, folds, PROBE_ALPHAS, run_onsets=onsets, embargo=embargo, n_inner=2
        )
        for j, target in enumerate(tracks):
            r = result.r_folds[:, j]
            _, low, high = (
                seed_interval(np.arctanh(r[np.isfinite(r)]))
                if np.isfinite(r).sum() >= 3
                else (np.nan,) * 3
            )
            rows.append(
                {
                    "codebook": k,
                    "target": target,
                    "r": float(result.r[j]),
                    "low": float(np.tanh(low)),
                    "high": float(np.tanh(high)),
                }
            )
    return pd.DataFrame(rows)


def verdict(table: pd.DataFrame, baseline: object, unit: str, lower_is_better: bool = True) -> str:
    """Say in words what `paired_differences` shows, level by level, with the interval."""
    words = []
    for level, row in table.drop(index=baseline).iterrows():
        better = "better" if (row.difference < 0) == lower_is_better else "worse"
        judged = (
            f"{better} than {baseline}" if row.shown else f"no difference from {baseline} shown"
        )
        words.append(
            f"{level}: {judged} ({row.difference:+.3f} {unit}, {row.low:+.3f} to {row.high:+.3f})"
        )
    return "; ".join(words) + "."
