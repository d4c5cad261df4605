"""The seed's door: sound to one array a TR and back, with explicit formats.

``AudioProcessor(use_encodec=True)`` speaks codes, ``AudioProcessor(use_encodec=False)`` the legacy
mel spectrogram.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.codecs import SOURCES as CODEC_SOURCES
from giblet_core.codecs import Codec, Codes, MelCodec, as_written, frame_at, load_codec
from giblet_core.errors import InputError, require
from giblet_core.files import cached_npz, content_hash
from giblet_core.sound import check_wave, load_audio
from giblet_core.timing.grid import TRGrid, cut, pool, uncut

FORMATS = ("encodec", "mel_3d", "mel_2d")
#: The code that shapes features: another version of it makes files of its own in the cache
SOURCES = (*CODEC_SOURCES, Path(__file__), Path(__file__).with_name("grid.py"))


def detect_audio_format(features: np.ndarray, meta: Mapping[str, Any] | None = None) -> str:
    """Say which representation an array of features holds.

    The explicit tag ``meta["audio_format"]`` comes first; without one the seed's rule:
    three-dimensional integers (of any width) are codes, three-dimensional floats a mel spectrogram,
    two-dimensional floats its mean a TR.

    Returns
    -------
    {"encodec", "mel_3d", "mel_2d"}

    Raises
    ------
    InputError
        A tag that contradicts the array, or an array that could be either (floats that hold nothing
        but code labels, 2-d integers).
    """
    features = np.asarray(features)
    implied = _implied_format(features)
    tag = (meta or {}).get("audio_format")
    require(
        tag in (None, *FORMATS),
        f"meta['audio_format']={tag!r}: must be one of {', '.join(FORMATS)}. Use the features' own "
        "meta.",
    )
    require(
        tag is None or tag == implied,
        f"meta['audio_format']={tag!r}: but the features are {features.ndim}-d {features.dtype}, "
        f"which is {implied!r}; formats are never mixed. Use the meta that came with the features.",
    )
    if tag is None and implied == "mel_3d" and _could_be_labels(features):
        raise InputError(
            "features: floats that are all whole numbers of 0 or more are ambiguous (codes cast to "
            "float?). Cast codes back to int, or pass meta with an audio_format."
        )
    return implied


def _implied_format(features: np.ndarray) -> str:
    """Return the format that dimensions and type imply."""
    is_integer = features.dtype.kind in "iu"
    is_float = features.dtype.kind == "f"
    if features.ndim == 3 and is_integer:
        return "encodec"
    if features.ndim == 3 and is_float:
        return "mel_3d"
    if features.ndim == 2 and is_float:
        return "mel_2d"
    raise InputError(
        f"features: {features.ndim}-d {features.dtype} is ambiguous; expected 3-d integers "
        "(codes), 3-d or 2-d floats (mel). Restore the shape (n_trs, K, frames)."
    )


def _could_be_labels(features: np.ndarray) -> bool:
    whole = features == np.floor(features)
    return bool(features.size and np.all(whole & (features >= 0)))


@dataclass(frozen=True)
class AudioProcessor:
    """Sound to features a TR, and back.

    Parameters
    ----------
    use_encodec : bool
        True: codes of a neural codec, (n_trs, K, frames) int32. False: the legacy mel spectrogram,
        (n_trs, n_mels, frames) float32.
    codec : str
        For `giblet_core.load_codec`.
    bandwidth_kbps : float
    t_r : float
        Seconds.
    n_mels : int
        Legacy path: 128; the seed's 2048 is possible.
    average_within_tr : bool
        Legacy path as the predecessor ran it: one value a band and TR, (n_trs, n_mels); time within
        the TR is lost.
    """

    use_encodec: bool = True
    codec: str | None = None
    bandwidth_kbps: float = 6.0
    t_r: float = 1.5
    n_mels: int = 128
    average_within_tr: bool = False

    def __post_init__(self) -> None:
        if self.use_encodec and self.average_within_tr:
            raise InputError(
                "average_within_tr=True: is the mel path's; codes are labels and cannot be "
                "averaged. Use use_encodec=False."
            )

    @property
    def audio_format(self) -> str:
        """The tag of what `audio_to_features` returns."""
        if self.use_encodec:
            return "encodec"
        return "mel_2d" if self.average_within_tr else "mel_3d"

    def audio_to_features(
        self,
        audio: str | Path | np.ndarray,
        cache_dir: str | Path | None = None,
        cache_name: str = "sherlock_all_hrf_per_subject",
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Turn a sound into features of all its whole TRs.

        Parameters
        ----------
        audio : path, or array of shape (n_samples,)
            An array is at the codec's rate (24,000 Hz for EnCodec; 22,050 Hz for mel).
        cache_dir : path, optional
            Keep the result there as ``{cache_name}_encodec-<hash>.npz`` or
            ``{cache_name}_mel-<hash>.npz``; the hash covers sound, settings, weights and code, so
            a stale file is never hit and formats never mix.
        cache_name : str
            How file names in the cache begin.

        Returns
        -------
        features : array of shape (n_trs, K, 112) int32, or (n_trs, n_mels, frames) float32, or \
(n_trs, n_mels) float32
            112 for the 75 frames a second of EnCodec and TRs of 1.5 s.
        meta : dict
            ``audio_format``, rates, what `features_to_audio` needs.
        """
        engine = self._engine()
        if isinstance(audio, np.ndarray):
            wave = check_wave(audio)
        else:
            wave = load_audio(audio, sample_rate=engine.sample_rate)
        if cache_dir is None:
            arrays, meta = self._compute(wave)
        else:
            kind = "encodec" if self.use_encodec else "mel"
            parts = {
                "sound": wave,
                "settings": self,
                "engine": engine.sha256 if self.use_encodec else engine,
                "code": SOURCES,
            }
            arrays, meta = cached_npz(
                cache_dir, f"{cache_name}_{kind}", parts, lambda: self._compute(wave)
            )
        features = arrays["features"]
        identity = {
            "extra_frames": arrays["extra_frames"],
            "features_sha256": content_hash(features),
        }
        return features, meta | identity

    def _engine(self) -> Codec | MelCodec:
        return load_codec(self.codec) if self.use_encodec else MelCodec(n_mels=self.n_mels)

    def _compute(self, wave: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the arrays ``features`` and ``extra_frames``, and meta."""
        engine = self._engine()
        duration_s = float(Fraction(len(wave), engine.sample_rate))
        grid = TRGrid.covering(duration_s, self.t_r)
        edges = grid.frame_edges(engine.frame_rate)
        meta = {
            "kind": "features",
            "audio_format": self.audio_format,
            "sample_rate": engine.sample_rate,
            "frame_rate": engine.frame_rate,
            "t_r": self.t_r,
            "n_trs": grid.n_trs,
        }
        if self.average_within_tr:
            means = pool(engine.encode(wave), edges)
            no_frames = np.zeros((0, self.n_mels), np.float32)
            return {"features": means, "extra_frames": no_frames}, meta
        if self.use_encodec:
            codes = engine.encode(wave, self.bandwidth_kbps)
            frames = codes.indices.astype(np.int32)
            meta |= {
                "bandwidth_kbps": codes.bandwidth_kbps,
                "codec_id": codes.codec_id,
                "codec_sha256": codes.codec_sha256,
                "cardinality": codes.cardinality,
            }
        else:
            frames = engine.encode(wave)
        windows = cut(frames, edges, grid.frames_a_tr(engine.frame_rate))
        return {"features": windows.array, "extra_frames": windows.extra_frames}, meta

    def features_to_audio(self, features: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
        """Turn features back into sound.

        Unchanged features give the original frames back. Changed (predicted, lesioned) ones never
        borrow the true extra frames: in TRs of one frame more, the frame before is repeated.

        Returns
        -------
        array of shape (n_samples,), float32
            From TR 0 to the end of the last TR.
        """
        features = np.asarray(features)
        audio_format = detect_audio_format(features, meta)
        require(
            audio_format == self.audio_format,
            f"features: are {audio_format!r} but this processor speaks {self.audio_format!r}. "
            "Build AudioProcessor with the same flags.",
        )
        require(
            len(features) == meta["n_trs"],
            f"features.shape={features.shape}: must hold the {meta['n_trs']} TRs that meta "
            "describes. Use the meta that came with them.",
        )
        frames = _continuous_frames(features, meta)
        engine = self._engine()
        n_samples = frame_at(as_written(meta["t_r"]) * meta["n_trs"], meta["sample_rate"])
        if not self.use_encodec:
            return engine.decode(frames, n_samples)
        hop_length = round(meta["sample_rate"] / meta["frame_rate"])
        codes = Codes(
            indices=frames,
            sample_rate=meta["sample_rate"],
            frame_rate=meta["frame_rate"],
            n_samples=min(n_samples, frames.shape[1] * hop_length),
            bandwidth_kbps=meta["bandwidth_kbps"],
            codec_id=meta["codec_id"],
            codec_sha256=meta["codec_sha256"],
            cardinality=engine.cardinality,
        )
        return engine.decode(codes)


def _continuous_frames(features: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
    """Lay the windows of the TRs end to end: (n_rows, n_frames)."""
    edges = TRGrid(meta["t_r"], meta["n_trs"]).frame_edges(meta["frame_rate"])
    lengths = np.diff(edges)
    if features.ndim == 2:
        return np.repeat(features.T, lengths, axis=1)
    if content_hash(features) == meta["features_sha256"]:
        # files of the release before call them odd
        extra_frames = meta["extra_frames"] if "extra_frames" in meta else meta["odd"]
    else:
        longer_trs = np.flatnonzero(lengths > features.shape[2])
        extra_frames = features[longer_trs, :, -1]
    return uncut(features, extra_frames, edges)
