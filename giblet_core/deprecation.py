"""Old names of keywords, kept for one release."""

import functools
import warnings
from collections.abc import Callable
from typing import Any


def renamed_keywords(**new_names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Accept old keyword names of a function, with a DeprecationWarning.

    Parameters
    ----------
    **new_names : str
        Old name = new name.

    Returns
    -------
    decorator

    Examples
    --------
    >>> @renamed_keywords(dose="strength")
    ... def lesion(strength=1.0):
    ...     return strength
    >>> lesion(dose=0.5)
    0.5
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*arguments: Any, **keywords: Any) -> Any:
            for old, new in new_names.items():
                if old not in keywords:
                    continue
                if new in keywords:
                    raise TypeError(
                        f"{function.__name__}: {old} is the old name of {new}; give one."
                    )
                warnings.warn(
                    f"{function.__name__}: keyword {old}= has been renamed {new}=; "
                    "the old name goes with the next release",
                    DeprecationWarning,
                    stacklevel=2,
                )
                keywords[new] = keywords.pop(old)
            return function(*arguments, **keywords)

        return call

    return decorate
