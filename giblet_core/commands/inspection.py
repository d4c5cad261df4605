"""Inspection: say what a file holds, without loading more of it than needed.

`require_kind` tells a file of a wrong kind before any work. A file that is missing or damaged is
not judged by it: the command's own reader says what is wrong.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giblet_core.errors import InputError
from giblet_core.files import load_npz, read_json
from giblet_core.fmri import READERS, ReadOptions, load_dataset, load_image, refuse_damaged
from giblet_core.sound import annotation_beside, audio_info

Facts = dict[str, Any]


def describe(path: str | Path, track: int | None = None, channel: int | str | None = None) -> Facts:
    """Return what a file holds, as names and plain values.

    Parameters
    ----------
    path : path
        A file of one of `KINDS`; anything else is read as a sound or video.
    track, channel : optional
        What to read of a sound, as in `load_audio`.

    Returns
    -------
    dict
        ``kind`` and what belongs to it.

    Raises
    ------
    InputError
        Missing, empty, damaged or of an unknown kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"file={path}: there is no such file. Check the name.")
    if path.stat().st_size == 0:
        raise InputError(f"file={path}: is empty (0 bytes). Make or copy it again.")
    for kind in KINDS:
        if path.name.lower().endswith(kind.suffixes):
            return kind.describe(path)
    return _describe_sound(path, track, channel)


def _describe_sound(path: Path, track: int | None, channel: int | str | None) -> Facts:
    sound = audio_info(path, track, channel)
    facts = {
        "kind": "sound",
        "format": sound.format,
        "sample_rate_hz": sound.sample_rate,
        "channels": sound.n_channels,
        "duration_s": round(sound.duration_s, 6),
    }
    if len(sound.tracks) > 1:
        facts["tracks"] = "; ".join(str(there) for there in sound.tracks)
        facts["track"] = sound.track
    if sound.notes:
        facts["notes"] = "; ".join(sound.notes)
    annotation = annotation_beside(path, sound.duration_s)
    if annotation:
        facts["annotated"] = annotation.counts
    return facts


def _describe_npz(path: Path) -> Facts:
    arrays, meta = load_npz(path)
    facts = {"kind": meta.get("kind", "arrays")}
    for name, values in arrays.items():
        facts[name] = f"{values.shape} {values.dtype}"
    facts |= {name: value for name, value in meta.items() if name != "kind"}
    if facts["kind"] == "codes":
        num_codebooks, n_frames = arrays["indices"].shape
        facts["num_codebooks"] = num_codebooks
        facts["n_frames"] = n_frames
        facts["duration_s"] = meta["n_samples"] / meta["sample_rate"]
    return facts


def _describe_nifti(path: Path) -> Facts:
    image = load_image(path)
    refuse_damaged(image, path)
    header = image.header
    shape = header.get_data_shape()
    zooms = header.get_zooms()
    facts = {
        "kind": "NIfTI image",
        "shape": shape,
        "voxel_mm": [float(zoom) for zoom in zooms[:3]],
        "dtype": str(header.get_data_dtype()),
    }
    if len(shape) == 4:
        facts["n_trs"] = shape[3]
        facts["t_r_s"] = float(zooms[3])
    return facts


def _describe_surface(path: Path) -> Facts:
    """Describe a series on grayordinates: CIFTI, or the left half of a pair of GIFTI."""
    name = "cifti" if path.name.lower().endswith(".nii") else "gifti"
    header = READERS[name].read_header(path, ReadOptions())
    structures = [structure for structure, _, _ in header.axis.iter_structures()]
    return {
        "kind": f"{name.upper()} series",
        "n_trs": header.n_trs,
        "t_r_s": header.t_r,
        "grayordinates": len(header.axis),
        "structures": [structure.removeprefix("CIFTI_STRUCTURE_") for structure in structures],
    }


def _describe_json(path: Path) -> Facts:
    content = read_json(path)
    if not isinstance(content, dict):
        entries = len(content) if hasattr(content, "__len__") else 1
        return {"kind": f"JSON {type(content).__name__}", "entries": entries}
    facts = {"kind": "result"}
    for name, value in content.items():
        nested = isinstance(value, dict | list)
        facts[name] = f"{type(value).__name__} of {len(value)}" if nested else value
    return facts


def _describe_dataset(path: Path) -> Facts:
    data = load_dataset(path)
    return {
        "kind": "data set",
        "label": data.label,
        "t_r_s": data.t_r,
        "runs": [run.name for run in data.runs],
        "subjects": len(data.subjects),
        "stimulus": Path(data.stimulus).name if data.stimulus else None,
    }


@dataclass(frozen=True)
class FileKind:
    """A kind of file, known by how its name ends."""

    suffixes: tuple[str, ...]
    describe: Callable[[Path], Facts]


#: Kinds that are told by name; every other file is asked whether it is a sound.
KINDS = (
    FileKind((".npz",), _describe_npz),
    FileKind((".dtseries.nii", ".func.gii"), _describe_surface),
    FileKind((".nii", ".nii.gz"), _describe_nifti),
    FileKind((".json",), _describe_json),
    FileKind((".yaml", ".yml"), _describe_dataset),
)


# --- wrong kinds -----------------------------------------------------------------------------

YAML_SUFFIXES = (".yaml", ".yml")
ENCODE = "Encode it first: giblet encode SOUND CODES.npz."
DECODE = "Decode it first: giblet decode CODES.npz OUT.wav."
DESCRIBE = "Describe the data in one: giblet new-dataset DIR."


@dataclass(frozen=True)
class Wanted:
    """What a command needs.

    Attributes
    ----------
    kind : str
        As `describe` names it.
    words : str
        In a message.
    remedy : str
        What to do with a file of another kind.
    remedies : dict of str to str
        Kind that was given -> a better remedy.
    """

    kind: str
    words: str
    remedy: str
    remedies: dict[str, str]


WANTED = {
    "sound": Wanted("sound", "a sound", "Give a sound or a video.", {"codes": DECODE}),
    "codes": Wanted(
        "codes",
        "codes, a file written by this project",
        "Give a .npz that giblet encode wrote.",
        {"sound": ENCODE},
    ),
    "data set": Wanted("data set", "a data set (dataset.yaml)", DESCRIBE, {}),
    "result": Wanted(
        "result", "answers of a listening test", "Give the JSON that a test page saved.", {}
    ),
}
ARTICLES = {"codes": "these are codes", "arrays": "these are arrays"}


def require_kind(path: str | None, wanted: str, argument: str) -> None:
    """Refuse a file of another kind than a command needs.

    Parameters
    ----------
    path : str or None
        None is let through.
    wanted : str
        A key of `WANTED`.
    argument : str
        Name of the argument, for the message.

    Raises
    ------
    InputError
        The file is of another kind; the message says which.
    """
    kind = None if path is None else kind_of(path)
    if kind is None or kind == WANTED[wanted].kind:
        return
    need = WANTED[wanted]
    what_it_is = ARTICLES.get(kind, f"this is a {kind}")
    remedy = need.remedies.get(kind, need.remedy)
    raise InputError(f"{argument}={path}: {what_it_is}, not {need.words}. {remedy}")


def kind_of(path: str | Path) -> str | None:
    """Return what a file is; None where it is missing, damaged or cannot be told."""
    if not Path(path).is_file():
        return None
    if Path(path).suffix.lower() in YAML_SUFFIXES:
        return "data set"
    try:
        return str(describe(path)["kind"])
    except (InputError, OSError):
        return None
