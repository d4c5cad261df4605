"""What is compared by ear: conditions declared in YAML, rendered from any sound."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from giblet_core.autoencoder import AudioAutoencoder
from giblet_core.codecs import OPUS_RATES, Codec, Codes
from giblet_core.deprecation import renamed_keys
from giblet_core.errors import require
from giblet_core.files import project_root, read_yaml
from giblet_core.listening.condition_kinds import CONDITIONS, ConditionKind, Passage
from giblet_core.sound import check_wave

TESTS = ("mushra", "abx")
LEAST_TRIALS = 16  # with fewer, 12 right answers of 16 (p = .04) would have no counterpart

_KEYS = ("conditions", "seconds", "abx_trials")
_OLD_OPTIONS = {"books": "codebooks", "dose": "strength"}


@dataclass(frozen=True)
class Condition:
    """One version of a sound: name, kind (of `CONDITIONS`), options of that kind, and tests.

    ``tests`` are those of `TESTS` that it is part of.
    """

    name: str
    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """A declaration: conditions in order; seconds of a passage; trials of an ABX comparison."""

    conditions: tuple[Condition, ...]
    seconds: float = 6.0
    abx_trials: int = LEAST_TRIALS

    @property
    def reference(self) -> str:
        """Name of the reference."""
        return next(c.name for c in self.conditions if c.kind == "reference")

    def names(self, test: str | None = None) -> list[str]:
        """Return the names of all conditions, or of those in one test."""
        return [c.name for c in self.conditions if test is None or test in c.tests]

    def able(self, model: AudioAutoencoder | None, codec: Codec | None = None) -> "Conditions":
        """Return what can be made: with this trained model or none, and with this codec.

        A line is printed for each reason why something is left out.
        """
        possible = []
        left_out = {}  # reason: names
        for condition in self.conditions:
            reason = _why_not(condition, model, codec)
            if reason:
                left_out.setdefault(reason, []).append(condition.name)
            else:
                possible.append(condition)
        for reason, names in left_out.items():
            print(f"Left out: {', '.join(names)}. {reason}")
        return replace(self, conditions=tuple(possible))

    def table(self, wave: np.ndarray, sample_rate: int) -> pd.DataFrame:
        """Return what is compared, a line a condition.

        ``wave`` is the passage on which the rate of each is measured, at ``sample_rate`` (Hz).
        Columns: kind, options, kbit/s (NaN where it is no code), blind tests.
        """
        rows = []
        for condition in self.conditions:
            options = [f"{name} {value}" for name, value in condition.options.items()]
            row = {
                "condition": condition.name,
                "kind": condition.kind,
                "options": ", ".join(options),
                "kbit/s": rate_kbps(condition, wave, sample_rate),
                "blind tests": ", ".join(condition.tests),
            }
            rows.append(row)
        return pd.DataFrame(rows).set_index("condition")


def _why_not(
    condition: Condition, model: AudioAutoencoder | None, codec: Codec | None
) -> str | None:
    """Return the reason why a condition cannot be made; None where it can."""
    if model is None and "model" in CONDITIONS[condition.kind].needs:
        return "There is no trained model of this sound (notebook 3 needs a longer one)."
    if codec is None:
        return None
    if condition.kind == "opus" and codec.sample_rate not in OPUS_RATES:
        return f"Opus does not know the {codec.sample_rate} Hz of codec {codec.id!r}."
    rate_kbps = condition.options.get("bandwidth_kbps")
    if rate_kbps is None:
        return None
    if rate_kbps not in codec.bandwidths_kbps:
        rates = ", ".join(f"{rate:g}" for rate in codec.bandwidths_kbps)
        return f"The rates of codec {codec.id!r} are {rates} kbit/s."
    num_codebooks = codec.codebooks_at(rate_kbps)
    if max(condition.options.get("codebooks", ()), default=0) >= num_codebooks:
        return f"Codec {codec.id!r} holds {num_codebooks} codebooks at {rate_kbps:g} kbit/s."
    return None


def load_conditions(path: str | Path = "book/params/listening.yaml") -> Conditions:
    """Read a declaration of conditions.

    Parameters
    ----------
    path : path
        YAML; a relative path is looked for in the working directory, then in the project.

    Returns
    -------
    Conditions

    Raises
    ------
    InputError
        Unreadable, unknown keys, kinds, options or tests, names that repeat, not exactly one
        reference, fewer than 16 trials.
    """
    file = Path(path) if Path(path).is_file() else project_root() / path
    content = read_yaml(file)
    _check_keys(content, path)
    conditions = []
    for entry in content["conditions"]:
        place = f"path={path}, name={entry.get('name')!r}"
        # the warning of an old name shows the line that calls this function
        renamed = renamed_keys(entry, _OLD_OPTIONS, place, stacklevel=3)
        conditions.append(_read_condition(renamed))
    declared = Conditions(
        tuple(conditions),
        float(content.get("seconds", 6.0)),
        int(content.get("abx_trials", LEAST_TRIALS)),
    )
    _check_declaration(declared)
    return declared


def _check_keys(content: Any, path: str | Path) -> None:
    has_list = isinstance(content, dict) and isinstance(content.get("conditions"), list)
    require(
        has_list,
        f"path={path}: must be a mapping that holds a list named conditions. "
        "Copy book/params/listening.yaml.",
    )
    require(
        all(isinstance(entry, dict) for entry in content["conditions"]),
        f"path={path}: each condition must be a mapping, e.g. {{name: original, kind: reference}}. "
        "Copy book/params/listening.yaml.",
    )
    unknown = sorted(set(content) - set(_KEYS))
    require(
        not unknown,
        f"path={path}: unknown keys {', '.join(unknown)}; must be {', '.join(_KEYS)}. "
        "Correct them.",
    )


def _read_condition(entry: Mapping[str, Any]) -> Condition:
    """Check one entry of the list; what is not name, kind or tests is an option."""
    options = dict(entry)
    name = str(options.pop("name", ""))
    kind = options.pop("kind", None)
    tests = tuple(options.pop("tests", ()))
    _known_kind(name, kind).check(name, kind, options)
    require(
        set(tests) <= set(TESTS),
        f"name={name!r}, tests={list(tests)}: must be of {', '.join(TESTS)}. Correct it.",
    )
    return Condition(name, kind, options, tests)


def _known_kind(name: str, kind: str) -> ConditionKind:
    require(
        name and kind in CONDITIONS,
        f"name={name!r}, kind={kind!r}: a condition needs a name and a kind of "
        f"{', '.join(CONDITIONS)}. Mend it.",
    )
    return CONDITIONS[kind]


def _check_declaration(declared: Conditions) -> None:
    names = declared.names()
    references = [c for c in declared.conditions if c.kind == "reference"]
    require(
        len(set(names)) == len(names) and len(references) == 1,
        f"conditions={names}: names must differ and exactly one must be of kind reference. "
        "Correct the list.",
    )
    require(
        declared.abx_trials >= LEAST_TRIALS,
        f"abx_trials={declared.abx_trials}: must be at least {LEAST_TRIALS}. "
        "Fewer cannot tell guessing from hearing.",
    )
    require(
        declared.seconds >= 1,
        f"seconds={declared.seconds}: must be at least 1. Listeners need a phrase.",
    )


def rate_kbps(condition: Condition, wave: np.ndarray, sample_rate: int) -> float:
    """Return what a condition would take to send, in kbit/s.

    Parameters
    ----------
    condition : Condition
    wave : array of shape (n_samples,)
        The sound on which a coder of variable rate (Opus) is measured.
    sample_rate : int
        Hz.

    Returns
    -------
    float
        NaN where it is no code (reference, noise, model, file). A mel spectrogram counts 32 bits a
        number.
    """
    kind = CONDITIONS[condition.kind]
    if kind.rate is None:
        return np.nan
    return kind.rate(wave, sample_rate, **kind.complete(condition.options))


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

    Raises
    ------
    InputError
        A condition needs the trained network or a file that is not there, or what a kind itself
        refuses.
    """
    for condition in conditions.conditions:
        _check_possible(condition, Path(folder), model)
    wave = check_wave(wave)
    passage = Passage(
        wave=wave,
        sample_rate=codec.sample_rate,
        codec=codec,
        codes=_codes(conditions, wave, codec, model),
        folder=Path(folder),
        seed=seed,
        model=model,
    )
    waves = {}
    for condition in conditions.conditions:
        kind = CONDITIONS[condition.kind]
        waves[condition.name] = kind.render(passage, **kind.complete(condition.options))
    return waves


def _check_possible(condition: Condition, folder: Path, model: AudioAutoencoder | None) -> None:
    """Raise at once where something is wrong or missing, not after minutes of rendering."""
    kind = _known_kind(condition.name, condition.kind)
    kind.check(condition.name, condition.kind, condition.options)
    require(
        "model" not in kind.needs or model is not None,
        f"model=None: a condition of kind {condition.kind!r} needs the trained network. "
        "Pass model, or use Conditions.able.",
    )
    if "file" in kind.needs:
        path = folder / condition.options["path"]
        require(path.is_file(), f"path={path}: there is no such file. Check name and folder.")


def _codes(
    conditions: Conditions, wave: np.ndarray, codec: Codec, model: AudioAutoencoder | None
) -> Codes | None:
    """Encode once, at a rate whose codes hold those of every condition: lower ones are slices."""
    rates_kbps = [min(codec.bandwidths_kbps)]
    needs = set()
    for condition in conditions.conditions:
        needs |= set(CONDITIONS[condition.kind].needs)
        if "bandwidth_kbps" in condition.options:
            rates_kbps.append(condition.options["bandwidth_kbps"])
    if "codec" not in needs:
        return None
    if "model" in needs:
        rates_kbps.append(_least_rate(codec, model.encoder.num_codebooks))
    return codec.encode(wave, max(rates_kbps))


def _least_rate(codec: Codec, num_codebooks: int) -> float:
    """Return the least rate (kbit/s) that buys so many codebooks."""
    return next(rate for rate in codec.bandwidths_kbps if codec.codebooks_at(rate) >= num_codebooks)
