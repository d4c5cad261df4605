"""What is taken out of BOLD before any analysis, and how the pages say so."""

from dataclasses import dataclass

from giblet_core.fmri.manifest.cleaning import Confounds, Nuisance, Preprocessing
from giblet_core.fmri.manifest.models import Manifest

AS_READ = "The series are used as they were read: nothing was regressed out, filtered or smoothed."


@dataclass(frozen=True)
class Preparation:
    """What is done to every series of a data set, as its manifest declares.

    Attributes
    ----------
    confounds : str
        The columns that are regressed out, in words; empty where none are.
    left_in : str
        Columns that are named and not regressed out, in words; empty where there are none.
    high_pass_s : float or None
        Cosines of longer periods are regressed out, s.
    detrend : bool
        Whether a straight line is regressed out.
    standardise : bool
        Whether each run of each voxel is then brought to mean 0 and SD 1.
    smooth_mm : float or None
        Full width at half maximum of the Gaussian by which volumes are smoothed first, mm.
    before : tuple of str
        What the manifest declares as done before.
    """

    confounds: str = ""
    left_in: str = ""
    high_pass_s: float | None = None
    detrend: bool = False
    standardise: bool = False
    smooth_mm: float | None = None
    before: tuple[str, ...] = ()

    @property
    def regresses(self) -> bool:
        """Whether anything is regressed out."""
        return bool(self.confounds) or self.high_pass_s is not None or self.detrend

    @property
    def changes_series(self) -> bool:
        """Whether `Dataset.bold` differs from `Dataset.raw_bold`, standardising apart."""
        return self.regresses or self.smooth_mm is not None

    def sentence(self) -> str:
        """Say what was done, in plain sentences, for every page that uses the series."""
        parts = []
        if self.smooth_mm is not None:
            parts.append(f"Volumes were smoothed by a Gaussian of {self.smooth_mm:g} mm (FWHM).")
        if self.regresses:
            parts.append(f"In each run of each subject one regression took out {self._removed()}.")
        if self.standardise:
            parts.append(
                "Each run of each voxel was then brought to mean 0 and SD 1, of all its rows "
                "unless an analysis named those to train on."
            )
        if not parts:
            parts.append(AS_READ)
        if self.left_in:
            parts.append(f"Not regressed out, although named: {self.left_in}.")
        if self.before:
            parts.append(f"Done before, as declared: {'; '.join(self.before)}.")
        return " ".join(parts)

    def _removed(self) -> str:
        """List what the regression takes out."""
        removed = ["its mean"]
        if self.detrend:
            removed.append("a straight line")
        if self.high_pass_s is not None:
            removed.append(f"changes slower than {self.high_pass_s:g} s (cosines)")
        if self.confounds:
            removed.append(self.confounds)
        return ", ".join(removed[:-1]) + " and " + removed[-1]

    def __str__(self) -> str:
        """Return `sentence`."""
        return self.sentence()


def preparation_of(manifest: Manifest) -> Preparation:
    """Return what a manifest declares."""
    chosen = manifest.denoising
    columns = ""
    if manifest.confounds is not None:
        columns = _words_of_confounds(manifest.confounds)
    elif manifest.nuisance is not None:
        columns = _words_of_nuisance(manifest.nuisance)
    return Preparation(
        confounds=columns if chosen.regress else "",
        left_in="" if chosen.regress else columns,
        high_pass_s=chosen.high_pass_s,
        detrend=chosen.detrend,
        standardise=chosen.standardise,
        smooth_mm=chosen.smooth_mm,
        before=_declared_before(manifest.preprocessing),
    )


def _words_of_confounds(chosen: Confounds) -> str:
    """Name fMRIPrep's confounds in the words of nilearn's `load_confounds`."""
    details = {
        "motion": f"motion ({chosen.motion})",
        "wm_csf": f"wm_csf ({chosen.wm_csf})",
        "global_signal": f"global_signal ({chosen.global_signal})",
        "compcor": f"compcor ({chosen.compcor}, {chosen.n_compcor})",
        "scrub": f"scrub (framewise displacement above {chosen.scrub_fd_mm:g} mm)",
    }
    names = [details.get(name, name) for name in chosen.strategy]
    return f"fMRIPrep's confounds {', '.join(names)}"


def _words_of_nuisance(chosen: Nuisance) -> str:
    """Name the columns of the user's own tables."""
    if chosen.columns is not None:
        return f"the nuisance series {', '.join(chosen.columns)}"
    if chosen.pattern is None:
        return "the six series of motion"
    return "all columns of the nuisance tables"


def _declared_before(declared: Preprocessing) -> tuple[str, ...]:
    """Say in words what was done before the series came here."""
    before = list(declared.done)
    if declared.smoothed_mm is not None:
        before.append(f"smoothed by {declared.smoothed_mm:g} mm")
    if declared.detrended:
        before.append("a straight line taken out")
    if declared.high_pass_s is not None:
        before.append(f"high-passed at {declared.high_pass_s:g} s")
    if declared.zscored:
        before.append("z-scored over time")
    if declared.hrf:
        before.append("a response model applied")
    return tuple(before)
