"""Identification: is a predicted segment more like the one that was heard than like its foils.

The unit is a pair of segments that are foils of each other, counted once: segments as units would
count every pair twice. What chance gives comes from refits on shifted BOLD (`refitting`), never
from finished predictions that are moved.

References
----------
[1] Naselaris et al. 2009, Neuron 63, 902. doi:10.1016/j.neuron.2009.09.006
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan

import numpy as np

from giblet_core.decoding.patterns import similarity
from giblet_core.decoding.regression import DecodingResult
from giblet_core.decoding.segments import Segments, foil_pairs
from giblet_core.encoding import check_matrix
from giblet_core.inference import LEAST_UNITS, Claim, Control, crossed_bootstrap

CHANCE = 0.5
NULL_KIND = "the whole analysis refitted on circularly shifted BOLD"
PAIRS_DRAWN_TOGETHER = 2  # neighbours in time, which often share a segment
ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Identification:
    """How often the segment that was heard is told from its foils.

    Attributes
    ----------
    pairwise_accuracy : float
        Mean over pairs; chance .5.
    pairs : int array of shape (n_pairs, 2)
        Segments that are foils of each other, each pair once.
    per_pair : array of shape (n_pairs,)
        Share of a pair's two comparisons (either segment's prediction with both) that are won;
        ties count half.
    per_segment : array of shape (n_segments,)
        Share of a segment's foils that are less like its prediction than the segment itself is;
        ties count half. NaN where a segment has no foil.
    rank : array of shape (n_segments,)
        Place of the true segment among itself and its foils, 1 the best. NaN without a foil.
    n_foils : int array of shape (n_segments,)
        Foils of each segment.
    null : array of shape (n_draws,)
        Pairwise accuracy of refits on shifted BOLD; empty where none were made.
    """

    pairwise_accuracy: float
    pairs: np.ndarray
    per_pair: np.ndarray
    per_segment: np.ndarray
    rank: np.ndarray
    n_foils: np.ndarray
    null: np.ndarray

    @property
    def n_pairs(self) -> int:
        """Number of pairs: the units."""
        return len(self.pairs)

    @property
    def n_without(self) -> int:
        """Number of segments without a foil."""
        return int((self.n_foils == 0).sum())

    @property
    def p(self) -> float:
        """Share of the null that does as well, at least `p_floor`; NaN without a null."""
        if not len(self.null):
            return nan
        n_as_good = int((self.null >= self.pairwise_accuracy - ROUNDING).sum())
        return (1 + n_as_good) / (1 + len(self.null))

    @property
    def p_floor(self) -> float:
        """The smallest p there can be."""
        return 1 / (1 + len(self.null))

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Bootstrap the accuracy over pairs, neighbours together: low, high.

        NaN below `LEAST_UNITS` pairs. It speaks of other pairs of the same film, no more.
        """
        if self.n_pairs < LEAST_UNITS:
            return nan, nan
        return crossed_bootstrap(self.per_pair, block=PAIRS_DRAWN_TOGETHER, seed=seed)

    def claim(self, subject: str, **fields) -> Claim:
        """Return the claim that segments are identified above chance, in per cent.

        Its control, where there is a null, is what shifted BOLD identifies: chance.

        Parameters
        ----------
        subject : str
            The statement, for example "Segments are identified from the latents".
        **fields
            More of `Claim`: label, controls, ...

        Returns
        -------
        Claim
        """
        low, high = self.interval()
        tested = {}
        controls = fields.pop("controls", ())
        if len(self.null):
            tested = {"p": self.p, "p_floor": self.p_floor, "null": NULL_KIND}
            controls = (*controls, chance_control(100 * self.null))
        return Claim(
            subject,
            "pairwise accuracy",
            100 * self.pairwise_accuracy,
            "pairs of segments",
            self.n_pairs,
            low=100 * low,
            high=100 * high,
            reference=100 * CHANCE,
            unit_of_measure="%",
            digits=1,
            controls=controls,
            **tested,
            **fields,
        )

    def claim_of_gain(
        self, other: "Identification", subject: str, seed: int = 0, **fields
    ) -> Claim:
        """Return the claim that the same pairs are told apart more often than by another way.

        Parameters
        ----------
        other : Identification
            Of the same pairs.
        subject : str
            The statement, for example "Latents identify more than loudness and speech".
        seed : int
            Of the bootstrap over pairs.
        **fields
            More of `Claim`: label, controls, ...

        Returns
        -------
        Claim
            In points; without an interval below `LEAST_UNITS` pairs.
        """
        points = 100 * (self.per_pair - other.per_pair)
        low, high = crossed_bootstrap(points, block=PAIRS_DRAWN_TOGETHER, seed=seed)
        return Claim(
            subject,
            "points of pairwise accuracy",
            float(points.mean()),
            "pairs of segments",
            self.n_pairs,
            low=low,
            high=high,
            digits=1,
            **fields,
        )

    def __str__(self) -> str:
        text = (
            f"{100 * self.pairwise_accuracy:.1f} % over {self.n_pairs} pairs of segments "
            f"({self.n_without} segments without foils)"
        )
        if not isfinite(self.p):
            return text
        return f"{text}, p = {self.p:.4f} ({len(self.null)} refits, floor {self.p_floor:.4f})"


def chance_control(null: Sequence[float]) -> Control:
    """Return the control of a claim of identification: what shifted BOLD identifies, in per cent.

    The parameter is the null, accuracy in per cent, one a draw.
    """
    return Control.of_draws("the same, refitted on shifted BOLD,", null, 100 * CHANCE)


def pairwise_accuracy(similarity: np.ndarray, foils: np.ndarray) -> np.ndarray:
    """Return the share of each segment's foils that it beats; ties count half.

    Parameters
    ----------
    similarity : array of shape (n_segments, n_segments)
        Row i: how like predicted segment i is to each true one.
    foils : bool array of shape (n_segments, n_segments)
        Row i: which true segments are foils of segment i.

    Returns
    -------
    array of shape (n_segments,)
        0 for a segment without foils.

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.1, 0.9], [0.5, 0.2, 0.1], [0.0, 0.0, 0.3]])
    >>> pairwise_accuracy(similarity, ~np.eye(3, dtype=bool)).tolist()
    [0.75, 0.5, 1.0]
    """
    n_foils = foils.sum(1)
    return (_beaten(similarity) * foils).sum(1) / np.maximum(n_foils, 1)


def accuracy_of_pairs(similarity: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the share of each pair's two comparisons that are won, (n_pairs,).

    Parameters are the similarity of predicted (rows) with true segments, (n_segments, n_segments),
    and the pairs, (n_pairs, 2).

    Examples
    --------
    >>> similarity = np.array([[0.9, 0.1, 0.9], [0.5, 0.2, 0.1], [0.0, 0.0, 0.3]])
    >>> accuracy_of_pairs(similarity, np.array([[0, 1], [0, 2], [1, 2]])).tolist()
    [0.5, 0.75, 1.0]
    """
    beaten = _beaten(similarity)
    first, second = pairs.T
    return (beaten[first, second] + beaten[second, first]) / 2


def _beaten(similarity: np.ndarray) -> np.ndarray:
    """Return 1 where a prediction is more like its own segment than like another, 0.5 for ties."""
    true_similarity = np.diagonal(similarity)[:, None]
    tie_or_loss = np.where(true_similarity == similarity, 0.5, 0.0)
    return np.where(true_similarity > similarity, 1.0, tie_or_loss)


def identify(
    predictions: np.ndarray,
    targets: np.ndarray,
    segments: Segments,
    *,
    embargo: int = 20,
    max_lu: float = 2.0,
    null: Sequence[float] = (),
) -> Identification:
    """Identify held-out segments among foils of the same fold, class and loudness.

    Every dimension counts alike.

    Parameters
    ----------
    predictions : array of shape (n_trs, n_dims)
        Held-out predictions.
    targets : array of shape (n_trs, n_dims)
        True values.
    segments : Segments
        From `make_segments`.
    embargo : int
        TRs that lie between a segment and its foils at least.
    max_lu : float
        Largest difference in loudness between a segment and its foils, LU.
    null : sequence of float
        Pairwise accuracy of the same analysis refitted on shifted BOLD, a draw each
        (`MovableDecoder`); without it there is no p.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a foil, or predictions and targets differ in length.
    """
    predictions = check_matrix("predictions", predictions)
    targets = check_matrix("targets", targets, len(predictions))
    foils = segments.some_foils(embargo, max_lu)
    return _identified(similarity(predictions, targets, segments), foils, null)


def identify_stacked(
    decoded: Sequence[DecodingResult],
    segments: Segments,
    *,
    embargo: int = 20,
    max_lu: float = 2.0,
    null: Sequence[float] = (),
) -> Identification:
    """Identify held-out segments by several decoded spaces, whose similarities are averaged.

    Within a space each dimension counts by `DecodingResult.weights`, what training time alone
    knows of it.

    Parameters
    ----------
    decoded : sequence of DecodingResult
        One for each space, over the same TRs and folds.
    segments : Segments
        From `make_segments`.
    embargo, max_lu, null
        As in `identify`.

    Returns
    -------
    Identification

    Raises
    ------
    InputError
        When no segment has a foil.
    """
    foils = segments.some_foils(embargo, max_lu)
    by_space = [
        similarity(space.predictions, space.targets, segments, weights=space.weights)
        for space in decoded
    ]
    return _identified(np.mean(by_space, axis=0), foils, null)


def _identified(similarity: np.ndarray, foils: np.ndarray, null: Sequence[float]) -> Identification:
    """Score the similarity of predicted (rows) with true segments."""
    has_foil = foils.any(1)
    pairs = foil_pairs(foils)
    per_pair = accuracy_of_pairs(similarity, pairs)
    as_like_as_true = similarity >= np.diagonal(similarity)[:, None]
    rank = 1 + (as_like_as_true & foils).sum(1)
    return Identification(
        pairwise_accuracy=float(per_pair.mean()),
        pairs=pairs,
        per_pair=per_pair,
        per_segment=np.where(has_foil, pairwise_accuracy(similarity, foils), np.nan),
        rank=np.where(has_foil, rank, np.nan),
        n_foils=foils.sum(1),
        null=np.asarray(null, dtype=float),
    )
