"""Records of the demo, shown in a box that says so.

The demo is one data set among others. What was found on it may stand on a page of another data set
only inside a `DemoBox`: it shows what a method finds where the truth is known.
"""

import html
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from giblet_core.reporting.records import Record, demo_record

DEMO_LABEL = "On the demo film, simulated: what this method finds where truth is known"
SIMULATIONS = ("recovery", "decoding", "calibration")  # records of twenty simulations
#: The study that the plan of the book asked for: TRs, subjects, their ISC.
PLANNED = {"n_trs": 800, "n_subjects": 8, "isc": 0.29}
AUC = "AUC of codebook recovery"
NO_RECORD = "No record was made with these weights of the codec yet; full=True makes it."


@dataclass(frozen=True, eq=False)
class DemoBox:
    """Sentences and tables of the demo, under the label that says so.

    Attributes
    ----------
    parts : tuple of str or DataFrame
        In the order in which they are shown.
    """

    parts: tuple[str | pd.DataFrame, ...]

    def __repr__(self) -> str:
        texts = [part if isinstance(part, str) else part.to_string() for part in self.parts]
        return "\n".join([f"[{DEMO_LABEL}]", *texts, "[end of the demo's box]"])

    def _repr_html_(self) -> str:
        shown = [_as_html(part) for part in self.parts]
        label = f'<p class="gb-demo-label">{DEMO_LABEL}</p>'
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
    return demo_box(
        *records.values(), planned.round(3), _recovery_sentence(planned), _auc_table(records)
    )


def _auc_table(records: Mapping[str, Record]) -> pd.DataFrame:
    """Return the AUC of recovery: a row a length of the study, a column a group of subjects."""
    table = records["recovery"].table
    curve = table[table.figure == AUC].pivot_table(
        index="n_trs", columns=["n_subjects", "isc"], values="value"
    )
    curve.index = [f"AUC with {n_trs:.0f} TRs" for n_trs in curve.index]
    curve.columns = [f"{n:.0f} subjects, ISC {isc} (of 8)" for n, isc in curve.columns]
    return curve.round(3)


def _verdict(is_met: bool) -> str:
    return "met" if is_met else "not met"


def _recovery_sentence(planned: pd.DataFrame) -> str:
    auc = planned.loc[AUC]
    gain = planned.loc["gain in codebook regions"]
    mel = planned.loc["gain in mel"]
    controls = ("envelope", "loudness", "mel")
    worst = max(planned.loc[f"detections in {kind} regions", "value"] for kind in controls)
    return (
        f"Wanted was an area of .85 with a lower bound of .75: found {auc.value:.3f} "
        f"({auc.low:.3f} to {auc.high:.3f}), "
        f"{_verdict(auc.value >= 0.85 and auc.low >= 0.75)}. Regions of envelope, loudness or "
        f"spectrum get a claim in at most {100 * worst:.0f} % of simulations (7 % allowed: "
        f"{_verdict(worst <= 0.07)}). On unseen time codebooks add {gain.value:.3f} "
        f"({gain.low:.3f} to {gain.high:.3f}) in codebook regions and {mel.value:.3f} "
        f"({mel.low:.3f} to {mel.high:.3f}) in the spectrum's. Half the film or two subjects would "
        "not have done, and these subjects were made by a program: real ones may follow codebooks "
        "less."
    )


def identification_box(records: Mapping[str, Record]) -> DemoBox:
    """Show what the decoder identifies in twenty simulations."""
    if "decoding" not in records:
        return demo_box()
    return demo_box(records["decoding"], _identification_sentence(planned_rows(records)))


def _identification_sentence(planned: pd.DataFrame) -> str:
    over = planned.loc["identification, points over loudness and speech"]
    seen = planned.loc["identification, seen subject", "value"]
    unseen = planned.loc["identification, unseen subject", "value"]
    beyond = "identification, group, latents beyond loudness and speech"
    left = ""
    if beyond in planned.index:
        left = f" What these leave of latents identifies {planned.loc[beyond, 'value']:.0f} %."
    return (
        f"Over the simulations, latents identify {over.value:+.1f} points more than loudness and "
        f"speech ({over.low:+.1f} to {over.high:+.1f}; wanted 5, above 0: "
        f"{_verdict(over.value >= 5 and over.low > 0)}).{left} One subject alone, unseen time: "
        f"{seen:.0f} % by a decoder of that subject (75 % expected: {_verdict(seen >= 75)}), "
        f"{unseen:.0f} % by one of the others, through a shared response (65 % expected: "
        f"{_verdict(unseen >= 65)})."
    )
