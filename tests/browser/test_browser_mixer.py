"""The codebook mixer of the static book in a real browser."""

import re

import numpy as np
import pytest
from browser_pages import write_site

import giblet_core as gc
from giblet_core.listening import mixer_panel

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SR = 24_000


@pytest.fixture(scope="module")
def site(demo_codec, tmp_path_factory):
    t = np.arange(3 * SR) / SR
    wave = 0.2 * np.sin(2 * np.pi * 300 * t) * (1 + np.sin(2 * np.pi * 4 * t)) / 2
    wave = wave.astype(np.float32)
    codes = demo_codec.encode(wave, 3.0)
    panel = mixer_panel(demo_codec, codes, modes=("mean", "noise"))
    return write_site(tmp_path_factory.mktemp("mixer"), [panel, gc.listen({"another": wave}, SR)])


@pytest.fixture
def opened(page, address, site):
    page.goto(address(site) + "/index.html")
    page.wait_for_selector(".gp-mixer")
    return page


def on(page):
    """The codebooks whose buttons are pressed."""
    buttons = page.get_by_role("button", name=re.compile(r"^Codebook \d+$")).all()
    return [k for k, button in enumerate(buttons) if button.get_attribute("aria-pressed") == "true"]


def label_now(page):
    """The label of the clip that is chosen."""
    return page.locator("tr.gp-now").first.get_attribute("data-label")


def test_toggles_choose_the_precomputed_clip_or_say_that_there_is_none(opened):
    assert on(opened) == [0, 1, 2, 3]
    opened.get_by_label("Codebook 3", exact=True).click()
    assert on(opened) == [0, 1, 2]
    assert label_now(opened) == "codebooks 0 to 2"
    opened.get_by_label("Codebook 1", exact=True).click()
    assert "not computed beforehand" in opened.locator(".gp-mixer output").inner_text()
    assert on(opened) == [0, 1, 2]


def test_digits_toggle_codebooks_which_count_from_0(opened):
    opened.locator(".gp-play").first.focus()
    opened.keyboard.press("3")
    assert on(opened) == [0, 1, 2]
    opened.keyboard.press("3")
    opened.keyboard.press("0")
    assert on(opened) == [1, 2, 3]


SHADES = """() => {
  const image = document.querySelector("tr.gp-now .gp-stage img:nth-of-type(2)");
  const pen = new OffscreenCanvas(320, 32).getContext("2d");
  pen.drawImage(image, 0, 0);
  const { data } = pen.getImageData(0, 0, 320, 32);
  const rowOf = (k) => data.slice(320 * 4 * (8 * k + 1), 320 * 4 * (8 * k + 8));
  return [0, 1, 2, 3].map((k) => new Set(rowOf(k)).size);
}"""


def test_the_code_raster_stands_under_the_spectrogram_and_pales_with_the_codebook(opened):
    # a browser does not let a page from the disk read its pictures
    if opened.url.startswith("http"):
        assert min(opened.evaluate(SHADES)) > 5
        opened.get_by_label("Codebook 3", exact=True).click()
        shades = opened.evaluate(SHADES)
        assert min(shades[:3]) > 5
        assert shades[3] <= 2  # one pale grey, and opaque
    images = opened.locator("tr.gp-now").first.locator(".gp-stage img").all()
    widths = [image.bounding_box()["width"] for image in images]
    assert len(widths) == 2
    assert widths[0] == pytest.approx(widths[1], abs=1)  # one time axis


def test_one_loudness_lowers_the_others_by_12_db_at_most_and_names_what_stays_too_quiet(opened):
    figure = opened.locator("figure").first
    rows = figure.locator("tr[data-label]")
    other = dict(
        rows.evaluate_all("rows => rows.map(row => [row.dataset.label, Number(row.dataset.other)])")
    )
    assert max(other.values()) > 13  # a codebook alone is that much softer
    figure.get_by_role("button", name="One loudness").click()
    expected = [10 ** (min(0, db - 12) / 20) for db in other.values()]
    volumes = opened.evaluate("giblet.players[0].audios.map(a => a.volume)")
    assert volumes == pytest.approx(expected, abs=1e-3)
    said = opened.locator(".giblet-level").first.inner_text()
    assert "all 12.0 dB lower" in said
    named = [label for label in other if f"{label} (" in said]
    assert named == [label for label, db in other.items() if db > 12.05]


def test_presets_and_kinds_choose_the_clip_they_name(opened):
    opened.get_by_label("Kept: Only").select_option(label="codebook 2")
    assert on(opened) == [2]
    opened.get_by_label("Kept: All but").select_option(label="codebook 1")
    assert on(opened) == [0, 2, 3]
    opened.get_by_label("Kind of lesion").select_option("noise")
    assert label_now(opened) == "codebook 0: noise"
    assert "noise of the same energy" in opened.locator(".gp-mixer output").inner_text()
    opened.get_by_role("button", name="All", exact=True).click()
    assert on(opened) == [0, 1, 2, 3]


POSITION_MOVED_BY = """label => new Promise((done) => {
  const player = giblet.players[0];
  const from = player.audio();
  const at = from.currentTime;
  const began = performance.now();
  player.select(player.rows.findIndex((row) => row.dataset.label === label));
  const look = () => {
    const took = (performance.now() - began) / 1000;
    const audio = player.audio();
    const isChanged = !audio.paused && !audio.muted && from.paused;
    if (isChanged) done(Math.abs(audio.currentTime - at - took));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def test_switching_a_codebook_keeps_playing_at_the_same_position(opened):
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 0.3")
    labels = ("codebook 1 alone", "codebooks 0 to 1", "all codebooks")
    moved = [opened.evaluate(POSITION_MOVED_BY, label) for label in labels]
    assert np.median(moved) < 0.1


def test_axe_finds_no_serious_violation(page, axe, site):
    page.goto(site.as_uri() + "/index.html")
    page.wait_for_selector(".gp-mixer")
    assert axe(page) == []
    page.get_by_role("button", name="Show all as a table").click()
    rows = page.locator("figure").first.locator("tbody tr")
    visible = page.locator("figure").first.locator("tbody tr:visible")
    assert visible.count() == rows.count()


def test_the_mixer_fits_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + "/index.html")
    page.wait_for_selector(".gp-mixer")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
