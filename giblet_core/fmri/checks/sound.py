"""The sound, what is said of it, the runs' places in it, and what the manifest declares."""

from dataclasses import dataclass

import numpy as np

from giblet_core.fmri.checks.lag import SOUND_RATE_HZ
from giblet_core.fmri.checks.preparation import check_order
from giblet_core.fmri.clock import Span
from giblet_core.fmri.files.naming import sound_path
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems
from giblet_core.sound import annotation_beside, audio_info, events_path, load_audio

CLOCK_DRIFT = 0.01  # clocks differ by far less
SILENT = 1e-5  # of full scale, from the lowest to the highest sample
LEAST_COVERED = 0.5  # of the sound, by the runs together


@dataclass(frozen=True, eq=False)
class Sound:
    """The sound of a data set: its samples at `SOUND_RATE_HZ`, and its duration."""

    wave: np.ndarray
    duration_s: float


def check_sound(manifest: Manifest, problems: Problems) -> Sound | None:
    """Read the sound, and the table of events beside it; None where there is none to be read."""
    if manifest.stimulus.file is None:
        return None
    with problems.caught("stimulus.file"):
        path = sound_path(manifest)
        heard = {"track": manifest.stimulus.track, "channel": manifest.stimulus.channel}
        info = audio_info(path, **heard)
        duration_s = info.duration_s
        for text in info.notes:
            problems.note("stimulus.file", path.name, text, "Nothing to do if that is meant.")
        wave = load_audio(path, SOUND_RATE_HZ, **heard)
        if np.ptp(wave) <= SILENT:
            problems.error(
                "stimulus.file",
                path.name,
                "is silent, or holds one value, from its beginning to its end; a stimulus must "
                "sound",
                "Name the right sound, or choose another track or channel.",
            )
        with problems.caught(events_path(path).name):
            annotation = annotation_beside(path, duration_s)
            if annotation is not None and annotation.n_cut:
                problems.note(
                    events_path(path).name,
                    f"{annotation.n_cut} rows",
                    "last a little longer than the sound",
                    "They are cut at its end.",
                )
        return Sound(wave, duration_s)
    return None


def check_declarations(
    manifest: Manifest, spans: list[Span], sound: Sound | None, problems: Problems
) -> None:
    """Say what the declared preprocessing and clock forbid, and what will be left out.

    Parameters
    ----------
    manifest : Manifest
    spans : list of Span
    sound : Sound or None
    problems : Problems
        What is found is added here.
    """
    _check_preprocessing(manifest, problems)
    check_order(manifest, problems)
    ratio = manifest.stimulus.clock_ratio
    if abs(ratio - 1) > CLOCK_DRIFT:
        problems.warning(
            "stimulus.clock_ratio",
            f"{ratio:g}",
            "clocks of scanner and sound differ by less than 1 % as a rule",
            "Check it: scanner seconds per stimulus second.",
        )
    if sound is not None:
        covered_s = sum(run.n_trs for run in manifest.runs) * manifest.t_r / ratio
        if covered_s < LEAST_COVERED * sound.duration_s:
            problems.note(
                "runs",
                f"{covered_s:g} s",
                f"cover less than half of the sound ({sound.duration_s:g} s)",
                "Check t_r and n_trs, if all of it was heard.",
            )
    for span in spans:
        where = f"runs.{span.run.name}"
        if span.run.locked:
            problems.note(
                f"{where}.locked",
                "true",
                "its values are looked at for defects only",
                "load_dataset(..., open_locked=...) opens it, once.",
            )
        if span.cropped:
            problems.note(
                where,
                f"{span.cropped} TRs",
                "lie off the sound on the restored clock",
                "They are left out.",
            )
    for subject, why in manifest.rejected.items():
        problems.note(f"subject {subject}", "excluded", why, "It is left out.")


def _check_preprocessing(manifest: Manifest, problems: Problems) -> None:
    if manifest.preprocessing.hrf and manifest.label_shift_trs:
        problems.error(
            "preprocessing.hrf",
            "true",
            f"labels are shifted by {manifest.label_shift_trs} TRs: a response model on shifted "
            "labels counts the delay twice",
            "Give the data before it (hrf: false).",
        )
    elif manifest.preprocessing.hrf:
        problems.warning(
            "preprocessing.hrf",
            "true",
            "the analysis applies the response itself",
            "Give the data before it.",
        )
