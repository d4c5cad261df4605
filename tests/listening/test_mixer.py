"""The codebook mixer: its clips are the lesions they claim to be, and the live panel mixes what it
shows.
"""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from PIL import Image

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.listening import mixer_panel, mixer_widget, raster

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
    wanted = {tuple(range(k)) for k in range(1, K + 1)} | {(k,) for k in range(K)}
    wanted |= {tuple(b for b in range(K) if b != k) for k in range(K)}
    plain = [
        tuple(map(int, tag["codebooks"].split())) for tag in panel.tags.values() if not tag["mode"]
    ]
    assert set(plain) == wanted
    assert len(plain) == len(wanted)
    assert {tag["mode"] for tag in panel.tags.values()} - {""} == set(gc.LESIONS) - {"omit", "swap"}


def test_each_clip_is_the_lesion_it_claims_to_be(panel, demo_codec, codes):
    assert np.allclose(panel.sounds["all codebooks"], demo_codec.decode(codes), atol=1e-5)
    assert np.allclose(
        panel.sounds["codebooks 0 to 3"], demo_codec.decode(codes.first(4)), atol=1e-5
    )
    z = gc.lesion(demo_codec, codes, [0], "time_shuffle", seed=0)
    assert np.allclose(
        panel.sounds["codebook 0: time_shuffle"],
        demo_codec.decode_latents(z.sum(0), codes.n_samples),
        atol=1e-5,
    )


def test_the_markup_says_which_books_each_row_keeps(panel):
    markup = panel._repr_html_()
    assert 'data-giblet="mixer"' in markup
    assert re.search(
        r'data-label="all but codebook 3" data-other="[-0-9.]+" data-codebooks="0 1 2 4 5 6 7" data-mode=""',
        markup,
    )


def test_the_static_book_gets_codes_and_a_decoder_of_the_demo_codec_only(
    demo_codec, codes, tmp_path
):
    short = codes.crop_frames(0, 40)
    (tmp_path / "decoder-of-another-codec.js").touch()
    (tmp_path / "notes.js").touch()
    row = mixer_panel(demo_codec, short, (), (), live=tmp_path).tags["all codebooks"]
    assert np.array_equal(
        np.frombuffer(base64.b64decode(row["codes"]), "<u2").reshape(8, 40), short.indices
    )
    assert (row["samples"], row["live"].startswith(f"../{tmp_path.name}/decoder-")) == (
        str(short.n_samples),
        True,
    )
    assert {path.name for path in tmp_path.iterdir()} == {Path(row["live"]).name, "notes.js"}
    assert (tmp_path / Path(row["live"]).name).stat().st_size < 6e6
    other = demo_codec.copy_as("mine")
    assert (
        mixer_panel(other, short, (), (), live=tmp_path / "other").tags["all codebooks"]["live"]
        == ""
    )
    assert not (tmp_path / "other").exists()


def test_the_live_panel_mixes_what_its_controls_say(demo_codec, codes):
    widget = mixer_widget(demo_codec, codes)
    assert np.allclose(widget.mix(), demo_codec.decode(codes), atol=1e-5)
    heard = bytes(widget.sound.value)
    widget.toggles[0].value = False
    assert bytes(widget.sound.value) != heard
    samples, rate = sf.read(io.BytesIO(widget.sound.value), dtype="float32")
    expected = demo_codec.decode_latents(gc.lesion(demo_codec, codes, [0]).sum(0), codes.n_samples)
    assert rate == SR
    assert np.abs(samples - expected).max() <= 1 / 32768
    assert "Kept: codebooks 1, 2" in widget.said.value
    widget.strength.value = 0.0
    assert np.allclose(widget.mix(), demo_codec.decode(codes), atol=1e-5)
    widget.strength.value = 1.0
    widget.window.value = (0.5, 1.0)
    assert np.allclose(
        widget.mix()[: SR // 2 - 2000], demo_codec.decode(codes)[: SR // 2 - 2000], atol=1e-3
    )


@pytest.mark.slow
def test_under_a_live_kernel_a_click_gives_the_sound_of_5_s_within_a_second():
    import nbclient
    import nbformat

    cells = ["""import time; import numpy as np; import giblet_core as gc
codec = gc.load_codec("demo"); wave = 0.1 * np.random.default_rng(0).standard_normal(5 * 24_000).astype(np.float32)
panel = gc.mixer_widget(codec, codec.encode(wave, 6.0)); panel""",
             """seconds = []
for k in (0, 3, 0, 3, 5):
    before, began = bytes(panel.sound.value), time.perf_counter()
    panel.toggles[k].value = not panel.toggles[k].value
    seconds.append(time.perf_counter() - began)
    assert bytes(panel.sound.value) != before
print(min(seconds))"""]  # fmt: skip
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells])
    where = {"metadata": {"path": str(Path(__file__).parents[2])}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[0].outputs[-1].data
    assert float(notebook.cells[1].outputs[0].text) < 1


def test_a_window_of_no_frame_is_said_and_keeps_the_sound(demo_codec, codes):
    widget = mixer_widget(demo_codec, codes)
    heard = bytes(widget.sound.value)
    widget.window.value = (0.5, 0.5)
    assert "at least one frame" in widget.said.value
    assert bytes(widget.sound.value) == heard


def test_a_long_sound_is_refused(demo_codec, codes):
    long = (
        codes.with_indices(codes.indices)
        if codes.duration_s > 10
        else demo_codec.encode(np.zeros(11 * SR, np.float32) + 0.01, 1.5)
    )
    with pytest.raises(InputError, match="at most 10 s"):
        mixer_panel(demo_codec, long)


def test_the_raster_pales_books_that_are_off_and_shades_entries_without_order(codes):
    pixels = np.asarray(Image.open(io.BytesIO(raster(codes, [0, 2]))))
    assert pixels.shape == (8 * codes.num_codebooks, 320)
    assert (pixels[9:16] == 225).all()
    assert np.ptp(pixels[1:8].astype(int)) > 0
    assert len(base64.b64encode(raster(codes, [0]))) < 20_000
