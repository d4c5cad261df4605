"""What the package may ask of a codec, and what only some offer."""

import numpy as np
import pytest
from fakes import projected_codec, slow_codec

from giblet_core.codecs import (
    Codec,
    ExportableDecoder,
    MelCodec,
    TrainableDecoder,
    UntrainedEncoder,
    check_made_by,
    check_offers,
)
from giblet_core.errors import InputError

CAPABILITIES = (UntrainedEncoder, TrainableDecoder, ExportableDecoder)


def test_codecs_are_codecs_and_a_mel_spectrogram_is_none(codec):
    assert all(isinstance(each, Codec) for each in (codec, slow_codec(), projected_codec()))
    assert not isinstance(MelCodec(), Codec)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_what_a_codec_does_not_offer_is_said(codec, capability):
    check_offers(codec, capability, "this")
    with pytest.raises(InputError, match=f"'slow': this needs what {capability.__name__} lists"):
        check_offers(slow_codec(), capability, "this")


def test_more_codebooks_than_a_codec_has_are_refused(codec, wave):
    codes = codec.encode(wave[:24_000], codec.bandwidths_kbps[-1])
    check_made_by(codec, codes)
    doubled = codes.with_indices(np.concatenate([codes.indices, codes.indices]))
    with pytest.raises(InputError, match=r"Use codes.first\(16\)"):
        check_made_by(codec, doubled)
