"""TODO: errors."""

from collections.abc import Iterator
from contextlib import contextmanager


class InputError(ValueError):
    """What the user gave is wrong: the message names the value, the rule and the remedy."""


def require(good: object, message: str) -> None:
    """Raise InputError with `message` (``argument=value: the rule. The remedy.``) unless `good`."""
    if not good:
        raise InputError(message)


@contextmanager
def explained(rule: str, remedy: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn `errors` of the block, which a reader raised, into an InputError: ``argument=value: the
    rule (its words). The remedy.``.
    """
    try:
        yield
    except errors as error:
        raise InputError(f"{rule} ({' '.join(str(error).split())}). {remedy}") from error


class RunFailed(RuntimeError):
    """A valid run failed: the message names the notebook or page, the place, the reason and the
    file kept.
    """


class MetricError(ValueError):
    """A metric has no value for these sounds; the message is the reason."""
