"""The codebook mixer: hear any choice of codebooks. Precomputed clips for the static book, a live
panel with a kernel.
"""

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from IPython.display import display
from PIL import Image

from giblet_core.codecs import Codec, Codes
from giblet_core.errors import InputError
from giblet_core.files import in_memory
from giblet_core.lesions import LESIONS, book_set, kinds_for, lesion
from giblet_core.listening.live_decoder import write_decoder
from giblet_core.listening.players import Players, listen, picture, wav_bytes

LONGEST_S = 10.0  # a panel is for a short clip; the live one answers within a second on 5 s


def mixer_panel(
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
        A short clip; all its codebooks are mixed.
    modes : iterable of str
        Kinds of lesion of codebook 0 alone; those that need a `donor` are left out without one.
    sets : sequence of str
        Kinds of `book_set`: which choices of codebooks are kept.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int
    live : Path, optional
        Folder of the artifacts for the decoder (`write_decoder`) with which the static book mixes
        any other choice too: the demo codec's only, the weights of others being too large for a
        page.

    Returns
    -------
    Players
        Shown as a table; in the static book as buttons. Levels are the sounds' own.
    """
    _check_length(codes)
    K = codes.num_codebooks
    plan = {"all codebooks": (tuple(range(K)), "omit", ())}
    names = {
        "solo": "codebook {k} alone",
        "prefix": "codebooks 0 to {last}",
        "all_but": "all but codebook {k}",
        "suffix": "codebooks {k} to {K}",
    }
    for kind in sorted(
        sets, key=list(names).index
    ):  # where two kinds keep the same codebooks, the plainer name comes first
        for k in range(1, K) if kind in ("prefix", "suffix") else range(K):
            lesioned = book_set(kind, k, K)
            kept = tuple(b for b in range(K) if b not in lesioned)
            if kept not in [p[0] for p in plan.values()]:
                plan[names[kind].format(k=k, last=k - 1, K=K - 1)] = kept, "omit", lesioned
    plan |= {
        f"codebook 0: {m}": (tuple(range(K)), m, (0,))
        for m in kinds_for(donor, modes)
        if m != "omit"
    }
    sounds, tags, rasters = {}, {}, {}
    for label, (kept, mode, lesioned) in plan.items():
        z = lesion(codec, codes, lesioned, mode, donor=donor, seed=seed)
        sounds[label] = codec.decode_latents(z.sum(0), codes.n_samples)
        tags[label] = {
            "codebooks": " ".join(map(str, kept)),
            "mode": "" if mode == "omit" else mode,
            "about": _about(kept, mode, K),
        }
        rasters[label] = raster(codes, [b for b in kept if b not in lesioned])
    if live is not None:
        tags["all codebooks"] |= {"codes": base64.b64encode(codes.indices.astype("<u2")).decode(), "samples": str(codes.n_samples),
                              "live": f"../{live.name}/{write_decoder(codec, K, live).name}" if codec.id == "demo" else ""}  # fmt: skip
    return replace(
        listen(sounds, codes.sample_rate, title=title), tags=tags, rasters=rasters, kind="mixer"
    )


def _check_length(codes: Codes) -> None:
    if codes.duration_s > LONGEST_S:
        raise InputError(
            f"codes: {codes.duration_s:.1f} s are too long for a mixer; at most {LONGEST_S:g} s. Crop them with crop_frames."
        )


def _about(kept: Sequence[int], mode: str, K: int) -> str:
    fewer = (
        "nothing is removed"
        if len(kept) == K
        else f"{len(kept)} of {K} codebooks are in the sum; the others are left out"
    )
    return fewer if mode == "omit" else f"{mode} of codebook 0: {LESIONS[mode].definition}"


def raster(codes: Codes, kept: Sequence[int], width: int = 320, row: int = 8) -> bytes:
    """Draw the codes as a PNG raster: a row a codebook, a shade an entry; rows of codebooks not
    kept are pale.

    Parameters
    ----------
    codes : Codes
    kept : sequence of int
    width, row : int
        Pixels in all, and of each codebook.
    """
    columns = np.linspace(0, codes.n_frames - 1, width).round().astype(int)
    # labels have no order: a scrambled shade tells entries apart without suggesting one
    shade = (
        codes.indices[:, columns].astype(np.int64) * 2654435761 % 2**32 * 200 // 2**32 + 28
    ).astype(np.uint8)
    shade[[k for k in range(codes.num_codebooks) if k not in kept]] = 225
    pixels = np.repeat(shade, row, axis=0)
    pixels[::row] = 255
    return in_memory(Image.fromarray(pixels).save, "PNG", optimize=True)


class MixerWidget:
    """A live panel: a toggle a codebook, kind, strength and time window; it plays, with spectrogram
    and code raster.

    Switching a book off lesions it with the chosen kind. Needs a kernel: the static book has
    `mixer_panel`.

    Parameters
    ----------
    codec : Codec
    codes : Codes
        A clip of at most 10 s.
    donor : Codes, optional
        Another scene, for ``swap``.
    seed : int

    Attributes
    ----------
    toggles, mode, strength, window, play
        The controls (ipywidgets).
    sound, spectrogram, raster, said
        What is shown.
    """

    def __init__(self, codec: Codec, codes: Codes, donor: Codes | None = None, seed: int = 0):
        import ipywidgets as w

        _check_length(codes)
        self.codec, self.codes, self.donor, self.seed = codec, codes, donor, seed
        wrap, narrow, length, K = (
            w.Layout(flex_flow="row wrap"),
            w.Layout(width="3.2em"),
            codes.duration_s,
            codes.num_codebooks,
        )
        self.toggles = [
            w.ToggleButton(True, description=str(k), tooltip=f"Codebook {k}", layout=narrow)
            for k in range(K)
        ]
        self.mode = w.Dropdown(
            options=kinds_for(donor),
            value="omit",
            description="Lesion",
        )
        self.strength = w.FloatSlider(
            value=1.0, min=0.0, max=1.0, step=0.05, description="Strength", continuous_update=False
        )
        self.window = w.FloatRangeSlider(
            value=(0, length),
            min=0,
            max=length,
            step=0.1,
            description="Window (s)",
            continuous_update=False,
        )
        self.play = w.ToggleButton(False, description="Play on change", icon="play")
        self.said, self.sound = w.HTML(), w.Audio(format="wav", autoplay=False, loop=False)
        self.spectrogram, self.raster = w.Image(format="png"), w.Image(format="png")
        kept = w.HBox([w.Label("Codebooks kept"), *self.toggles], layout=wrap)
        controls = w.HBox([self.mode, self.strength, self.window, self.play], layout=wrap)
        self.panel = w.VBox([kept, controls, self.said, self.sound, self.spectrogram, self.raster])
        for control in (*self.toggles, self.mode, self.strength, self.window):
            control.observe(self.update, names="value")
        self.update()

    @property
    def kept(self) -> list[int]:
        """Codebooks left intact."""
        return [k for k, toggle in enumerate(self.toggles) if toggle.value]

    def mix(self) -> np.ndarray:
        """Return the sound the panel asks for, (n_samples,)."""
        off = [k for k in range(self.codes.num_codebooks) if k not in self.kept]
        whole = np.ptp(self.window.value) >= self.codes.duration_s - 0.05
        z = lesion(self.codec, self.codes, off, self.mode.value, strength=self.strength.value, window_s=None if whole else self.window.value,
                   donor=self.donor, seed=self.seed)  # fmt: skip
        return self.codec.decode_latents(z.sum(0), self.codes.n_samples)

    def update(self, _change=None) -> None:
        """Mix again and show it; a choice that cannot be mixed is said and leaves the sound before."""
        try:
            wave = self.mix()
        except InputError as error:
            self.said.value = f"<b>{html.escape(str(error))}</b>"
            return
        players = listen({"mix": wave}, self.codes.sample_rate)
        self.said.value = (f"Kept: codebooks {', '.join(map(str, self.kept)) or 'none'}. {self.mode.value}: {LESIONS[self.mode.value].definition}. "
                           f"Level: {players.level_note}.")  # fmt: skip
        self.sound.autoplay = self.play.value
        self.sound.value = wav_bytes(players.sounds["mix"], self.codes.sample_rate)
        self.spectrogram.value = picture(wave, self.codes.sample_rate)
        self.raster.value = raster(self.codes, self.kept)

    def _ipython_display_(self) -> None:
        display(self.panel)


mixer_widget = MixerWidget
