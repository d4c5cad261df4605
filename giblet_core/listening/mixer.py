"""The codebook mixer: hear any choice of codebooks.

`mixer_panel` computes clips beforehand, for the static book; `mixer_widget` is a live panel, which
needs a kernel.
"""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from IPython.display import display

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError, require
from giblet_core.lesions import LESIONS, book_set, kinds_for, lesion
from giblet_core.listening.live_decoder import write_decoder
from giblet_core.listening.media import picture, raster, wav_bytes
from giblet_core.listening.players import Players, listen

LONGEST_S = 10.0  # a panel is for a short clip; the live one answers within a second on 5 s


@dataclass(frozen=True)
class _Clip:
    """One sound of the panel: the codebooks intact or lesioned, and the lesion of `lesioned`."""

    kept: tuple[int, ...]
    mode: str
    lesioned: tuple[int, ...]

    @property
    def intact(self) -> tuple[int, ...]:
        """Codebooks that are in the sum and not lesioned."""
        return tuple(k for k in self.kept if k not in self.lesioned)


@dataclass(frozen=True)
class _Choices:
    """How the clips of one kind of `book_set` are labelled, and which `k` they begin with.

    Attributes
    ----------
    label : str
        A format with the fields ``k``, ``before`` (k - 1) and ``last`` (the highest codebook).
    least : int
        The smallest `k` that is a choice; 1 where 0 would leave no codebook, or all of them.
    """

    label: str
    least: int


#: Kinds of `book_set` by name, in the order of the panel. Two kinds may keep the same codebooks:
#: "codebook 0 alone" is also "codebooks 0 to 0". Such a clip is made once, with the label of the
#: kind that stands first here; so the plainer labels stand first.
_CHOICES = {
    "solo": _Choices("codebook {k} alone", least=0),
    "prefix": _Choices("codebooks 0 to {before}", least=1),
    "all_but": _Choices("all but codebook {k}", least=0),
    "suffix": _Choices("codebooks {k} to {last}", least=1),
}


def mixer_panel(  # noqa: PLR0913 - public interface
    codec: Codec,
    codes: Codes,
    modes: Iterable[str] = LESIONS,
    sets: Sequence[str] = ("prefix", "all_but", "solo"),
    donor: Codes | None = None,
    seed: int = 0,
    title: str = "Codebook mixer",
    live: Path | None = None,
) -> Players:
    """Precompute the combinations that matter, to be switched at one position without a kernel.

    Parameters
    ----------
    codec : Codec
    codes : Codes
        A clip of at most 10 s; all its codebooks are mixed.
    modes : iterable of str
        Kinds of lesion of codebook 0 alone; those that need a `donor` are left out without one.
    sets : sequence of str
        Kinds of `book_set`: which choices of codebooks are kept.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int
        Of the lesions that draw.
    title : str
        Stands above the table.
    live : Path, optional
        Folder of the artifacts for the decoder (`write_decoder`) with which the static book mixes
        any other choice too: the demo codec's only, the weights of others being too large for a
        page.

    Returns
    -------
    Players
        Shown as a table; in the static book as buttons. Levels are the sounds' own.

    Raises
    ------
    InputError
        The clip is too long, or an unknown kind of lesion or set.
    """
    _check_length(codes)
    _check_sets(sets)
    num_codebooks = codes.num_codebooks
    clips = _clips_of_sets(sets, num_codebooks)
    for mode in kinds_for(donor, modes):
        if mode != "omit":  # leaving codebook 0 out is a choice of codebooks
            clips[f"codebook 0: {mode}"] = _Clip(tuple(range(num_codebooks)), mode, (0,))
    sounds = {}
    for label, clip in clips.items():
        latents = lesion(codec, codes, clip.lesioned, clip.mode, donor=donor, seed=seed)
        sounds[label] = codec.decode_latents(latents.sum(0), codes.n_samples)
    tags = {label: _tags(clip, num_codebooks) for label, clip in clips.items()}
    if live is not None:
        tags["all codebooks"] |= _live_tags(codec, codes, live)
    rasters = {label: raster(codes, clip.intact) for label, clip in clips.items()}
    players = listen(sounds, codes.sample_rate, title=title)
    return replace(players, tags=tags, rasters=rasters, kind="mixer")


def _check_length(codes: Codes) -> None:
    if codes.duration_s > LONGEST_S:
        raise InputError(
            f"codes: {codes.duration_s:.1f} s are too long for a mixer; at most {LONGEST_S:g} s. "
            "Crop them with crop_frames."
        )


def _check_sets(sets: Sequence[str]) -> None:
    unknown = [kind for kind in sets if kind not in _CHOICES]
    require(
        not unknown,
        f"sets={list(sets)}: each must be one of {', '.join(_CHOICES)}. Choose of them.",
    )


def _clips_of_sets(sets: Sequence[str], num_codebooks: int) -> dict[str, _Clip]:
    """Name each choice of codebooks once, all of them first."""
    everything = tuple(range(num_codebooks))
    clips = {"all codebooks": _Clip(everything, "omit", ())}
    seen = {everything}
    for kind, choices in _CHOICES.items():
        if kind not in sets:
            continue
        for k in range(choices.least, num_codebooks):
            omitted = book_set(kind, k, num_codebooks)
            kept = tuple(codebook for codebook in everything if codebook not in omitted)
            if kept in seen:
                continue
            seen.add(kept)
            label = choices.label.format(k=k, before=k - 1, last=num_codebooks - 1)
            clips[label] = _Clip(kept, "omit", omitted)
    return clips


def _tags(clip: _Clip, num_codebooks: int) -> dict[str, str]:
    """Return what the page's script reads from the row of a clip."""
    return {
        "codebooks": " ".join(map(str, clip.kept)),
        "mode": "" if clip.mode == "omit" else clip.mode,
        "about": _about(clip, num_codebooks),
    }


def _about(clip: _Clip, num_codebooks: int) -> str:
    if clip.mode != "omit":
        return f"{clip.mode} of codebook 0: {LESIONS[clip.mode].definition}"
    if len(clip.kept) == num_codebooks:
        return "nothing is removed"
    return f"{len(clip.kept)} of {num_codebooks} codebooks are in the sum; the others are left out"


def _live_tags(codec: Codec, codes: Codes, live: Path) -> dict[str, str]:
    """Return the codes, and where the decoder lies: nowhere for a codec other than the demo's."""
    address = ""
    if codec.id == "demo":
        script = write_decoder(codec, codes.num_codebooks, live)
        address = f"../{live.name}/{script.name}"
    indices = codes.indices.astype("<u2").tobytes()
    return {
        "codes": base64.b64encode(indices).decode(),
        "samples": str(codes.n_samples),
        "live": address,
    }


def mixer_widget(
    codec: Codec, codes: Codes, donor: Codes | None = None, seed: int = 0
) -> "MixerWidget":
    """Return a live panel, which a notebook with a kernel shows.

    Parameters
    ----------
    codec : Codec
    codes : Codes
        A clip of at most 10 s.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int
        Of the lesions that draw.

    Returns
    -------
    MixerWidget

    Raises
    ------
    InputError
        The clip is too long.
    """
    return MixerWidget(codec, codes, donor, seed)


class MixerWidget:
    """A live panel: a toggle a codebook; kind, strength and time window of the lesion.

    A codebook that is switched off is lesioned with the chosen kind. Each change is mixed at once,
    and shown with its spectrogram and code raster. Needs a kernel: the static book has
    `mixer_panel`.

    Parameters
    ----------
    codec : Codec
    codes : Codes
        A clip of at most 10 s.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int
        Of the lesions that draw.

    Attributes
    ----------
    toggles : list of ToggleButton
        One a codebook; pressed: intact.
    mode, strength, window, play : widgets
        Kind of lesion, its strength (0 to 1), its seconds, and whether a change is played.
    said, sound, spectrogram, raster : widgets
        What is shown.
    panel : VBox
        All of them.
    """

    def __init__(self, codec: Codec, codes: Codes, donor: Codes | None = None, seed: int = 0):
        _check_length(codes)
        self.codec = codec
        self.codes = codes
        self.donor = donor
        self.seed = seed
        self._make_controls()
        self._make_outputs()
        self.panel = self._lay_out()
        for control in (*self.toggles, self.mode, self.strength, self.window):
            control.observe(self.update, names="value")
        self.update()

    def _make_controls(self) -> None:
        import ipywidgets  # here, as the static book does without

        narrow = ipywidgets.Layout(width="3.2em")
        self.toggles = [
            ipywidgets.ToggleButton(
                True, description=str(k), tooltip=f"Codebook {k}", layout=narrow
            )
            for k in range(self.codes.num_codebooks)
        ]
        self.mode = ipywidgets.Dropdown(
            options=kinds_for(self.donor), value="omit", description="Lesion"
        )
        self.strength = ipywidgets.FloatSlider(
            value=1.0, min=0.0, max=1.0, step=0.05, description="Strength", continuous_update=False
        )
        self.window = ipywidgets.FloatRangeSlider(
            value=(0, self.codes.duration_s),
            min=0,
            max=self.codes.duration_s,
            step=0.1,
            description="Window (s)",
            continuous_update=False,
        )
        self.play = ipywidgets.ToggleButton(False, description="Play on change", icon="play")

    def _make_outputs(self) -> None:
        import ipywidgets

        self.said = ipywidgets.HTML()
        self.sound = ipywidgets.Audio(format="wav", autoplay=False, loop=False)
        self.spectrogram = ipywidgets.Image(format="png")
        self.raster = ipywidgets.Image(format="png")

    def _lay_out(self) -> Any:
        import ipywidgets

        wrap = ipywidgets.Layout(flex_flow="row wrap")
        label = ipywidgets.Label("Codebooks kept")
        codebooks = ipywidgets.HBox([label, *self.toggles], layout=wrap)
        controls = ipywidgets.HBox([self.mode, self.strength, self.window, self.play], layout=wrap)
        return ipywidgets.VBox(
            [codebooks, controls, self.said, self.sound, self.spectrogram, self.raster]
        )

    @property
    def kept(self) -> list[int]:
        """Codebooks left intact."""
        return [k for k, toggle in enumerate(self.toggles) if toggle.value]

    def mix(self) -> np.ndarray:
        """Return the sound the panel asks for, (n_samples,)."""
        first_s, last_s = self.window.value
        is_whole = last_s - first_s >= self.codes.duration_s - 0.05  # the slider moves by 0.1 s
        latents = lesion(
            self.codec,
            self.codes,
            [k for k in range(self.codes.num_codebooks) if k not in self.kept],
            self.mode.value,
            strength=self.strength.value,
            window_s=None if is_whole else (first_s, last_s),
            donor=self.donor,
            seed=self.seed,
        )
        return self.codec.decode_latents(latents.sum(0), self.codes.n_samples)

    def update(self, _change: object = None) -> None:
        """Mix again and show it; what cannot be mixed is said, and the sound before stays."""
        try:
            wave = self.mix()
        except InputError as error:
            self.said.value = f"<b>{html.escape(str(error))}</b>"
            return
        sample_rate = self.codes.sample_rate
        players = listen({"mix": wave}, sample_rate)
        self.said.value = self._says(players.level_note)
        self.sound.autoplay = self.play.value
        self.sound.value = wav_bytes(players.sounds["mix"], sample_rate)
        self.spectrogram.value = picture(wave, sample_rate)
        self.raster.value = raster(self.codes, self.kept)

    def _says(self, level_note: str) -> str:
        kept = ", ".join(map(str, self.kept)) or "none"
        mode = self.mode.value
        return f"Kept: codebooks {kept}. {mode}: {LESIONS[mode].definition}. Level: {level_note}."

    def _ipython_display_(self) -> None:
        display(self.panel)
