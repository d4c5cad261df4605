"""Old names of keywords and of keys in files, kept for one release."""

import functools
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from giblet_core.errors import InputError


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


def renamed_keys(
    entries: Mapping[str, Any], new_names: Mapping[str, str], place: str, stacklevel: int = 2
) -> dict[str, Any]:
    """Bring old names of keys in a file to the new ones, with a DeprecationWarning.

    Parameters
    ----------
    entries : mapping
        What the file holds.
    new_names : mapping
        Old name: new name.
    place : str
        Where the entries stand, for the message.
    stacklevel : int
        Whose line the warning names: 2 is the caller's, 3 its caller's.

    Returns
    -------
    dict
        The entries under their new names, in the same order.

    Raises
    ------
    InputError
        An old and the new name of the same key are both given.

    Examples
    --------
    >>> renamed_keys({"dose": 0.5}, {"dose": "strength"}, "lesions.yaml")
    {'strength': 0.5}
    """
    current = {}
    for name, value in entries.items():
        new_name = new_names.get(name, name)
        if new_name != name:
            if new_name in entries:
                raise InputError(
                    f"{place}: {name} is the old name of {new_name}; only one may be given. "
                    f"Remove {name}."
                )
            warnings.warn(
                f"{place}: {name} has been renamed {new_name}; "
                "the old name goes with the next release",
                DeprecationWarning,
                stacklevel=stacklevel,
            )
        current[new_name] = value
    return current
