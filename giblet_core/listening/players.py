"""Players: sounds side by side, at their own or at one loudness, with a picture and their metrics.

`listen` returns plain HTML: a table of labelled ``<audio>`` elements that works in any notebook. In
the static book ``giblet-player.js`` finds the same table and adds switching at the same position,
loops and keys.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import jinja2
import numpy as np

from giblet_core.errors import InputError, MetricError, require
from giblet_core.files import ASSETS
from giblet_core.listening.media import (
    PICTURE_WIDTH,
    SPECTROGRAM_HEIGHT,
    WAVEFORM_HEIGHT,
    picture,
    wav_bytes,
)
from giblet_core.metrics import (
    FLOOR,
    METRICS,
    Quality,
    loudness_lufs,
    metric_headings,
    noise_like,
    qualities,
)
from giblet_core.sound import check_wave, log_mel

_HEADROOM_DB = 0.1  # below full scale, where sounds are lowered so that none clips
_LEAST_GAIN_DB = 0.05  # a smaller gain is not worth saying
_FIRST_SECONDS = 60  # of each sound, in which the brightest level of a set is looked for

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(ASSETS / "listening"), autoescape=True
)


@dataclass(frozen=True)
class Players:
    """Sounds to hear; a notebook shows it as a table of players.

    ``sounds`` maps labels to (n_samples,) float32 as they will be heard; ``gains_db`` says by how
    much each was changed, ``loudness_lufs`` what it then measures (NaN: too short to tell);
    ``other_db`` brings each to the other way of levelling (own or matched), which the static book
    offers as a switch; ``scores`` holds metrics against the sound ``reference``; ``tags`` maps
    labels to data attributes of their rows; ``rasters`` maps labels to PNGs shown under their
    pictures; ``kind`` says which script takes the table over ("compare" or "mixer").
    """

    sounds: Mapping[str, np.ndarray]
    sample_rate: int
    title: str
    level_note: str
    gains_db: Mapping[str, float]
    loudness_lufs: Mapping[str, float]
    other_db: Mapping[str, float]
    reference: str | None = None
    scores: Mapping[str, Quality] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    rasters: Mapping[str, bytes] = field(default_factory=dict)
    kind: str = "compare"

    def __repr__(self) -> str:
        return f"Players({', '.join(self.sounds)})"

    def _repr_html_(self) -> str:
        return render_players(self)


@dataclass(frozen=True)
class LevelledSounds:
    """Sounds at their levels: each (n_samples,) float32, its gain in dB, and what was done."""

    sounds: Mapping[str, np.ndarray]
    gains_db: Mapping[str, float]
    note: str


def listen(  # noqa: PLR0913 - public interface
    sounds: Mapping[str, np.ndarray],
    sample_rate: int,
    level_match: bool = False,
    *,
    title: str = "",
    reference: str | None = None,
    scores: Mapping[str, Quality] | None = None,
    segments: Sequence[tuple[float, float]] | None = None,
) -> Players:
    """Put sounds side by side.

    Parameters
    ----------
    sounds : mapping of label to array of shape (n_samples,)
        The first is the one the others are compared with in level.
    sample_rate : int
        Hz.
    level_match : bool
        Bring all to the integrated loudness of the first (ITU-R BS.1770, pyloudnorm). Off by
        default: level is also a result.
    title : str
        Stands above the table.
    reference : str, optional
        Label of the sound that the others are scored against with `gc.quality`; None shows no
        metrics.
    scores : mapping of label to Quality, optional
        Metrics computed before; nothing is then computed anew.
    segments : sequence of (start_s, stop_s), optional
        Where the reference holds speech, for `gc.quality`.

    Returns
    -------
    Players

    Raises
    ------
    InputError
        No sounds, a bad sound, an unknown reference.

    Notes
    -----
    Sounds are never normalised one by one. Where a peak would exceed full scale all are lowered by
    the same factor, and the caption says so.
    """
    require(sounds, "sounds={}: must hold at least one sound. Pass {label: wave}.")
    if reference is not None and reference not in sounds:
        raise InputError(
            f"reference={reference!r}: must be one of {', '.join(sounds)}. Name one of them."
        )
    waves = {str(label): check_wave(wave, label) for label, wave in sounds.items()}
    if scores is None:
        scores = _scores(waves, reference, sample_rate, segments)
    matched = match_levels(waves, sample_rate)
    if level_match:
        what_is_scored = "; the metrics are of the sounds before" if scores else ""
        levelled = replace(matched, note=matched.note + what_is_scored)
        other_db = {label: -gain for label, gain in matched.gains_db.items()}
    else:
        levelled = LevelledSounds(waves, dict.fromkeys(waves, 0.0), "own levels")
        other_db = matched.gains_db
    levelled = _below_full_scale(levelled)
    levels = {label: _lufs(wave, sample_rate) for label, wave in levelled.sounds.items()}
    return Players(
        sounds=levelled.sounds,
        sample_rate=sample_rate,
        title=title,
        level_note=levelled.note,
        gains_db=levelled.gains_db,
        loudness_lufs=levels,
        other_db=other_db,
        reference=reference,
        scores=scores,
    )


def _scores(
    waves: Mapping[str, np.ndarray],
    reference: str | None,
    sample_rate: int,
    segments: Sequence[tuple[float, float]] | None,
) -> dict[str, Quality]:
    """Score all but the reference, and noise of its level, against the reference."""
    if reference is None:
        return {}
    others = {label: wave for label, wave in waves.items() if label != reference}
    others[FLOOR] = noise_like(waves[reference])
    scored = qualities(waves[reference], others.values(), sample_rate, segments)
    return dict(zip(others, scored))


# --- levels --------------------------------------------------------------------------------


def match_levels(waves: Mapping[str, np.ndarray], sample_rate: int) -> LevelledSounds:
    """Bring sounds to the loudness of the first.

    Where one is too short for the standard, all are brought to the first's RMS instead. A silent
    sound stays as it is (no factor brings silence to a level) and is named in the note.
    """
    levels = {label: _lufs(wave, sample_rate) for label, wave in waves.items()}
    unit = "LUFS (ITU-R BS.1770)"
    if any(np.isnan(level) for level in levels.values()):
        levels = {label: _rms_db(wave) for label, wave in waves.items()}
        unit = "dB RMS, being too short for LUFS"
    target = next(iter(levels.values()))
    gains_db = {label: _gain_db(target, level) for label, level in levels.items()}
    silent = [label for label, level in levels.items() if not np.isfinite(level)]
    note = f"all at {target:.1f} {unit}"
    if silent:
        note += f", but {', '.join(silent)}: silent"
    sounds = {
        label: (wave * 10 ** (gains_db[label] / 20)).astype(np.float32)
        for label, wave in waves.items()
    }
    return LevelledSounds(sounds, gains_db, note)


def _lufs(wave: np.ndarray, sample_rate: int) -> float:
    """Return the integrated loudness; NaN for a sound too short for it."""
    try:
        return loudness_lufs(wave, sample_rate)
    except MetricError:
        return np.nan


def _rms_db(wave: np.ndarray) -> float:
    """Return the RMS in dB of full scale; minus infinity for silence."""
    power = np.mean(wave.astype(float) ** 2)
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(power))


def _gain_db(target: float, level: float) -> float:
    """Return what brings `level` to `target`; 0 where one of them is silence."""
    if np.isfinite(target) and np.isfinite(level):
        return target - level
    return 0.0


def _below_full_scale(levelled: LevelledSounds) -> LevelledSounds:
    """Lower all sounds alike where one of them would clip."""
    peak = max(float(np.abs(wave).max()) for wave in levelled.sounds.values())
    if peak <= 1:
        return levelled
    gain_db = -20 * np.log10(peak) - _HEADROOM_DB
    factor = np.float32(10 ** (gain_db / 20))
    return LevelledSounds(
        sounds={label: wave * factor for label, wave in levelled.sounds.items()},
        gains_db={label: gain + gain_db for label, gain in levelled.gains_db.items()},
        note=f"{levelled.note}; all lowered by {-gain_db:.1f} dB so that none clips",
    )


# --- the table -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Row:
    """What the template says of one sound; WAV and PNGs are base64."""

    label: str
    level: str
    extent: str
    wav: str
    png: str
    raster: str


def render_players(players: Players) -> str:
    """Return the HTML of a set of players."""
    waves = players.sounds
    top_db = max(_brightest_db(wave, players.sample_rate) for wave in waves.values())
    top_peak = max(float(np.abs(wave).max()) for wave in waves.values()) or 1.0
    return fill_template(
        "players.html",
        players=players,
        rows=[_row(players, label, top_db, top_peak) for label in waves],
        columns=list(metric_headings().values()),
        cells={label: _cells(quality) for label, quality in players.scores.items()},
        reasons=_labels_by_reason(players.scores),
        duration_s=max(len(wave) for wave in waves.values()) / players.sample_rate,
        width=PICTURE_WIDTH,
        height=WAVEFORM_HEIGHT + SPECTROGRAM_HEIGHT,
        top_db=top_db,
        top_peak=top_peak,
    )


def _brightest_db(wave: np.ndarray, sample_rate: int) -> float:
    beginning = wave[: _FIRST_SECONDS * sample_rate]
    return float(log_mel(beginning, sample_rate, SPECTROGRAM_HEIGHT, 512, 512).max())


def _row(players: Players, label: str, top_db: float, top_peak: float) -> _Row:
    wave = players.sounds[label]
    sample_rate = players.sample_rate
    return _Row(
        label=label,
        level=_level_text(players.loudness_lufs[label], players.gains_db[label]),
        extent=f"{len(wave) / sample_rate:.1f} s up to {sample_rate / 2000:g} kHz",
        wav=_base64(wav_bytes(wave, sample_rate)),
        png=_base64(picture(wave, sample_rate, top_db, top_peak)),
        raster=_base64(players.rasters.get(label, b"")),
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _level_text(loudness: float, gain_db: float) -> str:
    if np.isnan(loudness):
        text = "too short for LUFS"
    elif np.isinf(loudness):
        text = "silent"
    else:
        text = f"{loudness:.1f} LUFS"
    if abs(gain_db) >= _LEAST_GAIN_DB:
        text += f", gain {gain_db:+.1f} dB"
    return text


def _cells(quality: Quality) -> list[str]:
    """Return what stands in the columns of `metric_headings`."""
    scores = [_cell(quality.scores[name], metric.decimals) for name, metric in METRICS.items()]
    return [*scores, _cell(quality.lag_samples, decimals=0)]


def _cell(value: float, decimals: int) -> str:
    if np.isnan(value):
        return "–"
    if np.isinf(value):
        return "∞"
    return f"{value:.{decimals}f}"


def _labels_by_reason(scores: Mapping[str, Quality]) -> dict[str, list[str]]:
    """Collect, for each reason why a metric has no value, the sounds it holds for."""
    headings = metric_headings()
    labels: dict[str, list[str]] = {}
    for label, quality in scores.items():
        for name, reason in quality.reasons.items():
            labels.setdefault(f"{headings[name]}: {reason}", []).append(label)
    return labels


def fill_template(template: str, **values: object) -> str:
    """Fill a template of ``assets/listening``; what is put in is escaped.

    Parameters
    ----------
    template : str
        Name of the file.
    **values : object
        What the template names.

    Returns
    -------
    str
        HTML.
    """
    return _TEMPLATES.get_template(template).render(**values)
