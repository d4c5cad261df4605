"""How large the latents of single codebooks are, beside where they point.

A brain may follow the sign of what a codebook holds, or only its size: the power of a cell's
input, the energy of a population, the strength of its modulation. `codebook_forms` writes each
codebook in every one of these forms. A quadratic form of a vector, whatever its weights, is linear
in the products of the vector's components; the mean of these products in a TR is a second moment.
Its directions of most movement hold what any random power or energy does most likely.

Everything is formed from vectors and never from labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, sosfilt, sosfilt_zi

from giblet_core.codecs import Codec, Codes
from giblet_core.features.codebooks import codebook_latents
from giblet_core.features.pooling import RESPONSES, Response, pooled, slow_directions
from giblet_core.features.spaces import FeatureSpace
from giblet_core.timing import TRGrid

MOMENT_RATE_HZ = 15.0  # second moments are averaged over so short a time before they are reduced
N_COMPONENTS = 24  # of the vectors whose products are formed
N_SLOW = 10  # directions whose modulation is measured
MODULATION_HZ = ((1, 2), (2, 4), (4, 8), (8, 16))
LEAST_SIZE = 1e-2  # of the mean; smaller vectors are not scaled up

SIGNED = "signed"
ENERGY = "energy"


@dataclass(frozen=True, eq=False)
class CodebookForm:
    """One way in which codebooks may be followed.

    Attributes
    ----------
    name : str
    family : {"signed", "energy"}
        Whether the sign of what a codebook holds counts.
    codebooks : tuple of arrays of shape (n_responses, n_trs, n_columns)
        One a codebook, each with several responses. How large a column is says how much is expected
        of it.
    """

    name: str
    family: str
    codebooks: tuple[np.ndarray, ...]


def codebook_forms(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    responses: Sequence[Response] = RESPONSES,
    num_codebooks: int | None = None,
) -> tuple[CodebookForm, ...]:
    """Write each codebook in all forms in which it may be followed.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid : TRGrid or sequence of TRGrid
        One a run.
    responses : sequence of Response
    num_codebooks : int, optional
        Only the first codebooks; all by default.

    Returns
    -------
    tuple of CodebookForm
        Signed: "8 slow directions" of equal size, "any direction" in its own units.
        Energy: "power" and "energy" (second moments of the vectors as they are, and of vectors
        brought to the root of their length), "modulation" (the same of the bands of slow
        directions), "length".
    """
    n = codes.num_codebooks if num_codebooks is None else min(num_codebooks, codes.num_codebooks)
    clock = _Clock(codes.frame_rate, grid, tuple(responses))
    by_codebook = [_forms_of(codebook_latents(codec, codes, k), clock) for k in range(n)]
    return tuple(
        CodebookForm(name, family, tuple(forms[name, family] for forms in by_codebook))
        for name, family in by_codebook[0]
    )


def codebook_energy(
    codec: Codec,
    codes: Codes,
    grid: TRGrid | Sequence[TRGrid],
    n_directions: int = 8,
    hrf: Response | str | None = "glover",
) -> tuple[FeatureSpace, ...]:
    """Pool the second moments of each codebook: one space a codebook.

    Parameters
    ----------
    codec : Codec
        The one that made the codes.
    codes : Codes
    grid, hrf
        As in `pooled`.
    n_directions : int
        Directions in which second moments move most from TR to TR.

    Returns
    -------
    tuple of FeatureSpace
        "energy of codebook k", ``values`` of shape (n_trs, n_directions + 2): the directions, then
        the mean length and its logarithm.
    """
    clock = _Clock(codes.frame_rate, grid, (hrf,))
    names = (*(f"moment {i}" for i in range(n_directions)), "length", "log length")
    spaces = []
    for k in range(codes.num_codebooks):
        z = codebook_latents(codec, codes, k)
        moving = clock.moments(_components(z), n_directions)[0]
        lengths = clock.respond(_lengths(z)[1:3], codes.frame_rate)[0]
        values = np.concatenate([moving, lengths], axis=1).astype(np.float32)
        spaces.append(FeatureSpace(f"energy of codebook {k}", values, names[-values.shape[1] :]))
    return tuple(spaces)


@dataclass(frozen=True)
class _Clock:
    """The frames of the codec, the runs, and the responses that signals are given."""

    frame_rate: float
    grid: TRGrid | Sequence[TRGrid]
    responses: tuple[Response | str | None, ...]

    def respond(self, rows: np.ndarray, rate_hz: float) -> np.ndarray:
        """Pool rows (D, n) with each response: (n_responses, n_trs, D), centred."""
        made = [pooled(rows, rate_hz, self.grid, ("mean",), hrf) for hrf in self.responses]
        stacked = np.stack(made).astype(np.float64)
        return stacked - stacked.mean(1, keepdims=True)

    def slow(self, rows: np.ndarray, rate_hz: float, n: int) -> np.ndarray:
        """Reduce rows (D, n_frames) to `n` directions that move most from TR to TR."""
        means = pooled(rows, rate_hz, self.grid, ("mean",), None)
        return self.respond(slow_directions(means, n) @ rows, rate_hz)

    def moments(self, x: np.ndarray, n: int) -> np.ndarray:
        """Reduce the second moments of vectors x (D, n_frames): (n_responses, n_trs, n)."""
        return self.moments_of_bands([x], n)

    def moments_of_bands(self, bands: Sequence[np.ndarray], n: int) -> np.ndarray:
        """Do the same for the second moments of several bands (D, n_frames) together."""
        n_frames = max(1, int(self.frame_rate / MOMENT_RATE_HZ))
        rows = np.concatenate([second_moments(band, n_frames) for band in bands])
        return self.slow(rows, self.frame_rate / n_frames, n)


def second_moments(x: np.ndarray, n_frames: int) -> np.ndarray:
    """Average the products of components over every `n_frames` frames.

    Parameters
    ----------
    x : array of shape (D, n)
        Vectors in columns.
    n_frames : int
        The last step may hold fewer.

    Returns
    -------
    array of shape (D * (D + 1) / 2, n_steps)
        Products of different components are scaled by the square root of 2, so that inner products
        of moments are those of whole matrices.

    Examples
    --------
    >>> second_moments(np.array([[1.0, 3.0], [1.0, -1.0]]), 2).round(2).tolist()
    [[5.0], [-1.41], [1.0]]
    """
    first, second = np.triu_indices(len(x))
    weights = np.where(first == second, 1, np.sqrt(2))[:, None].astype(x.dtype)
    starts = np.arange(0, x.shape[1], n_frames)
    counts = np.diff(starts, append=x.shape[1])
    moments = np.empty((len(first), len(starts)), x.dtype)
    for row, (i, j) in enumerate(zip(first, second)):
        moments[row] = np.add.reduceat(x[i] * x[j], starts) / counts
    return weights * moments


def _components(z: np.ndarray) -> np.ndarray:
    """Return the principal components of vectors z (D, n_frames), most variance first."""
    centred = z - z.mean(1, keepdims=True)
    _, directions = np.linalg.eigh(centred @ centred.T)
    return (directions[:, ::-1][:, :N_COMPONENTS].T @ centred).astype(np.float32)


def _compressed(x: np.ndarray) -> np.ndarray:
    """Bring vectors (D, n_frames) to the root of their length: moments then grow with length."""
    length = np.linalg.norm(x, axis=0)
    return x / np.sqrt(np.maximum(length, LEAST_SIZE * length.mean() + 1e-12))


def _lengths(z: np.ndarray) -> np.ndarray:
    """Return lengths of vectors (D, n_frames), standardised: (4, n_frames).

    Of differences from the mean vector, of vectors themselves, their logarithm and their square.
    """
    length = np.linalg.norm(z, axis=0).astype(np.float64)
    from_mean = np.linalg.norm(z - z.mean(1, keepdims=True), axis=0)
    rows = np.stack([from_mean, length, np.log(length + 1e-3 * length.mean() + 1e-12), length**2])
    deviations = rows - rows.mean(1, keepdims=True)
    return deviations / np.maximum(rows.std(1, keepdims=True), 1e-12)


def _modulated(x: np.ndarray, frame_rate: float) -> list[np.ndarray]:
    """Band-pass x (D, n_frames) causally in each band that the rate can hold."""
    bands = []
    for band_hz in MODULATION_HZ:
        if band_hz[1] >= frame_rate / 2:
            continue
        sections = butter(2, band_hz, "bandpass", fs=frame_rate, output="sos")
        at_rest = sosfilt_zi(sections)[:, None, :] * x[:, :1][None]
        moving, _ = sosfilt(sections, x, axis=1, zi=at_rest)
        bands.append((moving / (moving.std() + 1e-12)).astype(np.float32))
    return bands


def _forms_of(z: np.ndarray, clock: _Clock) -> dict[tuple[str, str], np.ndarray]:
    """Write one codebook's latents z (D, n_frames) in all forms, by name and family."""
    rate_hz = clock.frame_rate
    any_direction = clock.slow(z, rate_hz, N_COMPONENTS)
    of_equal_size = any_direction / np.maximum(any_direction.std(1, keepdims=True), 1e-12)
    components = _components(z)
    means = pooled(z, rate_hz, clock.grid, ("mean",), None)
    slow = slow_directions(means, N_SLOW) @ (z - z.mean(1, keepdims=True))
    bands = [_compressed(band) for band in _modulated(slow, rate_hz)]
    return {
        ("8 slow directions", SIGNED): of_equal_size[:, :, :8],
        ("any direction", SIGNED): any_direction,
        ("power", ENERGY): clock.moments(components, 16),
        ("energy", ENERGY): clock.moments(_compressed(components), 16),
        ("modulation", ENERGY): clock.moments_of_bands(bands, 16),
        ("length", ENERGY): clock.respond(_lengths(z), rate_hz),
    }
