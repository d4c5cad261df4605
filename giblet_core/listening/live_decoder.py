"""The demo codec's decoder as one file, so that the static book decodes any choice of codebooks in
the reader's browser.

``book/_static/giblet-decoder.js`` runs it. Weights stay float32: the network carries its sound on
an offset of 4, where float16 would leave 16 dB.
"""

import base64
import gzip
import json
from pathlib import Path

import numpy as np
import pyloudnorm

from giblet_core.codecs import Codec, ExportableDecoder, check_offers
from giblet_core.files import content_hash, write_text
from giblet_core.listening.players import PICTURE, palette
from giblet_core.sound import mel_filters


def write_decoder(codec: Codec, num_codebooks: int, folder: Path) -> Path:
    """Write decoder and codebooks as a script that a page loads when its reader asks for it.

    Parameters
    ----------
    codec : Codec
        One with the layers of the demo codec; a few million weights still travel well.
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
    """
    check_offers(codec, ExportableDecoder, "decoding in the reader's browser")
    arrays = {
        "codebooks": codec.codebooks[:num_codebooks],
        "mel": mel_filters(codec.sample_rate, PICTURE[2], 512).T,
    }
    arrays |= codec.decoder_weights()
    packed = gzip.compress(
        b"".join(np.ascontiguousarray(a, "<f4").tobytes() for a in arrays.values()), mtime=0
    )
    header = {
        "sampleRate": codec.sample_rate,
        "shapes": {name: a.shape for name, a in arrays.items()},
        "palette": palette().tolist(),
        "weighting": [
            (f.b.tolist(), f.a.tolist())
            for f in pyloudnorm.Meter(codec.sample_rate)._filters.values()
        ],
    }
    text = f'giblet.decoder({json.dumps(header)},"{base64.b64encode(packed).decode()}");\n'
    path = Path(folder) / f"decoder-{content_hash(text)[:16]}.js"
    for old in set(path.parent.glob("decoder-*.js")) - {path}:
        old.unlink()
    return write_text(path, text)
