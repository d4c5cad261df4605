"""Say what a file holds: sound, codes, any npz of this project, NIfTI, a data set, a result."""

from pathlib import Path
from typing import Any

from giblet_core.errors import require
from giblet_core.files import load_npz, read_json
from giblet_core.sound import annotation_beside, audio_info


def describe(path: str | Path) -> dict[str, Any]:
    """Return what a file holds, as names and plain values, without loading more than needed.

    Parameters
    ----------
    path : path
        ``.npz`` of this project (verified), ``.nii``/``.nii.gz``, ``.json``, ``.yaml`` (a data
        set), else a sound or video.

    Raises
    ------
    InputError
        Missing, empty, damaged or of an unknown kind.
    """
    path = Path(path)
    require(path.is_file(), f"file={path}: there is no such file. Check the name.")
    require(path.stat().st_size != 0, f"file={path}: is empty (0 bytes). Make or copy it again.")
    for suffixes, reader in (
        ((".npz",), _npz),
        ((".nii", ".nii.gz"), _nifti),
        ((".json",), _json),
        ((".yaml", ".yml"), _dataset),
    ):
        if path.name.lower().endswith(suffixes):
            return reader(path)
    sound = audio_info(path)
    found = annotation_beside(path, sound.duration_s)
    return {
        "kind": "sound",
        "format": sound.format,
        "sample_rate_hz": sound.sample_rate,
        "channels": sound.n_channels,
        "duration_s": round(sound.duration_s, 6),
        **({"annotated": found.counts} if found else {}),
    }


def _npz(path: Path) -> dict[str, Any]:
    arrays, meta = load_npz(path)
    shapes = {name: f"{value.shape} {value.dtype}" for name, value in arrays.items()}
    if meta.get("kind") == "codes":
        num_codebooks, n_frames = arrays["indices"].shape
        meta = {
            **meta,
            "num_codebooks": num_codebooks,
            "n_frames": n_frames,
            "duration_s": meta["n_samples"] / meta["sample_rate"],
        }
    return {
        "kind": meta.get("kind", "arrays"),
        **shapes,
        **{k: v for k, v in meta.items() if k != "kind"},
    }


def _nifti(path: Path) -> dict[str, Any]:
    from giblet_core.fmri import load_image

    header = load_image(path).header
    zooms, shape = header.get_zooms(), header.get_data_shape()
    time = {"n_trs": shape[3], "t_r_s": float(zooms[3])} if len(shape) == 4 else {}
    return {
        "kind": "NIfTI image",
        "shape": shape,
        "voxel_mm": [float(z) for z in zooms[:3]],
        "dtype": str(header.get_data_dtype()),
        **time,
    }


def _json(path: Path) -> dict[str, Any]:
    content = read_json(path)
    if not isinstance(content, dict):
        return {
            "kind": f"JSON {type(content).__name__}",
            "entries": len(content) if hasattr(content, "__len__") else 1,
        }
    return {
        "kind": "result",
        **{
            k: v if not isinstance(v, dict | list) else f"{type(v).__name__} of {len(v)}"
            for k, v in content.items()
        },
    }


def _dataset(path: Path) -> dict[str, Any]:
    from giblet_core.fmri import load_dataset

    data = load_dataset(path)
    return {
        "kind": "data set",
        "label": data.label,
        "t_r_s": data.t_r,
        "runs": [run.name for run in data.runs],
        "subjects": len(data.subjects),
        "stimulus": Path(data.stimulus).name if data.stimulus else None,
    }
