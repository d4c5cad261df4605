"""EnCodec: sound to codes to latents and back, frozen and streamed exactly.

The networks are those of transformers' ``EncodecModel``.

References
----------
Défossez, Copet, Synnaeve, Adi (2022), High Fidelity Neural Audio Compression.
doi:10.48550/arXiv.2210.13438
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
from torch import nn
from torch.nn.utils import parametrize
from transformers import EncodecConfig, EncodecModel

from giblet_core.codecs.residual import CodecShape, ResidualCodec, nearest, residual_codes
from giblet_core.codecs.streaming import CHUNK_FRAMES, stream, stream_encoder
from giblet_core.devices import REFERENCE
from giblet_core.errors import require
from giblet_core.files import content_hash

#: Entries of a configuration that shape codes and sound (not library versions or names).
SHAPING = (
    "sampling_rate",
    "hidden_size",
    "num_filters",
    "num_residual_layers",
    "upsampling_ratios",
    "kernel_size",
    "last_kernel_size",
    "residual_kernel_size",
    "dilation_growth_rate",
    "compress",
    "num_lstm_layers",
    "codebook_size",
    "target_bandwidths",
    "pad_mode",
    "use_conv_shortcut",
)
TRAINING_ONLY = ("embed_avg", "cluster_size")  # running averages that no code depends on
RANDOM_GAIN = 1.7  # variance of random weights times their fan-in: keeps the size of latents


class EncodecCodec(ResidualCodec):
    """A frozen, causal EnCodec of one channel.

    It is a `Codec`, an `UntrainedEncoder`, a `TrainableDecoder` and an `ExportableDecoder`.

    Parameters
    ----------
    model : EncodecModel
        Its weights are made constant (weight normalisation is folded in) and used in float32.
    codec_id : str
        How the pages name it.

    Attributes
    ----------
    sample_rate : int
        Hz.
    frame_rate : float
        Frames a second, ``sample_rate / hop_length``.
    num_codebooks, cardinality : int
        Codebooks at the highest rate; entries of each.
    bandwidths_kbps : tuple of float
        Rates the model was trained for.
    codebooks : array of shape (num_codebooks, cardinality, latent_dim), float32
        The code vectors; read-only.
    sha256 : str
        Hash of configuration and weights: codes of other weights are refused.
    device : str
        Where its networks compute; what goes in and comes out lies in arrays.

    Raises
    ------
    InputError
        The model is not causal, not mono, or normalises its input (the 48 kHz model).
    """

    chunk_frames = CHUNK_FRAMES

    def __init__(self, model: EncodecModel, codec_id: str):
        _check_streamable(model.config, codec_id)
        shape = CodecShape(
            sample_rate=model.config.sampling_rate,
            hop_length=model.config.hop_length,
            cardinality=model.config.codebook_size,
            latent_dim=model.config.hidden_size,
            bandwidths_kbps=tuple(float(rate) for rate in model.config.target_bandwidths),
        )
        self._model = _frozen(model)
        num_codebooks = shape.codebooks_for(shape.bandwidths_kbps[-1])
        codebooks = [entries.numpy() for entries in self._codebook_tensors(num_codebooks)]
        super().__init__(codec_id, shape, np.stack(codebooks), _hash_of(self._model))
        self.device = REFERENCE

    def move_to(self, device: str) -> None:
        """Compute on another device from now on (see `giblet_core.devices`)."""
        self._model.to(device)
        self.device = device

    def _codebook_tensors(self, num_codebooks: int) -> list[torch.Tensor]:
        layers = self._model.quantizer.layers[:num_codebooks]
        return [layer.codebook.embed for layer in layers]

    @torch.inference_mode()
    def quantise_wave(self, wave: np.ndarray, num_codebooks: int) -> np.ndarray:
        """Encode a checked sound in chunks, with the codes of the whole file.

        Returns
        -------
        array of shape (num_codebooks, n_frames), uint16
        """
        codebooks = self._codebook_tensors(num_codebooks)
        chunks = []
        for latents in stream_encoder(self._model.encoder.layers, wave, self.hop_length):
            points = latents[0].T.contiguous()  # (n_frames, latent_dim)
            chunks.append(residual_codes(points, codebooks).astype(np.uint16))
        return np.concatenate(chunks, axis=1)

    @torch.inference_mode()
    def synthesise(self, chunks: Iterator[np.ndarray], n_samples: int) -> np.ndarray:
        """Turn consecutive chunks (latent_dim, length) of summed latents into `n_samples`.

        Returns
        -------
        array of shape (n_samples,), float32
        """
        arrays = (np.ascontiguousarray(chunk)[None] for chunk in chunks)
        tensors = (torch.from_numpy(array).to(self.device) for array in arrays)
        wave = np.empty(n_samples, np.float32)
        n_done = 0
        for sound in stream(self._model.decoder.layers, tensors):
            part = sound[0, 0, : n_samples - n_done].cpu().numpy()
            wave[n_done : n_done + len(part)] = part
            n_done += len(part)
        return wave

    def nearest(self, k: int, points: np.ndarray) -> np.ndarray:
        """Choose the entry of codebook `k` nearest to each of `points` (n, latent_dim): (n,) int64.

        By squared Euclidean distance.
        """
        codebook = torch.tensor(self.codebooks[k])
        writable = np.require(points, np.float32, "W")  # torch takes no read-only arrays
        return nearest(torch.from_numpy(writable), codebook).numpy()

    @torch.inference_mode()
    def untrained_latents(self, wave: np.ndarray, seed: int = 0) -> np.ndarray:
        """Return the latents of the same encoder with weights drawn at random.

        Weights are normal with variance 1.7 / fan-in, biases are 0: the architecture, unlearned.

        Returns
        -------
        array of shape (latent_dim, n_frames), float32
        """
        layers = copy.deepcopy(self._model.encoder.layers).cpu()  # numbers are drawn there
        rng = torch.Generator().manual_seed(seed)
        for weights in layers.state_dict().values():
            if weights.ndim > 1:
                fan_in = weights[0].numel()
                weights.normal_(0, (RANDOM_GAIN / fan_in) ** 0.5, generator=rng)
            else:
                weights.zero_()
        chunks = [chunk[0].numpy() for chunk in stream_encoder(layers, wave, self.hop_length)]
        return np.concatenate(chunks, axis=1)

    def copy_as(self, codec_id: str) -> "EncodecCodec":
        """Return a deep copy under another name.

        It keeps the hash, and so decodes the same codes, also after its decoder was trained. It
        computes on the CPU.
        """
        twin = copy.deepcopy(self)
        twin.move_to(REFERENCE)
        twin.id = codec_id
        twin.codebooks.setflags(write=False)
        return twin

    def decoder_network(self) -> nn.Module:
        """Return its own decoder: (batch, latent_dim, n_frames) to (batch, 1, n_samples).

        Train that of a copy (`copy_as`): what changes here changes this codec.
        """
        return self._model.decoder

    def decoder_weights(self) -> dict[str, np.ndarray]:
        """Return the decoder's weights by their name in the model."""
        state = self._model.decoder.state_dict()
        return {name: weights.cpu().numpy() for name, weights in state.items()}


def _check_streamable(config: EncodecConfig, codec_id: str) -> None:
    causal = config.use_causal_conv and config.trim_right_ratio == 1.0
    without_group_norm = config.norm_type == "weight_norm"
    whole_input = not config.normalize and config.chunk_length_s is None
    mono = config.audio_channels == 1
    require(
        causal and without_group_norm and whole_input and mono,
        f"codec={codec_id!r}: must be a causal mono EnCodec without input normalisation "
        "(the 24 kHz family). Use facebook/encodec_24khz or a model of its kind.",
    )


def _frozen(model: EncodecModel) -> EncodecModel:
    """Make a model constant: float32, evaluation mode, weight normalisation folded in."""
    model = model.float().eval().requires_grad_(False)
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    return model


def _hash_of(model: EncodecModel) -> str:
    """Return the hash of configuration and weights."""
    shaping = {name: getattr(model.config, name) for name in SHAPING}
    weights = {
        name: value.numpy()
        for name, value in model.state_dict().items()
        if not name.endswith(TRAINING_ONLY)
    }
    return content_hash(shaping, weights)
