"""Records of the demo, shown in a box that says so; chapters about the demo, left out elsewhere.

The demo is one data set among others. What was found on it may stand on a page of another data set
only inside a `DemoBox`: it shows what a method finds where the truth is known.
"""

import html
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

from giblet_core.files import write_text
from giblet_core.inference import Claim, Control, claim_of_proportion, failed_first, proportion
from giblet_core.reporting.records import Record, demo_record

#: Chapters about the demo alone: a book on other material leaves them out of its contents.
ABOUT_THE_DEMO = (
    "book/checklist",
    "book/experiment_log",
    "notebooks/A1_demo_codec",
    "notebooks/A3_",
)
#: ``[text](target)``, and ``{doc}`target` `` or ``{doc}`text <target>` ``
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?P<target>[^()\s]+)\)")
_DOC = re.compile(r"\{doc\}`(?:(?P<text>[^`<>]+?)\s*<)?(?P<target>[^`<>]+)>?`")
DEMO_LABEL = "On the demo film, simulated: what this method finds where truth is known"
SIMULATIONS = ("recovery", "decoding", "calibration")  # records of twenty simulations
#: The study that the plan of the book asked for: TRs, subjects, their ISC.
PLANNED = {"n_trs": 800, "n_subjects": 8, "isc": 0.29}
AUC = "AUC of codebook recovery"
SMALLEST_AUC = 0.85  # wanted beforehand
MOST_FALSE_DETECTIONS = 0.07  # allowed beforehand
#: Regions of the simulator that follow no codebook: a gain there is none of codebooks.
NO_CODEBOOK = (
    *("envelope", "loudness", "loudness_x_speech", "mel"),
    *("null", "null_edge", "visual", "white_matter"),
)
CHANCE = 50.0  # per cent of pairs
#: Figure of the record -> what was wanted of it beforehand, and the bound.
WANTED_OF_IDENTIFICATION = {
    "points over loudness and speech": (
        "Latents identify at least 5 points more than loudness and speech",
        5.0,
    ),
    "group, latents beyond loudness and speech": (
        "What loudness and speech leave of latents identifies above chance",
        CHANCE,
    ),
    "seen subject": ("A decoder of one subject identifies at least 75 % on unseen time", 75.0),
    "unseen subject": ("A decoder of the others identifies at least 65 % of a new subject", 65.0),
}
BEST_CASE = (
    "A best case: these regions follow the slow directions of each codebook, and the analysis "
    "looks at slow directions. What it does not find in other regions stands in the chapter "
    "“What this method cannot see”."
)
NO_RECORD = "No record was made with these weights of the codec yet; full=True makes it."


@dataclass(frozen=True, eq=False)
class DemoBox:
    """Sentences and tables that are no results of this run, under the label that says so.

    Attributes
    ----------
    parts : tuple of str or DataFrame
        In the order in which they are shown.
    label : str
        Whose they are.
    """

    parts: tuple[str | pd.DataFrame, ...]
    label: str = DEMO_LABEL

    def __repr__(self) -> str:
        texts = [part if isinstance(part, str) else part.to_string() for part in self.parts]
        return "\n".join([f"[{self.label}]", *texts, "[end of the box]"])

    def _repr_html_(self) -> str:
        shown = [_as_html(part) for part in self.parts]
        label = f'<p class="gb-demo-label">{html.escape(self.label)}</p>'
        return f'<aside class="gb-demo-box">{label}{"".join(shown)}</aside>'


def _as_html(part: str | pd.DataFrame) -> str:
    if isinstance(part, str):
        return f"<p>{html.escape(part)}</p>"
    return part.to_html(border=0, na_rep="")


def demo_box(*parts: str | pd.DataFrame | Record) -> DemoBox:
    """Put sentences, tables and records of the demo into a box.

    A record is shown as the line that says when and of what it was made. Without anything to show
    the box says so.
    """
    shown = tuple(str(part) if isinstance(part, Record) else part for part in parts)
    return DemoBox(shown or (NO_RECORD,))


def record_box(record: Record | None, *parts: str | pd.DataFrame) -> DemoBox:
    """Put the record of a data set that is not here into a box that names its date and source.

    Without a record the box says so.
    """
    if record is None:
        return DemoBox(("No record was made yet.",), "No result of this run")
    return DemoBox(parts, f"No result of this run. {record}")


def read_simulations(codec_sha256: str) -> dict[str, Record]:
    """Read the records of twenty simulations, as far as they were made with these weights."""
    records = {kind: demo_record(kind, codec_sha256) for kind in SIMULATIONS}
    return {kind: record for kind, record in records.items() if record is not None}


def planned_rows(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the rows of the study that was planned, and those that no study size concerns.

    Returns
    -------
    DataFrame
        Indexed by ``figure``: ``value, low, high, n``; empty without records.
    """
    rows = [row for record in records.values() for row in record.rows]
    if not rows:
        return pd.DataFrame(columns=["value", "low", "high", "n"])
    table = pd.DataFrame(rows)
    is_planned = np.all([table[name] == value for name, value in PLANNED.items()], axis=0)
    chosen = table[table.n_trs.isna() | is_planned]
    return chosen.set_index("figure")[["value", "low", "high", "n"]]


def simulation_figures(records: Mapping[str, Record]) -> dict[str, float]:
    """Return the figures of the simulations for the scorecard of the demo."""
    figures = {}
    for row in planned_rows(records).itertuples():
        for end, value in (("", row.value), (", low", row.low), (", high", row.high)):
            if np.isfinite(value):
                figures[f"simulations: {row.Index}{end}"] = float(value)
    return figures


def recovery_box(records: Mapping[str, Record]) -> DemoBox:
    """Show what the analysis of codebooks finds in twenty simulations."""
    if "recovery" not in records:
        return demo_box()
    planned = planned_rows(records)
    sentences = [claim.sentence() for claim in failed_first(recovery_claims(planned))]
    tables = (planned.round(3), _auc_table(records))
    return demo_box(*sentences, BEST_CASE, *records.values(), *tables)


def _auc_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the AUC of recovery: a row a length of the study, a column a group of subjects."""
    table = records["recovery"].table
    curve = table[table.figure == AUC].pivot_table(
        index="n_trs", columns=["n_subjects", "isc"], values="value"
    )
    curve.index = [f"AUC with {n_trs:.0f} TRs" for n_trs in curve.index]
    curve.columns = [f"{n:.0f} subjects, ISC {isc} (of 8)" for n, isc in curve.columns]
    return curve.round(3)


def recovery_claims(planned: pd.DataFrame) -> list[Claim]:
    """Return what simulations support, with the regions that follow no codebook as controls.

    Parameters are the rows of `planned_rows`.
    """
    return [_area_claim(planned), _gain_claim(planned), _false_detections_claim(planned)]


def _area_claim(planned: pd.DataFrame) -> Claim:
    area = planned.loc[AUC]
    return Claim(
        f"The area under the curve of planted codebooks reaches {SMALLEST_AUC}",
        "area",
        area.value,
        "simulations of one film",
        int(area.n),
        low=area.low,
        high=area.high,
        reference=SMALLEST_AUC,
        label="simulated",
    )


def _gain_claim(planned: pd.DataFrame) -> Claim:
    gain = planned.loc["gain in codebook regions"]
    claim = Claim(
        "Codebooks add explained variance on unseen time where a region follows them",
        "mean gain in these regions",
        gain.value,
        "simulations of one film",
        int(gain.n),
        low=gain.low,
        high=gain.high,
        label="simulated",
    )
    measured = [kind for kind in NO_CODEBOOK if f"gain in {kind}" in planned.index]
    controls = []
    for kind in measured:
        row = planned.loc[f"gain in {kind}"]
        name = f"the gain in the region of {kind.replace('_', ' ')}, which follows no codebook,"
        control = Control.beside_claim(
            claim, name, row.value, low=row.low, high=row.high, n=int(row.n)
        )
        controls.append(control)
    return claim.beside(*controls)


def _false_detections_claim(planned: pd.DataFrame) -> Claim:
    kinds = [kind for kind in NO_CODEBOOK if f"detections in {kind} regions" in planned.index]
    rates = planned.loc[[f"detections in {kind} regions" for kind in kinds]]
    worst = rates.loc[rates.value.idxmax()]
    share = proportion(round(worst.value * worst.n), int(worst.n))
    return claim_of_proportion(
        f"Regions that follow no codebook are detected in less than "
        f"{100 * MOST_FALSE_DETECTIONS:.0f} % of simulations",
        f"worst of {len(kinds)} kinds of region",
        share,
        "simulations of one film",
        MOST_FALSE_DETECTIONS,
        label="simulated",
    )


def identification_box(records: Mapping[str, Record]) -> DemoBox:
    """Show what the decoder identifies in twenty simulations."""
    if "decoding" not in records:
        return demo_box()
    claims = identification_claims(planned_rows(records))
    sentences = [claim.sentence() for claim in failed_first(claims)]
    return demo_box(records["decoding"], *sentences)


def identification_claims(planned: pd.DataFrame) -> list[Claim]:
    """Return what simulations support of identification, beside what was wanted beforehand.

    Parameters are the rows of `planned_rows`.
    """
    return [
        _percent_claim(planned, figure, subject, reference)
        for figure, (subject, reference) in WANTED_OF_IDENTIFICATION.items()
        if f"identification, {figure}" in planned.index
    ]


def _percent_claim(planned: pd.DataFrame, figure: str, subject: str, reference: float) -> Claim:
    row = planned.loc[f"identification, {figure}"]
    return Claim(
        subject,
        "pairwise accuracy" if reference >= CHANCE else "points of pairwise accuracy",
        row.value,
        "simulations of one film",
        int(row.n),
        low=row.low,
        high=row.high,
        reference=reference,
        unit_of_measure="%" if reference >= CHANCE else "",
        digits=1,
        label="simulated",
    )


# --- chapters about the demo -----------------------------------------------------------------


def is_about_the_demo(page: str) -> bool:
    """Say whether a chapter of the contents (its path without ending) is about the demo alone."""
    return page.startswith(ABOUT_THE_DEMO)


def leave_out_the_demo(contents: Path) -> None:
    """Take the chapters about the demo alone out of the table of contents."""
    lines = contents.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not is_about_the_demo(line.partition("file: ")[2])]
    write_text(contents, "\n".join(kept) + "\n")


def unlink_the_demo(site: Path) -> None:
    """Turn links to the chapters that were left out into plain text: they would lead nowhere.

    Parameters
    ----------
    site : path
        Staged sources: prose in ``book``, notebooks in ``notebooks``. Changed in place.
    """
    for path in sorted((site / "book").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        write_text(path, without_demo_links(text, f"book/{path.stem}"))
    for path in sorted((site / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = without_demo_links(cell.source, f"notebooks/{path.stem}")
        nbformat.write(notebook, path)


def without_demo_links(text: str, page: str) -> str:
    """Return Markdown in which links to chapters about the demo are plain text.

    Parameters
    ----------
    text : str
    page : str
        Where it stands, as in the contents: links are relative to its folder.

    Returns
    -------
    str

    Examples
    --------
    >>> without_demo_links("See [what was tried](../book/experiment_log).", "notebooks/06_encoding")
    'See what was tried.'
    """
    for pattern in (_LINK, _DOC):
        text = pattern.sub(partial(_plain, page), text)
    return text


def _plain(page: str, link: re.Match) -> str:
    """Return the text of a link to a chapter about the demo; other links as they are."""
    target = linked_page(link["target"], page)
    if not is_about_the_demo(target):
        return link[0]
    return link["text"] or posixpath.basename(target).replace("_", " ")


def linked_page(target: str, page: str) -> str:
    """Return the page that a link leads to, as the contents name it; "" for other addresses.

    Parameters
    ----------
    target : str
        As it is written; from the book's folder where it begins with a slash.
    page : str
        The page on which it stands.

    Returns
    -------
    str
    """
    path = target.partition("#")[0]
    if not path or ":" in path:
        return ""
    joined = path.lstrip("/") if path.startswith("/") else f"{posixpath.dirname(page)}/{path}"
    return re.sub(r"\.(md|ipynb|html)$", "", posixpath.normpath(joined))
