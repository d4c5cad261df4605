"""The codec: sound <-> codes <-> latents, through transformers' ``EncodecModel``, frozen, streamed
exactly.

References
----------
Défossez, Copet, Synnaeve, Adi (2022), High Fidelity Neural Audio Compression.
doi:10.48550/arXiv.2210.13438
"""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch.nn.utils import parametrize
from transformers import EncodecConfig, EncodecModel

from giblet_core.codecs.codes import Codes, frame_at
from giblet_core.codecs.quantisation import residual_codes
from giblet_core.codecs.streaming import CHUNK_FRAMES, chunk_bounds, stream, stream_encoder
from giblet_core.errors import require
from giblet_core.files import content_hash
from giblet_core.sound import check_wave


class EncodecCodec:
    """A frozen, causal EnCodec of one channel.

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

    Raises
    ------
    InputError
        The model is not causal, not mono, or normalises its input (the 48 kHz model).
    """

    def __init__(self, model: EncodecModel, codec_id: str):
        config = model.config
        streamable = (
            config.use_causal_conv
            and config.norm_type == "weight_norm"
            and config.trim_right_ratio == 1.0
        )
        plain = (
            not config.normalize and config.chunk_length_s is None and config.audio_channels == 1
        )
        require(
            streamable and plain,
            f"codec={codec_id!r}: must be a causal mono EnCodec without input normalisation (the 24 kHz family). "
            "Use facebook/encodec_24khz or a model of its kind.",
        )
        self._model = _frozen(model)
        self.id = codec_id
        self.sample_rate: int = config.sampling_rate
        self.hop_length: int = config.hop_length
        self.frame_rate: float = config.sampling_rate / config.hop_length
        self.cardinality: int = config.codebook_size
        self.latent_dim: int = config.hidden_size
        self.bandwidths_kbps: tuple[float, ...] = tuple(float(b) for b in config.target_bandwidths)
        self.num_codebooks: int = self.codebooks_at(self.bandwidths_kbps[-1])
        self.codebooks = np.stack(
            [
                layer.codebook.embed.numpy()
                for layer in self._model.quantizer.layers[: self.num_codebooks]
            ]
        )
        self.codebooks.setflags(write=False)
        state = self._model.state_dict()
        weights = {
            name: value.numpy()
            for name, value in state.items()
            if not name.endswith(("embed_avg", "cluster_size"))
        }
        self.sha256 = content_hash(_shape_of(config), weights)

    def __repr__(self) -> str:
        return f"EncodecCodec({self.id!r}, {self.sample_rate} Hz, {self.frame_rate:g} frames/s, {self.num_codebooks} x {self.cardinality})"

    def codebooks_at(self, bandwidth_kbps: float) -> int:
        """Return how many codebooks a rate buys: ``floor(1000 kbps / (log2(cardinality) *
        frame_rate))``.

        Raises
        ------
        InputError
            The model was not trained for this rate.
        """
        require(
            float(bandwidth_kbps) in self.bandwidths_kbps,
            f"bandwidth_kbps={bandwidth_kbps}: must be one of "
            f"{', '.join(f'{b:g}' for b in self.bandwidths_kbps)} for codec {self.id!r}. Choose one of them, or slice with "
            "codes.first(k).",
        )
        return math.floor(1000 * bandwidth_kbps / (math.log2(self.cardinality) * self.frame_rate))

    @torch.inference_mode()
    def encode(self, wave: np.ndarray, bandwidth_kbps: float = 6.0) -> Codes:
        """Encode a sound in chunks, with the codes of the whole file.

        Parameters
        ----------
        wave : array of shape (n_samples,)
            Mono, float, at ``sample_rate``, at least one hop (320 samples) long.
        bandwidth_kbps : float
            One of ``bandwidths_kbps``. Lower rates are slices of higher ones: ``codes.first(k)``.

        Returns
        -------
        Codes
            ``ceil(n_samples / hop_length)`` frames.

        Raises
        ------
        InputError
            Less than one hop, NaN or infinity, or an unknown rate.
        """
        k, wave = self.codebooks_at(bandwidth_kbps), check_wave(wave)
        require(
            wave.size >= self.hop_length,
            f"wave: {wave.size} samples are less than one hop ({self.hop_length} samples, "
            f"{1000 / self.frame_rate:.1f} ms); one frame at least is needed. Give a longer sound.",
        )
        codebooks = [layer.codebook.embed for layer in self._model.quantizer.layers[:k]]
        latents = stream_encoder(self._model.encoder.layers, wave, self.hop_length)
        indices = np.concatenate(
            [residual_codes(z[0].T.contiguous(), codebooks).astype(np.uint16) for z in latents],
            axis=1,
        )
        rate = k * math.log2(self.cardinality) * self.frame_rate / 1000
        return Codes(
            indices, self.sample_rate, self.frame_rate, wave.size, rate, self.id, self.sha256
        )

    def latents(
        self, codes: Codes, start_s: float = 0.0, stop_s: float | None = None
    ) -> np.ndarray:
        """Look up the code vectors, one slice a codebook; their sum over codebooks is the decoder's
        input.

        Parameters
        ----------
        codes : Codes
        start_s, stop_s : float
            The piece wanted, in seconds; the whole by default (a film at 6 kbps takes 0.3 MB a
            second).

        Returns
        -------
        array of shape (num_codebooks, latent_dim, n_frames), float32
        """
        self._check_codes(codes)
        first = frame_at(start_s, codes.frame_rate)
        last = (
            codes.n_frames
            if stop_s is None
            else min(frame_at(stop_s, codes.frame_rate), codes.n_frames)
        )
        require(
            0 <= first < last,
            f"start_s={start_s}, stop_s={stop_s}: must enclose at least one of the {codes.n_frames} frames. Give "
            "seconds inside the sound.",
        )
        return self._lookup(codes, first, last)

    def _lookup(self, codes: Codes, first: int, last: int) -> np.ndarray:
        codebooks = np.arange(codes.num_codebooks)[:, None]
        return self.codebooks[codebooks, codes.indices[:, first:last]].transpose(0, 2, 1)

    def decode(self, codes: Codes) -> np.ndarray:
        """Turn codes into sound in chunks (flat memory).

        Returns
        -------
        array of shape (codes.n_samples,), float32

        Raises
        ------
        InputError
            Codes of another codec, or of more codebooks than this one has.
        """
        self._check_codes(codes)
        return self._decode(
            (
                self._lookup(codes, a, b).sum(0)
                for a, b in chunk_bounds(codes.n_frames, CHUNK_FRAMES)
            ),
            codes.n_samples,
        )

    def decode_latents(self, z: np.ndarray, n_samples: int | None = None) -> np.ndarray:
        """Turn summed latents into sound.

        Parameters
        ----------
        z : array of shape (latent_dim, n_frames)
            The sum over codebooks of `latents`, lesioned or predicted as one likes.
        n_samples : int, optional
            Length of the result; all frames by default.

        Returns
        -------
        array of shape (n_samples,), float32
        """
        z = np.asarray(z, np.float32)
        require(
            z.ndim == 2 and z.shape[0] == self.latent_dim and z.shape[1] > 0,
            f"z.shape={z.shape}: must be ({self.latent_dim}, "
            "n_frames), summed over codebooks. Use latents(codes).sum(0).",
        )
        require(
            np.isfinite(z).all(),
            f"z: {int((~np.isfinite(z)).sum())} values are NaN or infinite; all must be finite. Check what "
            "predicted them.",
        )
        most = z.shape[1] * self.hop_length
        n_samples = most if n_samples is None else n_samples
        require(
            0 < n_samples <= most,
            f"n_samples={n_samples}: {z.shape[1]} frames give at most {most} samples. Give a length in that "
            "range.",
        )
        return self._decode(
            (z[:, a:b] for a, b in chunk_bounds(z.shape[1], CHUNK_FRAMES)), n_samples
        )

    @torch.inference_mode()
    def _decode(self, chunks: Iterator[np.ndarray], n_samples: int) -> np.ndarray:
        tensors = (torch.from_numpy(np.ascontiguousarray(chunk))[None] for chunk in chunks)
        wave, at = np.empty(n_samples, np.float32), 0
        for piece in stream(self._model.decoder.layers, tensors):
            part = piece[0, 0, : n_samples - at].numpy()
            wave[at : at + len(part)] = part
            at += len(part)
        return wave

    def _check_codes(self, codes: Codes) -> None:
        require(
            codes.codec_sha256 == self.sha256,
            f"codes.codec_id={codes.codec_id!r} ({codes.codec_sha256[:12]}): must come from codec "
            f"{self.id!r} ({self.sha256[:12]}). Decode with the codec that made them, or encode the sound again.",
        )
        require(
            codes.num_codebooks <= self.num_codebooks,
            f"codes.num_codebooks={codes.num_codebooks}: codec {self.id!r} has "
            f"{self.num_codebooks}. Use codes.first({self.num_codebooks}).",
        )


def _frozen(model: EncodecModel) -> EncodecModel:
    """Make a model constant: float32, evaluation mode, weight normalisation folded into plain
    weights.
    """
    model = model.float().eval().requires_grad_(False)
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    return model


def _shape_of(config: EncodecConfig) -> dict:
    """The part of a configuration that shapes codes and sound (not library versions or names)."""
    names = (
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
    return {name: getattr(config, name) for name in names}
