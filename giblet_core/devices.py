"""Devices: where codec, training and ridge are computed.

The CPU in float32 is the reference. Another device is used where it is there and asked for, or by
``auto``; pages say which one it was, and how far its results are from the reference.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import eigh

from giblet_core.errors import InputError

AUTO = "auto"
REFERENCE = "cpu"


@dataclass(frozen=True)
class DeviceKind:
    """A kind of device.

    Attributes
    ----------
    name : str
        As torch names it.
    summary : str
        What it is, and what computes there.
    is_there : callable
        Takes nothing; whether this machine has one.
    has_doubles : bool
        Whether it computes in float64, which ridge needs.
    """

    name: str
    summary: str
    is_there: Callable[[], bool]
    has_doubles: bool


def _always() -> bool:
    return True


#: Name -> kind, the reference last: `auto` takes the first that is there.
DEVICES: dict[str, DeviceKind] = {
    "cuda": DeviceKind(
        "cuda",
        "a graphics card: codec, training, and the decompositions of ridge",
        torch.cuda.is_available,
        True,
    ),
    "mps": DeviceKind(
        "mps",
        "Apple's graphics: codec and training; ridge needs float64 and stays on the CPU",
        torch.backends.mps.is_available,
        False,
    ),
    REFERENCE: DeviceKind(REFERENCE, "the processor, the reference", _always, True),
}

_in_use = REFERENCE


def choose_device(name: str = AUTO) -> str:
    """Return the device that a name means here.

    Raises
    ------
    InputError
        An unknown name, or a device that this machine does not have. Never a fallback.

    Examples
    --------
    >>> choose_device("cpu")
    'cpu'
    """
    there = [kind.name for kind in DEVICES.values() if kind.is_there()]
    if name == AUTO:
        return there[0]
    if name not in DEVICES:
        raise InputError(
            f"device={name}: must be one of {AUTO}, {', '.join(DEVICES)}. Choose one of them."
        )
    if name not in there:
        raise InputError(
            f"device={name}: torch {torch.__version__} finds none on this machine, which has "
            f"{', '.join(there)}. Choose one of these, or {AUTO}; or install a build of torch for "
            "your card."
        )
    return name


def use_device(name: str = AUTO) -> str:
    """Compute on a device from now on, in this process; return which one it is.

    Raises
    ------
    InputError
        As `choose_device`.
    """
    global _in_use
    _in_use = choose_device(name)
    return _in_use


def device_in_use() -> str:
    """Return the device of this process: the CPU, until `use_device` says otherwise."""
    return _in_use


def symmetric_eigen(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decompose a symmetric matrix on the device in use, in float64.

    Parameters
    ----------
    matrix : array of shape (n, n), float64
        May be overwritten.

    Returns
    -------
    values : array of shape (n,)
        Rising.
    vectors : array of shape (n, n)
        In columns.
    """
    kind = DEVICES[_in_use]
    if kind.name == REFERENCE or not kind.has_doubles:
        values, vectors = eigh(matrix, driver="evd", overwrite_a=True, check_finite=False)
        return values, vectors
    return _eigen_by_torch(matrix, kind.name)


def _eigen_by_torch(matrix: np.ndarray, device: str) -> tuple[np.ndarray, np.ndarray]:
    values, vectors = torch.linalg.eigh(torch.from_numpy(matrix).to(device))
    return values.cpu().numpy(), vectors.cpu().numpy()
