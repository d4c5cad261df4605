"""What is compared by ear: conditions declared in YAML, rendered from any sound."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from giblet_core.autoencoder import AudioAutoencoder, reconstruct
from giblet_core.codecs import Codec, Codes, MelCodec, fit_length, opus_round_trip
from giblet_core.errors import require
from giblet_core.files import project_root, read_yaml
from giblet_core.lesions import lesion
from giblet_core.metrics import noise_like
from giblet_core.sound import check_wave, load_audio, resample

TESTS = ("mushra", "abx")
LEAST_TRIALS = 16  # with fewer, 12 right answers of 16 (p = .04) would have no counterpart


@dataclass(frozen=True)
class Condition:
    """One version of a sound: its name, its kind (a key of `KINDS`), the options of that kind, the
    tests it is part of.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """A declaration: the conditions in order, the reference first; seconds of a passage; trials of
    an ABX comparison.
    """

    conditions: tuple[Condition, ...]
    seconds: float = 6.0
    abx_trials: int = LEAST_TRIALS

    @property
    def reference(self) -> str:
        """Name of the reference."""
        return next(c.name for c in self.conditions if c.kind == "reference")

    def names(self, test: str | None = None) -> list[str]:
        """Names of all conditions, or of those in one test (without the reference)."""
        return [c.name for c in self.conditions if test is None or test in c.tests]

    def able(self, model: AudioAutoencoder | None) -> "Conditions":
        """Return what can be made: without a trained model, conditions of kind ``model`` are left
        out, and a line is printed.
        """
        kept = tuple(c for c in self.conditions if c.kind != "model" or model is not None)
        if left := [c.name for c in self.conditions if c not in kept]:
            print(
                f"Left out: {', '.join(left)}. There is no trained model of this sound (notebook 3 needs a longer one)."
            )
        return replace(self, conditions=kept)


@dataclass(frozen=True)
class _Source:
    wave: np.ndarray
    codec: Codec
    codes: Codes
    folder: Path
    seed: int
    model: AudioAutoencoder | None


def rate_kbps(condition: Condition, wave: np.ndarray, sample_rate: int) -> float:
    """Return what a condition would take to send, in kbit/s; NaN where it is no code (reference,
    noise, model, file).

    Opus is measured on `wave`; a mel spectrogram counts 32 bits a number.
    """
    options = condition.options
    if condition.kind == "opus":
        return opus_round_trip(wave, sample_rate, **options).kbps
    if condition.kind == "mel":
        mel_codec = MelCodec(n_mels=options.get("n_mels", 128))
        columns = 1 / options["per_tr_s"] if options.get("per_tr_s") else mel_codec.frame_rate
        return mel_codec.n_mels * columns * 32 / 1000
    return float(options.get("bandwidth_kbps", np.nan))


def mel_round_trip(
    wave: np.ndarray,
    sample_rate: int,
    per_tr_s: float | None = None,
    n_mels: int = 128,
    seed: int = 0,
) -> np.ndarray:
    """Mel spectrogram and Griffin-Lim; with `per_tr_s`, every frame of a TR replaced by their mean
    in dB, as the predecessor stored it.
    """
    mel_codec = MelCodec(n_mels=n_mels)
    mel = mel_codec.encode(resample(wave, sample_rate, mel_codec.sample_rate))
    if per_tr_s is not None:
        tr = (np.arange(mel.shape[1]) / mel_codec.frame_rate // per_tr_s).astype(int)
        mel = np.stack([mel[:, tr == i].mean(1) for i in range(tr[-1] + 1)], axis=1)[:, tr]
    n_samples = round(len(wave) * mel_codec.sample_rate / sample_rate)
    return fit_length(
        resample(mel_codec.decode(mel, n_samples, seed=seed), mel_codec.sample_rate, sample_rate),
        len(wave),
    )


def _lesion(
    s: _Source,
    bandwidth_kbps: float,
    codebooks: list[int],
    mode: str = "omit",
    strength: float = 1.0,
) -> np.ndarray:
    codes = s.codes.first(s.codec.codebooks_at(bandwidth_kbps))
    latents = lesion(s.codec, codes, codebooks, mode, strength=strength, seed=s.seed)
    return s.codec.decode_latents(latents.sum(0), codes.n_samples)


def _model(s: _Source, draw: bool = True) -> np.ndarray:
    require(
        s.model is not None,
        "model=None: a condition of kind 'model' needs the trained network. Pass model, or use Conditions.able.",
    )
    codes = s.codes.first(s.model.encoder.num_codebooks)
    return s.codec.decode(
        reconstruct(s.model, codes, rng=np.random.default_rng(s.seed) if draw else None)
    )


def _file(s: _Source, path: str) -> np.ndarray:
    wave = load_audio(s.folder / path, s.codec.sample_rate)
    require(
        abs(len(wave) - len(s.wave)) <= 0.05 * s.codec.sample_rate,
        f"path={path}: {len(wave)} samples, but the reference has "
        f"{len(s.wave)}; both must be the same passage. Crop it.",
    )
    return fit_length(wave, len(s.wave))


#: kind -> how it is made; the keyword arguments are its options
KINDS: dict[str, Callable[..., np.ndarray]] = {
    "reference": lambda s: s.wave,
    "codec": lambda s, bandwidth_kbps: s.codec.decode(
        s.codes.first(s.codec.codebooks_at(bandwidth_kbps))
    ),
    "mel": lambda s, per_tr_s=None, n_mels=128: mel_round_trip(
        s.wave, s.codec.sample_rate, per_tr_s, n_mels, s.seed
    ),
    "opus": lambda s, compression_level=1.0: (
        opus_round_trip(s.wave, s.codec.sample_rate, compression_level).wave
    ),
    "noise": lambda s: noise_like(s.wave, s.seed),
    "lesion": _lesion,
    "model": _model,
    "file": _file,
}


def load_conditions(path: str | Path = "book/params/listening.yaml") -> Conditions:
    """Read a declaration of conditions.

    Parameters
    ----------
    path : path
        YAML; a relative path is looked for in the working directory, then in the project.

    Raises
    ------
    InputError
        Unreadable, unknown keys, kinds, options or tests, names that repeat, not exactly one
        reference, fewer than 16 trials.
    """
    found = Path(path) if Path(path).is_file() else project_root() / path
    data = read_yaml(found)
    known = ("conditions", "seconds", "abx_trials")
    require(
        isinstance(data, dict) and isinstance(data.get("conditions"), list),
        f"path={path}: must be a mapping that holds a list named conditions. Copy book/params/listening.yaml.",
    )
    unknown = sorted(set(data) - set(known))
    require(
        not unknown,
        f"path={path}: unknown keys {', '.join(unknown)}; must be {', '.join(known)}. Correct them.",
    )
    declared = Conditions(
        tuple(_condition(dict(entry)) for entry in data["conditions"]),
        float(data.get("seconds", 6.0)),
        int(data.get("abx_trials", LEAST_TRIALS)),
    )
    names, trials, seconds = declared.names(), declared.abx_trials, declared.seconds
    require(
        len(set(names)) == len(names)
        and [c.kind for c in declared.conditions].count("reference") == 1,
        f"conditions={names}: names must differ and exactly one must be of kind reference. Correct the list.",
    )
    require(
        trials >= LEAST_TRIALS,
        f"abx_trials={trials}: must be at least {LEAST_TRIALS}. Fewer cannot tell guessing from hearing.",
    )
    require(seconds >= 1, f"seconds={seconds}: must be at least 1. Listeners need a phrase.")
    return declared


def _condition(entry: dict[str, Any]) -> Condition:
    name, kind, tests = (
        str(entry.pop("name", "")),
        entry.pop("kind", None),
        tuple(entry.pop("tests", ())),
    )
    require(
        name and kind in KINDS,
        f"name={name!r}, kind={kind!r}: a condition needs a name and a kind of {', '.join(KINDS)}. Mend it.",
    )
    options = list(signature(KINDS[kind]).parameters.values())[1:]
    allowed, needed = [p.name for p in options], [p.name for p in options if p.default is p.empty]
    require(
        set(needed) <= set(entry) <= set(allowed),
        f"name={name!r}: kind {kind!r} takes {', '.join(allowed) or 'no options'} and needs "
        f"{', '.join(needed) or 'none'}; given: {', '.join(entry) or 'none'}. Correct it.",
    )
    require(
        set(tests) <= set(TESTS),
        f"name={name!r}, tests={list(tests)}: must be of {', '.join(TESTS)}. Correct it.",
    )
    return Condition(name, kind, entry, tests)


def render_conditions(
    conditions: Conditions,
    wave: np.ndarray,
    codec: Codec,
    seed: int = 0,
    folder: str | Path = ".",
    model: AudioAutoencoder | None = None,
) -> dict[str, np.ndarray]:
    """Make every version of a passage.

    Parameters
    ----------
    conditions : Conditions
    wave : array of shape (n_samples,)
        At the codec's rate.
    codec : Codec
    seed : int
        For Griffin-Lim's first phase, noise, lesions and codes that are drawn.
    folder : path
        Where paths of kind ``file`` begin.
    model : AudioAutoencoder, optional
        The trained network, for conditions of kind ``model``.

    Returns
    -------
    dict of name to array of shape (n_samples,), float32
    """
    rates = [
        c.options["bandwidth_kbps"] for c in conditions.conditions if "bandwidth_kbps" in c.options
    ]
    if model is not None:
        rates.append(
            next(
                r
                for r in codec.bandwidths_kbps
                if codec.codebooks_at(r) >= model.encoder.num_codebooks
            )
        )
    wave = check_wave(wave)
    codes = codec.encode(wave, max(rates, default=min(codec.bandwidths_kbps)))
    source = _Source(wave, codec, codes, Path(folder), seed, model)
    return {c.name: KINDS[c.kind](source, **c.options) for c in conditions.conditions}
