"""The embedded demo film: twenty minutes of a detective story in two runs, rendered from stored
voices and one seed.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from giblet_core.demo.film.mix import PART_S, master, mix, voice_files
from giblet_core.demo.film.score import RATE, SCORE
from giblet_core.errors import InputError
from giblet_core.files import ASSETS, cached_npz
from giblet_core.sound import Annotation, annotation

T_R = 1.5  # s
N_TRS = 400  # of each run; the film goes on a few seconds longer


@dataclass(frozen=True)
class Run:
    """A run of the experiment: TR 0 begins at `start_s` of the film; `n_trs` volumes."""

    name: str
    start_s: float
    n_trs: int


@dataclass(frozen=True)
class Film:
    """A film's sound track with what sounds when.

    Attributes
    ----------
    wave : ndarray of float32, shape (n_samples,)
        Mono; every value is a multiple of 1 / 32768, so a 16-bit file holds it exactly.
    sample_rate : int
        Hz.
    runs : tuple of Run
    t_r : float
        s.
    annotation : Annotation
    seed : int
        The arrangement's.
    """

    wave: np.ndarray
    sample_rate: int
    runs: tuple[Run, ...]
    t_r: float
    annotation: Annotation
    seed: int

    duration_s = property(lambda self: len(self.wave) / self.sample_rate, doc="Length in seconds.")


def _render(seed: int) -> tuple[dict[str, np.ndarray], dict]:
    wave, truth = mix(seed)
    return {"pcm": master(wave, seed)}, {"kind": "film", "seed": seed, "annotation": asdict(truth)}


def demo_film(seed: int = 0, folder: str | Path | None = None) -> Film:
    """Render the demo film, or another arrangement of the same voices.

    The story is told by synthetic voices (two runs, "A Scandal in Bohemia" and "The Red-Headed
    League"); music, ambience, effects, levels, rooms and the order of scenes follow from `seed`,
    bit for bit on one machine.

    Parameters
    ----------
    seed : int
        Not negative. 0 is the demo; any other is a film nobody tuned on.
    folder : path, optional
        Keep the rendered film there and read it the next time. The file's key holds the seed, the
        voices and the code.

    Returns
    -------
    Film
        1212 s at 24 kHz; runs of 400 TRs of 1.5 s, TR 0 at 0 s and at 606 s.

    Raises
    ------
    InputError
        `seed` is not an integer of 0 or more.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r}: must be an integer of 0 or more. Give one, e.g. seed=0.")
    seed = int(seed)
    if folder is None:
        arrays, meta = _render(seed)
    else:
        code = sorted(Path(__file__).parent.glob("*.py")) + [Path(annotation.__file__)]
        parts = [seed, *code, SCORE, ASSETS / "voices.json", *voice_files().values()]
        arrays, meta = cached_npz(folder, "demo_film", parts, lambda: _render(seed))
    runs = tuple(Run(f"run{k + 1}", float(k * PART_S), N_TRS) for k in range(2))
    return Film(
        arrays["pcm"].astype(np.float32) / np.float32(32768),
        RATE,
        runs,
        T_R,
        Annotation.from_dict(meta["annotation"]),
        seed,
    )
