"""Players: sounds side by side, at their own or at one loudness, with a picture and their metrics.

`listen` returns plain HTML: a table of labelled ``<audio>`` elements that works in any notebook. In
the static book ``giblet-player.js`` finds the same table and adds switching at the same position,
loops and keys.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
import numpy as np
import soundfile as sf
from PIL import Image

from giblet_core.errors import require
from giblet_core.files import ASSETS, in_memory
from giblet_core.metrics import FLOOR, Quality, attempt, loudness_lufs, noise_like, qualities
from giblet_core.sound import check_wave, log_mel

PICTURE = (320, 20, 52)  # width, height of the waveform, height of the spectrogram; pixels
RANGE_DB = 70.0  # levels shown in a spectrogram, below the loudest cell of the set
_COLUMNS = {"pesq_wb": ("PESQ-WB", "{:.2f}"), "stoi": ("STOI", "{:.2f}"), "si_sdr_db": ("SI-SDR (dB)", "{:.1f}"),
            "log_mel_db": ("log-mel (dB)", "{:.1f}"), "lag_samples": ("lag (samples)", "{:d}")}  # fmt: skip

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(ASSETS / "listening"), autoescape=True
)


@dataclass(frozen=True)
class Players:
    """Sounds to hear; a notebook shows it as a table of players.

    ``sounds`` maps labels to (n_samples,) float32 as they will be heard; ``gains_db`` says by how
    much each was changed, ``loudness_lufs`` what it then measures (NaN: too short to tell);
    ``other_db`` brings each to the other way of levelling (own or matched), which the static book
    offers as a switch; ``scores`` holds metrics against the sound ``reference``; ``rasters`` maps
    labels to PNGs shown under their pictures.
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
        return render(self)


def listen(
    sounds: Mapping[str, np.ndarray],
    sample_rate: int,
    level_match: bool = False,
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
    require(
        reference is None or reference in sounds,
        f"reference={reference!r}: must be one of {', '.join(sounds)}. Name one of them.",
    )
    waves = {str(label): check_wave(wave, label) for label, wave in sounds.items()}
    if reference is not None and scores is None:
        others = {label: w for label, w in waves.items() if label != reference} | {
            FLOOR: noise_like(waves[reference])
        }
        scores = dict(
            zip(others, qualities(waves[reference], others.values(), sample_rate, segments))
        )
    heard, gains_db, note = match_levels(waves, sample_rate)
    other_db = {label: -gain if level_match else gain for label, gain in gains_db.items()}
    if not level_match:
        heard, gains_db, note = waves, dict.fromkeys(waves, 0.0), "own levels"
    note += "; the metrics are of the sounds before" if level_match and scores else ""
    peak = max(float(np.abs(w).max()) for w in heard.values())
    if peak > 1:
        lower = -20 * np.log10(peak) - 0.1
        heard = {label: w * np.float32(10 ** (lower / 20)) for label, w in heard.items()}
        gains_db = {label: g + lower for label, g in gains_db.items()}
        note += f"; all lowered by {-lower:.1f} dB so that none clips"
    levels = {label: attempt(loudness_lufs, w, sample_rate).value for label, w in heard.items()}
    return Players(
        heard, sample_rate, title, note, gains_db, levels, other_db, reference, scores or {}
    )


def match_levels(
    waves: Mapping[str, np.ndarray], sample_rate: int
) -> tuple[dict[str, np.ndarray], dict[str, float], str]:
    """Bring sounds to the loudness of the first; return them, the gains in dB, and a sentence that
    says what was done.

    A silent sound stays as it is (no factor brings silence to a level) and is named in the
    sentence.
    """
    levels = {label: attempt(loudness_lufs, w, sample_rate).value for label, w in waves.items()}
    target, how = next(iter(levels.values())), "LUFS (ITU-R BS.1770)"
    if np.isnan(list(levels.values())).any():  # too short for the standard
        how = "dB RMS, being too short for LUFS"
        with np.errstate(divide="ignore"):
            levels = {
                label: float(10 * np.log10(np.mean(w.astype(float) ** 2)))
                for label, w in waves.items()
            }
        target = next(iter(levels.values()))
    gains = {
        label: target - level if np.isfinite([target, level]).all() else 0.0
        for label, level in levels.items()
    }
    silent = [label for label, level in levels.items() if not np.isfinite(level)]
    note = f"all at {target:.1f} {how}" + (f", but {', '.join(silent)}: silent" if silent else "")
    return (
        {label: (w * 10 ** (gains[label] / 20)).astype(np.float32) for label, w in waves.items()},
        gains,
        note,
    )


def wav_bytes(wave: np.ndarray, sample_rate: int) -> bytes:
    """Return a 16-bit WAV file."""
    return in_memory(sf.write, wave, sample_rate, format="WAV", subtype="PCM_16")


def picture(
    wave: np.ndarray, sample_rate: int, top_db: float | None = None, top_peak: float = 1.0
) -> bytes:
    """Draw the waveform over the log-mel spectrogram as a small PNG (32 colours, transparent
    ground).

    Parameters
    ----------
    wave : array of shape (n_samples,)
    sample_rate : int
        Hz.
    top_db : float, optional
        The level shown brightest; by default the loudest cell of this sound.
    top_peak : float
        The sample value that fills the height of the waveform.
    """
    width, tall, low = PICTURE
    n_fft = 512 if len(wave) > 512 else 64
    mel = log_mel(
        wave,
        sample_rate,
        n_mels=low if n_fft == 512 else 8,
        hop_length=max(1, len(wave) // width),
        n_fft=n_fft,
    )
    top_db = float(mel.max()) if top_db is None else top_db
    shade = np.clip((mel - top_db + RANGE_DB) / RANGE_DB, 0, 1)
    columns = np.linspace(0, shade.shape[1] - 1, width).round().astype(int)
    rows = np.linspace(shade.shape[0] - 1, 0, low).round().astype(int)
    pixels = np.full((tall + low, width), 31, np.uint8)  # 31: transparent
    pixels[tall:] = (shade[rows][:, columns] * 29).round()
    peaks = (
        np.array([np.abs(part).max() for part in np.array_split(wave, width) if part.size])
        / top_peak
    )
    height = (
        np.interp(np.linspace(0, 1, width), np.linspace(0, 1, len(peaks)), peaks) * (tall - 2) / 2
    )
    pixels[:tall][np.abs(np.arange(tall)[:, None] - (tall - 1) / 2) <= np.maximum(height, 0.5)] = 30
    image = Image.frombytes("P", pixels.shape[::-1], pixels.tobytes())
    image.putpalette(palette().tobytes())
    return in_memory(image.save, "PNG", optimize=True, transparency=31, bits=5)


def palette() -> np.ndarray:
    from matplotlib import colormaps

    colours = (colormaps["magma"](np.linspace(0, 1, 30))[:, :3] * 255).astype(np.uint8)
    return np.vstack([colours, [[74, 134, 196], [0, 0, 0]]]).astype(
        np.uint8
    )  # 30: a blue seen on light and on dark; 31: the ground


def render(players: Players) -> str:
    """Return the HTML of a set of players."""
    waves, rate = players.sounds, players.sample_rate
    top_db = max(float(log_mel(w[: 60 * rate], rate, 52, 512, 512).max()) for w in waves.values())
    top_peak = max(float(np.abs(w).max()) for w in waves.values()) or 1.0
    reasons: dict[str, list[str]] = {}
    for label, q in players.scores.items():
        for name, reason in q.reasons.items():
            reasons.setdefault(f"{_COLUMNS[name][0]}: {reason}", []).append(label)
    rows = [
        {
            "label": label,
            "says": _says(players.loudness_lufs[label], players.gains_db[label]),
            "wav": base64.b64encode(wav_bytes(wave, rate)).decode(),
            "extent": f"{len(wave) / rate:.1f} s up to {rate / 2000:g} kHz",
            "png": base64.b64encode(picture(wave, rate, top_db, top_peak)).decode(),
            "raster": base64.b64encode(players.rasters.get(label, b"")).decode(),
        }
        for label, wave in waves.items()
    ]
    return fill(
        "players.html",
        p=players,
        rows=rows,
        reasons=reasons,
        columns=[title for title, _ in _COLUMNS.values()],
        cells=_cells,
        duration=max(map(len, waves.values())) / rate,
        width=PICTURE[0],
        height=sum(PICTURE[1:]),
        top=(top_db, top_peak),
    )


def fill(template: str, **values: object) -> str:
    """Fill one of the templates beside the scripts of the listening pages; what is put in is
    escaped.
    """
    return _TEMPLATES.get_template(template).render(**values)


def _says(level: float, gain: float) -> str:
    says = (
        "too short for LUFS"
        if np.isnan(level)
        else "silent"
        if np.isinf(level)
        else f"{level:.1f} LUFS"
    )
    return says + (f", gain {gain:+.1f} dB" if abs(gain) >= 0.05 else "")


def _cells(q: Quality) -> list[str]:
    values = [(getattr(q, name), form) for name, (_, form) in _COLUMNS.items()]
    return [
        "–" if np.isnan(value) else "∞" if np.isinf(value) else form.format(value)
        for value, form in values
    ]
