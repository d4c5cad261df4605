"""Kinds of conditions: what can be done to a sound before it is compared by ear.

A kind is one function and one entry of `CONDITIONS`, at the end of this file. The function takes
the `Passage` and the options that the entry declares, by name, and returns the sound.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.autoencoder import AudioAutoencoder, reconstruct
from giblet_core.codecs import Codec, Codes, MelCodec, fit_length, opus_round_trip
from giblet_core.errors import InputError
from giblet_core.lesions import lesion
from giblet_core.metrics import noise_like
from giblet_core.sound import load_audio, resample

_LONGEST_DIFFERENCE_S = 0.05  # by which a sound read from a file may differ in length
_BITS_A_MEL_VALUE = 32

#: What a kind may need beside the sound: its codes; the trained network (without one the kind is
#: left out, see `Conditions.able`); the file at its option ``path``.
NEEDS = ("codec", "model", "file")


@dataclass(frozen=True)
class Passage:
    """A passage from which conditions are made.

    ``wave`` is (n_samples,) float32 at ``sample_rate`` (Hz); ``codes`` are its codes by ``codec``
    at the highest rate that any condition asks for, None where no condition needs the codec;
    ``folder`` is where paths begin; ``seed`` is for whatever draws; ``model`` is the trained
    network, where there is one.
    """

    wave: np.ndarray
    sample_rate: int
    codec: Codec
    codes: Codes | None
    folder: Path
    seed: int
    model: AudioAutoencoder | None

    def codes_at(self, bandwidth_kbps: float) -> Codes:
        """Return the codes at a lower rate, which are the first codebooks."""
        return self.codes.first(self.codec.codebooks_at(bandwidth_kbps))


class _Required:
    """The default of an option that must be given."""

    def __repr__(self) -> str:
        return "required"


REQUIRED = _Required()


@dataclass(frozen=True)
class Option:
    """An option of a kind of condition: its name, its type, and its default if it has one.

    ``type`` is float, int, bool, str, or list for a list of int. A whole number is a float, too;
    None is allowed where it is the default.
    """

    name: str
    type: type
    default: Any = REQUIRED

    @property
    def is_required(self) -> bool:
        """Whether it must be given."""
        return self.default is REQUIRED

    def accepts(self, value: Any) -> bool:
        """Say whether a value is of the option's type.

        Examples
        --------
        >>> Option("bandwidth_kbps", float).accepts(6)
        True
        >>> Option("codebooks", list).accepts([0, 1]), Option("codebooks", list).accepts(0)
        (True, False)
        """
        if value is None:
            return self.default is None
        if self.type is list:
            return isinstance(value, list | tuple) and all(_is_int(part) for part in value)
        if self.type is int:
            return _is_int(value)
        if self.type is float:
            return _is_int(value) or isinstance(value, float)
        return isinstance(value, self.type)


def _is_int(value: Any) -> bool:
    """Say whether a value is a whole number; to Python a bool would be one, too."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


@dataclass(frozen=True)
class ConditionKind:
    """A kind of condition.

    ``render(passage, **options)`` returns the sound, (n_samples,) float32; ``options`` are what a
    declaration may give; ``needs`` is of `NEEDS`; ``rate(wave, sample_rate, **options)`` returns
    what it takes to send, in kbit/s, and is None for what is no code.
    """

    render: Callable[..., np.ndarray]
    options: tuple[Option, ...] = ()
    needs: tuple[str, ...] = ()
    rate: Callable[..., float] | None = None

    def check(self, condition: str, kind: str, given: Mapping[str, Any]) -> None:
        """Raise unless the options given are known, complete and of the right types.

        Parameters
        ----------
        condition : str
            The condition's name, for the message.
        kind : str
            The kind's name, for the message.
        given : mapping
            Options by name.

        Raises
        ------
        InputError
            With the list of the options that the kind takes.
        """
        known = [option.name for option in self.options]
        required = [option.name for option in self.options if option.is_required]
        if not set(required) <= set(given) <= set(known):
            raise InputError(
                f"name={condition!r}: kind {kind!r} takes {', '.join(known) or 'no options'} and "
                f"needs {', '.join(required) or 'none'}; given: {', '.join(given) or 'none'}. "
                "Correct it."
            )
        for option in self.options:
            if option.name in given and not option.accepts(given[option.name]):
                type_name = "list of int" if option.type is list else option.type.__name__
                raise InputError(
                    f"name={condition!r}, {option.name}={given[option.name]!r}: must be of type "
                    f"{type_name}. Correct it."
                )

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options given, and the defaults of the others."""
        defaults = {
            option.name: option.default for option in self.options if not option.is_required
        }
        return {**defaults, **given}


# --- one function a kind -------------------------------------------------------------------


def _reference(passage: Passage) -> np.ndarray:
    """Return the passage itself."""
    return passage.wave


def _codec_round_trip(passage: Passage, bandwidth_kbps: float) -> np.ndarray:
    """Encode with the codec and decode again."""
    return passage.codec.decode(passage.codes_at(bandwidth_kbps))


def _bandwidth(wave: np.ndarray, sample_rate: int, bandwidth_kbps: float, **_options: Any) -> float:
    """Return the declared rate of the codec, kbit/s."""
    return float(bandwidth_kbps)


def _mel(passage: Passage, per_tr_s: float | None, n_mels: int) -> np.ndarray:
    """Make a mel spectrogram and turn it back into sound."""
    return mel_round_trip(passage.wave, passage.sample_rate, per_tr_s, n_mels, passage.seed)


def mel_round_trip(
    wave: np.ndarray,
    sample_rate: int,
    per_tr_s: float | None = None,
    n_mels: int = 128,
    seed: int = 0,
) -> np.ndarray:
    """Make a mel spectrogram and turn it back into sound (Griffin-Lim).

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    per_tr_s : float, optional
        Replace every frame of a TR of so many seconds by their mean in dB, as the predecessor
        stored it; by default all frames are kept.
    n_mels : int
        Bands.
    seed : int
        Of the phase that Griffin-Lim starts from.

    Returns
    -------
    array of shape (n_samples,), float32
    """
    mel_codec = MelCodec(n_mels=n_mels)
    levels_db = mel_codec.encode(resample(wave, sample_rate, mel_codec.sample_rate))
    if per_tr_s is not None:
        levels_db = _mean_of_each_tr(levels_db, mel_codec.frame_rate, per_tr_s)
    n_samples = round(len(wave) * mel_codec.sample_rate / sample_rate)
    decoded = mel_codec.decode(levels_db, n_samples, seed=seed)
    return fit_length(resample(decoded, mel_codec.sample_rate, sample_rate), len(wave))


def _mean_of_each_tr(levels_db: np.ndarray, frame_rate: float, per_tr_s: float) -> np.ndarray:
    """Replace the frames of each TR by their mean; (n_mels, n_frames) as given."""
    n_frames = levels_db.shape[1]
    tr_of_frame = (np.arange(n_frames) / frame_rate // per_tr_s).astype(int)
    n_trs = tr_of_frame[-1] + 1
    means = [levels_db[:, tr_of_frame == tr].mean(1) for tr in range(n_trs)]
    return np.stack(means, axis=1)[:, tr_of_frame]


def _mel_rate(wave: np.ndarray, sample_rate: int, per_tr_s: float | None, n_mels: int) -> float:
    """Return the rate of a mel spectrogram at 32 bits a number, kbit/s."""
    mel_codec = MelCodec(n_mels=n_mels)
    columns_a_second = 1 / per_tr_s if per_tr_s else mel_codec.frame_rate
    return mel_codec.n_mels * columns_a_second * _BITS_A_MEL_VALUE / 1000


def _opus(passage: Passage, compression_level: float) -> np.ndarray:
    """Encode with Opus and decode again."""
    return opus_round_trip(passage.wave, passage.sample_rate, compression_level).wave


def _opus_rate(wave: np.ndarray, sample_rate: int, compression_level: float) -> float:
    """Return the rate that Opus really takes for this sound, kbit/s."""
    return opus_round_trip(wave, sample_rate, compression_level).kbps


def _noise(passage: Passage) -> np.ndarray:
    """Return white noise of the passage's level, which holds nothing of it."""
    return noise_like(passage.wave, passage.seed)


def _lesioned(
    passage: Passage, bandwidth_kbps: float, codebooks: list[int], mode: str, strength: float
) -> np.ndarray:
    """Lesion codebooks of the codes at a rate, and decode."""
    codes = passage.codes_at(bandwidth_kbps)
    latents = lesion(passage.codec, codes, codebooks, mode, strength=strength, seed=passage.seed)
    return passage.codec.decode_latents(latents.sum(0), codes.n_samples)


def _modelled(passage: Passage, draw: bool) -> np.ndarray:
    """Pass the codes through the trained network and decode; draw codes, or take the likeliest."""
    codes = passage.codes.first(passage.model.encoder.num_codebooks)
    rng = np.random.default_rng(passage.seed) if draw else None
    return passage.codec.decode(reconstruct(passage.model, codes, rng=rng))


def _from_file(passage: Passage, path: str) -> np.ndarray:
    """Read a version of the passage that was made elsewhere."""
    wave = load_audio(passage.folder / path, passage.sample_rate)
    if abs(len(wave) - len(passage.wave)) > _LONGEST_DIFFERENCE_S * passage.sample_rate:
        raise InputError(
            f"path={path}: {len(wave)} samples, but the reference has {len(passage.wave)}; both "
            "must be the same passage. Crop it."
        )
    return fit_length(wave, len(passage.wave))


_BANDWIDTH = Option("bandwidth_kbps", float)

#: Every kind of condition by name.
CONDITIONS: dict[str, ConditionKind] = {
    "reference": ConditionKind(_reference),
    "codec": ConditionKind(
        _codec_round_trip, options=(_BANDWIDTH,), needs=("codec",), rate=_bandwidth
    ),
    "mel": ConditionKind(
        _mel,
        options=(Option("per_tr_s", float, default=None), Option("n_mels", int, default=128)),
        rate=_mel_rate,
    ),
    "opus": ConditionKind(
        _opus, options=(Option("compression_level", float, default=1.0),), rate=_opus_rate
    ),
    "noise": ConditionKind(_noise),
    "lesion": ConditionKind(
        _lesioned,
        options=(
            _BANDWIDTH,
            Option("codebooks", list),
            Option("mode", str, default="omit"),
            Option("strength", float, default=1.0),
        ),
        needs=("codec",),
        rate=_bandwidth,
    ),
    "model": ConditionKind(
        _modelled, options=(Option("draw", bool, default=True),), needs=("codec", "model")
    ),
    "file": ConditionKind(_from_file, options=(Option("path", str),), needs=("file",)),
}
