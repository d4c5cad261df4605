"""The demo codec's decoder as one file, for any choice of codebooks in the reader's browser.

``book/_static/giblet-decoder.js`` runs it. Weights stay float32: the network carries its sound on
an offset of 4, where float16 would leave 16 dB.
"""

import base64
import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pyloudnorm.iirfilter import IIRfilter

from giblet_core.codecs import Codec, ExportableDecoder, check_offers
from giblet_core.files import content_hash, write_text
from giblet_core.listening.media import SPECTROGRAM_HEIGHT, palette
from giblet_core.sound import mel_filters

_N_FFT = 512  # samples; the window of the spectrogram under a player


def write_decoder(codec: Codec, num_codebooks: int, folder: Path) -> Path:
    """Write decoder and codebooks as a script that a page loads when its reader asks for it.

    Parameters
    ----------
    codec : Codec
        An `ExportableDecoder`; a few million weights still travel well.
    num_codebooks : int
        How many of its codebooks go with it.
    folder : Path
        What other codecs left there is removed.

    Returns
    -------
    Path
        Named by its content: a header with the shapes, and the arrays in that order, gzipped.
        Beside the weights go the mel filters, loudness filters and colours with which `listen`
        draws and measures.

    Raises
    ------
    InputError
        The codec's decoder cannot run in a page.
    """
    check_offers(codec, ExportableDecoder, "decoding in the reader's browser")
    arrays = {
        "codebooks": codec.codebooks[:num_codebooks],
        "mel": mel_filters(codec.sample_rate, SPECTROGRAM_HEIGHT, _N_FFT).T,
        **codec.decoder_weights(),
    }
    header = {
        "sampleRate": codec.sample_rate,
        "shapes": {name: array.shape for name, array in arrays.items()},
        "palette": palette().tolist(),
        "weighting": _loudness_filters(codec.sample_rate),
    }
    script = f'giblet.decoder({json.dumps(header)},"{_packed(arrays)}");\n'
    path = Path(folder) / f"decoder-{content_hash(script)[:16]}.js"
    for old in path.parent.glob("decoder-*.js"):
        if old != path:
            old.unlink()
    return write_text(path, script)


def _loudness_filters(sample_rate: int) -> list[tuple[list[float], list[float]]]:
    """Return (numerator, denominator) of the two filters of ITU-R BS.1770, as pyloudnorm has them.

    The head as a sphere: a high shelf of 4 dB; and the ear's loss of low tones: a high pass.
    """
    stages = [
        IIRfilter(4.0, 1 / np.sqrt(2), 1500.0, sample_rate, "high_shelf"),
        IIRfilter(0.0, 0.5, 38.0, sample_rate, "high_pass"),
    ]
    return [(stage.b.tolist(), stage.a.tolist()) for stage in stages]


def _packed(arrays: Mapping[str, Any]) -> str:
    """Return arrays one after the other, little-endian float32, gzipped, as base64."""
    numbers = b"".join(np.ascontiguousarray(array, "<f4").tobytes() for array in arrays.values())
    return base64.b64encode(gzip.compress(numbers, mtime=0)).decode()
