"""Measurements for the open questions of notebook 7.

What a fine-tuned decoder gains, and what each codebook carries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from giblet_core.autoencoder.token_scores import sum_latents
from giblet_core.codecs import Codec, Codes, TrainableDecoder, check_offers, frame_at
from giblet_core.encoding import fit_ridge, seed_interval
from giblet_core.features import envelope, latent_features, momentary_loudness, pooled
from giblet_core.metrics import attempt, log_mel_distance, si_sdr
from giblet_core.sound import Annotation, pitch_track
from giblet_core.timing import TRGrid, contiguous_folds

TARGET_RATE_HZ = 100  # of envelope, loudness, pitch and presence, before they are pooled in TRs
PROBE_ALPHAS = (1.0, 10.0, 100.0, 1000.0)  # penalties of the probes' ridge regression
LEAST_FOLDS = 3  # for an interval over folds
UNHEARD_S = 0.13  # seconds of a window: the decoder has not heard what came before them
FFT_SIZES = (256, 1024, 2048)  # samples: the resolutions of the fine-tuning loss


# --- a decoder fine-tuned on one sound -----------------------------------------------------------


@dataclass(frozen=True)
class FineTuning:
    """How a decoder is fine-tuned.

    Attributes
    ----------
    See the comment beside each.
    """

    steps: int = 60  # of Adam
    learning_rate: float = 3e-6  # falls to 0 along a cosine
    batch_size: int = 4  # windows a step
    window_s: float = 1.0  # seconds
    seed: int = 0  # of the windows


def finetune_decoder(
    codec: Codec,
    wave: np.ndarray,
    codes: Codes,
    stretches: Sequence[tuple[int, int]],
    training: FineTuning | None = None,
) -> Codec:
    """Train a copy of the codec's decoder on one sound.

    Encoder and codebooks stay, so that codes keep their meaning. The loss is the mean absolute
    error of the samples plus that of log magnitudes at three resolutions, on random windows.

    Parameters
    ----------
    codec : Codec
        Left unchanged; its decoder must be a `TrainableDecoder`.
    wave : array of shape (n_samples,)
    codes : Codes
        Of `wave`.
    stretches : sequence of (start, stop)
        Frames to train on.
    training : FineTuning, optional

    Returns
    -------
    Codec
        Its ``id`` says that it was fine-tuned; it decodes the same codes.

    Raises
    ------
    InputError
        The codec's decoder cannot be trained.
    """
    check_offers(codec, TrainableDecoder, "fine-tuning the decoder")
    training = training or FineTuning()
    rng = np.random.default_rng(training.seed)
    tuned = codec.copy_as(f"{codec.id}, decoder fine-tuned")
    decoder = tuned.decoder_network().requires_grad_(True)
    optimizer = torch.optim.Adam(decoder.parameters(), lr=training.learning_rate)
    n_frames = frame_at(training.window_s, codes.frame_rate)
    starts = np.concatenate(
        [
            np.arange(start, stop - n_frames)
            for start, stop in stretches
            if stop * codes.hop_length <= len(wave)
        ]
    )
    n_unheard = ceil(UNHEARD_S * codes.frame_rate) * codes.hop_length
    for step in range(training.steps):
        fall = 0.5 * (1 + np.cos(np.pi * step / training.steps))
        optimizer.param_groups[0]["lr"] = training.learning_rate * fall
        batch = rng.choice(starts, training.batch_size)
        windows = [codes.indices[:, start : start + n_frames] for start in batch]
        latents = np.stack([sum_latents(window, codec.codebooks) for window in windows])
        target = _cut(wave, batch, n_frames, codes.hop_length)
        optimizer.zero_grad()
        _reconstruction_loss(decoder, latents, target, n_unheard).backward()
        nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
    decoder.requires_grad_(False)
    return tuned


def _cut(wave: np.ndarray, starts: np.ndarray, n_frames: int, hop_length: int) -> np.ndarray:
    """Cut the sound of windows of frames, (n_windows, n_frames * hop_length)."""
    return np.stack([wave[s * hop_length : (s + n_frames) * hop_length] for s in starts])


def _reconstruction_loss(
    decoder: nn.Module, latents: np.ndarray, target: np.ndarray, n_unheard: int
) -> Tensor:
    """Compare decoded latents (B, latent_dim, n_frames) with sound (B, n_samples).

    The first `n_unheard` samples do not count.
    """
    target = torch.from_numpy(target)
    decoded = decoder(torch.from_numpy(latents))[:, 0, : target.shape[1]]
    return _spectral_loss(decoded[:, n_unheard:], target[:, n_unheard:])


def _spectral_loss(decoded: Tensor, target: Tensor) -> Tensor:
    """Add absolute errors of samples and of log magnitudes at each of `FFT_SIZES`."""
    loss = 10 * functional.l1_loss(decoded, target)
    for n_fft in FFT_SIZES:
        decoded_log = _log_magnitude(decoded, n_fft)
        target_log = _log_magnitude(target, n_fft)
        loss = loss + functional.l1_loss(decoded_log, target_log)
    return loss


def _log_magnitude(wave: Tensor, n_fft: int) -> Tensor:
    window = torch.hann_window(n_fft)
    spectrum = torch.stft(wave, n_fft, n_fft // 4, window=window, return_complex=True)
    return torch.log(spectrum.abs() + 1e-3)


def decoder_scores(
    codecs: Mapping[str, Codec],
    wave: np.ndarray,
    codes: Codes,
    starts: np.ndarray,
    n_frames: int,
) -> list[dict]:
    """Score decoders on the same pieces of sound.

    Parameters
    ----------
    codecs : mapping of name to Codec
        All of them decode `codes`.
    wave : array of shape (n_samples,)
    codes : Codes
        Of `wave`.
    starts : integer array of shape (n_pieces,)
        First frames of the pieces.
    n_frames : int
        Of a piece.

    Returns
    -------
    list of dict
        One a codec: ``decoder`` (its name), ``log_mel_db`` and ``si_sdr_db`` against the sound,
        averaged over the pieces that have a value; ``n_undefined``: values that silence left out.
    """
    sounds = _cut(wave, starts, n_frames, codes.hop_length)
    pieces = [codes.crop_frames(start, start + n_frames) for start in starts]
    rows = []
    for name, codec in codecs.items():
        decoded = [codec.decode(piece) for piece in pieces]
        pairs = list(zip(sounds, decoded))
        log_mel = [attempt(log_mel_distance, *pair, codes.sample_rate).value for pair in pairs]
        sdr = [attempt(si_sdr, *pair).value for pair in pairs]
        row = {"log_mel_db": _mean_of_defined(log_mel), "si_sdr_db": _mean_of_defined(sdr)}
        n_undefined = int(np.isnan([*log_mel, *sdr]).sum())
        rows.append({"decoder": name, **row, "n_undefined": n_undefined})
    return rows


def _mean_of_defined(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN where there is none."""
    defined = [value for value in values if not np.isnan(value)]
    return float(np.mean(defined)) if defined else np.nan


# --- what each codebook carries ------------------------------------------------------------------


def probe_targets(
    wave: np.ndarray,
    sample_rate: int,
    grids: Sequence[TRGrid],
    annotation: Annotation | None = None,
) -> pd.DataFrame:
    """Measure what might be read from a code, in each TR.

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    grids : sequence of TRGrid
        One a run.
    annotation : Annotation, optional
        Adds speech and music, where it tells them, and where it tells both also silence (neither
        speech, music, nor an effect).

    Returns
    -------
    pandas.DataFrame of n_trs rows
        A column a target: ``envelope``, ``loudness``, ``pitch`` and ``voicing``, and what the
        annotation adds.
    """
    n_times = len(wave) * TARGET_RATE_HZ // sample_rate
    times = (np.arange(n_times) + 0.5) / TARGET_RATE_HZ
    pitch, voicing = pitch_track(wave, sample_rate)
    tracks = {
        "envelope": envelope(wave, sample_rate)[1],
        "loudness": momentary_loudness(wave, sample_rate)[0],
        "pitch": pitch,
        "voicing": voicing,
    }
    if annotation is not None:
        tracks |= _presence(annotation, times)
    n_shared = min(len(track) for track in tracks.values())
    stacked = np.stack([np.asarray(track, float)[:n_shared] for track in tracks.values()])
    values = pooled(stacked, TARGET_RATE_HZ, grids, ("mean",), None)
    return pd.DataFrame(values, columns=list(tracks))


def _presence(annotation: Annotation, times: np.ndarray) -> dict[str, np.ndarray]:
    """Return when there is speech, music and silence, as far as the annotation tells, by name."""
    presence = {
        kind: annotation.active(kind, times)
        for kind in ("speech", "music")
        if kind in annotation.counts
    }
    if len(presence) == 2:
        effect = annotation.active("effect", times)
        presence["silence"] = ~(presence["speech"] | presence["music"] | effect)
    return presence


def random_vectors(codebooks: np.ndarray, seed: int) -> np.ndarray:
    """Replace every entry's vector by a random one: what labels tell without the codec's geometry.

    Returns an array of the shape of `codebooks`, standard normal, float32.
    """
    return np.random.default_rng(seed).normal(size=codebooks.shape).astype(np.float32)


def probe_codebooks(
    codebooks: np.ndarray,
    codes: Codes,
    targets: pd.DataFrame,
    grids: Sequence[TRGrid],
    n_folds: int = 5,
    embargo: int = 4,
) -> pd.DataFrame:
    """Ask of each codebook alone what can be read from its vectors: a linear probe.

    The vectors are pooled in TRs (mean and standard deviation); ridge regression reads the targets
    from them, scored in contiguous stretches of held-out time.

    Parameters
    ----------
    codebooks : array of shape (>= K, cardinality, D)
        The codec's, or `random_vectors`.
    codes : Codes
    targets : pandas.DataFrame of n_trs rows
        A column a target, as from `probe_targets`.
    grids : sequence of TRGrid
        One a run; as many TRs as targets.
    n_folds : int
        Of `contiguous_folds`.
    embargo : int
        TRs between training and test.

    Returns
    -------
    pandas.DataFrame
        A row a codebook and target: ``r``, the Fisher mean over folds, and ``low``, ``high``:
        Student's interval over folds.
    """
    onsets = tuple(np.cumsum([0, *(grid.n_trs for grid in grids[:-1])]))
    folds = contiguous_folds(len(targets), n_folds, embargo, onsets)
    rows = []
    for k, entries in enumerate(codes.indices):
        latents = codebooks[k][entries].T  # (D, n_frames)
        space = latent_features(
            f"codebook {k}", latents, codes.frame_rate, grids, ("mean", "sd"), None
        )
        fit = fit_ridge(
            space.values,
            targets.to_numpy(),
            folds,
            PROBE_ALPHAS,
            run_onsets=onsets,
            embargo=embargo,
            n_inner=2,
        )
        for j, target in enumerate(targets):
            low, high = _interval_over_folds(fit.r_folds[:, j])
            row = {"codebook": k, "target": target, "r": float(fit.r[j]), "low": low, "high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def _interval_over_folds(r: np.ndarray) -> tuple[float, float]:
    """Return Student's interval of correlations (n_folds,), computed on Fisher's z.

    NaN where fewer than three folds have a correlation.
    """
    defined = r[np.isfinite(r)]
    if len(defined) < LEAST_FOLDS:
        return np.nan, np.nan
    z = seed_interval(np.arctanh(defined))
    return float(np.tanh(z.low)), float(np.tanh(z.high))
