"""Names of files, as BIDS derivatives are called.

References
----------
.. [1] Gorgolewski et al. 2016, Sci Data 3, 160044. doi:10.1038/sdata.2016.44 (BIDS)
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from giblet_core.derivatives.statistics import MapKey, plain_label
from giblet_core.errors import require

_TASK = r"(sub-[A-Za-z0-9]+_)?task-[A-Za-z0-9]+"
_OF_SPACE = ("space", "res", "den")  # entities of names, in BIDS' order
_SPACE = "".join(rf"(_{entity}-[A-Za-z0-9]+)?" for entity in _OF_SPACE)
MAP_NAME = re.compile(
    _TASK
    + r"(_hemi-[LR])?"
    + _SPACE
    + r"_desc-[A-Za-z0-9]+_stat-[A-Za-z0-9]+_map\.(nii\.gz|dscalar\.nii|shape\.gii|json)"
)
TABLE_NAME = re.compile(_TASK + r"_desc-[A-Za-z0-9]+_stats\.(tsv|json)")


@dataclass(frozen=True)
class Names:
    """What the files of a data set are called.

    Attributes
    ----------
    task : str
        Label of the task: the data set's name, letters and digits alone.
    space : str
        ``_space-...`` and the like of the series, where their names say so; else "".
    subjects : dict of str to str
        Subject as in the manifest -> label.
    """

    task: str
    space: str
    subjects: dict[str, str]

    def folder(self, subject: str | None) -> str:
        """Return the folder of a subject's files; of the group's, for None."""
        return "group" if subject is None else f"sub-{self.subjects[subject]}/func"

    def _start(self, subject: str | None, space: str) -> str:
        who = "" if subject is None else f"sub-{self.subjects[subject]}_"
        return f"{self.folder(subject)}/{who}task-{self.task}{space}"

    def map(self, subject: str | None, key: MapKey) -> str:
        """Return the name of a map in its folder, without its ending."""
        return f"{self._start(subject, self.space)}_desc-{key.desc}_stat-{key.stat}_map"

    def table(self, subject: str | None) -> str:
        """Return the name of the table of regions in its folder, without its ending."""
        return f"{self._start(subject, '')}_desc-regions_stats"


def subject_labels(subjects: Sequence[str]) -> dict[str, str]:
    """Return the label of each subject: letters and digits alone, ``sub-`` left out.

    Raises
    ------
    InputError
        Two subjects would have one label, or one would have none.
    """
    labels = {subject: plain_label(subject.removeprefix("sub-")) for subject in subjects}
    taken = sorted(labels.values())
    require(
        all(taken) and len(set(taken)) == len(taken),
        f"subjects={', '.join(subjects)}: their letters and digits must differ; files are named by "
        "them. Rename subjects in the manifest.",
    )
    return labels


def task_label(name: str) -> str:
    """Return the label of a task; ``task`` where a name has no letter or digit of its own."""
    return plain_label(name) or "task"


def space_part(entities: dict[str, str]) -> str:
    """Return what names of maps say of their space.

    Examples
    --------
    >>> space_part({"task": "film", "space": "MNI152NLin2009cAsym", "res": "2"})
    '_space-MNI152NLin2009cAsym_res-2'
    """
    parts = [f"_{key}-{plain_label(entities[key])}" for key in _OF_SPACE if key in entities]
    return "".join(parts)


def with_hemisphere(name: str, hemisphere: str) -> str:
    """Say in a name which half of the brain the file holds, where BIDS says it: after the task.

    Examples
    --------
    >>> with_hemisphere("sub-01_task-film_space-fsLR_desc-full_stat-r_map", "L")
    'sub-01_task-film_hemi-L_space-fsLR_desc-full_stat-r_map'
    """
    return re.sub(r"(task-[A-Za-z0-9]+)", rf"\1_hemi-{hemisphere}", name, count=1)
