"""Read one piece of fMRI at a time: NIfTI streamed through a mask, ROI tables, npz; nuisance tables
and Praat TextGrids.
"""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from giblet_core.errors import explained, require

VOLUMES_AT_ONCE = 16  # keeps the memory of a read at the result plus some tens of MB
SECONDS_PER = {"msec": 1e-3, "usec": 1e-6}
IMAGES = ("nifti", "bids")
SILENCE = ("", "sp", "sil")  # labels of a TextGrid that are no words


@dataclass(frozen=True)
class BoldHeader:
    """What a file says before its data are read: TRs, shape of space, seconds a TR (None where it
    does not say).
    """

    n_trs: int
    space: tuple[int, ...]
    t_r: float | None = None


def find_one(folder: Path, pattern: str) -> Path:
    """Return the one file that a pattern (with ``*`` and ``**``) names.

    Raises
    ------
    InputError
        None or several.
    """
    found = (
        sorted(folder.glob(pattern))
        if re.search(r"[*?\[]", pattern)
        else [p for p in [folder / pattern] if p.is_file()]
    )
    require(
        found,
        f"file={folder / pattern}: does not exist. Correct pattern or subjects, or exclude the subject with its reason.",
    )
    names = ", ".join(path.name for path in found[:2])
    require(
        len(found) == 1,
        f"pattern={pattern}: names {len(found)} files ({names}, ...), but must name one. Write more of the name.",
    )
    return found[0]


def load_image(path: Path) -> nib.spatialimages.SpatialImage:
    """Open a NIfTI image without reading its data."""
    with explained(
        f"file={path}: must be a readable NIfTI image",
        "Copy it again.",
        OSError,
        EOFError,
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
    ):
        return nib.load(
            path, keep_file_open=True
        )  # one handle: a compressed file is then unpacked once, not once a piece


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of numbers, separated by blanks, tabs or commas, with or without a line of
    names; ``n/a`` is NaN.

    Raises
    ------
    InputError
        Not a table of numbers.
    """
    with explained(
        f"file={path}: must be a table of numbers",
        "Use one line a TR, one column a series.",
        OSError,
        ValueError,
        pd.errors.ParserError,
    ):
        with path.open(encoding="utf-8") as handle:
            first = re.split(r"[\s,]+", handle.readline().strip())
        named = any(
            re.fullmatch(r"[A-Za-z_].*", word) and word.lower() not in ("n/a", "nan")
            for word in first
        )
        table = pd.read_csv(
            path,
            sep=r"\s*,\s*|\s+",
            engine="python",
            header=0 if named else None,
            na_values=["n/a"],
            skipinitialspace=True,
        )
        table = table.dropna(axis=1, how="all")  # blanks at the ends of lines make empty columns
        return table.astype(np.float64)


def _npz_array(path: Path) -> np.ndarray:
    readable = explained(
        f"file={path}: must be npz without pickle",
        "Save it with numpy.savez.",
        OSError,
        ValueError,
        EOFError,
        zlib.error,
    )
    with readable, np.load(path, allow_pickle=False) as data:
        names = [name for name in data.files if not name.startswith("__")]
        array = (
            data["bold" if "bold" in names else names[0]]
            if "bold" in names or len(names) == 1
            else None
        )
    require(
        array is not None and array.ndim == 2 and array.dtype.kind in "fiu",
        f"file={path}: must hold one array (n_trs, n_voxels) of "
        "numbers, named 'bold'. Save it with numpy.savez(file, bold=...).",
    )
    return array


def _array(path: Path, kind: str) -> np.ndarray:
    return read_table(path).to_numpy() if kind == "roi_table" else _npz_array(path)


def bold_header(path: Path, kind: str) -> BoldHeader:
    """Return what a BOLD file of a manifest's `bold.format` says of itself."""
    if kind not in IMAGES:
        n_trs, n_columns = _array(path, kind).shape
        return BoldHeader(n_trs, (n_columns,))
    image = load_image(path)
    require(
        len(image.shape) == 4,
        f"file={path}: shape {image.shape} must have four dimensions (x, y, z, time). Give the BOLD series.",
    )
    t_r = float(image.header.get_zooms()[3]) * SECONDS_PER.get(
        image.header.get_xyzt_units()[1], 1.0
    )
    return BoldHeader(image.shape[3], image.shape[:3], t_r or None)


def read_rows(
    path: Path, kind: str, start: int, stop: int, mask: np.ndarray | None, out: np.ndarray
) -> None:
    """Read TRs start:stop into `out` (n, n_voxels) float32, streaming.

    Raises
    ------
    InputError
        The file ends early or is damaged.
    """
    if kind not in IMAGES:
        rows = _array(path, kind)[start:stop]
        require(
            len(rows) == len(out),
            f"file={path}: ends at TR {start + len(rows)}, but TRs to {stop} are declared. Correct n_trs.",
        )
        out[:] = rows
        return
    data = load_image(path).dataobj
    with explained(
        f"file={path}: TRs {start} to {stop} cannot be read",
        "The file is damaged; copy it again.",
        OSError,
        EOFError,
        zlib.error,
        ValueError,
    ):
        for a in range(start, stop, VOLUMES_AT_ONCE):
            b = min(a + VOLUMES_AT_ONCE, stop)
            out[a - start : b - start] = np.asarray(data[..., a:b])[mask].T


def changing_voxels(path: Path) -> np.ndarray:
    """Return the voxels (x, y, z) that are finite and not constant in the first 20 volumes of a
    series.
    """
    volumes = np.asarray(load_image(path).dataobj[..., :20], np.float32)
    return np.isfinite(volumes).all(-1) & (volumes.max(-1) > volumes.min(-1))


def read_textgrid(path: str | Path, tier: str = "word") -> list[tuple[float, float, str]]:
    """Read an interval tier of a Praat TextGrid (long format).

    Parameters
    ----------
    path : path
    tier : str

    Returns
    -------
    list of (start_s, stop_s, text)
    """
    with explained(
        f"path={path}: must be a readable TextGrid", "Check the name.", OSError, UnicodeDecodeError
    ):
        text = Path(path).read_text(encoding="utf-8")
    tiers = {
        re.search(r'name = "(.*?)"', part).group(1): part
        for part in re.split(r"item \[\d+\]:", text)[1:]
    }
    require(
        tier in tiers,
        f"tier={tier!r}: must be one of {sorted(tiers)}. Choose one, or save the TextGrid in Praat's long format.",
    )
    found = re.findall(
        r'xmin = ([\d.eE+-]+)\s+xmax = ([\d.eE+-]+)\s+text = "((?:[^"]|"")*)"', tiers[tier]
    )
    return [
        (float(a), float(b), word.replace('""', '"').strip())
        for a, b, word in found
        if word.strip() not in SILENCE
    ]
