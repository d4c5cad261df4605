"""The page "What this method cannot see", made from the records of the studies.

``python -m giblet_core.studies.chapter.page > book/what_this_cannot_see.md``.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from giblet_core.simulations import GENERATORS
from giblet_core.studies.chapter.attacks import ATTACKS
from giblet_core.studies.designs import StudyDesign
from giblet_core.studies.figures import FIGURES, figure_table, reliability_of
from giblet_core.studies.records import StudyRecord, is_drawn, read_study
from giblet_core.studies.runner import Verdict, find_design, judge

FIRST_ROUND = "codebooks_of_the_family"
#: The latest round first: its misses lead. Earlier rounds stay as they were.
STUDIES = ("codebooks_of_the_family_2", "claims_of_region_cards", FIRST_ROUND)
BESIDE = ("told", "power")  # shown beside what is judged
COIN = 0.5  # the area of guessing

TOP = """\
# What this method cannot see

{blind}

All figures on this page are of **simulated** regions, from studies whose designs were locked before
their seeds were drawn. The simulations share no line of code with the analysis. Tables begin with
the worst.

## How the studies were made

A region is made to follow something: one to four codebooks in one of many ways, or level, spectrum,
speech, something seen, or nothing. Its response peaks between 4 and 7 s and is, every second time,
no double gamma. Eight subjects share as much as real ones do (leave-one-out ISC around .29), and a
fifth of it does not come from sound. The films are arrangements of the demo's voices and real
recordings, none of which the analysis was developed on, at TRs of 0.72 to 2 s. Simulations of
the demo itself are a best case: regions follow the slow directions that the analysis looks at.

A design says all of this beforehand, with what each figure must reach. Its hash is written to
`book/designs/locked.json` before a seed is drawn, every draw is counted there, and every row of
every draw is kept under `book/records/studies`. `giblet study NAME` prints these tables from the
rows.
"""
NOT_DRAWN = "The study `{name}` was not drawn yet."
ATTACKS_INTRO = """\
## Attacks

A hostile review attacked the analysis. Its attacks are tests now (`tests/adversarial`). Those that
still succeed stand first; their tests are marked as expected failures, and a test that begins to
pass must leave this list.
"""


def blind_page() -> str:
    """Return the whole page."""
    parts = [TOP.format(blind=_blind_lines()), *(_study_part(name) for name in STUDIES)]
    parts += [ATTACKS_INTRO, _attacks_table(), _generators_part()]
    return "\n".join(parts)


def _drawn(names: Iterable[str]) -> list[tuple[StudyDesign, StudyRecord]]:
    return [(find_design(name), read_study(name)) for name in names if is_drawn(name)]


def _blind_lines() -> str:
    """Say first what is missed, from the rows, study by study."""
    parts = []
    for design, record in _drawn(STUDIES):
        missed = [verdict for verdict in judge(design, record.rows) if not verdict.is_met]
        lines = [f"* {_missed_sentence(verdict)}" for verdict in _worst_first(missed)]
        if missed:
            heading = (
                f"**Study `{design.name}`: it does not reach what it should in these cases, the "
                "worst first:**"
            )
            parts.append("\n".join([heading, "", *lines]))
        else:
            parts.append(f"Study `{design.name}`: every bar was met.")
    if not parts:
        return "Nothing can be said of it yet: no study was drawn."
    return "\n\n".join(parts)


def _worst_first(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Order verdicts figure by figure, the worst first."""
    ordered = []
    for name, figure in FIGURES.items():
        of_figure = [verdict for verdict in verdicts if verdict.bar.figure == name]
        sign = 1 if figure.worst_is_lowest else -1
        ordered += sorted(of_figure, key=lambda verdict: sign * verdict.estimate.value)
    return ordered


def _missed_sentence(verdict: Verdict) -> str:
    estimate = verdict.estimate
    figures = f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
    wanted = f"{verdict.bar.side} {verdict.bar.limit:g} was wanted"
    region = f"regions of *{verdict.generator}*"
    if verdict.bar.figure == "AUC":
        told = "are not told from others" if estimate.low <= COIN else "are told too badly"
        return f"Codebooks that {region} follow {told}: AUC {figures}; {wanted}."
    if verdict.bar.figure == "card claims":
        return f"Claims of cards of {region} are not shown to be few: share {figures}; {wanted}."
    if verdict.bar.figure == "detections":
        return f"False detections in {region} are not shown to be few: share {figures}; {wanted}."
    return f"Probabilities in {region} are not what they say: error {figures}; {wanted}."


def _study_part(name: str) -> str:
    design = find_design(name)
    lines = [f"## {design.title}", "", design.question, ""]
    if not is_drawn(name):
        return "\n".join([*lines, NOT_DRAWN.format(name=name), ""])
    record = read_study(name)
    about = record.about
    lines += [
        f"Simulated. Study `{name}`, design {about['design_sha256'][:12]}, draw {about['draw']}, "
        f"seeds {about['first_seed']} to {about['last_seed']}, {len(record.rows)} rows; code "
        f"{about['code_sha256'][:12]}.",
        "",
        _bars_table(judge(design, record.rows), _first_round(design)),
        *_without_bar(design, record.rows),
    ]
    for figure in dict.fromkeys(bar.figure for bar in design.bars):
        shown = record.rows
        if not FIGURES[figure].needs_codebooks:
            shown = shown[shown.generator.isin(design.judged_by(figure))]
        lines += _figure_part(shown, figure)
    if (record.rows.codebooks == "none").all():
        return "\n".join(lines)
    for figure in BESIDE:
        lines += _figure_part(record.rows, figure)
    return "\n".join([*lines, *_reliability_part(record.rows)])


def _first_round(design: StudyDesign) -> pd.DataFrame | None:
    """Return the rows of the first round, to stand beside a later one."""
    is_later = design.name != FIRST_ROUND and is_drawn(FIRST_ROUND)
    return read_study(FIRST_ROUND).rows if is_later else None


def _beside(first_round: pd.DataFrame | None, figure: str, generator: str) -> str:
    """Write what a generator came to in the first round, "" where it was not asked."""
    if first_round is None or not set(FIGURES[figure].columns) <= set(first_round.columns):
        return ""
    members = first_round[first_round.generator == generator]
    return _with_interval(vars(FIGURES[figure].of_rows(members))) if len(members) else ""


def _without_bar(design: StudyDesign, rows: pd.DataFrame) -> list[str]:
    """Show the areas that no bar judges, the worst first, beside those of the first round."""
    judged = design.judged_by("AUC")
    others = rows[(rows.codebooks != "none") & ~rows.generator.isin(judged)]
    if not len(others):
        return []
    table = figure_table(others, "AUC", ["generator"])
    lines = []
    for row in table.to_dict("records"):
        line = {"regions of": row["generator"], "AUC [95 %]": _with_interval(row), "n": row["n"]}
        if (first_round := _first_round(design)) is not None:
            line["first round"] = _beside(first_round, "AUC", row["generator"])
        lines.append(line)
    return ["### AUC of kinds without a bar", "", _markdown(pd.DataFrame(lines))]


def _figure_part(rows: pd.DataFrame, figure: str) -> list[str]:
    heading = f"### {figure[:1].upper()}{figure[1:]}, by generator and film"
    return [heading, "", f"The {FIGURES[figure].definition}.", "", _figure_table(rows, figure)]


def _bars_table(verdicts: Sequence[Verdict], first_round: pd.DataFrame | None) -> str:
    rows = []
    for verdict in _worst_first(verdicts):
        row = {
            "": "met" if verdict.is_met else "**missed**",
            "figure": verdict.bar.figure,
            "regions of": verdict.generator,
            "value [95 %]": _with_interval(vars(verdict.estimate)),
            "simulations": verdict.estimate.n,
            "wanted": f"{verdict.bar.side} {verdict.bar.limit:g} ({verdict.bar.by})",
        }
        if first_round is not None:
            row["first round"] = _beside(first_round, verdict.bar.figure, verdict.generator)
        rows.append(row)
    return _markdown(pd.DataFrame(rows))


def _figure_table(rows: pd.DataFrame, figure: str) -> str:
    table = figure_table(rows, figure, ["generator", "film"])
    cells = [_with_interval(row) for row in table.to_dict("records")]
    shown = pd.DataFrame({"regions of": table.generator, "film": table.film, "value": cells})
    return _markdown(shown.rename(columns={"value": "value [95 %]"}).assign(n=table.n))


def _reliability_part(rows: pd.DataFrame) -> list[str]:
    """Set stated probabilities beside what was planted, over all regions that follow codebooks."""
    bins = reliability_of(rows)
    table = pd.DataFrame(
        {
            "stated": [f"{stated:.2f}" for stated in bins.stated],
            "happened [95 %]": [
                f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]" for share in bins.happened
            ],
            "codebooks": [share.n for share in bins.happened],
        }
    )
    heading = "### What probabilities are worth, over all regions that follow codebooks"
    return [heading, "", f"The {bins}.", "", _markdown(table)]


def _with_interval(estimate: dict) -> str:
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _attacks_table() -> str:
    rows = [
        {
            "": "**succeeds**" if attack.succeeds else "held off",
            "attack": attack.what,
            "what was done, or what remains": attack.outcome,
            "test": f"`{attack.test}`",
        }
        for attack in sorted(ATTACKS, key=lambda attack: not attack.succeeds)
    ]
    return _markdown(pd.DataFrame(rows))


def _generators_part() -> str:
    rows = [
        {"regions of": entry.name, "follow": entry.follows, "which is": entry.definition}
        for entry in GENERATORS.values()
    ]
    return "\n".join(["## What regions were made to follow", "", _markdown(pd.DataFrame(rows))])


def _markdown(table: pd.DataFrame) -> str:
    """Write a table as markdown."""
    lines = [
        "| " + " | ".join(table.columns) + " |",
        "|" + "---|" * len(table.columns),
        *("| " + " | ".join(str(cell) for cell in row) + " |" for row in table.to_numpy()),
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    print(blind_page(), end="")
