"""The region card says what was found; its command writes one page with sound beside it."""

import re

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.commands import main
from giblet_core.errors import InputError
from giblet_core.workflow import find_remote


@pytest.fixture(scope="module")
def cards(findings):
    return {
        name: gc.region_card(name, findings.stim, findings.data, findings=findings)
        for name in findings.names
    }


def test_a_card_of_several_says_what_its_row_says(findings, cards):
    card = cards["R12"]
    assert card.lesion.equals(findings.lesions.table().loc["R12"])
    hears = card.said.hears
    assert hears.estimate == pytest.approx(card.lesion["alone (%)"])
    assert hears.p == card.lesion["p chance"]
    assert card.said.needed.estimate == pytest.approx(card.lesion["lost without (%)"])
    assert hears.sentence() in card.verdict
    assert card.scenes.pairwise_accuracy[0] == np.nanmax(findings.lesions.alone_by_segment[1])
    assert card.scenes.pairwise_accuracy[-1] == np.nanmin(findings.lesions.alone_by_segment[1])


def test_every_sentence_of_a_card_is_a_claim_or_a_figure(cards):
    for card in cards.values():
        assert len(card.claims) == 4
        sentences = [claim.sentence() for claim in card.claims]
        assert list(card.verdict[:4]) == sentences
        assert all(
            text.startswith(("Measured", "Probabilities of", "Calibrated probability"))
            for text in card.verdict[4:]
        )
        failed = [bool(claim.failed_controls) for claim in card.claims]
        assert failed == sorted(failed, reverse=True)
        assert all(claim.n and claim.unit and claim.label for claim in card.claims)


def test_what_is_heard_and_retrieved_is_named_by_its_scene(findings, cards):
    scenes = cards["R01"].scenes
    players = cards["R01"].players(1)["best 1"]
    first_trs = [scenes.true[0], scenes.retrieved[0], scenes.random[0]]
    places = []
    for tr in first_trs:
        start_s = findings.times[tr] - 4.5
        places.append(f"{'day' if start_s < 60 else 'night'}, {max(start_s, 0):.0f} s")
    assert [label.split(": ")[1] for label in players.sounds] == places
    assert next(iter(players.sounds)).startswith("heard: ")


def test_players_are_of_the_best_and_the_worst_scenes(findings, cards):
    players = cards["R01"].players(2, seconds=3.0)
    assert list(players) == ["best 1", "best 2", "worst 1", "worst 2"]
    accuracy = 100 * cards["R01"].scenes.pairwise_accuracy
    assert players["worst 2"].title == f"worst scene 2: {accuracy[-1]:.0f} % of its foils beaten"
    n_samples = 3.0 * findings.stim.codec.sample_rate
    assert all(abs(len(x) - n_samples) <= 320 for x in players["best 1"].sounds.values())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "name", "extra"), [("volumes", "R05", []), ("table", "TR05", ["--no-generation"])]
)
def test_the_command_writes_one_page_with_its_sound_beside_it(
    book_folder, data, name, extra, monkeypatch, capsys
):
    monkeypatch.chdir(book_folder)
    dataset = f"{data}/dataset.yaml"
    status = main(["region", name, "--dataset", dataset, "--random", "4", "--smoke", *extra])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    page = book_folder / "build" / "regions" / name / "index.html"
    assert printed.out.strip().endswith(str(page))
    text = page.read_text()
    assert find_remote(text) == []
    sounds = re.findall(r'src="(media/[^"]+\.flac)"', text)
    assert len(sounds) >= 6
    assert all((page.parent / sound).is_file() for sound in sounds)
    assert "simulated" in text
    assert ("Generated, not recorded" in text) == (not extra)
    assert len(text) < 1_000_000


def test_a_region_that_is_not_there_has_no_card(findings):
    with pytest.raises(InputError, match="name='V1': must be one of R01, R12"):
        gc.region_card("V1", findings.stim, findings.data, findings=findings)


def test_the_command_refuses_a_region_that_is_not_there(book_folder, monkeypatch, capsys):
    monkeypatch.chdir(book_folder)
    assert main(["region", "V1", "--dataset", "volumes/dataset.yaml", "--smoke"]) == 2
    assert "region=V1: must be one of R01" in capsys.readouterr().err
    assert not (book_folder / "build" / "regions" / "V1").exists()
