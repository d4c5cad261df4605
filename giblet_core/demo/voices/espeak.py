"""espeak-ng through its library, which tells the sample at which each word and phoneme begins.

It is needed only to speak the demo film anew; the film renders from stored voices without it.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import numpy as np

from giblet_core.errors import InputError

WORD = 1  # kinds of events
PHONEME = 7
RATE = 1  # parameters
PITCH = 3
PITCH_RANGE = 4
SYNCHRONOUS = 2  # output: samples to the callback, which has seen all when synthesis returns
PHONEME_EVENTS = 1  # option
POSITION_IS_CHARACTER = 1
CHARACTERS_ARE_UTF8 = 1


class _EventStruct(ctypes.Structure):
    """The library's ``espeak_EVENT``."""

    _fields_ = [
        ("kind", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EventStruct)
)


@dataclass(frozen=True)
class Event:
    """What the library says of a spoken text.

    Attributes
    ----------
    kind : int
        `WORD` or `PHONEME`; there are others.
    position : int
        Of a word: the character of the text at which it begins.
    length : int
        Of a word: its characters.
    sample : int
        At which it begins.
    name : str
        Of a phoneme.
    """

    kind: int
    position: int
    length: int
    sample: int
    name: str = ""

    @property
    def is_sounding_phoneme(self) -> bool:
        """Whether it is a phoneme that is heard, not a pause or a mark."""
        is_mark = self.name.startswith("_") or '"' in self.name or self.name == ""
        return self.kind == PHONEME and not is_mark


@dataclass(frozen=True)
class Voice:
    """A voice of espeak-ng and how it speaks: words a minute, pitch and its range, 0 to 99."""

    name: str
    words_per_minute: int
    pitch: int
    pitch_range: int


@dataclass(frozen=True)
class Spoken:
    """A spoken text: int16 samples at the library's rate, and its events in order."""

    pcm: np.ndarray
    events: list[Event]


@dataclass(frozen=True)
class Library:
    """The loaded library, its sample rate in Hz, and its version."""

    handle: ctypes.CDLL
    sample_rate: int
    version: str


@cache
def load_library() -> Library:
    """Load espeak-ng."""
    try:
        handle = ctypes.CDLL("libespeak-ng.so.1")
    except OSError as error:
        raise InputError(
            "espeak-ng is absent: it is needed only to speak the demo film anew. Install it "
            "(Debian: apt-get install espeak-ng); the stored voices in giblet_core/assets stay as "
            "they are and the film renders without it."
        ) from error
    sample_rate = handle.espeak_Initialize(SYNCHRONOUS, 0, None, PHONEME_EVENTS)
    handle.espeak_Info.restype = ctypes.c_char_p
    return Library(handle, sample_rate, handle.espeak_Info(None).decode())


class _Receiver:
    """What the library calls with samples and events."""

    def __init__(self):
        self.pcm: list[np.ndarray] = []
        self.events: list[Event] = []

    def __call__(self, wave, n_samples: int, event) -> int:
        """Keep a piece of sound and its events, which end with one of kind 0; go on."""
        if wave and n_samples:
            self.pcm.append(np.ctypeslib.as_array(wave, (n_samples,)).copy())
        while event[0].kind:
            struct = event[0]
            name = struct.id.decode(errors="replace")
            position = struct.text_position - 1  # the library counts from 1
            self.events.append(Event(struct.kind, position, struct.length, struct.sample, name))
            following = ctypes.addressof(struct) + ctypes.sizeof(_EventStruct)
            event = ctypes.cast(following, ctypes.POINTER(_EventStruct))
        return 0


def speak(text: str, voice: Voice) -> Spoken:
    """Speak a text.

    Raises
    ------
    InputError
        espeak-ng is absent, or does not have the voice.
    """
    library = load_library().handle
    receiver = _Receiver()
    callback = _CALLBACK(receiver)  # held here while the library uses it
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.name.encode()):
        raise InputError(
            f"voice={voice.name}: espeak-ng does not have it. "
            "Install the full espeak-ng-data package."
        )
    library.espeak_SetParameter(RATE, voice.words_per_minute, 0)
    library.espeak_SetParameter(PITCH, voice.pitch, 0)
    library.espeak_SetParameter(PITCH_RANGE, voice.pitch_range, 0)
    raw = text.encode()
    library.espeak_Synth(
        raw, len(raw) + 1, 0, POSITION_IS_CHARACTER, 0, CHARACTERS_ARE_UTF8, None, None
    )
    library.espeak_Synchronize()
    return Spoken(np.concatenate(receiver.pcm), receiver.events)
