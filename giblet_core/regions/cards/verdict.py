"""The verdict of a region card: its claims, a failed control first, and what they rest on.

Claims are sentences of `giblet_core.inference.Claim`. All others only say what was measured.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from giblet_core.inference import SHOWN, Claim, failed_first
from giblet_core.regions.cards.claims import codebook_claims, lesion_claims
from giblet_core.regions.findings import Findings


@dataclass(frozen=True)
class Verdict:
    """What a card says of one region.

    Attributes
    ----------
    codebooks, hears, more, needed : Claim
        That it follows codebooks beyond baselines; that it tells alone what was heard; that it
        tells more than equally reliable voxels; that others tell less without it.
    measured : tuple of str
        Figures that the claims rest on; they claim nothing.
    """

    codebooks: Claim
    hears: Claim
    more: Claim
    needed: Claim
    measured: tuple[str, ...]

    @property
    def claims(self) -> tuple[Claim, ...]:
        """All claims, those with a failed control first."""
        return tuple(failed_first((self.codebooks, self.hears, self.more, self.needed)))

    @property
    def sentences(self) -> tuple[str, ...]:
        """The claims in words, then what was measured."""
        return (*(claim.sentence() for claim in self.claims), *self.measured)


def verdict_on(
    findings: Findings, index: int, lesion: Mapping[str, float], seed: int = 0
) -> Verdict:
    """Say what was found of one region.

    Parameters
    ----------
    findings : Findings
        From `region_findings`.
    index : int
        Place of the region among `findings.names`.
    lesion : mapping of str to float
        Its row of the lesion table.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Verdict
    """
    label = f"{findings.data.label} BOLD"
    codebooks = codebook_claims(
        findings.names, findings.recovered.null, findings.moved, len(findings.times), label
    )[index]
    lesions = lesion_claims(findings.lesions, label, seed)
    return Verdict(
        codebooks=codebooks,
        hears=lesions.hears[index],
        more=lesions.more[index],
        needed=lesions.needed[index],
        measured=(
            _reliability(findings, index),
            _prediction(findings, index),
            _lost_without_codebooks(findings, index),
            _probabilities(findings, index, codebooks),
            _random_regions(lesion),
        ),
    )


def _reliability(findings: Findings, index: int) -> str:
    size = findings.lesions.size[index]
    return (
        f"Measured, reliability: {size} {'voxels' if size > 1 else 'column'}, mean ISC "
        f"{findings.lesions.isc[index]:.2f} with {findings.ceiling.n_subjects} subjects; ceiling "
        f"of r of the group mean {findings.ceiling.group[index]:.2f}."
    )


def _prediction(findings: Findings, index: int) -> str:
    r = np.array(findings.r["codebooks"])
    share = findings.ceiling.normalise(r, "group")[index]
    of_ceiling = "its ceiling is too low to say how much of it"
    if np.isfinite(share):
        of_ceiling = f"{100 * share:.0f} % of its ceiling"
    return (
        f"Measured, prediction by the codebooks on unseen time, untested: r = {r[index]:.2f} "
        f"({of_ceiling})."
    )


def _lost_without_codebooks(findings: Findings, index: int) -> str:
    codebooks = findings.spaces.table(index).loc["codebooks"]
    others = [name for name in findings.spaces.names if name != "codebooks"]
    return (
        f"Measured, explained variance on unseen time that is lost without codebooks, beside "
        f"{', '.join(others)}: {codebooks['unique']:.3f} (folds from "
        f"{codebooks['lowest fold']:.3f} to {codebooks['highest fold']:.3f})."
    )


def _probabilities(findings: Findings, index: int, codebooks: Claim) -> str:
    """List calibrated probabilities, where the test of all codebooks is passed."""
    recovered = findings.recovered
    if codebooks.verdict != SHOWN:
        return (
            "Probabilities of single codebooks are not listed: they mean nothing where it is not "
            "shown that any is followed."
        )
    probability = recovered.probability[:, index]
    known = recovered.known[:, index]
    told = [f"{k}: {100 * probability[k]:.0f} %" for k in np.flatnonzero(known)]
    untold = [str(k) for k in np.flatnonzero(~known)]
    return (
        "Calibrated probability that a codebook is among those that are followed: "
        f"{', '.join(told) or 'none can be told'}; cannot be told: {', '.join(untold) or 'none'}."
    )


def _random_regions(lesion: Mapping[str, float]) -> str:
    return (
        f"Measured, pairwise accuracy of the random regions: median {lesion['random (%)']:.0f} %, "
        f"95 % of them {lesion['random, low']:.0f} to {lesion['random, high']:.0f} %."
    )
