"""Words and their times from Praat TextGrids."""

import re
from pathlib import Path

from giblet_core.errors import explained, require

SILENCE = ("", "sp", "sil")  # labels that are no words
INTERVAL = r'xmin = ([\d.eE+-]+)\s+xmax = ([\d.eE+-]+)\s+text = "((?:[^"]|"")*)"'


def read_textgrid(path: str | Path, tier: str = "word") -> list[tuple[float, float, str]]:
    """Read an interval tier of a Praat TextGrid (long format).

    Parameters
    ----------
    path : path
    tier : str

    Returns
    -------
    list of (start_s, stop_s, text)

    Raises
    ------
    InputError
        Not readable, or without such a tier.
    """
    with explained(
        f"path={path}: must be a readable TextGrid", "Check the name.", OSError, UnicodeDecodeError
    ):
        text = Path(path).read_text(encoding="utf-8")
    tiers = {}
    for part in re.split(r"item \[\d+\]:", text)[1:]:
        tiers[re.search(r'name = "(.*?)"', part).group(1)] = part
    require(
        tier in tiers,
        f"tier={tier!r}: must be one of {sorted(tiers)}. Choose one, or save the TextGrid in "
        "Praat's long format.",
    )
    intervals = []
    for start, stop, label in re.findall(INTERVAL, tiers[tier]):
        if label.strip() not in SILENCE:
            intervals.append((float(start), float(stop), label.replace('""', '"').strip()))
    return intervals
