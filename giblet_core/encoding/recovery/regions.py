"""Which codebooks regions follow, in which form, and whether they follow any beyond the baselines.

Two questions, answered apart. *Do they follow any?* What all baselines explain is removed entirely,
and the codebooks are tested against their own randomisation. *Which ones?* There level must not be
removed: the power of a codebook is nearly a level, so that little else would remain of it. Level
competes instead, as a rival with a share of the variance from none to nearly half.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from giblet_core.encoding.kernels import check_matrix
from giblet_core.encoding.recovery.calibration import Calibration
from giblet_core.encoding.recovery.conditional import (
    beyond,
    conditional_nulls,
    largest_of,
)
from giblet_core.encoding.recovery.design import MOST_CODEBOOKS, Design
from giblet_core.encoding.recovery.variance_components import (
    Recovery,
    all_subsets,
    subset_log_likelihood,
)
from giblet_core.encoding.recovery.whitening import (
    Ground,
    leading_directions,
    remaining,
    whiten,
    whiteners,
)
from giblet_core.encoding.statistics import Null
from giblet_core.features import ENERGY, SIGNED, CodebookForm
from giblet_core.timing import check_runs, shift_within_runs

LEVELS = ("envelope", "loudness", "bands", "onsets")  # the baselines that are a rival
N_RIVAL = 16  # of their directions
RIVAL_SHARES = (0.0, 0.15, 0.4)  # of the variance, each as likely beforehand
N_TESTED = {"8 slow directions": 8, "energy": 6, "length": 4}  # columns of forms that are tested
SHARES_OF_MEAN = (0.03, 0.1, 0.25, 0.5, 0.75)  # a mean of subjects may follow closely
MOST_COLUMNS = {SIGNED: 24, ENERGY: 10}  # of a form whose subsets are weighed
MOST_BEHIND = 10.0  # log likelihood, by which an explanation may lie behind and still be weighed
TEMPERATURE = 0.7  # of the log likelihood: less sure than the model
LOG_ODDS = -1.0  # of a codebook beforehand: about one in four is followed
#: Of `recover_regions`; what it was fitted to is in the experiment log.
CALIBRATION = Calibration(slope=0.93, offset=-0.12, prior=0.32)


# threads that meet at each small solve can be ten times slower than one
@threadpool_limits.wrap(limits=1, user_api="blas")
def recover_regions(
    design: Design, Y: np.ndarray, n_trs: int | None = None, n_draws: int = 1000
) -> Recovery:
    """Estimate which codebooks regions follow, and test the codebooks together.

    How a region follows codebooks is not known, nor what its noise is. All forms of the design are
    weighed as equals, each with every response, noise and share of the rival. The test takes one
    form of each family, with the mean response.

    Parameters
    ----------
    design : Design
        Of the sound; its first eight codebooks are asked for.
    Y : array of shape (n_subjects, all TRs, n_targets)
        BOLD, e.g. region means. Subjects are averaged: they share one film.
    n_trs : int, optional
        Use the first TRs of each run, so many in all.
    n_draws : int
        Phase randomisations of the null.

    Returns
    -------
    Recovery
        Probabilities are calibrated on simulations of other films.
    """
    rows, run_onsets = design.rows(n_trs)
    y = check_matrix("Y", np.mean(Y, axis=0)[rows])
    nulls = _nulls(design, y, n_trs, n_draws)
    nothing = np.empty((len(rows), 0))
    maps = whiteners(remaining(nothing, design.t_r, run_onsets), design.t_r, run_onsets)
    rival = leading_directions(design.baseline(LEVELS)[rows], N_RIVAL)
    forms = [_some_rows(form, rows) for form in design.all_forms()]
    of_forms = _log_likelihoods(forms, rival, y, maps)
    return _weighed(of_forms, nulls)


@threadpool_limits.wrap(limits=1, user_api="blas")
def codebooks_beyond(
    design: Design, Y: np.ndarray, n_trs: int | None = None, n_draws: int = 1000
) -> Null:
    """Test all codebooks together beyond the baselines: `recover_regions` without weighing them.

    Parameters
    ----------
    design, Y, n_trs, n_draws
        As in `recover_regions`.

    Returns
    -------
    Null
        That of `recover_regions`.
    """
    rows, _ = design.rows(n_trs)
    y = check_matrix("Y", np.mean(Y, axis=0)[rows])
    return _nulls(design, y, n_trs, n_draws).together


@threadpool_limits.wrap(limits=1, user_api="blas")
def moved_control(design: Design, Y: np.ndarray, n_draws: int = 300) -> Null:
    """Test the codebooks on BOLD moved by half a run: a control, which must find nothing.

    It is the test of all codebooks of `recover_regions`. What is moved has the autocorrelation of
    the data and follows nothing that was heard at that time.

    Parameters
    ----------
    design : Design
        Of the sound.
    Y : array of shape (n_subjects, n_trs, n_targets)
        BOLD, e.g. region means.
    n_draws : int
        Phase randomisations of the null.

    Returns
    -------
    Null
    """
    rows, run_onsets = design.rows()
    shortest = int(np.diff(check_runs(len(rows), run_onsets)).min())
    moved = shift_within_runs(len(rows), shortest // 2, run_onsets)
    y = check_matrix("Y", np.mean(Y, axis=0)[moved])
    return _nulls(design, y, None, n_draws).together


@dataclass(frozen=True, eq=False)
class _Nulls:
    """The tests of codebooks: of all, by the larger of both families, and of each."""

    together: Null
    of_codebooks: list[Null]


def _nulls(design: Design, y: np.ndarray, n_trs: int | None, n_draws: int) -> _Nulls:
    """Test the codebooks on series y (n_trs, n_targets) beyond all baselines."""
    rows, run_onsets = design.rows(n_trs)
    left = beyond(design.baseline()[rows], design.t_r, run_onsets)
    families = tested_families(design, rows)
    groups = _columns_of_codebooks(families, n_codebooks=len(design.all_forms()[0].codebooks))
    nulls = conditional_nulls(
        families,
        whiten(whiteners(left, design.t_r, run_onsets), y),
        left,
        groups=groups,
        run_onsets=run_onsets,
        n_draws=n_draws,
    )
    together = largest_of({family: nulls[family] for family in families})
    return _Nulls(together, [nulls[codebook] for codebook in groups])


def _weighed(of_forms: np.ndarray, nulls: _Nulls) -> Recovery:
    """Turn log likelihoods (n_forms, n_subsets, n_targets) into probabilities."""
    subsets = all_subsets(int(np.log2(of_forms.shape[1])))
    log_odds = TEMPERATURE * of_forms + LOG_ODDS * subsets.sum(1)[:, None]
    posterior = softmax(log_odds.reshape(-1, of_forms.shape[2]), axis=0).reshape(of_forms.shape)
    probability = CALIBRATION.apply(subsets.T @ posterior.sum(0))
    return Recovery(
        probability=probability,
        null=nulls.together,
        known=CALIBRATION.known(probability),
        form=posterior.sum(1),
        codebook_p=np.array([null.p for null in nulls.of_codebooks]),
        codebook_nulls=tuple(nulls.of_codebooks),
    )


def _some_rows(form: CodebookForm, rows: np.ndarray) -> CodebookForm:
    n_columns = MOST_COLUMNS[form.family]
    some = [codebook[:, rows, :n_columns] for codebook in form.codebooks[:MOST_CODEBOOKS]]
    return CodebookForm(form.name, form.family, tuple(some))


def tested_families(design: Design, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of each family that are tested, (n_trs, n_columns), codebook by codebook.

    Parameters are the design and the rows wanted.
    """
    by_family: dict[str, list[list[np.ndarray]]] = {}  # of each codebook, its columns
    for form in design.all_forms():
        if form.name not in N_TESTED:
            continue
        columns = [x[:, : N_TESTED[form.name]] for x in _mean_response(form, rows)]
        of_codebooks = by_family.setdefault(form.family, [[] for _ in columns])
        for members, x in zip(of_codebooks, columns, strict=True):
            members.append(x)
    return {
        family: np.concatenate([np.concatenate(members, axis=1) for members in of_codebooks], 1)
        for family, of_codebooks in by_family.items()
    }


def _columns_of_codebooks(
    families: dict[str, np.ndarray], n_codebooks: int
) -> dict[str, np.ndarray]:
    """Say which columns, over all families side by side, belong to each codebook."""
    codebook_of_column = np.concatenate(
        [np.repeat(np.arange(n_codebooks), x.shape[1] // n_codebooks) for x in families.values()]
    )
    return {f"codebook {k}": np.flatnonzero(codebook_of_column == k) for k in range(n_codebooks)}


def _mean_response(form: CodebookForm, rows: np.ndarray) -> list[np.ndarray]:
    return [codebook.mean(0)[rows] for codebook in form.codebooks[:MOST_CODEBOOKS]]


@dataclass(frozen=True, eq=False)
class _Explanation:
    """One way to explain series: a noise, a form, a response, a share of the rival.

    Attributes
    ----------
    form : int
        Place among the forms.
    codebooks : list of arrays of shape (n_left, n_columns)
        With one response, their noise made white.
    series : array of shape (n_left, n_targets)
        Their noise made white.
    ground : Ground
        The rival.
    """

    form: int
    codebooks: list[np.ndarray]
    series: np.ndarray
    ground: Ground

    def log_likelihood(self, subsets: np.ndarray, targets: np.ndarray | slice) -> np.ndarray:
        """Weigh subsets of codebooks for some targets, (n_subsets, n_targets)."""
        series = self.series[:, targets]
        return subset_log_likelihood(self.codebooks, series, self.ground, SHARES_OF_MEAN, subsets)[
            1
        ]


def _explanations(
    forms: Sequence[CodebookForm], rival: np.ndarray, y: np.ndarray, maps: Sequence[np.ndarray]
) -> Iterator[_Explanation]:
    """Go through all explanations of series y (n_trs, n_targets), one map a noise."""
    for white in maps:
        series = white @ y
        grounds = [Ground.of(white @ rival, share) for share in RIVAL_SHARES]
        for place, form in enumerate(forms):
            for codebooks in _whitened_responses(form, white):
                for ground in grounds:
                    yield _Explanation(place, codebooks, series, ground)


def _log_likelihoods(
    forms: Sequence[CodebookForm], rival: np.ndarray, y: np.ndarray, maps: Sequence[np.ndarray]
) -> np.ndarray:
    """Weigh all subsets in each form, averaged over noises, responses and shares of the rival.

    A series' noise is not known, and to choose it by the series alone would call noise what follows
    codebooks. An explanation is left out for the targets for which another is far likelier, with
    the codebooks one by one and all together. Returns (n_forms, n_subsets, n_targets).
    """
    n_codebooks = len(forms[0].codebooks)
    few = np.concatenate([np.eye(n_codebooks, dtype=bool), np.ones((1, n_codebooks), bool)])
    screened = np.array(
        [
            explanation.log_likelihood(few, slice(None)).max(0)
            for explanation in _explanations(forms, rival, y, maps)
        ]
    )
    is_likely = screened >= screened.max(0) - MOST_BEHIND  # (n_explanations, n_targets)
    subsets = all_subsets(n_codebooks)
    log_likelihood = np.full((len(forms), len(subsets), y.shape[1]), -np.inf)
    explanations = _explanations(forms, rival, y, maps)
    for explanation, targets in zip(explanations, is_likely, strict=True):
        if not targets.any():
            continue
        before = log_likelihood[explanation.form][:, targets]
        weighed = explanation.log_likelihood(subsets, targets)
        log_likelihood[explanation.form][:, targets] = np.logaddexp(before, weighed)
    return log_likelihood


def _whitened_responses(form: CodebookForm, white: np.ndarray) -> list[list[np.ndarray]]:
    """Return the codebooks of a form, whitened, response by response."""
    n_responses = len(form.codebooks[0])
    return [[white @ codebook[i] for codebook in form.codebooks] for i in range(n_responses)]
