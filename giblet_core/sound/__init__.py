"""Sound: files in and out, what is heard when, and its spectra.

Read `samples` first (what a waveform is here, and resampling), then `reading` (with `containers`,
which compares what a file declares with what is there) and `writing`, then `spectra`, `pitch`,
`annotation` and `speech`. A waveform is mono float32, finite, in about [-1, 1], with its rate in Hz
beside it. A file is read whole or refused.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "annotation",
        "containers",
        "pitch",
        "reading",
        "samples",
        "spectra",
        "speech",
        "writing",
    ],
    submod_attrs={
        "annotation": [
            "KINDS",
            "TYPES",
            "Annotation",
            "Event",
            "Scene",
            "Word",
            "annotation_beside",
            "events_path",
        ],
        "pitch": ["pitch_track"],
        "reading": ["AudioInfo", "Track", "audio_info", "load_audio"],
        "samples": ["check_wave", "resample"],
        "spectra": ["log_mel", "mel_filters", "stft"],
        "speech": ["speech_intervals", "speech_segments"],
        "writing": ["save_audio"],
    },
)
