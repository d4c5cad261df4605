"""Every feature space that regions are compared with: one function and one entry each.

`FEATURES` is read by the encoding notebook (one column a space) and by the region cards (one row a
group). To add a space, write a function of a stimulus and the runs' grids that returns a
`FeatureSpace`, and add a `FeatureEntry` for it to the list below; both then show it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from giblet_core.codecs import UntrainedEncoder
from giblet_core.errors import InputError
from giblet_core.features.acoustic import (
    baseline_features,
    strong_baselines,
    time_features,
)
from giblet_core.features.codebooks import codebook_features, histogram_features
from giblet_core.features.controls import (
    previous_tr,
    random_codec_features,
    surprisal_features,
)
from giblet_core.features.quadratic import codebook_energy
from giblet_core.features.spaces import FeatureSpace, join_spaces
from giblet_core.timing import Stimulus, TRGrid, hrf, run_onsets

Grids = Sequence[TRGrid]
SOURCES = ("codes", "wave", "annotation", "untrained encoder")
CODEBOOK_POOL = ("mean", "sd")
FIR_DELAYS = (1, 2, 3, 4, 5)  # TRs
STRONG = "strong baselines"  # what codebooks have to beat wherever something is claimed of them
STRONG_GROUPS = {  # of the spaces of `strong_baselines`
    "envelope": "level",
    "loudness": "level",
    "bands": "level",
    "onsets": "onsets",
    "mel": "mel",
    "modulation": "modulation",
    "speech": "speech",
    "guessed speech": "guessed speech",
}
CODEBOOK_ENERGY = "codebook energy"
NUISANCE = "nuisance"  # the group to which confounds of the scanner are added


@dataclass(frozen=True)
class FeatureEntry:
    """A feature space that can be made of any stimulus.

    Attributes
    ----------
    name : str
        Of its column in tables.
    make : function
        Of (stimulus, grids): a FeatureSpace, or a tuple of them where a model may weigh the parts
        apart (one a codebook). ``values`` have one row a TR of all grids.
    needs : tuple of {"codes", "wave", "annotation", "untrained encoder"}
        What is read of the stimulus. A space is left out where speech is not annotated but needed,
        or where the codec cannot draw its encoder anew.
    description : str
        What the space holds, in one line.
    group : str, mapping of str to str, or None
        Spaces of one group are taken out together where it is asked what a group adds to all
        others (the region card); a mapping names the group of each space that is made. None: the
        space is compared, but is no part of that question.
    """

    name: str
    make: Callable[[Stimulus, Grids], FeatureSpace | tuple[FeatureSpace, ...]]
    needs: tuple[str, ...]
    description: str
    group: str | Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        if set(self.needs) - set(SOURCES):
            raise InputError(
                f"{self.name}: needs={self.needs}; must be some of {', '.join(SOURCES)}. "
                "Choose among them."
            )

    def group_of(self, space: str) -> str | None:
        """Return the group of one of the spaces, by its name."""
        if self.group is None or isinstance(self.group, str):
            return self.group
        return self.group[space]

    def can_be_made(self, stimulus: Stimulus) -> bool:
        """Say whether the stimulus has all that the space needs."""
        return not self.lacks(stimulus)

    def lacks(self, stimulus: Stimulus) -> list[str]:
        """Return what the space needs and the stimulus does not have."""
        absent = []
        if stimulus.spoken is None:
            absent.append("annotation")
        if not isinstance(stimulus.codec, UntrainedEncoder):
            absent.append("untrained encoder")
        return [need for need in self.needs if need in absent]


def _codebooks(stimulus: Stimulus, grids: Grids) -> tuple[FeatureSpace, ...]:
    return codebook_features(stimulus.codec, stimulus.codes, grids, pool=CODEBOOK_POOL)


def _codebook_energy(stimulus: Stimulus, grids: Grids) -> tuple[FeatureSpace, ...]:
    return codebook_energy(stimulus.codec, stimulus.codes, grids)


def _strong(stimulus: Stimulus, grids: Grids) -> tuple[FeatureSpace, ...]:
    rate = stimulus.codec.sample_rate
    made = strong_baselines(stimulus.wave, rate, grids, stimulus.spoken)
    return tuple(made.values())


def _time(stimulus: Stimulus, grids: Grids) -> FeatureSpace:
    return time_features(grids)


def _baseline(
    kind: str, stimulus: Stimulus, grids: Grids, response: str | None = "glover"
) -> FeatureSpace:
    rate = stimulus.codec.sample_rate
    made = baseline_features(stimulus.wave, rate, grids, (kind,), stimulus.spoken, response)
    return made[kind]


def _previous_tr(stimulus: Stimulus, grids: Grids) -> FeatureSpace:
    codebooks = join_spaces("codebooks", _codebooks(stimulus, grids))
    return previous_tr(codebooks.values, run_onsets(grids))


def _surprisal(stimulus: Stimulus, grids: Grids) -> FeatureSpace:
    return surprisal_features(stimulus.codec, stimulus.codes, grids)


def _first_histogram(stimulus: Stimulus, grids: Grids) -> tuple[FeatureSpace, ...]:
    return histogram_features(stimulus.codec, stimulus.codes, grids, [0])


def _random_codec(stimulus: Stimulus, grids: Grids) -> FeatureSpace:
    return random_codec_features(stimulus.codec, stimulus.wave, grids, CODEBOOK_POOL)


def _envelope_fir(stimulus: Stimulus, grids: Grids) -> FeatureSpace:
    bare = _baseline("envelope", stimulus, grids, response=None)
    delayed = hrf.fir(bare.values, FIR_DELAYS, run_onsets(grids))
    names = [f"{name}, {delay} TR later" for delay in FIR_DELAYS for name in bare.feature_names]
    return FeatureSpace("envelope, FIR", delayed, tuple(names))


_ENTRIES = (
    FeatureEntry(
        "codebooks",
        _codebooks,
        needs=("codes",),
        description="latents of each codebook, mean and SD",
        group="codebooks",
    ),
    FeatureEntry(
        CODEBOOK_ENERGY,
        _codebook_energy,
        needs=("codes",),
        description="how large the latents of each codebook are: second moments and length",
        group=CODEBOOK_ENERGY,
    ),
    FeatureEntry(
        "envelope",
        partial(_baseline, "envelope"),
        needs=("wave",),
        description="RMS and its cube root: mean, SD and modulation",
    ),
    FeatureEntry(
        "loudness",
        partial(_baseline, "loudness"),
        needs=("wave",),
        description="momentary loudness: mean and SD",
    ),
    FeatureEntry(
        "mel",
        partial(_baseline, "mel"),
        needs=("wave",),
        description="128 log-mel bands: mean, SD and modulation",
    ),
    FeatureEntry(
        "modulation",
        partial(_baseline, "modulation"),
        needs=("wave",),
        description="spectro-temporal modulation, 1 to 16 Hz, 0 to 2 cycles an octave: mean",
    ),
    FeatureEntry(
        "onsets",
        partial(_baseline, "onsets"),
        needs=("wave",),
        description="how fast levels rise, of the whole sound and of bands: mean",
    ),
    FeatureEntry(
        STRONG,
        _strong,
        needs=("wave",),
        description="levels through power laws, onsets, spectrum, modulation, level in speech; "
        "three responses",
        group=STRONG_GROUPS,
    ),
    FeatureEntry(
        "time",
        _time,
        needs=(),
        description="index of the TR in its run, and its square",
        group=NUISANCE,
    ),
    FeatureEntry(
        "speech",
        partial(_baseline, "speech"),
        needs=("annotation",),
        description="presence of speech, and word onsets a second",
    ),
    FeatureEntry(
        "previous TR",
        _previous_tr,
        needs=("codes",),
        description="the codebooks of the TR before: what repeating alone would know",
    ),
    FeatureEntry(
        "surprisal",
        _surprisal,
        needs=("codes",),
        description="how rare each code was so far: mean and SD",
    ),
    FeatureEntry(
        "vectors of codebook 0",
        _first_histogram,
        needs=("codes",),
        description="share of each vector of the first codebook",
    ),
    FeatureEntry(
        "random codec",
        _random_codec,
        needs=("wave", "untrained encoder"),
        description="latents of the same encoder with random weights",
    ),
    FeatureEntry(
        "envelope, FIR",
        _envelope_fir,
        needs=("wave",),
        description="the envelope at delays of one to five TRs, without a response",
    ),
)
FEATURES = {entry.name: entry for entry in _ENTRIES}


def make_features(
    stimulus: Stimulus, grids: Grids, names: Sequence[str] | None = None
) -> dict[str, tuple[FeatureSpace, ...]]:
    """Make the spaces of `FEATURES` that the stimulus allows.

    Parameters
    ----------
    stimulus : Stimulus
        The sound, its codes and, where there is one, its annotation.
    grids : sequence of TRGrid
        One a run.
    names : sequence of str, optional
        Which spaces; all that can be made by default.

    Returns
    -------
    dict of str to tuple of FeatureSpace
        In the order of `FEATURES`, or of `names`; mostly one space, for codebooks one each.

    Raises
    ------
    InputError
        For an unknown name, or a space that needs what the stimulus does not have.
    """
    if names is None:
        names = [name for name, entry in FEATURES.items() if entry.can_be_made(stimulus)]
    made = {}
    for name in names:
        if name not in FEATURES:
            raise InputError(
                f"names={name!r}: must be some of {', '.join(FEATURES)}. Choose among them."
            )
        if lacking := FEATURES[name].lacks(stimulus):
            raise InputError(
                f"names={name!r}: needs {', '.join(lacking)}, which this stimulus does not have. "
                "Leave it out."
            )
        spaces = FEATURES[name].make(stimulus, grids)
        made[name] = (spaces,) if isinstance(spaces, FeatureSpace) else tuple(spaces)
    return made


def make_groups(stimulus: Stimulus, grids: Grids) -> dict[str, list[np.ndarray]]:
    """Make the spaces that have a group, group by group; the nuisance comes last.

    Parameters are as in `make_features`. Returns group to design matrices (n_trs, n_features).
    """
    names = [
        name
        for name, entry in FEATURES.items()
        if entry.group is not None and entry.can_be_made(stimulus)
    ]
    groups: dict[str, list[np.ndarray]] = {}
    for name, spaces in make_features(stimulus, grids, names).items():
        for space in spaces:
            groups.setdefault(FEATURES[name].group_of(space.name), []).append(space.values)
    if NUISANCE in groups:
        groups[NUISANCE] = groups.pop(NUISANCE)
    return groups
