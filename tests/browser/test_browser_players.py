"""The players of the static book in a real browser, from a file and from a plain server."""

import numpy as np
import pytest
from browser_pages import write_site

import giblet_core as gc

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SR = 24_000


@pytest.fixture(scope="module")
def players():
    """Three sounds at one loudness with their metrics, and one alone."""
    t = np.arange(6 * SR) / SR
    tone = 0.3 * np.sin(2 * np.pi * 440 * t) * (1 + np.sin(2 * np.pi * 1.5 * t)) / 2
    tone = tone.astype(np.float32)
    noise = (0.1 * np.random.default_rng(0).standard_normal(t.size)).astype(np.float32)
    sounds = {"original": tone, "a half": tone / 2, "with <noise>": tone + noise}
    several = gc.listen(
        sounds, SR, level_match=True, title="Toy", reference="original", segments=[]
    )
    return [several, gc.listen({"alone": noise}, SR)]


@pytest.fixture(scope="module")
def site(players, tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("site"), players)


@pytest.fixture
def opened(page, address, site):
    page.goto(address(site) + "/index.html")
    page.wait_for_selector(".gp-play")
    return page


def time_now(page):
    return page.evaluate("giblet.players[0].audio().currentTime")


HEARD = """([player, sound]) => {
  const { current, audios } = giblet.players[player];
  const audio = audios[sound];
  return current === sound && !audio.paused && !audio.muted && audio.currentTime > 0.05;
}"""


def test_every_player_plays_and_one_at_a_time(opened):
    assert opened.locator("audio").count() == 4
    states = "[...document.querySelectorAll('audio')].map(a => a.readyState)"
    assert opened.evaluate(states) == [0] * 4  # nothing is loaded before it is played
    for player, n_sounds in enumerate((3, 1)):
        opened.locator(".gp-play").nth(player).click()
        for sound in range(n_sounds):
            opened.locator("figure").nth(player).locator(".gp-pick").nth(sound).click()
            opened.wait_for_function(HEARD, arg=[player, sound])
        playing = "[...document.querySelectorAll('audio')].filter(a => !a.paused).length"
        opened.wait_for_function(f"{playing} === 1")


def test_plain_players_work_without_the_script(page, address, site):
    markup = (site / "index.html").read_text()
    without_scripts = markup.replace("<script", "<!-- ").replace("</script>", " -->")
    (site / "plain.html").write_text(without_scripts)
    page.goto(address(site) + "/plain.html")
    page.evaluate("document.querySelectorAll('audio').forEach(a => { a.muted = true; a.play(); })")
    page.wait_for_function(
        "[...document.querySelectorAll('audio')].every(a => a.currentTime > 0.05)"
    )


POSITION_MOVED_BY = """key => new Promise((done) => {
  const player = giblet.players[0];
  const from = player.audio();
  const at = from.currentTime;
  const began = performance.now();
  player.figure.dispatchEvent(new KeyboardEvent("keydown", { key }));
  const look = () => {
    const took = (performance.now() - began) / 1000;
    const audio = player.audio();
    const isChanged = !audio.paused && !audio.muted && from.paused;
    if (isChanged) done(Math.abs(audio.currentTime - at - took));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})"""


def test_switching_keeps_the_position_within_100_ms(opened):
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 0.3")
    moved = [opened.evaluate(POSITION_MOVED_BY, key) for key in "23121"]
    assert np.median(moved) < 0.1, f"the position moved by {moved} s"


def test_switching_while_paused_keeps_the_position_exactly(opened):
    opened.evaluate("giblet.players[0].go(2.5)")
    opened.locator(".gp-pick").nth(0).focus()
    opened.keyboard.press("2")
    assert opened.evaluate("giblet.players[0].position()") == 2.5
    assert opened.locator(".gp-pick").nth(1).get_attribute("aria-pressed") == "true"


def test_a_marked_region_loops(opened):
    image = opened.locator(".gp-stage").first.bounding_box()
    x = image["x"]
    y = image["y"] + 30
    opened.mouse.move(x + image["width"] * 0.5, y)
    opened.mouse.down()
    opened.mouse.move(x + image["width"] * 0.6, y, steps=4)
    opened.mouse.up()
    low, high = opened.evaluate("giblet.players[0].loop")
    assert (low, high) == pytest.approx((3.0, 3.6), abs=0.1)
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 3.4")
    opened.wait_for_function("giblet.players[0].audio().currentTime < 3.3")  # it went round
    assert low - 0.1 <= time_now(opened) <= high + 0.1
    opened.get_by_label("Clear the loop").first.click()
    assert opened.evaluate("giblet.players[0].loop") is None


def test_the_keyboard_does_everything(opened):
    opened.locator(".gp-pick").nth(0).focus()
    opened.keyboard.press("ArrowRight")
    assert opened.evaluate("giblet.players[0].position()") == pytest.approx(1, abs=0.02)
    opened.keyboard.press("ArrowDown")
    assert opened.evaluate("giblet.players[0].current") == 1
    opened.locator(".gp-play").first.focus()
    opened.keyboard.press("Space")
    opened.wait_for_function("giblet.players[0].audio().currentTime > 1.1")
    opened.keyboard.press("Space")
    opened.wait_for_function("giblet.players[0].audio().paused")
    outline = opened.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


CLICK_AND_LOOK = """i => {
  const button = document.querySelectorAll(".gp-pick")[i];
  button.click();
  return button.getAttribute("aria-pressed");
}"""


def test_a_click_is_answered_at_once_although_sounds_take_time_to_start(opened):
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 0.2")
    for i in (1, 2, 0):
        assert opened.evaluate(CLICK_AND_LOOK, i) == "true"


def test_a_switch_brings_own_levels_back_and_says_what_it_did(opened):
    figure = opened.locator("figure").first
    switch = figure.get_by_role("button", name="One loudness")
    volumes = "giblet.players[0].audios.map(a => a.volume)"
    note = figure.locator(".giblet-level")
    assert switch.get_attribute("aria-pressed") == "true"
    assert opened.evaluate(volumes) == [1, 1, 1]
    switch.click()
    tone, half, _ = opened.evaluate(volumes)
    assert switch.get_attribute("aria-pressed") == "false"
    assert half / tone == pytest.approx(0.5, abs=0.01)
    assert "own levels" in note.inner_text()
    switch.click()
    assert opened.evaluate(volumes) == [1, 1, 1]
    assert "all at" in note.inner_text()
    alone = opened.locator("figure").nth(1)
    assert not alone.get_by_role("button", name="One loudness").is_visible()  # nothing to match


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(page, axe, site, theme):
    page.goto(site.as_uri() + "/index.html")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.wait_for_selector(".gp-play")
    assert axe(page) == []


SMALL_BUTTONS = """[...document.querySelectorAll('figure button')]
  .filter(button => button.offsetHeight < 32 && button.offsetParent).length"""


def test_the_page_fits_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + "/index.html")
    page.wait_for_selector(".gp-play")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(SMALL_BUTTONS) == 0


def test_printing_shows_the_table_and_hides_the_controls(opened):
    opened.emulate_media(media="print")
    assert not opened.locator(".gp-bar").first.is_visible()
    assert opened.locator("td").filter(has_text="reference").first.is_visible()
