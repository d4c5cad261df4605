"""The codebook mixer: its clips are the lesions they claim to be.

The live panel mixes what it shows.
"""

import base64
import io
import re
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pytest
import soundfile as sf

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.listening import mixer_panel, mixer_widget

SR = 24_000


@pytest.fixture(scope="module")
def codes(demo_codec):
    t = np.arange(SR) / SR
    wave = 0.2 * np.sin(2 * np.pi * 300 * t) * (1 + np.sin(2 * np.pi * 4 * t)) / 2
    wave += 0.02 * np.random.default_rng(0).standard_normal(SR)
    return demo_codec.encode(wave.astype(np.float32), 6.0)


@pytest.fixture(scope="module")
def panel(demo_codec, codes):
    return mixer_panel(demo_codec, codes)


def test_the_panel_holds_prefixes_leave_one_outs_solos_and_kinds_once_each(panel, codes):
    K = codes.num_codebooks
    prefixes = {tuple(range(k)) for k in range(1, K + 1)}
    solos = {(k,) for k in range(K)}
    leave_one_outs = {tuple(b for b in range(K) if b != k) for k in range(K)}
    wanted = prefixes | solos | leave_one_outs
    plain = [
        tuple(map(int, tag["codebooks"].split())) for tag in panel.tags.values() if not tag["mode"]
    ]
    assert set(plain) == wanted
    assert len(plain) == len(wanted)
    modes = {tag["mode"] for tag in panel.tags.values()} - {""}
    without_donor = {name for name, kind in gc.LESIONS.items() if not kind.needs_donor}
    assert modes == without_donor - {"omit"}  # to omit codebook 0 is a choice of codebooks


def test_with_a_donor_the_panel_holds_the_kind_that_needs_one(demo_codec, codes):
    need_a_donor = [name for name, kind in gc.LESIONS.items() if kind.needs_donor]
    assert "swap" in need_a_donor
    modes = ("omit", *need_a_donor, "mean")
    panel = mixer_panel(demo_codec, codes, modes, sets=(), donor=codes)
    assert [*panel.sounds] == ["all codebooks", *(f"codebook 0: {mode}" for mode in modes[1:])]


def test_each_clip_is_the_lesion_it_claims_to_be(panel, demo_codec, codes):
    intact = demo_codec.decode(codes)
    assert np.allclose(panel.sounds["all codebooks"], intact, atol=1e-5)
    prefix = demo_codec.decode(codes.first(4))
    assert np.allclose(panel.sounds["codebooks 0 to 3"], prefix, atol=1e-5)
    latents = gc.lesion(demo_codec, codes, [0], "time_shuffle", seed=0)
    shuffled = demo_codec.decode_latents(latents.sum(0), codes.n_samples)
    assert np.allclose(panel.sounds["codebook 0: time_shuffle"], shuffled, atol=1e-5)


def test_the_markup_says_which_codebooks_each_row_keeps(panel):
    markup = panel._repr_html_()
    assert 'data-giblet="mixer"' in markup
    assert re.search(
        'data-label="all but codebook 3" data-other="[-0-9.]+" '
        'data-codebooks="0 1 2 4 5 6 7" data-mode=""',
        markup,
    )


def test_the_static_book_gets_codes_and_a_decoder_of_the_demo_codec_only(
    demo_codec, codes, tmp_path
):
    short = codes.crop_frames(0, 40)
    tags = mixer_panel(demo_codec, short, (), (), live=tmp_path / "live").tags["all codebooks"]
    indices = np.frombuffer(base64.b64decode(tags["codes"]), "<u2").reshape(8, 40)
    assert np.array_equal(indices, short.indices)
    assert tags["samples"] == str(short.n_samples)
    [script] = (tmp_path / "live").iterdir()
    assert tags["live"] == f"../live/{script.name}"
    other = demo_codec.copy_as("mine")
    tags = mixer_panel(other, short, (), (), live=tmp_path / "other").tags["all codebooks"]
    assert tags["live"] == ""
    assert not (tmp_path / "other").exists()


def test_the_live_panel_mixes_what_its_controls_say(demo_codec, codes):
    intact = demo_codec.decode(codes)
    widget = mixer_widget(demo_codec, codes)
    assert np.allclose(widget.mix(), intact, atol=1e-5)
    before = bytes(widget.sound.value)
    widget.toggles[0].value = False
    assert bytes(widget.sound.value) != before
    samples, rate = sf.read(io.BytesIO(widget.sound.value), dtype="float32")
    latents = gc.lesion(demo_codec, codes, [0])
    expected = demo_codec.decode_latents(latents.sum(0), codes.n_samples)
    assert rate == SR
    assert np.abs(samples - expected).max() <= 1 / 32768
    assert "Kept: codebooks 1, 2" in widget.said.value
    widget.strength.value = 0.0
    assert np.allclose(widget.mix(), intact, atol=1e-5)
    widget.strength.value = 1.0
    widget.window.value = (0.5, 1.0)
    before_the_window = slice(0, SR // 2 - 2000)
    assert np.allclose(widget.mix()[before_the_window], intact[before_the_window], atol=1e-3)
    assert np.abs(widget.mix()[SR // 2 :] - intact[SR // 2 :]).max() > 0.01


def test_the_live_panel_shows_the_raster_of_what_is_kept(demo_codec, codes):
    widget = mixer_widget(demo_codec, codes)
    widget.toggles[2].value = False
    kept = [k for k in range(codes.num_codebooks) if k != 2]
    assert widget.kept == kept
    assert bytes(widget.raster.value) == gc.listening.raster(codes, kept)


MAKE_A_PANEL = """
import numpy as np
import giblet_core as gc

codec = gc.load_codec("demo")
wave = 0.1 * np.random.default_rng(0).standard_normal(24_000).astype(np.float32)
panel = gc.mixer_widget(codec, codec.encode(wave, 6.0))
panel
"""
CLICK = """
changed = []
for k in (0, 3, 0, 3, 5):
    before = bytes(panel.sound.value)
    panel.toggles[k].value = not panel.toggles[k].value
    changed.append(bytes(panel.sound.value) != before)
changed
"""


@pytest.mark.slow
def test_under_a_live_kernel_each_click_changes_the_sound():
    cells = [nbformat.v4.new_code_cell(text) for text in (MAKE_A_PANEL, CLICK)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    root = {"metadata": {"path": str(Path(__file__).parents[2])}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=root).execute()
    made, clicked = notebook.cells
    assert "application/vnd.jupyter.widget-view+json" in made.outputs[-1].data
    assert clicked.outputs[-1].data["text/plain"] == str([True] * 5)


def test_a_window_of_no_frame_is_said_and_keeps_the_sound(demo_codec, codes):
    widget = mixer_widget(demo_codec, codes)
    before = bytes(widget.sound.value)
    widget.window.value = (0.5, 0.5)
    assert "at least one frame" in widget.said.value
    assert bytes(widget.sound.value) == before


def test_a_long_sound_is_refused_by_both(demo_codec):
    long = demo_codec.encode(np.full(11 * SR, 0.01, np.float32), 1.5)
    for make in (mixer_panel, mixer_widget):
        with pytest.raises(InputError, match="at most 10 s"):
            make(demo_codec, long)


def test_an_unknown_set_is_refused_with_those_there_are(demo_codec, codes):
    with pytest.raises(InputError, match="one of solo, prefix, all_but, suffix"):
        mixer_panel(demo_codec, codes, sets=("pairs",))
