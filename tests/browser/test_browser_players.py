"""The players of the static book in a real browser, from a file and from a plain server."""

import numpy as np
import pytest
from browser_pages import write_site

import giblet_core as gc

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SR = 24_000


@pytest.fixture(scope="module")
def players():
    t = np.arange(6 * SR) / SR
    tone = (0.3 * np.sin(2 * np.pi * 440 * t) * (1 + np.sin(2 * np.pi * 1.5 * t)) / 2).astype(
        np.float32
    )
    noise = (0.1 * np.random.default_rng(0).standard_normal(t.size)).astype(np.float32)
    sounds = {"original": tone, "a half": tone / 2, "with <noise>": tone + noise}
    return gc.listen(
        sounds, SR, level_match=True, title="Toy", reference="original", segments=[]
    ), gc.listen({"alone": noise}, SR)


@pytest.fixture(scope="module")
def site(players, tmp_path_factory):
    return write_site(tmp_path_factory.mktemp("site"), players)


@pytest.fixture
def opened(page, address, site):
    page.goto(address(site) + "/index.html")
    page.wait_for_selector(".gp-play")
    return page


def now(page, n=0):
    return page.evaluate(f"giblet.players[{n}].audio().currentTime")


def test_every_player_plays_and_one_at_a_time(opened):
    assert opened.locator("audio").count() == 4
    assert (
        opened.evaluate("[...document.querySelectorAll('audio')].map(a => a.readyState)") == [0] * 4
    )
    for n, sounds in enumerate((3, 1)):
        opened.locator(".gp-play").nth(n).click()
        for i in range(sounds):
            opened.locator("figure").nth(n).locator(".gp-pick").nth(i).click()
            opened.wait_for_function(
                f"giblet.players[{n}].current === {i} && !giblet.players[{n}].audios[{i}].paused && "
                f"!giblet.players[{n}].audios[{i}].muted && giblet.players[{n}].audios[{i}].currentTime > 0.05"
            )
        playing = "[...document.querySelectorAll('audio')].filter(a => !a.paused).length"
        opened.wait_for_function(f"{playing} === 1")


def test_plain_players_work_without_the_script(page, address, site):
    (site / "plain.html").write_text(
        (site / "index.html").read_text().replace("<script", "<!-- ").replace("</script>", " -->")
    )
    page.goto(address(site) + "/plain.html")
    page.evaluate("document.querySelectorAll('audio').forEach(a => { a.muted = true; a.play(); })")
    page.wait_for_function(
        "[...document.querySelectorAll('audio')].every(a => a.currentTime > 0.05)"
    )


def test_switching_keeps_the_position_within_100_ms(opened):
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 0.3")
    moved = []
    for key in "23121":
        measured = opened.evaluate(
            """key => new Promise((done) => {
            const p = giblet.players[0], from = p.audio(), at = from.currentTime, t0 = performance.now();
            p.figure.dispatchEvent(new KeyboardEvent("keydown", {key}));
            const look = () => {
                const a = p.audio();
                const took = performance.now() - t0;
                if (!a.paused && !a.muted && from.paused) done([a.currentTime - at - took / 1000, took]);
                else requestAnimationFrame(look);
            };
            requestAnimationFrame(look);
        })""",
            key,
        )
        moved.append(abs(measured[0]))
    assert np.median(moved) < 0.1, f"the position moved by {moved} s"


def test_switching_while_paused_keeps_the_position_exactly(opened):
    opened.evaluate("giblet.players[0].go(2.5)")
    opened.locator(".gp-pick").nth(0).focus()
    opened.keyboard.press("2")
    assert opened.evaluate("giblet.players[0].position()") == 2.5
    assert opened.locator(".gp-pick").nth(1).get_attribute("aria-pressed") == "true"


def test_a_marked_region_loops(opened):
    image = opened.locator(".gp-stage").first.bounding_box()
    x, y = image["x"], image["y"] + 30
    opened.mouse.move(x + image["width"] * 0.5, y)
    opened.mouse.down()
    opened.mouse.move(x + image["width"] * 0.6, y, steps=4)
    opened.mouse.up()
    low, high = opened.evaluate("giblet.players[0].loop")
    assert (low, high) == pytest.approx((3.0, 3.6), abs=0.1)
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 3.4")
    opened.wait_for_function("giblet.players[0].audio().currentTime < 3.3")  # it went round
    assert low - 0.1 <= now(opened) <= high + 0.1
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


def test_a_click_is_answered_within_100_ms(opened):
    opened.locator(".gp-play").first.click()
    opened.wait_for_function("giblet.players[0].audio().currentTime > 0.2")
    waits = [opened.evaluate("""i => new Promise((done) => {
        const t0 = performance.now(), button = document.querySelectorAll(".gp-pick")[i];
        button.click();
        const look = () => button.getAttribute("aria-pressed") === "true" ? done(performance.now() - t0) : requestAnimationFrame(look);
        look();
    })""", i) for i in (1, 2, 0)]  # fmt: skip
    assert np.median(waits) < 100


def test_a_switch_brings_own_levels_back_and_says_what_it_did(opened):
    figure = opened.locator("figure").first
    switch = figure.get_by_role("button", name="One loudness")
    volumes = "giblet.players[0].audios.map(a => a.volume)"
    assert (switch.get_attribute("aria-pressed"), opened.evaluate(volumes)) == ("true", [1, 1, 1])
    switch.click()
    tone, half, _ = opened.evaluate(volumes)
    assert (switch.get_attribute("aria-pressed"), half / tone) == (
        "false",
        pytest.approx(0.5, abs=0.01),
    )
    assert "own levels" in figure.locator(".giblet-level").inner_text()
    switch.click()
    assert opened.evaluate(volumes) == [1, 1, 1]
    assert "all at" in figure.locator(".giblet-level").inner_text()
    assert (
        not opened.locator("figure").nth(1).get_by_role("button", name="One loudness").is_visible()
    )  # one sound: nothing to match


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_serious_violation(page, axe, site, theme):
    page.goto(site.as_uri() + "/index.html")
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.wait_for_selector(".gp-play")
    assert axe(page) == []


def test_the_page_fits_a_phone(page, site):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + "/index.html")
    page.wait_for_selector(".gp-play")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.evaluate(
        "[...document.querySelectorAll('figure button')].filter(b => b.offsetHeight < 32 && b.offsetParent).length"
    )
    assert small == 0


def test_printing_shows_the_table_and_hides_the_controls(opened):
    opened.emulate_media(media="print")
    assert not opened.locator(".gp-bar").first.is_visible()
    assert opened.locator("td").filter(has_text="reference").first.is_visible()
