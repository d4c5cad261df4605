"""What the files say of themselves, compared with the manifest and with each other."""

from giblet_core.fmri.files.inventory import (
    FoundFile,
    Inventory,
    asked_files,
    columns_of,
    region_columns,
)
from giblet_core.fmri.files.sidecars import Sidecar, sidecar_of
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS, BoldHeader

TR_TOLERANCE_S = 1e-3
UNKNOWN_TR_S = 1.0  # what many programs write for a TR that they do not know
UNITS = ("sec", "msec", "usec", "unknown")  # of time, as nibabel calls them
SLIPS = (1, 1e-3, 1e-6, 1e3, 1e6)  # seconds that are called milliseconds, and the reverse
SLICE_TIME_TOLERANCE = 0.05  # of a TR: fMRIPrep's 0.5 is 0.49 for some orders of slices
SHORTEST_TR_S = 0.02
LONGEST_TR_S = 60.0


def header_problems(manifest: Manifest, inventory: Inventory) -> Problems:
    """Compare every file's header and sidecar with the manifest and with the other files.

    Files that are missing or unreadable count too.
    """
    problems = Problems()
    file_at = {file.asked.where: file for file in inventory.files}
    for asked in asked_files(manifest):
        with problems.caught(asked.where):
            if asked.where in inventory.faults:
                raise inventory.faults[asked.where]
            _check_file(manifest, file_at[asked.where], inventory, problems)
    return problems


def _check_file(
    manifest: Manifest, file: FoundFile, inventory: Inventory, problems: Problems
) -> None:
    where = file.asked.where
    suffixes = READERS[manifest.bold.format].suffixes
    if not file.path.name.lower().endswith(suffixes):
        problems.warning(
            where,
            file.path.name,
            f"files of format {manifest.bold.format} end in {', '.join(suffixes)} as a rule",
            "Check bold.format.",
        )
    sidecar = None
    with problems.caught(where):
        sidecar = sidecar_of(file.path, manifest.folder)
    for doubt in file.header.doubts:
        problems.warning(where, doubt.value, doubt.rule, doubt.remedy)
    _check_t_r(manifest, file, sidecar, problems)
    _check_shape(manifest, file, inventory, problems)
    if sidecar is not None:
        _check_slice_time(manifest, where, sidecar, problems)
        _note_discarded(manifest, file, sidecar.n_discarded, problems)


def _note_discarded(
    manifest: Manifest, file: FoundFile, n_discarded: int, problems: Problems
) -> None:
    """Say that volumes were thrown away before the file begins: the sound may have been on."""
    run = file.asked.run
    if n_discarded and not run.history_s:
        problems.note(
            file.asked.where,
            f"{n_discarded} volumes were discarded before volume 0 of the file",
            f"stimulus_start_s: {run.stimulus_start_s:g} is the time of that volume 0",
            f"If the sound was on before, give history_s (up to {n_discarded * manifest.t_r:g}).",
        )


def _check_shape(
    manifest: Manifest, file: FoundFile, inventory: Inventory, problems: Problems
) -> None:
    """Compare the number of TRs, and voxels or columns."""
    header = file.header
    where = file.asked.where
    if header.n_trs != file.asked.n_trs:
        is_transposed = header.grid is None and header.space[0] == file.asked.n_trs
        remedy = (
            "Transpose the table: a row is a TR." if is_transposed else "Correct n_trs or file."
        )
        problems.error(
            where,
            f"{header.n_trs} TRs",
            f"the manifest declares {file.asked.n_trs}",
            remedy,
        )
    if header.axis is not None:
        _check_axis(file, inventory, problems)
    elif header.grid is None:
        with problems.caught(where):
            columns_of(manifest, header, region_columns(manifest, inventory))
    elif not header.grid.is_same(inventory.grid):
        if manifest.resample:
            problems.note(
                where,
                header.grid.placement,
                f"is not the others' grid ({inventory.grid.placement})",
                "It is resampled (resample: true).",
            )
        else:
            with problems.caught(where):
                raise inventory.grid.refuse(header.grid)


def _check_axis(file: FoundFile, inventory: Inventory, problems: Problems) -> None:
    """Compare the grayordinates of a file with those of the first."""
    first = inventory.files[0].header.axis
    if file.header.axis != first:
        problems.error(
            file.asked.where,
            f"{len(file.header.axis)} grayordinates",
            f"are not those of {inventory.files[0].asked.where} ({len(first)})",
            "Give series of all subjects in one space and of one resolution.",
        )


def _check_t_r(
    manifest: Manifest, file: FoundFile, sidecar: Sidecar | None, problems: Problems
) -> None:
    """Compare the TR of the header, and of the sidecar, with the manifest's."""
    where = file.asked.where
    declared = f"the manifest declares {manifest.t_r:g} s"
    sidecar_t_r = None if sidecar is None else sidecar.t_r
    if sidecar_t_r is not None and abs(sidecar_t_r - manifest.t_r) > TR_TOLERANCE_S:
        unit = " (milliseconds?)" if sidecar_t_r > LONGEST_TR_S else ""
        problems.error(
            where,
            f"RepetitionTime {sidecar_t_r:g} s in {sidecar.names[-1]}{unit}",
            declared,
            "Correct t_r, or the JSON file.",
        )
    t_r = file.header.t_r
    if file.header.grid is None and t_r is None:
        return  # a table says nothing of the time
    if t_r is None:
        if sidecar_t_r is None:
            problems.warning(
                where,
                "TR 0 s in the header",
                f"says nothing of the time; {declared}",
                "Check it against the scanner's protocol.",
            )
        return
    if abs(t_r - manifest.t_r) <= TR_TOLERANCE_S and file.header.t_r_unit in UNITS:
        return
    _explain_t_r(manifest, file.header, sidecar_t_r, where, problems)


def _explain_t_r(
    manifest: Manifest,
    header: BoldHeader,
    sidecar_t_r: float | None,
    where: str,
    problems: Problems,
) -> None:
    """Say what is wrong with a TR in a header that is not the manifest's.

    It is a warning only where the header cannot mean another TR: an impossible unit around the
    manifest's number, or the 1 of programs that know no TR, without a unit or beside a JSON file
    that tells the manifest's. Else nobody knows which is right.
    """
    value = f"TR {header.t_r:g} s in the header"
    declared = f"the manifest declares {manifest.t_r:g} s"
    if not header.t_r > 0:  # NaN too
        problems.error(where, value, f"must be positive; {declared}", "Correct the header.")
    elif not (header.t_r_unit in UNITS and SHORTEST_TR_S <= header.t_r <= LONGEST_TR_S):
        is_right = any(abs(header.t_r * slip - manifest.t_r) <= TR_TOLERANCE_S for slip in SLIPS)
        add = problems.warning if is_right else problems.error
        add(
            where,
            f"{value} ({header.t_r_number:g} {header.t_r_unit})",
            f"has a wrong unit; {declared}",
            "Correct the header's unit of time.",
        )
    elif header.t_r != UNKNOWN_TR_S:
        problems.error(where, value, declared, "Correct t_r, or the header.")
    elif header.t_r_unit == "unknown" or sidecar_t_r is not None:
        remedy = "Many programs write 1 for unknown; check it."
        problems.warning(where, value, declared, remedy)
    else:
        problems.error(
            where,
            value,
            declared,
            "Correct t_r, or the header; where its 1 means unknown, write RepetitionTime into the "
            "JSON file beside the image.",
        )


def _check_slice_time(manifest: Manifest, where: str, sidecar: Sidecar, problems: Problems) -> None:
    """Compare the moment to which slices were moved with `slice_time_ref`."""
    if sidecar.slice_timing_corrected is False:
        return
    if sidecar.start_time_s is not None:
        t_r = sidecar.t_r or manifest.t_r
        reference = sidecar.start_time_s / t_r
        if abs(reference - manifest.slice_time_ref) > SLICE_TIME_TOLERANCE:
            problems.error(
                where,
                f"StartTime {sidecar.start_time_s:g} s in {sidecar.names[-1]}, {reference:.3g} TRs",
                f"the manifest declares slice_time_ref: {manifest.slice_time_ref:g}",
                f"Write slice_time_ref: {reference:.3g}, or correct the JSON file.",
            )
    elif sidecar.slice_timing_corrected and manifest.slice_time_ref == 0:
        problems.warning(
            where,
            f"SliceTimingCorrected true in {sidecar.names[-1]}",
            "the manifest declares slice_time_ref: 0, the begin of a TR",
            "fMRIPrep moves slices to the middle: slice_time_ref: 0.5.",
        )
