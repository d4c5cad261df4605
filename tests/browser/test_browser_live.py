"""The decoder in the reader's browser: it is the codec's own network.

Any choice of codebooks is heard from the disk as from a server.
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
SR = 24_000
K = 8
STEP = 1 / 32_768  # of 16 bits
SAID_INCLUDES = "text => document.querySelector('.gp-mixer output').textContent.includes(text)"


@pytest.fixture(scope="module")
def codes(demo_codec):
    t = np.arange(2 * SR + 100) / SR  # the last frame is not whole
    wave = 0.2 * np.sin(2 * np.pi * 300 * t**1.3) * (1 + np.sin(2 * np.pi * 4 * t)) / 2
    wave += 0.02 * np.random.default_rng(0).standard_normal(t.size)
    return demo_codec.encode(wave.astype(np.float32), 6.0)


@pytest.fixture(scope="module")
def site(demo_codec, codes, tmp_path_factory):
    """A page with a mixer that decodes here, and one of a codec that is too large for it."""
    folder = tmp_path_factory.mktemp("live_site")
    panel = mixer_panel(demo_codec, codes, modes=(), sets=("solo",), live=folder / "live")
    other_codec = demo_codec.copy_as("mine")
    short = codes.crop_frames(0, 75)
    other = mixer_panel(other_codec, short, modes=(), sets=("solo",), live=folder / "no")
    write_site(folder / "notebooks", [panel, other])
    assert not (folder / "no").exists()
    return folder


@pytest.fixture
def opened(page, address, site):
    page.goto(address(site) + "/notebooks/index.html")
    page.wait_for_selector(".gp-mixer")
    return page


def switch_live(page):
    page.get_by_role("button", name="Decode live").click()


def wait_until_said(page, text):
    page.wait_for_function(SAID_INCLUDES, arg=text)


@pytest.fixture
def live(opened):
    switch_live(opened)
    wait_until_said(opened, "ready")
    return opened


def row_now(page):
    """The row of the sound that is chosen."""
    return page.locator("tr.gp-now").first


def choose(page, *codebooks):
    """Press what must change; wait until the choice is the one that is heard."""
    for k in range(K):
        button = page.get_by_label(f"Codebook {k}", exact=True).first
        is_on = button.get_attribute("aria-pressed") == "true"
        if is_on != (k in codebooks):
            button.click()
    wait_until_chosen(page, *codebooks)


def wait_until_chosen(page, *codebooks):
    """Wait until these codebooks, and no others, are heard."""
    page.wait_for_function(
        "codebooks => document.querySelector('tr.gp-now').dataset.codebooks === codebooks",
        arg=" ".join(map(str, codebooks)),
    )


MIX = """async (kept) => {
  const { live, codes, samples } = giblet.players[0].rows[0].dataset;
  window.opened ??= await giblet.openDecoder(live);
  const bytes = Uint8Array.from(atob(codes), (letter) => letter.charCodeAt(0));
  const made = await window.opened.mix({
    codes: new Uint16Array(bytes.buffer),
    kept,
    nSamples: Number(samples),
    width: 320,
  });
  const letters = [...new Uint8Array(made.wave.buffer)].map((byte) => String.fromCharCode(byte));
  return btoa(letters.join(""));
}"""


def mixed(page, kept):
    """What the engine makes of the codes on the page."""
    text = page.evaluate(MIX, list(kept))
    return np.frombuffer(base64.b64decode(text), "<f4")


def snr_db(true, got):
    true = true.astype(float)
    return 10 * np.log10(np.sum(true**2) / np.sum((true - got) ** 2))


def test_the_wave_is_that_of_the_network_for_every_kind_of_choice(opened, demo_codec, codes):
    latents = demo_codec.latents(codes)
    double = demo_codec.copy_as("double").decoder_network().double()
    fours = list(combinations(range(K), 4))
    some = fours[np.random.default_rng(0).integers(70)]
    for kept in (range(K), [2], range(1, K), [], some):
        got = mixed(opened, kept)
        summed = latents[list(kept)].sum(0)
        single = demo_codec.decode_latents(summed, codes.n_samples)
        with torch.inference_mode():
            exact = double(torch.from_numpy(summed).double()[None])
        exact = exact[0, 0, : codes.n_samples].numpy()
        assert got.shape == exact.shape
        assert snr_db(exact, got) > 60
        # what float32 itself rounds, below 16 bits
        assert np.sqrt(np.mean((got - single) ** 2)) < STEP / 2
        if len(kept) == K:
            assert snr_db(single, got) > 60


SAMPLES_NOW = """async () => {
  const file = await fetch(giblet.players[0].audio().src);
  const header = 44;
  return [...new Int16Array((await file.arrayBuffer()).slice(header))];
}"""


def pixels_of(png, mode):
    return np.asarray(Image.open(io.BytesIO(png)).convert(mode)).astype(int)


def test_a_choice_not_computed_beforehand_is_decoded_shown_and_said(live, demo_codec, codes):
    choose(live, 1, 2, 5)
    row = row_now(live)
    latents = demo_codec.latents(codes)[[1, 2, 5]].sum(0)
    expected = demo_codec.decode_latents(latents, codes.n_samples)
    assert row.get_attribute("data-label") == "live: codebooks 1, 2, 5"
    said = live.locator(".gp-mixer output").first.inner_text()
    assert "3 of 8 codebooks are in the sum, decoded in" in said
    samples = np.array(live.evaluate(SAMPLES_NOW)) * STEP
    assert np.abs(samples - expected).max() < 4 * STEP
    level = float(row.locator("th small").inner_text().split()[0])
    assert level == pytest.approx(loudness_lufs(expected, SR), abs=0.051)
    sources = [image.get_attribute("src") for image in row.locator("img").all()]
    shown_picture, shown_raster = [base64.b64decode(s.split(",")[1]) for s in sources]
    top_db, top_peak = map(float, live.locator("figure").first.get_attribute("data-top").split())
    drawn = picture(expected, SR, top_db, top_peak)
    difference = np.abs(pixels_of(shown_picture, "RGBA") - pixels_of(drawn, "RGBA")).max(-1)
    assert (difference < 32).mean() > 0.99  # a shade of 30 apart at most
    drawn_raster = raster(codes, [1, 2, 5])
    assert np.array_equal(pixels_of(shown_raster, "L"), pixels_of(drawn_raster, "L"))


def test_what_was_computed_beforehand_is_played_and_a_choice_is_decoded_once(live):
    choose(live, 3)
    assert row_now(live).get_attribute("data-label") == "codebook 3 alone"
    choose(live)
    assert row_now(live).get_attribute("data-label") == "live: no codebook"
    choose(live, 3)
    choose(live)
    assert live.locator("tr[data-label='live: no codebook']").count() == 1
    switch_live(live)
    live.get_by_label("Codebook 4", exact=True).first.click()
    live.get_by_label("Codebook 5", exact=True).first.click()
    assert "not computed beforehand" in live.locator(".gp-mixer output").first.inner_text()


def test_of_quick_choices_the_last_is_heard_at_the_same_position(live):
    live.evaluate("giblet.players[0].setLoop(0, 2)")  # decoding may take longer than the clip
    live.locator(".gp-play").first.click()
    live.wait_for_function("giblet.players[0].audio().currentTime > 0.2")
    # Four clicks within one task of the page, the first three of which nobody waits for.
    live.evaluate(
        """() => [1, 3, 5, 7].forEach(
            (k) => document.querySelector(`[aria-label="Codebook ${k}"]`).click())"""
    )
    wait_until_chosen(live, 0, 2, 4, 6)
    live.wait_for_function("!giblet.players[0].audio().paused && !giblet.players[0].audio().muted")
    heard = "giblet.players[0].audios.filter((a) => !a.paused && !a.muted).length"
    assert live.evaluate(heard) <= 1
    assert live.locator("tr[data-label^=live]").count() <= 3


def test_without_workers_it_decodes_in_the_page(opened):
    opened.evaluate(
        "() => { window.Worker = class { constructor() { throw new Error('forbidden'); } }; }"
    )
    switch_live(opened)
    wait_until_said(opened, "ready")
    choose(opened, 0, 1)
    assert row_now(opened).get_attribute("data-label") == "live: codebooks 0, 1"


def test_where_it_cannot_run_it_says_why_and_the_clips_still_play(opened):
    opened.evaluate("() => { giblet.openDecoder = async () => { throw new Error('no room'); }; }")
    switch_live(opened)
    wait_until_said(opened, "no room")
    opened.get_by_label("Kept: Only").first.select_option(label="codebook 2")
    assert row_now(opened).get_attribute("data-label") == "codebook 2 alone"
    second = opened.locator("figure").nth(1)
    assert second.get_by_role("button", name="Decode live").count() == 0
    second.get_by_label("Codebook 1", exact=True).click()
    assert "too large to be decoded in a page" in second.locator("output").inner_text()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation_and_a_phone_has_room(page, axe, site, theme):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + "/notebooks/index.html")
    page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    switch_live(page)
    wait_until_said(page, "ready")
    choose(page, 0, 1)
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
