"""The seed's door: ``AudioProcessor(use_encodec=True | False)``, sound to one array a TR and back,
with explicit formats.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.codecs import Codec, Codes, MelCodec, frame_at, load_codec
from giblet_core.errors import InputError, require
from giblet_core.files import cached_npz, content_hash
from giblet_core.sound import check_wave, load_audio
from giblet_core.timing.grid import TRGrid, cut, pool, uncut

FORMATS = ("encodec", "mel_3d", "mel_2d")


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
    integer, floating = features.dtype.kind in "iu", features.dtype.kind == "f"
    if features.ndim == 3 and integer:
        found = "encodec"
    elif features.ndim in (2, 3) and floating:
        found = f"mel_{features.ndim}d"
    else:
        raise InputError(
            f"features: {features.ndim}-d {features.dtype} is ambiguous; expected 3-d integers (codes), 3-d or 2-d floats "
            "(mel). Restore the shape (n_trs, K, frames)."
        )
    tag = (meta or {}).get("audio_format")
    require(
        tag in (None, *FORMATS),
        f"meta['audio_format']={tag!r}: must be one of {', '.join(FORMATS)}. Use the features' own meta.",
    )
    require(
        tag is None or tag == found,
        f"meta['audio_format']={tag!r}: but the features are {features.ndim}-d {features.dtype}, which is "
        f"{found!r}; formats are never mixed. Use the meta that came with the features.",
    )
    labels = (features == np.floor(features)) & (features >= 0)
    require(
        tag is not None or found != "mel_3d" or not features.size or not labels.all(),
        "features: floats that are all whole numbers of 0 "
        "or more are ambiguous (codes cast to float?). Cast codes back to int, or pass meta with an audio_format.",
    )
    return found


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
                "average_within_tr=True: is the mel path's; codes are labels and cannot be averaged. Use use_encodec=False."
            )

    @property
    def audio_format(self) -> str:
        """The tag of what `audio_to_features` returns."""
        return "encodec" if self.use_encodec else "mel_2d" if self.average_within_tr else "mel_3d"

    def audio_to_features(
        self,
        audio: str | Path | np.ndarray,
        cache_dir: str | Path | None = None,
        cache_name: str = "sherlock_all_hrf_per_subject",
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Turn a sound into features of all its whole TRs.

        Parameters
        ----------
        audio : path, or array of shape (n_samples,) at the codec's rate (24,000 Hz; 22,050 Hz for
        mel) cache_dir : path, optional
            Keep the result there as ``{cache_name}_encodec-<hash>.npz`` or
            ``{cache_name}_mel-<hash>.npz``; the hash covers sound and settings, so a stale file is
            never hit and formats never mix.

        Returns
        -------
        features : array of shape (n_trs, K, 112) int32, or (n_trs, n_mels, frames) float32, or
        (n_trs, n_mels) float32 meta : dict
            ``audio_format``, rates, what `features_to_audio` needs.
        """
        engine = self._engine()
        wave = (
            check_wave(audio)
            if isinstance(audio, np.ndarray)
            else load_audio(audio, sample_rate=engine.sample_rate)
        )
        if cache_dir is None:
            arrays, meta = self._features(wave)
        else:
            alias, identity = (
                (f"{cache_name}_encodec", engine.sha256)
                if self.use_encodec
                else (f"{cache_name}_mel", engine)
            )
            arrays, meta = cached_npz(
                cache_dir, alias, (wave, self, identity), lambda: self._features(wave)
            )
        return arrays["features"], {
            **meta,
            "odd": arrays["odd"],
            "features_sha256": content_hash(arrays["features"]),
        }

    def features_to_audio(self, features: np.ndarray, meta: Mapping[str, Any]) -> np.ndarray:
        """Turn features back into sound.

        Unchanged features give the original frames back. Changed (predicted, lesioned) ones never
        borrow the true odd frames: in TRs of 113 frames the frame before is repeated.

        Returns
        -------
        array of shape (n_samples,), float32
            From TR 0 to the end of the last TR.
        """
        features = np.asarray(features)
        found = detect_audio_format(features, meta)
        require(
            found == self.audio_format,
            f"features: are {found!r} but this processor speaks {self.audio_format!r}. Build "
            "AudioProcessor with the same flags.",
        )
        edges = TRGrid(meta["t_r"], meta["n_trs"]).frame_edges(meta["frame_rate"])
        n_samples = frame_at(Fraction(str(meta["t_r"])) * meta["n_trs"], meta["sample_rate"])
        require(
            len(features) == meta["n_trs"],
            f"features.shape={features.shape}: must hold the {meta['n_trs']} TRs that meta describes. "
            "Use the meta that came with them.",
        )
        if found == "mel_2d":
            frames = np.repeat(features.T, np.diff(edges), axis=1)
        else:
            same = content_hash(features) == meta["features_sha256"]
            odd_trs = np.flatnonzero(np.diff(edges) > features.shape[2])
            frames = uncut(features, meta["odd"] if same else features[odd_trs, :, -1], edges)
        if not self.use_encodec:
            return self._engine().decode(frames, n_samples)
        codes = Codes(
            frames,
            meta["sample_rate"],
            meta["frame_rate"],
            min(n_samples, frames.shape[1] * round(meta["sample_rate"] / meta["frame_rate"])),
            meta["bandwidth_kbps"],
            meta["codec_id"],
            meta["codec_sha256"],
            self._engine().cardinality,
        )
        return self._engine().decode(codes)

    def _engine(self) -> Codec | MelCodec:
        return load_codec(self.codec) if self.use_encodec else MelCodec(n_mels=self.n_mels)

    def _features(self, wave: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        engine = self._engine()
        grid = TRGrid.covering(float(Fraction(len(wave), engine.sample_rate)), self.t_r)
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
            return {
                "features": pool(engine.encode(wave), edges),
                "odd": np.zeros((0, self.n_mels), np.float32),
            }, meta
        if self.use_encodec:
            codes = engine.encode(wave, self.bandwidth_kbps)
            meta |= {
                "bandwidth_kbps": codes.bandwidth_kbps,
                "codec_id": codes.codec_id,
                "codec_sha256": codes.codec_sha256,
            }
        frames = codes.indices.astype(np.int32) if self.use_encodec else engine.encode(wave)
        array, odd, _ = cut(frames, edges, frame_at(Fraction(str(self.t_r)), engine.frame_rate))
        return {"features": array, "odd": odd}, meta
