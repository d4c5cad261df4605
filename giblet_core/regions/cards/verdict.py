"""The verdict of a region card: what was found, in words, with the numbers."""

from collections.abc import Mapping

import numpy as np

from giblet_core.encoding import fdr, holm
from giblet_core.regions.findings import Findings

LEVEL = 0.05  # of every test


def verdict_on(findings: Findings, index: int, lesion: Mapping[str, float]) -> tuple[str, ...]:
    """Say in words what was found of one region.

    Parameters
    ----------
    findings : Findings
        From `region_findings`.
    index : int
        Place of the region among `findings.names`.
    lesion : mapping of str to float
        Its row of the lesion table.

    Returns
    -------
    tuple of str
        A sentence a question.
    """
    sentences = [
        _reliability(findings, index),
        _prediction(findings, index),
        _beyond_other_features(findings, index),
        _which_codebooks(findings, index),
        _alone(findings, index, lesion),
        _without(lesion),
    ]
    return tuple(sentences)


def _reliability(findings: Findings, index: int) -> str:
    size = findings.lesions.size[index]
    return (
        f"Reliability: {size} {'voxels' if size > 1 else 'column'}, mean ISC "
        f"{findings.lesions.isc[index]:.2f} with {findings.ceiling.n_subjects} subjects; r of the "
        f"group mean cannot exceed {findings.ceiling.group[index]:.2f}."
    )


def _prediction(findings: Findings, index: int) -> str:
    r = np.array(findings.r["codebooks"])
    share = findings.ceiling.normalise(r, "group")[index]
    of_ceiling = "its ceiling is too low to say how much of it"
    if np.isfinite(share):
        of_ceiling = f"{100 * share:.0f} % of its ceiling"
    return f"Prediction: the codebooks reach r = {r[index]:.2f} on unseen time ({of_ceiling})."


def _beyond_other_features(findings: Findings, index: int) -> str:
    codebooks = findings.spaces.table(index).loc["codebooks"]
    others = [name for name in findings.spaces.names if name != "codebooks"]
    null_p = findings.recovered.null.p
    n_regions = len(findings.names)
    corrected = f"FDR over {n_regions} regions" if n_regions > 1 else "one region"
    return (
        f"Beyond {', '.join(others)} the codebooks add {codebooks['unique']:.3f} of explained "
        f"variance on unseen time (folds from {codebooks['lowest fold']:.3f} to "
        f"{codebooks['highest fold']:.3f}). Tested beyond all of these removed entirely, by sign "
        f"and by energy: p = {fdr(null_p)[index]:.3f} ({corrected}), "
        f"{'more than chance' if codebooks_add(null_p)[index] else 'no more than chance does'}."
    )


def codebooks_add(p: np.ndarray) -> np.ndarray:
    """Say in which regions of a card codebooks add more than chance: p corrected, bool (n,).

    Examples
    --------
    >>> codebooks_add(np.array([0.04])).tolist(), codebooks_add(np.array([0.04, 0.5])).tolist()
    ([True], [False, False])
    """
    return fdr(p) <= LEVEL


def _which_codebooks(findings: Findings, index: int) -> str:
    recovered = findings.recovered
    if holm(recovered.null.p)[index] > LEVEL:
        return (
            "Which codebooks: cannot be told. The test of all of them is not passed (Holm), and "
            "probabilities mean nothing where it is not."
        )
    probability = recovered.probability[:, index]
    known = recovered.known[:, index]
    is_likely = probability >= 0.5
    return (
        f"Which codebooks: followed {_listed(probability, known & is_likely)}; not followed "
        f"{_listed(probability, known & ~is_likely)}; cannot be told: "
        f"{_listed(probability, ~known)} (calibrated probability)."
    )


def _listed(probability: np.ndarray, chosen: np.ndarray) -> str:
    """List codebooks with their probabilities."""
    named = [f"{k} ({100 * probability[k]:.0f} %)" for k in np.flatnonzero(chosen)]
    return ", ".join(named) or "none"


def _alone(findings: Findings, index: int, lesion: Mapping[str, float]) -> str:
    n_regions = len(findings.names)
    corrected = "one region, uncorrected over regions"
    if n_regions > 1:
        corrected = f"corrected over {n_regions} regions"
    rivals = "equally many, equally reliable voxels elsewhere"
    if findings.lesions.size[index] == 1:
        rivals = (
            f"the {findings.lesions.random.shape[1]} other columns of the table, whose ISC differs "
            f"by up to {findings.lesions.isc_distance[index]:.2f}"
        )
    comparison = "about as much as"
    if lesion["alone (%)"] > lesion["random, high"]:
        comparison = "more than"
    elif lesion["alone (%)"] < lesion["random, low"]:
        comparison = "less than"
    hears = lesion["p chance"] <= LEVEL
    return (
        f"Alone it identifies {lesion['alone (%)']:.0f} % of pairs of segments "
        f"({_range(lesion, 'alone')}; chance 50; p = {lesion['p chance']:.3f}, {corrected}): "
        f"{'it hears' if hears else 'it cannot be said to hear'}. That is {comparison} {rivals} "
        f"({lesion['random (%)']:.0f} %, 95 % of them {lesion['random, low']:.0f} to "
        f"{lesion['random, high']:.0f})."
    )


def _without(lesion: Mapping[str, float]) -> str:
    is_needed = lesion["lost without, low"] > 0
    return (
        f"Without it, identification by all other regions changes by "
        f"{-lesion['lost without (%)']:+.1f} points (lost: {_range(lesion, 'lost without')}): "
        f"{'nothing else stands in for it' if is_needed else 'no loss is shown'}."
    )


def _range(lesion: Mapping[str, float], figure: str) -> str:
    """Write the interval of a figure, or say why there is none."""
    low = lesion[f"{figure}, low"]
    high = lesion[f"{figure}, high"]
    if np.isnan(low):
        return "too few pairs for an interval"
    return f"{low:.0f} to {high:.0f}"
