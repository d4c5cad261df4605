"""Reading: a sound file, or the sound of a video, as one mono waveform.

Read `load` first (`load_audio`, `audio_info`, and which decoder a file is given to), then `sndfile`
and `ffmpeg` (decoding in blocks, counted), `tracks` (which of several) and `mixing` (from channels
to one). A file is read whole or refused; what is done to it and could surprise is said in
`AudioInfo.notes`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["ffmpeg", "load", "mixing", "sndfile", "tracks"],
    submod_attrs={
        "load": ["AudioInfo", "audio_info", "load_audio"],
        "tracks": ["Track"],
    },
)
