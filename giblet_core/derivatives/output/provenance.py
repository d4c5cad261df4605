"""How results were made, for machines: versions, hashes of inputs, parameters, the command.

Names of files stand without their folders: results travel, folders of one machine do not.
"""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import giblet_core
from giblet_core.derivatives.statistics import VoxelMaps, VoxelModel
from giblet_core.files import content_hash, file_sha256
from giblet_core.fmri import Dataset, bold_path
from giblet_core.timing import Stimulus

PACKAGES = ("numpy", "scipy", "pandas", "nibabel", "nilearn", "himalaya", "torch", "transformers")


@dataclass(frozen=True)
class Source:
    """From what, and by which command, results were made.

    Attributes
    ----------
    stimulus : Stimulus
    data : Dataset
    command : tuple of str
        As typed; folders of absolute paths are left out. () where no command was.
    """

    stimulus: Stimulus
    data: Dataset
    command: tuple[str, ...] = ()


def provenance_of(source: Source, found: VoxelMaps) -> dict[str, Any]:
    """Return how results were made, ready for JSON."""
    subjects = list(found.subjects)
    return {
        "software": {
            "giblet": giblet_core.__version__,
            "python": platform.python_version(),
            **_versions(),
        },
        "command": [_without_folder(word) for word in source.command],
        "parameters": _parameters(found.model),
        "stimulus": _about_stimulus(source.stimulus),
        "data": _about_data(source.data, subjects),
        "inputs": _hashes(input_files(source.data, subjects)),
    }


def _parameters(model: VoxelModel) -> dict[str, Any]:
    folds = [
        {"test_first": int(test[0]), "test_last": int(test[-1]), "n_train": len(train)}
        for train, test in model.folds
    ]
    return {
        **asdict(model.settings),
        "groups": {name: space.shape[1] for name, space in model.groups.items()},
        "null": "phase randomisation, of BOLD for r, and of what the baselines leave of BOLD for "
        "the part of the codebooks; one draw for all voxels and subjects",
        "folds": folds,
    }


def _about_stimulus(stimulus: Stimulus) -> dict[str, Any]:
    return {
        "label": stimulus.label,
        "codec": stimulus.codec.id,
        "codec_sha256": stimulus.codec.sha256,
        "bandwidth_kbps": float(stimulus.codes.bandwidth_kbps),
        "sound_sha256": content_hash(stimulus.wave),
        "codes_sha256": content_hash(stimulus.codes.indices),
    }


def _about_data(data: Dataset, subjects: Sequence[str]) -> dict[str, Any]:
    runs = [
        {"name": run.name, "n_trs": grid.n_trs, "onset_s": float(grid.onset_s)}
        for run, grid in zip(data.runs, data.grids)
    ]
    return {
        "name": data.name,
        "label": data.label,
        "t_r": data.t_r,
        "slice_time_ref": data.slice_time_ref,
        "preparation": str(data.preparation),
        "regions_note": data.regions_note,
        "manifest_sha256": content_hash(data.manifest.model_dump_json(exclude={"folder"})),
        "subjects": list(subjects),
        "runs": runs,
        "nuisance_sha256": _nuisance_hashes(data, subjects),
    }


def input_files(data: Dataset, subjects: Sequence[str]) -> list[Path]:
    """Return the files that a data set's series, mask, regions and sound were read from."""
    manifest = data.manifest
    series = [bold_path(manifest, subject, run) for subject in subjects for run in data.runs]
    maps = [manifest.mask.file]
    if manifest.has_atlas:
        maps += [manifest.atlas.file, manifest.atlas.names]
    named = [manifest.path(name) for name in maps if isinstance(name, str)]
    sound = [] if data.stimulus is None else [data.stimulus]
    files = dict.fromkeys([*series, *named, *sound])
    return [path for path in files if path.is_file()]


def _nuisance_hashes(data: Dataset, subjects: Sequence[str]) -> dict[str, str]:
    """Return the hash of each subject's nuisance series; empty where there are none."""
    series = {subject: data.nuisance(subject) for subject in subjects}
    return {subject: content_hash(rows) for subject, rows in series.items() if rows is not None}


def _versions() -> dict[str, str]:
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _without_folder(word: str) -> str:
    """Return a word of a command; of an absolute path, also in ``name=path``, the last name.

    Examples
    --------
    >>> _without_folder("--out"), _without_folder("audio=/data/film.wav")
    ('--out', 'audio=film.wav')
    """
    name, equals, value = word.rpartition("=")
    return f"{name}{equals}{Path(value).name}" if Path(value).is_absolute() else word


def _hashes(files: Sequence[Path]) -> dict[str, str]:
    """Return the hash of each file by its name; those of equal name get a number."""
    hashes: dict[str, str] = {}
    for path in files:
        name = path.name
        number = 2
        while name in hashes:
            name = f"{path.name} ({number})"
            number += 1
        hashes[name] = file_sha256(path)
    return hashes
