"""The ABX and rating pages in a real browser.

Exact switching, a whole session by a scripted listener, resuming, accessibility.
"""

import csv
import json

import numpy as np
import pytest

from giblet_core.listening import (
    Condition,
    Conditions,
    analyse_results,
    build_listening_pages,
    mixer_panel,
)

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
SR = 24_000
BOOK = '<!doctype html><title>book</title><link rel="icon" href="data:,">'


def tone(hz):
    t = np.arange(2 * SR) / SR
    return (0.2 * np.sin(2 * np.pi * hz * t)).astype(np.float32)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two passages of two seconds.

    One version is told apart by its pitch, so that a script can hear it.
    """
    waves = {
        "passage 0": {"original": tone(400), "octave": tone(800)},
        "passage 1": {"original": tone(500), "octave": tone(1000)},
    }
    octave = Condition("octave", "file", tests=("abx", "mushra"))
    conditions = Conditions((Condition("original", "reference"), octave))
    folder = tmp_path_factory.mktemp("site")
    build_listening_pages(conditions, waves, SR, folder / "listening")
    (folder / "index.html").write_text(BOOK)
    return folder


def saved(page, button, folder):
    """Press a button that downloads; the file."""
    with page.expect_download() as download:
        page.locator(button).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def wait_for_title(page, condition):
    """Wait for a screen of which the condition on its `title` holds, and for its sounds."""
    page.wait_for_function(
        "() => { const title = document.querySelector('h2').textContent; "
        f"return ({condition}) && Boolean(page.engine); }}"
    )


def begin_abx(page, pair=0):
    page.locator("#listener").fill("script-1")
    page.locator(f"#pair-{pair}").click()


SWITCH_OFFLINE = """async () => {
  const rate = 24000;
  const n = 24000;
  const at = 7777;
  const pair = page.config.pairs[0];
  const offline = new OfflineAudioContext(1, n, rate);
  const [a, b] = await Promise.all([pair.a, pair.b].map((id) => Giblet.load(offline, id)));
  const engine = new Giblet.Engine(offline, [a, b]);
  engine.start(0);
  engine.select(1, at / rate);
  const out = (await offline.startRendering()).getChannelData(0);
  const A = a.getChannelData(0);
  const B = b.getChannelData(0);
  const fade = Math.ceil(Giblet.FADE_S * rate) + 1;
  let before = 0;
  let after = 0;
  for (let i = 0; i < at; i += 1) before = Math.max(before, Math.abs(out[i] - A[i]));
  for (let i = at + fade; i < n; i += 1) after = Math.max(after, Math.abs(out[i] - B[i]));
  let first = at;
  while (out[first] === A[first]) first += 1;
  return { before, after, first, at };
}"""


def test_the_engine_switches_on_the_asked_sample(page, site, address):
    page.goto(address(site) + "/listening/abx.html")
    rendered = page.evaluate(SWITCH_OFFLINE)
    assert rendered["before"] == 0
    assert rendered["after"] < 1e-6
    # the ramp's first step is one sample after its start
    assert 0 <= rendered["first"] - rendered["at"] <= 1


X_IS_A = """() => {
  const [a, , x] = page.engine.buffers.map((buffer) => buffer.getChannelData(0));
  return a.every((value, i) => value === x[i]);
}"""


def play_abx(page, reload_after=None):
    """Sixteen trials by a script that hears: X equals A or B, sample for sample."""
    for trial in range(16):
        wait_for_title(page, f"title === 'Trial {trial + 1} of 16'")
        assert page.locator("#is-A").is_disabled()  # not before all three were heard
        for name in "abx":
            page.keyboard.press(name)
            assert page.evaluate("'abx'[page.engine.selected]") == name
        assert page.evaluate("page.engine.playing")
        is_a = page.evaluate(X_IS_A)
        assert "right" not in page.locator("#test").inner_text()  # nothing tells how one does
        page.keyboard.press("1" if is_a else "2")
        if trial == reload_after:
            page.reload()  # and goes on where it stopped
    page.wait_for_selector("#outcome")
    assert "16 of 16" in page.locator("#outcome").inner_text()


def test_a_scripted_listener_completes_abx_and_the_download_is_analysed(
    page, site, address, tmp_path
):
    page.goto(address(site) + "/listening/abx.html")
    begin_abx(page)
    play_abx(page, reload_after=4)
    path = saved(page, "#json", tmp_path)
    session = json.loads(path.read_text())
    [pair] = session["pairs"]
    assert session["listener"] == "script-1"
    assert (pair["n"], pair["p"]) == (16, 2**-16)
    trials = pair["trials"]
    assert {trial["x"] for trial in trials} == {"A", "B"}  # the same letter 16 times: p = 3e-5
    assert {trial["a"] for trial in trials} == {"original", "octave"}
    abx = analyse_results([path]).abx
    assert (abx.correct[0], abx.n[0], abx.condition[0]) == (16, 16, "octave")
    with open(saved(page, "#csv", tmp_path), newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 16
    assert {row["correct"] for row in rows} == {"true"}


def codebooks_to_guess(demo_codec):
    """The clips of a mixer of four codebooks, as notebook 5 makes them."""
    t = np.arange(SR) / SR
    wave = 0.2 * np.sin(2 * np.pi * 300 * t) * (1 + np.sin(2 * np.pi * 4 * t)) / 2
    codes = demo_codec.encode(wave.astype(np.float32), 3.0)
    return dict(mixer_panel(demo_codec, codes, modes=(), sets=("all_but",)).sounds)


def regions_to_guess(demo_codec):
    """Sounds in the place of those that generators of three regions and of none would make.

    Their names are those of notebook A2.
    """
    rng = np.random.default_rng(0)
    return {
        f"generated from {name}": (0.1 * rng.standard_normal(SR)).astype(np.float32)
        for name in ("A1", "belt", "STG", "no fMRI")
    }


@pytest.mark.parametrize(
    ("title", "sounds_of"),
    [("Guess the codebook", codebooks_to_guess), ("Guess the region", regions_to_guess)],
)
def test_a_game_of_guessing_is_played_to_its_end_and_says_what_was_told_apart(
    page, address, demo_codec, tmp_path, title, sounds_of
):
    sounds = sounds_of(demo_codec)
    first, *rest = sounds
    compared = [Condition(name, "file", tests=("abx",)) for name in rest]
    declared = Conditions((Condition(first, "reference"), *compared), abx_trials=16)
    place = title.lower().replace(" ", "_")
    folder = tmp_path / "listening" / place
    build_listening_pages(declared, {"scene": sounds}, SR, folder, title=title)
    (tmp_path / "index.html").write_text(BOOK)
    page.goto(f"{address(tmp_path)}/listening/{place}/abx.html")
    assert page.title().startswith(title)
    said = page.locator("main").inner_text()
    assert [name for name in sounds if name in said] == []  # no name gives the answer away
    begin_abx(page, pair=1)
    play_abx(page)
    assert f"{first} against {rest[1]}" in page.locator("table").inner_text()
    assert page.locator("#pair-1").is_disabled()
    assert page.locator("#pair-0").is_enabled()
    session = json.loads(saved(page, "#json", tmp_path).read_text())
    [pair] = session["pairs"]
    assert (pair["condition"], pair["correct"], pair["n"]) == (rest[1], 16, 16)
    page.get_by_role("link", name="The book").click()
    page.wait_for_function("document.title === 'book'")


RATINGS = {"reference": 99, "test": 40, "anchor35": 70, "anchor70": 70}


def hear_all(page):
    for i in range(len(RATINGS)):
        page.locator(f"#sound-{i + 1}").click()


def rate_a_screen(page, number):
    """Try to go on before each thing that is asked is done, then do it; the roles in order."""
    wait_for_title(page, f"title.endsWith('{number} of 2')")
    say = page.locator("#say")
    page.locator("#next").click()
    assert "Not heard yet" in say.inner_text()
    roles = page.evaluate("page.order.map(sound => sound.role)")
    assert sorted(roles) == sorted(RATINGS)
    hear_all(page)
    page.locator("#next").click()
    assert "Not rated yet" in say.inner_text()
    for i, role in enumerate(roles):
        page.locator(f"#rating-{i}").fill(str(RATINGS[role]))
    page.locator("#next").click()
    assert "give it 100" in say.inner_text()
    return roles


def test_a_scripted_listener_completes_the_rating_and_the_download_is_analysed(
    page, site, address, tmp_path
):
    page.goto(address(site) + "/listening/mushra.html")
    page.locator("#listener").fill("script-2")
    page.locator("#begin").click()
    page.wait_for_function("page.engine")
    page.keyboard.press("1")
    page.wait_for_function("page.engine.position() > 0.05")
    page.locator("#rate").click()
    for number in (1, 2):
        roles = rate_a_screen(page, number)
        if number == 1:
            page.reload()
            page.wait_for_function("page.engine")
            draft = [page.locator(f"#rating-{i}").input_value() for i in range(len(roles))]
            assert draft == [str(RATINGS[role]) for role in roles]  # it survives
            hear_all(page)
        page.locator(f"#rating-{roles.index('reference')}").fill("100")
        page.locator("#next").click()
    page.wait_for_selector("#outcome")
    path = saved(page, "#json", tmp_path)
    results = analyse_results([path])
    means = results.ratings.set_index("condition")["mean"]
    assert (means["original"], means["octave"], means["anchor, 7 kHz"]) == (100, 40, 70)
    assert results.excluded.empty
    page.reload()
    page.wait_for_selector("#outcome")  # the end survives a reload too


TWELVE_ORDERS = """() => [...Array(12).keys()].map(() => {
  page.state = {
    listener: "c",
    device: "headphones",
    step: "start",
    order: null,
    answers: [],
    draft: null,
  };
  page.show();
  document.getElementById("begin").click();
  return page.state.order;
})"""


def test_each_listener_gets_passages_and_sounds_in_an_order_of_their_own(page, site):
    page.goto(site.as_uri() + "/listening/mushra.html")
    orders = page.evaluate(TWELVE_ORDERS)
    for order in orders:
        assert sorted(screen["item"] for screen in order) == [0, 1]
        assert all(sorted(screen["sounds"]) == [0, 1, 2, 3] for screen in order)
    assert {order[0]["item"] for order in orders} == {0, 1}  # the same one 12 times: p = 5e-4
    assert len({tuple(screen["sounds"]) for order in orders for screen in order}) > 6  # of 24


SHOW_THE_END = """() => {
  const rating = { condition: "x", role: "test", rating: 3, plays: 1, position: 1 };
  page.state = {
    listener: "c",
    device: "headphones",
    started: "s",
    finished: "f",
    step: "done",
    order: null,
    answers: [{ item: "i", seconds: 1, ratings: [rating] }],
  };
  page.show();
}"""


def test_copying_hands_over_the_same_json(page, site, address):
    page.goto(address(site) + "/listening/mushra.html")
    page.evaluate(SHOW_THE_END)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#copy").click()
    page.wait_for_function("document.querySelector('[role=status]').textContent.startsWith('Cop')")
    textarea = page.locator("textarea")
    if textarea.count():
        text = textarea.input_value()
    else:
        text = page.evaluate("navigator.clipboard.readText()")
    assert json.loads(text)["items"][0]["ratings"][0]["rating"] == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_on_any_screen(page, axe, site, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(site.as_uri() + "/listening/abx.html")
    assert axe(page) == []
    begin_abx(page)
    page.wait_for_function("page.engine")
    assert axe(page) == []
    page.goto(site.as_uri() + "/listening/mushra.html")
    page.locator("#begin").click()
    page.wait_for_function("page.engine")
    assert axe(page) == []
    page.locator("#rate").click()
    page.wait_for_function("page.engine")
    assert axe(page) == []
    page.evaluate(SHOW_THE_END)
    assert axe(page) == []


CLICK_EACH = """() => [...document.querySelectorAll("button.sound")].map((button) => {
  button.click();
  return button.getAttribute("aria-pressed");
})"""


@pytest.mark.parametrize("test", ["abx", "mushra"])
def test_the_pages_fit_a_phone_and_answer_at_once(page, site, test):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(site.as_uri() + f"/listening/{test}.html")
    page.locator("#pair-0, #begin").click()
    page.wait_for_function("page.engine")
    if test == "mushra":
        page.locator("#rate").click()
        page.wait_for_function("page.engine && page.order")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    answered = page.evaluate(CLICK_EACH)
    assert len(answered) >= 3
    assert set(answered) == {"true"}
