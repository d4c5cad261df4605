"""What is wrong with a data set, in one form: where, value, rule, remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from giblet_core.errors import InputError

SEVERITIES = ("error", "warning", "note")


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a data set.

    Attributes
    ----------
    severity : {"error", "warning", "note"}
        An error forbids a run, a warning asks for a look, a note says what is left out.
    where : str
        The line of the manifest, or the subject and run.
    value, rule, remedy : str
        What was found, what must hold, what to do.
    """

    severity: str
    where: str
    value: str
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.where}={self.value}: {self.rule}. {self.remedy}"


class Problems(list[Problem]):
    """Problems in the order in which they are found."""

    def error(self, where: str, value: object, rule: str, remedy: str) -> None:
        """Add what forbids a run.

        Parameters
        ----------
        where, value, rule, remedy
            As in `Problem`.
        """
        self.append(Problem("error", where, str(value), rule, remedy))

    def warning(self, where: str, value: object, rule: str, remedy: str) -> None:
        """Add what asks for a look.

        Parameters
        ----------
        where, value, rule, remedy
            As in `Problem`.
        """
        self.append(Problem("warning", where, str(value), rule, remedy))

    def note(self, where: str, value: object, rule: str, remedy: str) -> None:
        """Add what will be left out.

        Parameters
        ----------
        where, value, rule, remedy
            As in `Problem`.
        """
        self.append(Problem("note", where, str(value), rule, remedy))

    @contextmanager
    def caught(self, where: str) -> Iterator[None]:
        """Turn an InputError (``value: the rule. The remedy.``) of the block into an error."""
        try:
            yield
        except InputError as error:
            value, _, rest = str(error).removeprefix(f"{where}=").partition(": ")
            rule, _, remedy = rest.partition(". ")
            self.error(where, value, rule.rstrip("."), remedy)

    @property
    def errors(self) -> list[Problem]:
        """Those that forbid a run."""
        return [problem for problem in self if problem.severity == "error"]

    def sorted(self) -> "Problems":
        """Return the same problems, each once, errors first."""
        return Problems(sorted(dict.fromkeys(self), key=severity_rank))


def severity_rank(problem: Problem) -> int:
    """Return 0 for an error, 1 for a warning, 2 for a note."""
    return SEVERITIES.index(problem.severity)
