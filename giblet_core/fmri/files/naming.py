"""Find the one file that a name or pattern means."""

import re
from pathlib import Path

from giblet_core.errors import InputError, require
from giblet_core.fmri.manifest.models import Manifest, Run


def find_one(folder: Path, pattern: str) -> Path:
    """Return the one file that a pattern (with ``*`` and ``**``) names.

    Raises
    ------
    InputError
        None or several.
    """
    if re.search(r"[*?\[]", pattern):
        paths = sorted(folder.glob(pattern))
    else:
        paths = [path for path in [folder / pattern] if path.is_file()]
    require(
        paths,
        f"file={folder / pattern}: does not exist. Correct pattern or subjects, or exclude the "
        "subject with its reason.",
    )
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths[:2])
        raise InputError(
            f"pattern={pattern}: names {len(paths)} files ({names}, ...), but must name one. "
            "Write more of the name."
        )
    return paths[0]


def filled(pattern: str, subject: str, run: Run) -> str:
    """Write subject and run into a pattern.

    Parameters
    ----------
    pattern : str
        With ``{subject}`` and, where wanted, ``{run}``.
    subject : str
    run : Run

    Returns
    -------
    str
    """
    return pattern.replace("{subject}", subject).replace("{run}", run.name)


def bold_path(manifest: Manifest, subject: str, run: Run) -> Path:
    """Find the file of a subject and run.

    Without a pattern (BIDS derivatives) the run's name is an entity, such as ``run-1``.

    Parameters
    ----------
    manifest : Manifest
    subject : str
    run : Run

    Returns
    -------
    Path

    Raises
    ------
    InputError
        No file, or several.
    """
    pattern = manifest.bold.pattern
    if pattern is None:
        run_entity = "{run}_*" if len(manifest.runs) > 1 else ""
        pattern = "**/sub-{subject}_*" + run_entity + "desc-preproc_bold.nii.gz"
    if manifest.bold.format == "bids":
        subject = subject.removeprefix("sub-")
    return find_one(manifest.folder, filled(pattern, subject, run))
