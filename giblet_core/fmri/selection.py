"""What is read of a file: which voxels of a volume, or which columns of a table."""

from dataclasses import dataclass

import nibabel as nib
import numpy as np

from giblet_core.errors import InputError

AFFINE_TOLERANCE_MM = 1e-3  # of each number; what programs round differently is far below


@dataclass(frozen=True, eq=False)
class VoxelGrid:
    """Where the voxels of an image lie.

    Attributes
    ----------
    shape : tuple of int
        (x, y, z).
    affine : array of shape (4, 4)
        From voxel indices to millimetres.
    """

    shape: tuple[int, ...]
    affine: np.ndarray

    def is_same(self, other: "VoxelGrid") -> bool:
        """Tell whether voxels of equal index lie in the same place."""
        return self.shape == other.shape and np.allclose(
            self.affine, other.affine, rtol=0, atol=AFFINE_TOLERANCE_MM
        )

    @property
    def orientation(self) -> str:
        """Return the direction of the axes, such as RAS."""
        codes = nib.orientations.aff2axcodes(self.affine)
        return "".join(code or "?" for code in codes)

    @property
    def placement(self) -> str:
        """Say how the voxels lie: orientation and affine."""
        rows = [" ".join(f"{number:.6g}" for number in row) for row in self.affine[:3].tolist()]
        return f"{self.orientation}, affine [{'; '.join(rows)}]"

    def refuse(self, other: "VoxelGrid", name: str = "") -> InputError:
        """Return the error for an image whose grid must be this one and is another."""
        remedy = "Resample one of them (resample: true), or correct its header."
        if other.shape != self.shape:
            return InputError(
                f"{name}shape {other.shape}: must be {self.shape}, as the others' "
                f"({other.placement} here, {self.placement} there). {remedy}"
            )
        return InputError(
            f"{name}{other.placement}: must be {self.placement}, as the others' (each number "
            f"within {AFFINE_TOLERANCE_MM:g} mm). {remedy}"
        )


@dataclass(frozen=True, eq=False)
class Selection:
    """What to read of each TR.

    Attributes
    ----------
    mask : array of shape (x, y, z), bool, or None
        The voxels, where a TR is a volume.
    columns : array of shape (n_columns,), int, or None
        The columns in the order wanted, where a TR is a row.
    target : VoxelGrid or None
        Where it is given, volumes are resampled to it first.
    smooth_mm : float or None
        Where it is given, volumes are smoothed by a Gaussian of this full width at half maximum.
    """

    mask: np.ndarray | None = None
    columns: np.ndarray | None = None
    target: VoxelGrid | None = None
    smooth_mm: float | None = None

    @property
    def size(self) -> int:
        """How many values a TR gives."""
        return int(self.mask.sum()) if self.mask is not None else len(self.columns)
