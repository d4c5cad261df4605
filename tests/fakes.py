"""Small stand-ins, each saying what it guarantees."""

import hashlib
from functools import lru_cache

import numpy as np
import torch
from scipy.fft import dct, idct
from transformers import EncodecConfig, EncodecModel

from giblet_core.codecs import CodecEntry, CodecShape, ResidualCodec

CONVOLUTIONS = (torch.nn.Conv1d, torch.nn.ConvTranspose1d)


def conditioned_model(
    num_filters=8, seed=0, bandwidths=(1.5, 3.0, 6.0, 12.0), seconds=8.0, **shape
):
    """An EnCodec with random weights whose codes vary.

    Convolutions keep unit variance, codebooks are filled from the running residual. Plain random
    weights give almost constant codes, with which every comparison of codes would pass.
    """
    torch.manual_seed(seed)
    config = EncodecConfig(num_filters=num_filters, target_bandwidths=list(bandwidths), **shape)
    model = EncodecModel(config).eval()
    rng = np.random.default_rng(seed)
    wave = torch.from_numpy(coloured_noise(int(24_000 * seconds), rng))[None, None]
    with torch.no_grad():
        latents = _keep_unit_variance(model.encoder.layers, wave)
        _fill_codebooks(model.quantizer.layers, latents[0].T, rng)
        _keep_unit_variance(model.decoder.layers, None, n_frames=int(75 * seconds))
    return model


def _keep_unit_variance(layers, x, n_frames=0):
    """Scale the last convolution of each layer so that its output has unit variance.

    Without `x`, the first layer hears normal noise of `n_frames`.
    """
    for layer in layers:
        if x is None:
            x = torch.randn(1, 128, n_frames)
        convolutions = [part for part in layer.modules() if isinstance(part, CONVOLUTIONS)]
        for convolution in convolutions:
            convolution.bias.zero_()
        scale = layer(x).std()
        if convolutions:
            convolutions[-1].parametrizations.weight.original0.div_(scale)
        x = layer(x)
    return x


def _fill_codebooks(levels, residual, rng):
    for level in levels:
        chosen = torch.from_numpy(rng.integers(len(residual), size=1024))
        jitter = 0.2 * residual.std() * torch.randn(1024, 128)
        level.codebook.embed.copy_(0.5 * residual[chosen] + jitter)
        residual = residual - level.codebook.embed[level.codebook.quantize(residual)]


class LinearCodec(ResidualCodec):
    """A codec of a few lines: a latent is the lowest cosines of a frame, codebooks add up.

    It guarantees what the pipeline relies on: a frame's code depends on that frame alone (so on
    nothing later), decoding is linear, decoded latents have the level of the sound below its
    highest cosine, and codes of noise-like sound vary (each level uses most of its entries).
    """

    def __init__(self, codec_id, shape, num_codebooks, seed=0):
        rng = np.random.default_rng(seed)
        noise = coloured_noise(shape.hop_length * 2000, rng)
        self.shape = shape
        residual = self._analyse(noise)
        codebooks = np.zeros((num_codebooks, shape.cardinality, shape.latent_dim), np.float32)
        self.make_quantisers(num_codebooks, rng)
        for k in range(num_codebooks):
            chosen = residual[rng.integers(len(residual), size=shape.cardinality)]
            scale = 0.3 * residual.std(0)
            jitter = scale * rng.standard_normal(chosen.shape)
            codebooks[k] = self.allowed(k, 0.7 * chosen + jitter)
            residual = residual - codebooks[k][self.nearest_of(k, codebooks[k], residual)]
        digest = hashlib.sha256(codec_id.encode() + codebooks.tobytes()).hexdigest()
        super().__init__(codec_id, shape, codebooks, digest)

    def make_quantisers(self, num_codebooks, rng):
        """Prepare what `allowed` and `nearest_of` need."""

    def allowed(self, k, vectors):
        """Return the vectors that codebook k can hold nearest to the given ones."""
        return vectors

    def nearest_of(self, k, entries, points):
        """Choose by Euclidean distance."""
        distances = (entries**2).sum(1) - 2 * points @ entries.T
        return distances.argmin(1)

    def nearest(self, k, points):
        return self.nearest_of(k, self.codebooks[k], np.asarray(points, np.float32))

    def _analyse(self, wave):
        """(n_samples,) to (n_frames, latent_dim); the last frame is filled with silence."""
        n_missing = -len(wave) % self.shape.hop_length
        frames = np.pad(wave, (0, n_missing)).reshape(-1, self.shape.hop_length)
        return dct(frames, norm="ortho", axis=1)[:, : self.shape.latent_dim].astype(np.float32)

    def quantise_wave(self, wave, num_codebooks):
        residual = self._analyse(wave)
        indices = []
        for k in range(num_codebooks):
            chosen = self.nearest(k, residual)
            indices.append(chosen)
            residual = residual - self.codebooks[k][chosen]
        return np.stack(indices).astype(np.uint16)

    def synthesise(self, chunks, n_samples):
        latents = np.concatenate(list(chunks), axis=1)
        frames = idct(latents.T, n=self.hop_length, norm="ortho", axis=1)
        return frames.ravel()[:n_samples].astype(np.float32)


class ProjectedCodec(LinearCodec):
    """A `LinearCodec` that quantises as DAC does: in few dimensions, by the cosine.

    Each level projects the residual to 8 dimensions and takes the entry of the most similar
    direction, whatever its length; its vectors, brought back, are what is added. It guarantees
    that the nearest entry is often not the one nearest in the space of latents.
    """

    n_dims = 8

    def make_quantisers(self, num_codebooks, rng):
        shape = (num_codebooks, self.shape.latent_dim, self.n_dims)
        self.projections = np.linalg.qr(rng.standard_normal(shape))[0].astype(np.float32)

    def allowed(self, k, vectors):
        return vectors @ self.projections[k] @ self.projections[k].T

    def nearest_of(self, k, entries, points):
        directions = entries @ self.projections[k]
        directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        return (points @ self.projections[k] @ directions.T).argmax(1)


SLOW_SHAPE = CodecShape(
    sample_rate=24_000,
    hop_length=1920,
    cardinality=2048,
    latent_dim=64,
    bandwidths_kbps=(0.275, 0.55),
)
PROJECTED_SHAPE = CodecShape(
    sample_rate=16_000,
    hop_length=320,
    cardinality=1024,
    latent_dim=48,
    bandwidths_kbps=(1.0, 2.0, 3.0),
)


@lru_cache
def slow_codec():
    """12.5 frames a second, 4 codebooks of 2048 entries."""
    return LinearCodec("slow", SLOW_SHAPE, num_codebooks=4)


@lru_cache
def projected_codec():
    """50 frames a second at 16 kHz, 6 codebooks, projected and normalised."""
    return ProjectedCodec("projected", PROJECTED_SHAPE, num_codebooks=6)


#: Name -> entry, for `giblet_core.codecs.CODECS`.
FAKE_CODECS = {
    "slow": CodecEntry("slow", slow_codec, "12.5 Hz x 2048 entries"),
    "projected": CodecEntry("projected", projected_codec, "50 Hz, projected and normalised"),
}


def coloured_noise(n, rng, level=0.1):
    """Noise with a falling spectrum and syllable-like level changes, float32 (n,)."""
    white = rng.standard_normal(n)
    red = np.fft.irfft(np.fft.rfft(white) / (1 + np.arange(n // 2 + 1) / (n / 50)), n)
    slow = 0.3 + np.abs(
        np.interp(
            np.arange(n),
            np.arange(0, n + 6000, 6000),
            rng.standard_normal(len(range(0, n + 6000, 6000))),
        )
    )
    wave = red / red.std() * slow
    return (level * wave / wave.std()).astype(np.float32)
