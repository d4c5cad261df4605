"""The card of the film says what the film is."""

from giblet_core.demo.voices import card, tables


def test_the_tables_of_the_card_are_those_of_the_film(film):
    text = card.CARD.read_text(encoding="utf-8")
    prose, stored = text.split(card.MARK)
    assert "It is synthetic" in prose
    assert stored.strip() == tables(film).strip()


def test_the_card_tells_when_each_scene_of_the_demo_begins(film):
    text = card.CARD.read_text(encoding="utf-8")
    for scene in film.annotation.scenes:
        row = f"| {scene.start_s:.1f} | {scene.stop_s:.1f} | {scene.name} | {scene.kind} |"
        assert row in text
