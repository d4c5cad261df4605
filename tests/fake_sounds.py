"""Sounds and films made for tests, each saying what it guarantees."""

from fractions import Fraction

import av
import numpy as np
import scipy.signal

RATE = 24_000


def tone(hz, seconds, rate, level=0.5):
    """A steady sine, float32."""
    times_s = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def peak_hz(wave, rate):
    """The frequency with the most power."""
    power = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
    return np.argmax(power) * rate / len(wave)


def make_voice(seconds=9.0, seed=0, sample_rate=RATE):
    """A voice-like sound: gliding pulses through formants, in syllables with pauses.

    Guaranteed: speech by the voicing rule.
    """
    rng = np.random.default_rng(seed)
    n = round(seconds * sample_rate)
    knots_s = np.arange(0, seconds + 1, 0.13)  # a syllable is two: four a second
    times_s = np.arange(n) / sample_rate
    glides = 0.25 * rng.standard_normal(len(knots_s))
    pitch_hz = 120 * 2 ** np.interp(times_s, knots_s, glides)
    periods = np.floor(np.cumsum(pitch_hz) / sample_rate)
    source = np.diff(periods, prepend=0) + 0.02 * rng.standard_normal(n)
    voice = np.zeros(n)
    for formant_hz in (500, 1500, 2600):
        voice += scipy.signal.lfilter(*scipy.signal.iirpeak(formant_hz, 6, sample_rate), source)
    syllables = np.resize([0.05, 1.0], len(knots_s))
    peaks = rng.choice([0.02, 0.6, 1.0], len(knots_s)) * syllables
    envelope = np.interp(times_s, knots_s, peaks)
    return (0.1 * voice * envelope / np.std(voice)).astype(np.float32)


def write_video(path, wave, rate, *, start_s=0.0, sound=True):
    """A 2 s film of grey pictures, with AAC sound that begins at `start_s`."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=10)
        picture.width = 32
        picture.height = 32
        picture.pix_fmt = "yuv420p"
        track = container.add_stream("aac", rate=rate, layout="mono") if sound else None
        for i in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        if sound:
            encode_track(container, track, wave[: len(wave) // 1024 * 1024], start_s)


def encode_track(container, track, wave, start_s=0.0):
    """Encode a mono sound, in frames of 1024 samples, into a track of a container being written."""
    rate = track.codec_context.sample_rate
    for first in range(0, len(wave), 1024):
        samples = np.ascontiguousarray(wave[None, first : first + 1024])
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = rate
        frame.time_base = Fraction(1, rate)
        frame.pts = first + round(start_s * rate)
        container.mux(track.encode(frame))
    container.mux(track.encode())
