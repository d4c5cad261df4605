"""Find out by its content what a file is, and have it inspected.

`CONTAINERS` lists what is known, in the order in which it is tried. To add one, write a function
that recognises it and one that inspects it, and put an entry here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from giblet_core.sound.containers import boxes, frames, transport, uncompressed, xiph
from giblet_core.sound.containers.source import Container, Source, after_id3


@dataclass(frozen=True)
class Kind:
    """A kind of container.

    Attributes
    ----------
    aliases : tuple of str
        Its names: libsndfile's, in capitals, and FFmpeg's.
    recognises : callable
        (source) -> bool.
    inspect : callable
        (source) -> Container; refuses a file that is not whole.
    """

    aliases: tuple[str, ...]
    recognises: Callable[[Source], bool]
    inspect: Callable[[Source], Container]


def begins(magic: bytes, form: bytes = b"") -> Callable[[Source], bool]:
    """Return a test whether a file begins with `magic`, and has `form` eight bytes on."""
    return partial(_begins, magic=magic, form=form)


def _begins(source: Source, magic: bytes, form: bytes) -> bool:
    return source.starts_with(magic) and source.starts_with(form, 8)


def never(source: Source) -> bool:
    """Leave it to a decoder to recognise a kind whose beginning says too little."""
    return False


def _is_flac(source: Source) -> bool:
    return source.starts_with(b"fLaC", after_id3(source))


def _is_mp4(source: Source) -> bool:
    return source.data[4:8] in boxes.FIRST_BOXES


def _is_transport(source: Source) -> bool:
    return transport.spacing_of(source) is not None


def _is_adts(source: Source) -> bool:
    return frames.begins_with_frames(source, frames.ADTS)


def _is_dolby(source: Source) -> bool:
    return frames.begins_with_frames(source, frames.DOLBY)


def _is_mp3(source: Source) -> bool:
    return frames.begins_with_frames(source, frames.MPEG)


CONTAINERS = (
    Kind(("WAV", "WAVEX", "wav"), begins(b"RIFF", b"WAVE"), uncompressed.inspect_wave),
    Kind(("RIFX",), begins(b"RIFX", b"WAVE"), uncompressed.inspect_wave),
    Kind(("RF64",), begins(b"RF64", b"WAVE"), uncompressed.inspect_rf64),
    Kind(("BW64",), begins(b"BW64", b"WAVE"), uncompressed.inspect_rf64),
    Kind(("W64", "w64"), begins(b"riff\x2e\x91\xcf\x11"), uncompressed.inspect_w64),
    Kind(("AIFF", "aiff"), begins(b"FORM", b"AIFF"), uncompressed.inspect_aiff),
    Kind(("AIFC",), begins(b"FORM", b"AIFC"), uncompressed.inspect_aiff),
    Kind(("SVX", "iff"), begins(b"FORM", b"8SVX"), uncompressed.inspect_svx),
    Kind(("SVX",), begins(b"FORM", b"16SV"), uncompressed.inspect_svx),
    Kind(("NIST", "nistsphere"), begins(b"NIST_1A\n   1024\n"), uncompressed.inspect_nist),
    Kind(("CAF", "caf"), begins(b"caff"), uncompressed.inspect_caf),
    Kind(("AU", "au"), begins(b".snd"), uncompressed.inspect_au),
    Kind(("AU, little endian",), begins(b"dns."), uncompressed.inspect_au),
    Kind(("FLAC", "flac"), _is_flac, xiph.inspect_flac),
    Kind(("OGG", "ogg"), begins(b"OggS"), xiph.inspect_ogg),
    Kind(("AVI", "avi"), begins(b"RIFF", b"AVI "), boxes.inspect_avi),
    Kind(("Matroska", "matroska", "webm"), begins(boxes.EBML), boxes.inspect_matroska),
    Kind(("FLV", "flv"), begins(b"FLV\1"), boxes.inspect_flv),
    Kind(("VOC", "voc"), begins(b"Creative Voice File\x1a"), boxes.inspect_voc),
    Kind(("MAT4",), never, boxes.inspect_mat4),
    Kind(("MAT5",), never, boxes.inspect_mat5),
    Kind(("MP4", "mov", "mp4"), _is_mp4, boxes.inspect_mp4),
    Kind(("MPEG-TS", "mpegts"), _is_transport, transport.inspect_transport),
    Kind(("MPEG-PS", "mpeg"), begins(b"\0\0\1\xba"), transport.inspect_program),
    Kind(("TTA", "tta"), begins(b"TTA1"), frames.inspect_tta),
    Kind(("ADTS", "aac"), _is_adts, frames.inspect_adts),
    Kind(("AC-3", "ac3", "eac3"), _is_dolby, frames.inspect_dolby),
    Kind(("MP3", "mp3"), _is_mp3, frames.inspect_mp3),
)


def inspect_container(source: Source, known_as: str = "") -> Container | None:
    """Compare what a file's container declares with the bytes that are there.

    Parameters
    ----------
    source : Source
    known_as : str
        Names with commas between them that a decoder gave the format; "" goes by the content.

    Returns
    -------
    Container or None
        None where it is none of `CONTAINERS`.

    Raises
    ------
    InputError
        The file is not whole, or more than one.
    """
    names = set(known_as.split(","))
    for kind in CONTAINERS:
        if kind.recognises(source) or names & set(kind.aliases):
            return kind.inspect(source)
    return None
