"""What the files say of themselves, compared with the manifest."""

from dataclasses import dataclass

from giblet_core.fmri.files.naming import bold_path
from giblet_core.fmri.manifest.models import Manifest, Run
from giblet_core.fmri.problems import Problems
from giblet_core.fmri.readers import READERS, BoldHeader

TR_TOLERANCE_S = 1e-3
UNKNOWN_TR_S = 1.0  # what many programs write for a TR that they do not know


@dataclass(frozen=True)
class BoldFile:
    """A file of BOLD that the manifest asks for: whose, what to call it, how many TRs it needs."""

    subject: str
    run: Run
    where: str
    n_trs: int


def bold_files(manifest: Manifest) -> list[BoldFile]:
    """List the files that a manifest asks for, whether they are there or not."""
    files = []
    for subject in manifest.subjects:
        if manifest.joined:
            files.append(BoldFile(subject, manifest.runs[0], f"subject {subject}", manifest.n_trs))
            continue
        for run in manifest.runs:
            files.append(BoldFile(subject, run, f"subject {subject}, {run.name}", run.n_trs))
    return files


def header_problems(manifest: Manifest, space: tuple[int, ...] | None) -> Problems:
    """Compare every file's header with the manifest and the mask; missing files count too."""
    problems = Problems()
    reader = READERS[manifest.bold.format]
    for file in bold_files(manifest):
        with problems.caught(file.where):
            header = reader.read_header(bold_path(manifest, file.subject, file.run))
            _compare(header, manifest, file, space, problems)
    return problems


def _compare(
    header: BoldHeader,
    manifest: Manifest,
    file: BoldFile,
    space: tuple[int, ...] | None,
    problems: Problems,
) -> None:
    if header.n_trs != file.n_trs:
        problems.error(
            file.where,
            f"{header.n_trs} TRs",
            f"the manifest declares {file.n_trs}",
            "Correct n_trs or file.",
        )
    if space not in (None, header.space):
        problems.error(
            file.where,
            f"shape {header.space}",
            f"must be {space}, as the mask's or the others'",
            "Resample one of them (nilearn.image.resample_to_img).",
        )
    if header.t_r is not None and abs(header.t_r - manifest.t_r) > TR_TOLERANCE_S:
        value = f"TR {header.t_r:g} s in the header"
        rule = f"the manifest declares {manifest.t_r:g} s"
        if header.t_r == UNKNOWN_TR_S:
            remedy = "Many programs write 1 for unknown; check it."
            problems.warning(file.where, value, rule, remedy)
        else:
            problems.error(file.where, value, rule, "Correct t_r, or the header.")
