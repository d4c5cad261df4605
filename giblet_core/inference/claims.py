"""Claims: a sentence made from the figures that carry it, its failed control first.

A claim holds its statistic, estimate, interval, unit, null, n, p and correction, and the controls
that have to pass. Its sentence is generated; nothing is typed. Where a control fails, the claim is
not supported, whatever its own figures say, and the control is named before it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite, nan

import numpy as np

from giblet_core.errors import InputError
from giblet_core.inference.corrections import ALPHA

SHOWN = "shown"
NOT_SO = "not so"
UNTOLD = "cannot be told"
UNSUPPORTED = "not supported: a control failed"
VERDICTS = (SHOWN, NOT_SO, UNTOLD, UNSUPPORTED)


@dataclass(frozen=True)
class Control:
    """Something that must not show the effect, if the claim means what it says.

    Attributes
    ----------
    name : str
        What was measured, and why it should show nothing: "gain in the loudness x speech region,
        which follows no codebook".
    estimate : float
        Of the same statistic as the claim's.
    passed : bool or None
        None where it was not measured, or its figures do not decide.
    low, high : float
        Interval; NaN where there is none.
    n : int
        Units; 0 where unknown.
    """

    name: str
    estimate: float
    passed: bool | None
    low: float = nan
    high: float = nan
    n: int = 0

    @classmethod
    def from_claim(cls, claim: "Claim") -> "Control":
        """Turn a claim that should not hold into a control.

        It fails where the claim is shown, and passes where it is shown not to be so. Where that
        cannot be told, neither can the control.
        """
        passed = {SHOWN: False, NOT_SO: True}.get(claim.verdict)
        return cls(claim.subject, claim.estimate, passed, claim.low, claim.high, claim.n)

    @classmethod
    def beside_claim(
        cls, claim: "Claim", name: str, estimate: float, *, low: float, high: float, n: int
    ) -> "Control":
        """Judge a figure that should fall short of the claim's.

        It fails where its own interval lies on the claimed side of the reference: what should show
        nothing shows something. It passes where its interval falls wholly short of the claim's
        interval. Else its figures do not decide.

        Parameters
        ----------
        claim : Claim
        name : str
            What was measured, and why it should show nothing.
        estimate, low, high : float
            Of the same statistic as the claim's.
        n : int
            Units.

        Returns
        -------
        Control
        """
        as_claim = replace(claim, controls=(), estimate=estimate, low=low, high=high, p=nan)
        falls_short = high < claim.low if claim.above else low > claim.high
        passed = False if as_claim.verdict == SHOWN else (bool(falls_short) or None)
        return cls(name, estimate, passed, low, high, n)

    @classmethod
    def of_draws(cls, name: str, draws: Sequence[float], reference: float) -> "Control":
        """Judge draws in which nothing can be found: they must lie around the reference.

        It fails where nearly all draws lie above the reference, and passes where their middle 95 %
        hold it. Else, where they lie below, its figures do not decide.

        Parameters
        ----------
        name : str
            What was measured, and why it should show nothing.
        draws : sequence of float
            At least one.
        reference : float
            What nothing gives.

        Returns
        -------
        Control
            Its interval is the middle 95 % of the draws.
        """
        low, high = np.quantile(draws, [0.025, 0.975])
        passed = False if low > reference else (bool(high >= reference) or None)
        return cls(name, float(np.mean(draws)), passed, float(low), float(high), len(draws))

    def sentence(self, unit_of_measure: str = "", digits: int = 3) -> str:
        """Say how the control came out.

        Parameters are those of the claim it stands beside.
        """
        outcome = {True: "Control passed", False: "Control failed", None: "Control undecided"}
        figures = _number(self.estimate, digits, unit_of_measure)
        figures += _interval(self.low, self.high, digits)
        counted = f", n = {self.n}" if self.n else ""
        return f"{outcome[self.passed]}: {self.name} is {figures}{counted}."


@dataclass(frozen=True)
class Claim:
    """A statement about one figure, with all that carries it.

    Attributes
    ----------
    subject : str
        The statement, as a full clause without a stop: "Codebooks add explained variance".
    statistic : str
        What was computed, and what of: "mean gain on unseen time".
    estimate : float
    unit : str
        The units that were counted, in the plural: "pairs of segments", "simulations".
    n : int
        How many.
    low, high : float
        Interval; NaN where there is none.
    level : float
        Coverage of the interval.
    reference : float
        The statement is that the estimate lies above this value, or below.
    above : bool
        Which of the two.
    null : str
        What the p value compares with: "circular shifts of BOLD, refitted"; "" without p.
    p : float
        NaN where nothing was tested.
    correction : str
        Of p or, without p, of the interval: "maximum statistic over 112 tests"; "" for a single
        test.
    p_floor : float
        The smallest p (corrected, where it is) that there could be.
    alpha : float
        Level of the test.
    controls : tuple of Control
    label : str
        On which material, such as "simulated".
    unit_of_measure : str
        Of the estimate: "%", "dB", "LU"; "" for a pure number.
    digits : int
        Behind the point.
    """

    subject: str
    statistic: str
    estimate: float
    unit: str
    n: int
    low: float = nan
    high: float = nan
    level: float = 0.95
    reference: float = 0.0
    above: bool = True
    null: str = ""
    p: float = nan
    correction: str = ""
    p_floor: float = 0.0
    alpha: float = ALPHA
    controls: tuple[Control, ...] = ()
    label: str = ""
    unit_of_measure: str = ""
    digits: int = 3

    def __post_init__(self):
        if self.was_tested and not self.null:
            raise InputError(
                f"null='': a claim with p={self.p:g} must say what p compares with. Name its null."
            )
        if not self.unit or self.n < 1:
            raise InputError(
                f"unit={self.unit!r}, n={self.n}: a claim must say what was counted, and how many. "
                "Name the units."
            )

    @property
    def failed_controls(self) -> tuple[Control, ...]:
        """The controls that showed what they should not."""
        return tuple(control for control in self.controls if control.passed is False)

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`.

        A failed control leaves nothing supported. Else the claim is shown where its figures lie on
        the claimed side of the reference: the whole interval where there is one, and p where there
        is one. It is not so where the whole interval lies on the other side. Everything else
        cannot be told.
        """
        if self.failed_controls:
            return UNSUPPORTED
        side = self._side_of_interval()
        if side is False:
            return NOT_SO
        evidence = []
        if self.has_interval:
            evidence.append(side is True)
        if self.was_tested:
            evidence.append(self.p <= self.alpha and self._is_on_claimed_side())
        return SHOWN if evidence and all(evidence) else UNTOLD

    @property
    def has_interval(self) -> bool:
        """Whether there were units enough for an interval."""
        return isfinite(self.low) and isfinite(self.high)

    @property
    def was_tested(self) -> bool:
        """Whether it has a p value."""
        return isfinite(self.p)

    def _is_on_claimed_side(self) -> bool:
        if self.above:
            return self.estimate > self.reference
        return self.estimate < self.reference

    def _side_of_interval(self) -> bool | None:
        """Say whether the whole interval is on the claimed side; None where it is on both."""
        if not self.has_interval:
            return None
        is_above = bool(self.low > self.reference)
        is_below = bool(self.high < self.reference)
        if not is_above and not is_below:
            return None
        return is_above == self.above

    def beside(self, *controls: Control) -> "Claim":
        """Return the claim with more controls beside it."""
        return replace(self, controls=self.controls + controls)

    def evidence(self) -> str:
        """Return the figures in words: estimate, interval, n, unit, null, p and correction.

        A claim without a control says so.
        """
        figures = _number(self.estimate, self.digits, self.unit_of_measure)
        figures += _interval(self.low, self.high, self.digits)
        parts = [f"{self.statistic} {figures}", f"n = {self.n} {self.unit}"]
        if self.was_tested:
            parts.append(f"p = {_p(self.p)} against {self.null}")
        if self.correction:
            parts[-1] += f", {self.correction}"
        if self.label:
            parts.append(self.label)
        if not self.controls:
            parts.append("no control")
        return "; ".join(parts)

    def sentence(self) -> str:
        """Say what was found, with its figures; controls that failed come first."""
        failed = [c.sentence(self.unit_of_measure, self.digits) for c in self.failed_controls]
        undecided = [
            c.sentence(self.unit_of_measure, self.digits) for c in self.controls if c.passed is None
        ]
        passed = [c for c in self.controls if c.passed]
        others = [*undecided, *self._passed_sentence(passed)]
        said = {
            SHOWN: f"{self.subject} ({self.evidence()}).",
            NOT_SO: f"It is not so that {_lower_first(self.subject)} ({self.evidence()}).",
            UNTOLD: (
                f"It cannot be told whether {_lower_first(self.subject)} "
                f"({self.evidence()}){self._why_untold()}."
            ),
            UNSUPPORTED: (
                f"So it is not supported that {_lower_first(self.subject)} ({self.evidence()})."
            ),
        }
        return " ".join([*failed, said[self.verdict], *others])

    def _passed_sentence(self, passed: Sequence[Control]) -> list[str]:
        """Say that controls passed: one with its figures, several counted."""
        if len(passed) < 2:
            return [control.sentence(self.unit_of_measure, self.digits) for control in passed]
        return [f"{len(passed)} controls passed."]

    def _why_untold(self) -> str:
        if self.was_tested and self.p_floor > self.alpha:
            return f": no p below {_p(self.p_floor)} was possible, whatever is there"
        if not self.was_tested and not self.has_interval:
            return f": {self.n} {self.unit} are too few for an interval, and nothing was tested"
        return ""

    def as_row(self) -> dict:
        """Return all figures and the verdict as JSON values, for results and records."""
        row = {name: _json_value(value) for name, value in asdict(self).items()}
        return row | {"verdict": self.verdict, "sentence": self.sentence()}

    def __str__(self) -> str:
        return self.sentence()


def failed_first(claims: Iterable[Claim]) -> list[Claim]:
    """Order claims for a page: those whose control failed, then the others as they came."""
    claims = list(claims)
    return sorted(claims, key=_has_no_failed_control)


def _has_no_failed_control(claim: Claim) -> bool:
    return not claim.failed_controls


def _number(value: float, digits: int, unit_of_measure: str) -> str:
    if not isfinite(value):
        return "undefined"
    return f"{value:.{digits}f}{' ' if unit_of_measure else ''}{unit_of_measure}"


def _interval(low: float, high: float, digits: int) -> str:
    if not isfinite(low) or not isfinite(high):
        return ""
    return f" [{low:.{digits}f}, {high:.{digits}f}]"


def _p(p: float) -> str:
    """Write a p value with two digits that say something.

    Examples
    --------
    >>> [_p(p) for p in (0.5, 0.041, 0.0029)]
    ['0.50', '0.041', '0.0029']
    """
    return f"{p:.2f}" if p >= 0.1 else f"{p:.2g}"


def _lower_first(text: str) -> str:
    """Write a clause so that it stands inside a sentence.

    A first word in capitals keeps them.

    Examples
    --------
    >>> _lower_first("Codebooks add variance"), _lower_first("PESQ falls")
    ('codebooks add variance', 'PESQ falls')
    """
    first_word = text.split(" ", 1)[0]
    return text if first_word[1:] != first_word[1:].lower() else text[:1].lower() + text[1:]


def _json_value(value: object) -> object:
    """Return a JSON value: what is not finite becomes None."""
    if isinstance(value, float | np.floating):
        return float(value) if isfinite(value) else None
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_json_value(item) for item in value]
    if isinstance(value, dict):
        return {name: _json_value(item) for name, item in value.items()}
    return value
