"""The embedded demo film: twenty minutes of a detective story in two runs.

It is rendered from stored voices and one seed.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from giblet_core.demo.film.arrangement import PART_S, VOICES, voice_files
from giblet_core.demo.film.mastering import FULL_SCALE, master
from giblet_core.demo.film.sounds import RATE, SCORE
from giblet_core.demo.film.stems import mix
from giblet_core.errors import InputError
from giblet_core.files import cached_npz
from giblet_core.sound import Annotation, annotation

T_R = 1.5  # s
N_RUNS = 2
FILM_S = N_RUNS * PART_S  # length of the film
N_TRS = 400  # of each run; the film goes on a few seconds longer
CODE = (*sorted(Path(__file__).parent.rglob("*.py")), Path(annotation.__file__))


@dataclass(frozen=True)
class FilmRun:
    """A run of the experiment: TR 0 begins at `start_s` of the film; `n_trs` volumes."""

    name: str
    start_s: float
    n_trs: int


@dataclass(frozen=True)
class Film:
    """A film's sound track with what sounds when.

    Attributes
    ----------
    wave : array of shape (n_samples,), float32
        Mono; every value is a multiple of 1 / 32768, so a 16-bit file holds it exactly.
    sample_rate : int
        Hz.
    runs : tuple of FilmRun
    t_r : float
        Seconds.
    annotation : Annotation
    seed : int
        The arrangement's.
    """

    wave: np.ndarray
    sample_rate: int
    runs: tuple[FilmRun, ...]
    t_r: float
    annotation: Annotation
    seed: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.wave) / self.sample_rate


def _render(seed: int) -> tuple[dict[str, np.ndarray], dict]:
    """Return the samples, and what goes into the file beside them."""
    wave, truth = mix(seed)
    meta = {"kind": "film", "seed": seed, "annotation": asdict(truth)}
    return {"pcm": master(wave, seed)}, meta


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
        parts = [seed, *CODE, SCORE, VOICES, *voice_files().values()]
        arrays, meta = cached_npz(folder, "demo_film", parts, lambda: _render(seed))
    runs = [FilmRun(f"run{number + 1}", float(number * PART_S), N_TRS) for number in range(N_RUNS)]
    return Film(
        wave=arrays["pcm"].astype(np.float32) / FULL_SCALE,
        sample_rate=RATE,
        runs=tuple(runs),
        t_r=T_R,
        annotation=Annotation.from_dict(meta["annotation"]),
        seed=seed,
    )
