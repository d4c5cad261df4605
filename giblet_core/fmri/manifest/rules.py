"""What several values of a manifest must fulfil together."""

import os
import re
from dataclasses import dataclass

from giblet_core.fmri.files.bids import ENTITIES, entities_of
from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.sections import MADE_PARCELS, NO_REGIONS, Run
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS

VARIABLE = re.compile(r"\$\{(\w+)\}")
PLACEHOLDER = re.compile(r"\{(\w*)\}")
PLACEHOLDERS = ("subject", "run")


@dataclass(frozen=True)
class RuleBreaks:
    """What is wrong with the values of a manifest, and whether the files can be found anyway."""

    problems: Problems
    files_can_be_found: bool


def check_rules(manifest: Manifest) -> RuleBreaks:
    """Check what several values must fulfil together."""
    of_files = _problems_of_files(manifest)
    problems = Problems(
        of_files
        + _problems_of_runs(manifest)
        + _problems_of_regions(manifest)
        + _problems_of_nuisance(manifest)
        + _problems_of_exclusions(manifest)
    )
    return RuleBreaks(problems, not of_files.errors)


def _problems_of_files(manifest: Manifest) -> Problems:
    """Find what hides where the files are."""
    problems = Problems()
    bold = manifest.bold
    named_by_bids = bool(READERS[bold.format].extensions)
    if bold.pattern is None and not named_by_bids:
        formats = ", ".join(name for name, reader in READERS.items() if reader.extensions)
        problems.error("bold.pattern", None, f"may be left out for {formats} only", "Give it.")
    unset = [
        name
        for name in VARIABLE.findall(str(manifest.folder))
        if name not in os.environ and name != "GIBLET_SHARED"
    ]
    if unset:
        problems.error(
            "folder",
            manifest.folder,
            f"the variable {', '.join(unset)} must be set",
            "Export it, or write the folder.",
        )
    patterns = {"bold.pattern": bold.pattern}
    if manifest.nuisance is not None:
        patterns["nuisance.pattern"] = manifest.nuisance.pattern
    for where, pattern in patterns.items():
        unknown = [name for name in PLACEHOLDER.findall(pattern or "") if name not in PLACEHOLDERS]
        if unknown:
            problems.error(
                where,
                pattern,
                f"{{{unknown[0]}}} is not known; only {{subject}} and {{run}} are filled in",
                "Write it out, or put * in its place.",
            )
    if named_by_bids and bold.pattern is None:
        _check_entities(manifest, problems)
    elif bold.entities:
        problems.error(
            "bold.entities",
            bold.entities,
            "serve to find files of bids without a pattern",
            "Remove them, or the pattern.",
        )
    return problems


def _check_entities(manifest: Manifest, problems: Problems) -> None:
    unknown = [key for key in manifest.bold.entities if key not in ENTITIES]
    if unknown:
        problems.error(
            "bold.entities",
            unknown,
            "must be entities of BIDS",
            f"Choose among {', '.join(ENTITIES)}.",
        )
    if len(manifest.runs) == 1:
        return
    for i, run in enumerate(manifest.runs):
        if entities_of(run.name) is None:
            problems.error(
                f"runs[{i}].name",
                run.name,
                "must be an entity of the files' names, such as run-1 or task-film",
                "Write it as it stands in the names, or give bold.pattern.",
            )


def _problems_of_runs(manifest: Manifest) -> Problems:
    problems = Problems()
    subjects = manifest.bold.subjects
    names = [run.name for run in manifest.runs]
    if len(set(subjects)) < len(subjects):
        problems.error(
            "bold.subjects", list(subjects), "must not repeat a subject", "Remove the copy."
        )
    if len(set(names)) < len(names):
        problems.error("runs", names, "names must differ", "Rename one.")
    for i, run in enumerate(manifest.runs):
        _check_run(f"runs[{i}]", run, problems)
        for subject in run.subjects:
            where = f"runs[{i}].subjects.{subject}"
            if subject in subjects:
                _check_run(where, run.of(subject), problems)
            else:
                problems.error(
                    where, "a subject", f"must be one of {', '.join(subjects)}", "Correct it."
                )
    return problems


def _check_run(where: str, run: Run, problems: Problems) -> None:
    """Check the dummies and the history of a run, as it is for one subject or for all."""
    if not 0 <= run.dummy_trs < run.n_trs:
        problems.error(
            f"{where}.dummy_trs",
            run.dummy_trs,
            "must lie in 0 to n_trs - 1",
            "Count the volumes of the file that are to be dropped.",
        )
    if run.history_s > max(0.0, run.stimulus_start_s):
        problems.error(
            f"{where}.history_s",
            f"{run.history_s:g} s",
            f"must not reach before the sound: volume 0 begins at {run.stimulus_start_s:g} s",
            "Correct history_s or stimulus_start_s.",
        )


def _problems_of_regions(manifest: Manifest) -> Problems:
    """Find an atlas that says nothing of such series, or lacks its names."""
    problems = Problems()
    atlas = manifest.atlas
    if atlas is None:
        return problems
    reader = READERS[manifest.bold.format]
    is_table = not reader.has_space and not reader.has_surface
    if is_table and atlas.file != NO_REGIONS:
        problems.error(
            "atlas",
            atlas.file,
            f"each column of format {reader.name} is a region, which no atlas can change",
            "Leave atlas out.",
        )
    elif reader.has_surface and atlas.file == MADE_PARCELS:
        problems.error(
            "atlas",
            atlas.file,
            "parcels are made of volumes; files of a surface do not say where it lies",
            "Give an atlas (.dlabel.nii or .label.gii), or leave atlas out.",
        )
    if atlas.names and not atlas.is_file:
        problems.error(
            "atlas.names",
            atlas.names if isinstance(atlas.names, str) else list(atlas.names),
            f"name the labels of an atlas, and atlas.file is {atlas.file}",
            "Give the atlas, or leave names out.",
        )
    return problems


def _problems_of_nuisance(manifest: Manifest) -> Problems:
    """Find what contradicts itself in the series that are not of interest, and in denoising."""
    problems = Problems()
    if manifest.denoising.smooth_mm is not None and not READERS[manifest.bold.format].has_space:
        problems.error(
            "denoising.smooth_mm",
            f"{manifest.denoising.smooth_mm:g}",
            f"series of format {manifest.bold.format} have no space in which to smooth",
            "Remove it, or give volumes.",
        )
    if manifest.nuisance is not None and manifest.confounds is not None:
        problems.error(
            "confounds",
            list(manifest.confounds.strategy),
            "must not stand beside nuisance",
            "Keep one of them.",
        )
    strategy = manifest.confounds.strategy if manifest.confounds is not None else ()
    if "compcor" in strategy and "high_pass" not in strategy:
        problems.error(
            "confounds.strategy",
            list(strategy),
            "compcor needs high_pass: the components were found after it",
            "Add high_pass.",
        )
    if manifest.confounds is not None and not READERS[manifest.bold.format].extensions:
        problems.error(
            "confounds",
            list(manifest.confounds.strategy),
            "are tables of fMRIPrep, so bold.format must be bids, cifti or gifti",
            "Set it, or use nuisance.",
        )
    return problems


def _problems_of_exclusions(manifest: Manifest) -> Problems:
    problems = Problems()
    subjects = manifest.bold.subjects
    runs = [run.name for run in manifest.runs]
    for i, rule in enumerate(manifest.exclude):
        for name, value, known in (("subject", rule.subject, subjects), ("run", rule.run, runs)):
            if value is not None and value not in known:
                problems.error(
                    f"exclude[{i}].{name}",
                    value,
                    f"must be one of {', '.join(known)}",
                    "Correct it.",
                )
        if rule.is_whole and rule.subject is not None and rule.run is not None:
            problems.error(
                f"exclude[{i}]",
                rule.model_dump(exclude_defaults=True),
                "a subject cannot lack one run",
                "Exclude TRs, the subject, or the run for all.",
            )
        elif rule.is_whole and rule.subject is None and rule.run is None:
            problems.error(
                f"exclude[{i}]",
                rule.model_dump(exclude_defaults=True),
                "must say what is left out",
                "Name a subject, a run, first_trs or last_trs.",
            )
    if not manifest.subjects:
        problems.error("exclude", "every subject", "must keep at least one", "Exclude fewer.")
    return problems
