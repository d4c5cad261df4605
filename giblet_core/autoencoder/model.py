"""The autoencoder: encoder and decoder joined, with an optional passage through voxels.

codes -> z (256 numbers) -> codes, or codes -> z -> voxels -> z -> codes.
"""

from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from giblet_core.autoencoder.config import NetworkConfig
from giblet_core.autoencoder.networks import AudioDecoder, AudioEncoder
from giblet_core.errors import require


class FMRIBottleneck(nn.Module):
    """Pass the bottleneck through voxels (or regions): dim -> n_voxels -> dim, both linear.

    Because decoding reads voxels, a region can be lesioned: its voxels are set to their mean before
    they are read.

    Parameters
    ----------
    n_voxels : int
    dim : int
        Width of the bottleneck.
    """

    def __init__(self, n_voxels: int, dim: int = 256) -> None:
        super().__init__()
        self.to_voxels = nn.Linear(dim, n_voxels)
        self.from_voxels = nn.Linear(n_voxels, dim)
        self.register_buffer("voxel_mean", torch.zeros(n_voxels))

    def read(self, bold: Tensor, lesion: Tensor | None = None) -> Tensor:
        """Read responses (B, n_voxels), measured or predicted, as vectors (B, dim).

        `lesion`, bool of shape (n_voxels,), marks voxels that are set to their mean first.
        """
        if lesion is not None:
            bold = torch.where(lesion, self.voxel_mean, bold)
        return self.from_voxels(bold)

    @torch.no_grad()
    def fit(self, z: np.ndarray, bold: np.ndarray, alpha: float = 100.0) -> "FMRIBottleneck":
        """Fit both maps by ridge regression in closed form.

        Parameters
        ----------
        z : array of shape (n_trs, dim)
            Bottleneck vectors, already delayed or convolved to the time of `bold`.
        bold : array of shape (n_trs, n_voxels)
            Training TRs only.
        alpha : float
            Ridge penalty, > 0.

        Returns
        -------
        FMRIBottleneck
            Itself.

        Raises
        ------
        InputError
            Other numbers of TRs, or a penalty that is not positive.
        """
        require(
            len(z) == len(bold) and alpha > 0,
            f"len(z)={len(z)}, len(bold)={len(bold)}, alpha={alpha}: rows must be the same TRs and "
            "alpha positive.",
        )
        z = np.asarray(z, np.float64)
        bold = np.asarray(bold, np.float64)
        _fit_ridge(self.to_voxels, z, bold, alpha)
        _fit_ridge(self.from_voxels, bold, z, alpha)
        self.voxel_mean.copy_(torch.from_numpy(bold.mean(0)))
        return self


def _fit_ridge(layer: nn.Linear, inputs: np.ndarray, outputs: np.ndarray, alpha: float) -> None:
    """Give a linear layer the weights of a ridge regression."""
    ridge = Ridge(alpha).fit(inputs, outputs)
    layer.weight.copy_(torch.from_numpy(ridge.coef_))
    layer.bias.copy_(torch.from_numpy(ridge.intercept_))


class AutoencoderOutput(NamedTuple):
    """What `AudioAutoencoder` returns.

    Attributes
    ----------
    prediction : tensor
        The decoder's output.
    bottleneck : tensor of shape (B, dim)
        The vector that the decoder read.
    bold : tensor of shape (B, n_voxels), optional
        Predicted responses, where there is a passage through voxels.
    """

    prediction: Tensor
    bottleneck: Tensor
    bold: Tensor | None


class AudioAutoencoder(nn.Module):
    """Join an encoder and a decoder, with an optional passage through voxels between them.

    Parameters
    ----------
    encoder : AudioEncoder
    decoder : AudioDecoder
    fmri : FMRIBottleneck, optional
    """

    def __init__(
        self, encoder: AudioEncoder, decoder: AudioDecoder, fmri: FMRIBottleneck | None = None
    ) -> None:
        super().__init__()
        for name in ("num_codebooks", "n_frames", "cardinality"):
            of_encoder = getattr(encoder, name)
            of_decoder = getattr(decoder, name)
            require(
                of_encoder == of_decoder,
                f"{name}: encoder has {of_encoder}, decoder has {of_decoder}; they must agree.",
            )
        width_of_fmri = decoder.in_dim if fmri is None else fmri.from_voxels.out_features
        require(
            encoder.out_dim == decoder.in_dim == width_of_fmri,
            f"out_dim={encoder.out_dim}: must equal the decoder's in_dim={decoder.in_dim} and the "
            "width of fmri.",
        )
        self.encoder = encoder
        self.decoder = decoder
        self.fmri = fmri

    def architecture(self) -> dict[str, object]:
        """Return what the network is apart from the values of its weights, for `content_hash`."""
        dropouts = [module.p for module in self.modules() if isinstance(module, nn.Dropout)]
        return {
            "head": self.decoder.head,
            "window": self.decoder.n_frames,
            "weights": {name: tuple(value.shape) for name, value in self.state_dict().items()},
            "dropout": dropouts,
        }

    def forward(
        self,
        codes: Tensor,
        frames: Tensor | None = None,
        bold: Tensor | None = None,
        lesion: Tensor | None = None,
    ) -> AutoencoderOutput:
        """Reconstruct codes (B, K, T).

        Parameters
        ----------
        codes : integer tensor of shape (B, K, T)
        frames : integer tensor, optional
            See `AudioDecoder.forward`.
        bold : tensor of shape (B, n_voxels), optional
            Measured responses to decode from, in place of those predicted from `codes`.
        lesion : bool tensor of shape (n_voxels,), optional
            Voxels to remove.

        Returns
        -------
        AutoencoderOutput

        Raises
        ------
        InputError
            `bold` or `lesion` without a passage through voxels.
        """
        require(
            self.fmri is not None or (bold is None and lesion is None),
            "fmri=None: bold and lesion need a passage through voxels. Give AudioAutoencoder an "
            "FMRIBottleneck.",
        )
        z = self.encoder(codes)
        if self.fmri is None:
            return AutoencoderOutput(self.decoder(z, frames), z, None)
        predicted = self.fmri.to_voxels(z)
        z = self.fmri.read(predicted if bold is None else bold, lesion)
        return AutoencoderOutput(self.decoder(z, frames), z, predicted)


def build_autoencoder(
    network: NetworkConfig, seed: int = 0, codebooks: np.ndarray | None = None
) -> AudioAutoencoder:
    """Build an autoencoder whose first weights depend on `seed` alone.

    Parameters
    ----------
    network : NetworkConfig
        Its shape.
    seed : int
        Of the first weights. The caller's random state is left alone.
    codebooks : array of shape (>= num_codebooks, cardinality, latent_dim), optional
        Start the embeddings from the codec's own vectors; random by default.

    Returns
    -------
    AudioAutoencoder
    """
    if codebooks is not None:
        codebooks = codebooks[: network.num_codebooks]
    shared = {"dropout": network.dropout, "norm": network.norm}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = AudioEncoder(
            network.num_codebooks,
            network.cardinality,
            network.embed_dim,
            network.n_frames,
            network.out_dim,
            hidden=network.encoder_hidden,
            n_segments=min(network.n_segments, network.n_frames),
            codebooks=codebooks,
            **shared,
        )
        decoder = AudioDecoder(
            network.out_dim,
            network.num_codebooks,
            network.n_frames,
            network.head,
            cardinality=network.cardinality,
            latent_dim=network.latent_dim,
            hidden=network.decoder_hidden,
            **shared,
        )
    return AudioAutoencoder(encoder, decoder)
