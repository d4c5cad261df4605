"""The demo codec's decoder as one file, so that the static book decodes any choice of codebooks in the reader's browser.

``book/_static/giblet-decoder.js`` runs it. Every causal layer becomes the same step, a matrix on the last few frames, so that the engine
there is one loop and an LSTM. Weights stay float32: the network carries its sound on an offset of 4, where float16 leaves 16 dB.
"""

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyloudnorm
from torch import Tensor, nn
from transformers.models.encodec import modeling_encodec as enc

from giblet_core.artifacts import content_hash, write_text
from giblet_core.codecs import EncodecCodec
from giblet_core.listening import PICTURE, palette
from giblet_core.mel import mel_filters


def write_decoder(codec: EncodecCodec, num_codebooks: int, folder: Path) -> Path:
    """Write decoder and codebooks as a script that a page loads when its reader asks for it.

    Parameters
    ----------
    codec : EncodecCodec
        One with the layers of the demo codec; a few million weights still travel well.
    num_codebooks : int
        How many of its codebooks go with it.
    folder : Path
        What other codecs left there is removed.

    Returns
    -------
    Path
        Named by its content. The arrays are gzipped, in the order of the header.
    """
    mel = {"kind": "mel", "weight": mel_filters(codec.sample_rate, PICTURE[2], 512).T}
    steps = [{"kind": "books", "weight": codec.codebooks[:num_codebooks]}, mel, *_steps(codec._model.decoder.layers)]
    arrays = [np.ascontiguousarray(step[name], "<f4") for step in steps for name in ("weight", "bias", "recurrent", "recurrentBias") if name in step]
    header = [{name: getattr(value, "shape", value) for name, value in step.items()} for step in steps]
    packed = base64.b64encode(gzip.compress(b"".join(a.tobytes() for a in arrays), mtime=0)).decode()
    weighting = [(f.b.tolist(), f.a.tolist()) for f in pyloudnorm.Meter(codec.sample_rate)._filters.values()]
    about = {"sampleRate": codec.sample_rate, "steps": header, "weighting": weighting, "palette": palette().tolist()}
    text = f'giblet.decoder({json.dumps(about)},"{packed}");\n'
    path = Path(folder) / f"decoder-{content_hash(text)[:16]}.js"
    for old in set(path.parent.glob("decoder-*.js")) - {path}:
        old.unlink()
    return write_text(path, text)


def _steps(layers: nn.ModuleList) -> Iterator[dict]:
    """Yield layers as dicts; a matrix is (n_out, taps * n_in), its columns from the oldest frame to the present one."""
    for layer in layers:
        if isinstance(layer, enc.EncodecResnetBlock):
            yield from ({"kind": "keep"}, *_steps(layer.block), {"kind": "add"})
        elif isinstance(layer, enc.EncodecConv1d):
            yield _matrix(layer.conv.weight.permute(0, 2, 1), layer.conv.bias, "reflect")
        elif isinstance(layer, enc.EncodecConvTranspose1d):
            # kernel = 2 strides: each of the `stride` frames that come out is a matrix on the frame before and the present one
            weight = layer.conv.weight.unflatten(2, (2, -1)).flip(2).permute(3, 1, 2, 0)  # (stride, n_out, 2, n_in)
            yield _matrix(weight.flatten(0, 1), layer.conv.bias.tile(len(weight)), "zero") | {"frames": len(weight)}
        elif isinstance(layer, enc.EncodecLSTM):
            lstm = layer.lstm
            yield _matrix(lstm.weight_ih_l0[:, None], lstm.bias_ih_l0, "zero") | {
                "kind": "lstm", "recurrent": lstm.weight_hh_l0.numpy(), "recurrentBias": lstm.bias_hh_l0.numpy()}
        else:
            yield {"kind": "elu"}


def _matrix(weight: Tensor, bias: Tensor, pad: str) -> dict:
    return {"kind": "linear", "taps": weight.shape[1], "pad": pad, "weight": weight.flatten(1).numpy(), "bias": bias.numpy()}
