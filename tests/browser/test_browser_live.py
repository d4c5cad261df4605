"""The decoder in the reader's browser: it is the codec's own network, and any choice of codebooks
is heard from the disk as from a server.
"""

import base64
import io
from itertools import combinations

import numpy as np
import pytest
import torch
from browser_pages import write_site
from PIL import Image

from giblet_core.listening import mixer_panel, picture, raster
from giblet_core.metrics import loudness_lufs

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SR, K, STEP = 24_000, 8, 1 / 32_768  # STEP: of 16 bits


@pytest.fixture(scope="module")
def codes(demo_codec):
    t = np.arange(2 * SR + 100) / SR  # the last frame is not whole
    wave = 0.2 * np.sin(2 * np.pi * 300 * t**1.3) * (1 + np.sin(2 * np.pi * 4 * t)) / 2
    wave += 0.02 * np.random.default_rng(0).standard_normal(t.size)
    return demo_codec.encode(wave.astype(np.float32), 6.0)


@pytest.fixture(scope="module")
def panel(demo_codec, codes, tmp_path_factory):
    return mixer_panel(
        demo_codec,
        codes,
        modes=(),
        sets=("solo",),
        live=tmp_path_factory.mktemp("live_site") / "live",
    )


@pytest.fixture(scope="module")
def site(demo_codec, codes, panel, tmp_path_factory):
    folder = next(path for path in tmp_path_factory.getbasetemp().glob("live_site*"))
    other = mixer_panel(
        demo_codec.copy_as("mine"),
        codes.crop_frames(0, 75),
        (),
        ("solo",),
        live=folder / "no",
    )
    write_site(folder / "notebooks", [panel, other])
    assert not (folder / "no").exists()
    return folder


@pytest.fixture
def opened(page, address, site):
    page.goto(address(site) + "/notebooks/index.html")
    page.wait_for_selector(".gp-mixer")
    return page


@pytest.fixture
def live(opened):
    opened.get_by_role("button", name="Decode live").click()
    opened.wait_for_function(
        "document.querySelector('.gp-mixer output').textContent.includes('ready')"
    )
    return opened


def now(page):
    return page.locator("tr.gp-now").first


def choose(page, *codebooks):
    """Press what must change; wait until the choice is the one that is heard."""
    for k in range(K):
        button = page.get_by_label(f"Codebook {k}", exact=True).first
        if (button.get_attribute("aria-pressed") == "true") != (k in codebooks):
            button.click()
    page.wait_for_function(
        "codebooks => document.querySelector('tr.gp-now').dataset.codebooks === codebooks",
        arg=" ".join(map(str, codebooks)),
    )


def mixed(page, kept):
    """What the engine makes of the codes on the page."""
    text = page.evaluate("""async (kept) => {
        const { live, codes, samples } = giblet.players[0].rows[0].dataset;
        window.opened ??= await giblet.openDecoder(live);
        const numbers = new Uint16Array(Uint8Array.from(atob(codes), (c) => c.charCodeAt(0)).buffer);
        const made = await window.opened.mix({ codes: numbers, kept, nSamples: Number(samples), width: 320 });
        return btoa([...new Uint8Array(made.wave.buffer)].map((b) => String.fromCharCode(b)).join(""));
    }""", list(kept))  # fmt: skip
    return np.frombuffer(base64.b64decode(text), "<f4")


def snr_db(true, got):
    return 10 * np.log10(np.sum(true.astype(float) ** 2) / np.sum((true.astype(float) - got) ** 2))


def test_the_wave_is_that_of_the_network_for_every_kind_of_choice(opened, demo_codec, codes):
    z, double = demo_codec.latents(codes), demo_codec.copy_as("double").decoder_network().double()
    rng, choices = (
        np.random.default_rng(0),
        {"all": range(K), "codebook 2 alone": [2], "all but 0": range(1, K), "none": []},
    )
    choices["some"] = list(combinations(range(K), 4))[rng.integers(70)]
    for name, kept in choices.items():
        got = mixed(opened, kept)
        summed = z[list(kept)].sum(0)
        single = demo_codec.decode_latents(summed, codes.n_samples)
        with torch.inference_mode():
            exact = double(torch.from_numpy(summed).double()[None])[0, 0, : codes.n_samples].numpy()
        assert got.shape == exact.shape
        assert snr_db(exact, got) > 60
        assert (
            np.sqrt(np.mean((got - single) ** 2)) < STEP / 2
        )  # what float32 itself rounds, below 16 bits
        assert name != "all" or snr_db(single, got) > 60


def test_a_choice_not_computed_beforehand_is_decoded_shown_and_said(live, demo_codec, codes, panel):
    choose(live, 1, 2, 5)
    row, z = now(live), demo_codec.latents(codes)[[1, 2, 5]].sum(0)
    expected = demo_codec.decode_latents(z, codes.n_samples)
    assert row.get_attribute("data-label") == "live: codebooks 1, 2, 5"
    assert (
        "3 of 8 codebooks are in the sum, decoded in"
        in live.locator(".gp-mixer output").first.inner_text()
    )
    pcm = live.evaluate("""async () => {
        const file = await fetch(giblet.players[0].audio().src);
        return [...new Int16Array((await file.arrayBuffer()).slice(44))];
    }""")
    assert np.abs(np.array(pcm) * STEP - expected).max() < 4 * STEP
    assert float(row.locator("th small").inner_text().split()[0]) == pytest.approx(
        loudness_lufs(expected, SR), abs=0.051
    )
    pictures = [
        Image.open(io.BytesIO(base64.b64decode(image.get_attribute("src").split(",")[1])))
        for image in row.locator("img").all()
    ]
    top_db, top_peak = map(float, live.locator("figure").first.get_attribute("data-top").split())
    drawn = Image.open(io.BytesIO(picture(expected, SR, top_db, top_peak))).convert("RGBA")
    same = (
        np.abs(np.asarray(pictures[0].convert("RGBA")).astype(int) - np.asarray(drawn)).max(-1) < 32
    )  # a shade of 30 apart at most
    assert same.mean() > 0.99
    assert np.array_equal(
        np.asarray(pictures[1].convert("L")),
        np.asarray(Image.open(io.BytesIO(raster(codes, [1, 2, 5])))),
    )


def test_what_was_computed_beforehand_is_played_and_a_choice_is_decoded_once(live):
    choose(live, 3)
    assert now(live).get_attribute("data-label") == "codebook 3 alone"
    choose(live)
    assert now(live).get_attribute("data-label") == "live: no codebook"
    choose(live, 3)
    choose(live)
    assert live.locator("tr[data-label='live: no codebook']").count() == 1
    live.get_by_role("button", name="Decode live").click()
    live.get_by_label("Codebook 4", exact=True).first.click()
    live.get_by_label("Codebook 5", exact=True).first.click()
    assert "not computed beforehand" in live.locator(".gp-mixer output").first.inner_text()


def test_of_quick_choices_the_last_is_heard_at_the_same_position(live):
    live.evaluate("giblet.players[0].setLoop(0, 2)")  # decoding may take longer than the clip
    live.locator(".gp-play").first.click()
    live.wait_for_function("giblet.players[0].audio().currentTime > 0.2")
    choose(live, 0, 2, 4, 6)  # four clicks, the first three of which nobody waits for
    live.wait_for_function("!giblet.players[0].audio().paused && !giblet.players[0].audio().muted")
    assert (
        live.evaluate("giblet.players[0].audios.filter((a) => !a.paused && !a.muted).length") <= 1
    )
    assert live.locator("tr[data-label^=live]").count() <= 3


def test_without_workers_it_decodes_in_the_page(opened):
    opened.evaluate(
        "() => { window.Worker = class { constructor() { throw new Error('forbidden'); } }; }"
    )
    opened.get_by_role("button", name="Decode live").click()
    opened.wait_for_function(
        "document.querySelector('.gp-mixer output').textContent.includes('ready')"
    )
    choose(opened, 0, 1)
    assert now(opened).get_attribute("data-label") == "live: codebooks 0, 1"


def test_where_it_cannot_run_it_says_why_and_the_clips_still_play(opened):
    opened.evaluate("() => { giblet.openDecoder = async () => { throw new Error('no room'); }; }")
    opened.get_by_role("button", name="Decode live").click()
    opened.wait_for_function(
        "document.querySelector('.gp-mixer output').textContent.includes('no room')"
    )
    opened.get_by_label("Kept: Only").first.select_option(label="codebook 2")
    assert now(opened).get_attribute("data-label") == "codebook 2 alone"
    second = opened.locator("figure").nth(1)
    assert second.get_by_role("button", name="Decode live").count() == 0
    second.get_by_label("Codebook 1", exact=True).click()
    assert "too large to be decoded in a page" in second.locator("output").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation_and_a_phone_has_room(page, axe, site, theme):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + "/notebooks/index.html")
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    page.get_by_role("button", name="Decode live").click()
    page.wait_for_function(
        "document.querySelector('.gp-mixer output').textContent.includes('ready')"
    )
    choose(page, 0, 1)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
