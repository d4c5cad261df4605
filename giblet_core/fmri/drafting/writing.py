"""The text of a draft: one line a key, with what is known of it as a comment above."""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from giblet_core.fmri.drafting.remarks import Remarks

WIDTH = 100
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./+-]*")
NO_TEXT = ("yes", "no", "on", "off", "true", "false", "null", "y", "n", "nan", "inf")
#: Every key that a draft may have, in order; what to write where there is none.
KEYS: dict[str, str] = {
    "name": "",
    "folder": "",
    "t_r": "t_r:",
    "slice_time_ref": "",
    "stimulus": "stimulus:",
    "runs": "",
    "bold": "",
    "mask": "",
    "atlas": "# atlas: {file: atlas.nii.gz, names: atlas.tsv}",
    "resample": "",
    "decimal": "",
    "nuisance": "",
    "confounds": "",
    "preprocessing": "# preprocessing: {zscored: true}",
    "exclude": "",
}
HEAD = """\
# A data set, as `giblet new-dataset` found it. What each key means: the page "Manifest reference".
"""
OPEN_HEAD = """\
# Lines with TODO are what the files do not say. Put the right value in and remove those lines;
# until then `giblet check` refuses this file.
"""


def manifest_text(content: Mapping[str, Any], remarks: Remarks) -> str:
    """Return the text of a manifest.

    Parameters
    ----------
    content : mapping
        Key -> value; a key that is not there is left out, or stands as a comment.
    remarks : Remarks
        They stand above the key that they are about.

    Returns
    -------
    str
    """
    lines = [HEAD + (OPEN_HEAD if remarks.open else "")]
    for key, empty in KEYS.items():
        lines += _comments(key, remarks)
        if key in content:
            lines.append(_entry(key, content[key]))
        elif empty and (remarks.at(key) or key == "atlas"):
            lines.append(empty)
    return "\n".join(lines) + "\n"


def _comments(key: str, remarks: Remarks) -> Iterator[str]:
    for remark in remarks.at(key):
        label = "" if remark.level == "note" else f"{remark.level}: "
        yield textwrap.fill(
            f"{label}{remark.text}",
            WIDTH,
            initial_indent="# ",
            subsequent_indent="#   ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _entry(key: str, value: Any) -> str:
    """Return a key with its value; a list of several mappings has one a line."""
    is_listed = isinstance(value, list) and len(value) > 1 and isinstance(value[0], Mapping)
    if is_listed:
        return "\n".join([f"{key}:", *(f"  - {yaml_text(item)}" for item in value)])
    return textwrap.fill(
        f"{key}: {yaml_text(value)}",
        WIDTH,
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def yaml_text(value: Any) -> str:
    """Return a value as YAML on one line.

    Examples
    --------
    >>> yaml_text({"name": "run-1", "n_trs": 150, "subjects": ["01", "no"], "zscored": True})
    '{name: run-1, n_trs: 150, subjects: ["01", "no"], zscored: true}'
    """
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{yaml_text(key)}: {yaml_text(item)}" for key, item in value.items())
            + "}"
        )
    if isinstance(value, list):
        return "[" + ", ".join(yaml_text(item) for item in value) + "]"
    is_plain = isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in NO_TEXT
    return value if is_plain else json.dumps(value, ensure_ascii=False)
