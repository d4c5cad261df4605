"""What is regressed out of each run: the tables of a data set, laid over its runs."""

from giblet_core.errors import require
from giblet_core.fmri.clock import Span
from giblet_core.fmri.files.nuisance import nuisance_run
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.series.preparation import Preparation
from giblet_core.fmri.series.regression import RunDesign, design_of_run


def subject_design(
    manifest: Manifest, preparation: Preparation, subject: str, span: Span
) -> RunDesign:
    """Return what is regressed out of one run of one subject.

    Parameters
    ----------
    manifest : Manifest
    preparation : Preparation
        Of the manifest.
    subject : str
    span : Span
        The run.

    Returns
    -------
    RunDesign

    Raises
    ------
    InputError
        A nuisance table that is missing, wrong, or shorter than the run.
    """
    confounds = None
    kept = None
    if preparation.confounds:
        table = nuisance_run(manifest, subject, span.run)
        rows = span.of(subject).rows
        require_rows(len(table.values), rows, f"subject {subject}, {span.run.name}")
        confounds = table.values[rows]
        kept = table.kept[rows]
    return design_of_run(preparation, span.grid.n_trs, manifest.t_r, confounds, kept)


def require_rows(n_rows: int, rows: slice, where: str) -> None:
    """Refuse a nuisance table that is shorter than the run.

    Parameters
    ----------
    n_rows : int
        Of the table.
    rows : slice
        Those of the run.
    where : str
        Whose it is, for the message.

    Raises
    ------
    InputError
    """
    require(
        n_rows >= rows.stop,
        f"nuisance of {where}: {n_rows} rows, but {rows.stop} are needed. Correct "
        "nuisance.drop_first, or the table.",
    )
