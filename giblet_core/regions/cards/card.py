"""What a region card holds: findings of one region, its scenes to hear, and a verdict in words."""

from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure

from giblet_core.errors import InputError
from giblet_core.fmri import Dataset
from giblet_core.inference import Claim
from giblet_core.listening import Players, listen
from giblet_core.regions.cards.figures import draw_region
from giblet_core.regions.cards.verdict import Verdict, verdict_on
from giblet_core.regions.findings import Findings, region_findings
from giblet_core.regions.scenes import Scenes, ranked_scenes
from giblet_core.timing import Stimulus


@dataclass(frozen=True, eq=False, repr=False)
class RegionCard:
    """One region on a page.

    Attributes
    ----------
    name : str
    findings : Findings
        Of this and perhaps other regions.
    lesion : Series
        Its row of the lesion table.
    scenes : Scenes
        Best first.
    said : Verdict
        Its claims and what they rest on.
    """

    name: str
    findings: Findings
    lesion: pd.Series
    scenes: Scenes
    said: Verdict

    @property
    def claims(self) -> tuple[Claim, ...]:
        """What is claimed, with all that carries it; a failed control comes first."""
        return self.said.claims

    @property
    def verdict(self) -> tuple[str, ...]:
        """All that is said, in words: the claims, then what was measured."""
        return self.said.sentences

    @property
    def index(self) -> int:
        """Place among the regions measured."""
        return self.findings.names.index(self.name)

    def players(self, n: int = 5, seconds: float | None = None) -> dict[str, Players]:
        """Return players of the `n` best and the `n` worst scenes, at their own levels.

        Each plays what was heard, what the region retrieves, and what a matched random region
        retrieves; `seconds` of each, or a whole segment.
        """
        n_scenes = len(self.scenes.segment)
        n = min(n, n_scenes // 2)
        places = {f"best {i + 1}": i for i in range(n)}
        places |= {f"worst {i + 1}": n_scenes - n + i for i in range(n)}
        n_trs = None
        if seconds is not None:
            n_trs = max(1, round(seconds / self.findings.data.t_r))
        return {label: self._player(label, place, n_trs) for label, place in places.items()}

    def _player(self, label: str, place: int, n_trs: int | None) -> Players:
        findings = self.findings
        first_trs = {
            "heard": self.scenes.true[place],
            f"retrieved by {self.name}": self.scenes.retrieved[place],
            "by a matched random region": self.scenes.random[place],
        }
        sounds = {
            f"{source}: {findings.stim.place(findings.start_s(tr))}": findings.sound(tr, n_trs)
            for source, tr in first_trs.items()
        }
        kind, number = label.split()
        accuracy = 100 * self.scenes.pairwise_accuracy[place]
        title = f"{kind} scene {number}: {accuracy:.0f} % of its foils beaten"
        return listen(sounds, findings.stim.codec.sample_rate, title=title)

    def figure(self) -> Figure:
        """Draw the card: where it is, what predicts it, what adds, and what its lesion does."""
        return draw_region(self.findings, self.index)

    def __repr__(self) -> str:
        return "\n".join((self.name, *self.verdict))

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{text}</li>" for text in self.verdict)
        return (
            f'<div class="giblet-box"><p><b>{self.name}</b>, {self.findings.data.label} BOLD</p>'
            f"<ul>{items}</ul></div>"
        )


def region_card(
    name: str,
    stim: Stimulus,
    data: Dataset,
    *,
    n_random: int = 200,
    seed: int = 0,
    findings: Findings | None = None,
) -> RegionCard:
    """Put one region on a page.

    Parameters
    ----------
    name : str
        Of the atlas, or a column of a table of regions.
    stim : Stimulus
        From `ensure_stimulus`.
    data : Dataset
        From `ensure_bold`.
    n_random : int
        Random regions matched for size and ISC.
    seed : int
        Of the random regions and of the bootstrap.
    findings : Findings, optional
        From `region_findings`, where several cards are made. By default this region alone is
        measured, and p is then not corrected over regions.

    Returns
    -------
    RegionCard

    Raises
    ------
    InputError
        When there is no such region.
    """
    known = data.region_names if findings is None else findings.names
    if name not in known:
        choices = ", ".join(known) or "(the data set has no atlas)"
        raise InputError(f"name={name!r}: must be one of {choices}. Choose one.")
    if findings is None:
        findings = region_findings(stim, data, [name], n_random=n_random, seed=seed)
    index = findings.names.index(name)
    lesion = findings.lesions.table(seed).iloc[index]
    scenes = ranked_scenes(
        findings.lesions, index, findings.latents, findings.segments, findings.folds
    )
    return RegionCard(name, findings, lesion, scenes, verdict_on(findings, index, lesion, seed))
