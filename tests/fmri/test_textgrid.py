"""Words from TextGrids."""

import pytest
from textgrids import textgrid_of

from giblet_core.errors import InputError
from giblet_core.fmri import read_textgrid

WORDS = [(0, 1.0, "sp"), (1.0, 1.5, "Alice"), (1.5, 3, 'said ""no""')]
WHOLE = textgrid_of(WORDS)
EXPECTED = [(1.0, 1.5, "Alice"), (1.5, 3.0, 'said "no"')]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.TextGrid"


def test_a_textgrid_gives_its_words_without_silence(path):
    path.write_text(WHOLE)
    assert read_textgrid(path) == EXPECTED
    with pytest.raises(InputError, match="tier='phone': must be one of"):
        read_textgrid(path, "phone")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_praats_encodings_and_ends_of_lines_are_read(path, encoding, newline):
    text = WHOLE.replace("Alice", "Älice")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + text.replace("\n", newline)).encode(encoding))
    assert read_textgrid(path) == [(1.0, 1.5, "Älice"), EXPECTED[1]]


TWICE = WHOLE + WHOLE[WHOLE.index("    item [1]:") :].replace("item [1]:", "item [2]:")

#: What is wrong -> the text, and what the message says.
FAULTS = {
    "cut": (textgrid_of(WORDS[:2], n_declared=3), "declares 3 intervals but 2 are there"),
    "short format": ('File type = "ooTextFile"\n"TextGrid"\n0\n3\n', "must be a TextGrid in the"),
    "a collection": (WHOLE.replace('"TextGrid"', '"Collection"'), "must be a TextGrid in the"),
    "points": (WHOLE.replace("IntervalTier", "TextTier"), "must be a tier of intervals"),
    "no name": (WHOLE.replace("name =", "nom ="), "a tier without a name"),
    "a name twice": (TWICE, "two tiers are called 'word'"),
    "a decimal comma": (WHOLE.replace("1.5", "1,5"), "declares 3 intervals but"),
    "no number": (WHOLE.replace("xmax = 1.5", "xmax = 1.5.5"), "declares 3 intervals but 2"),
    "backwards": (
        WHOLE.replace("xmax = 1.5", "xmax = 0.5"),
        "must begin where the one before",
    ),
    "no text": ("\x89PNG", "must be a TextGrid in the"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_textgrid_that_is_not_whole_is_refused(path, fault):
    text, message = FAULTS[fault]
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_textgrid(path)
    path.write_bytes(WHOLE.encode() + b"\xff")
    with pytest.raises(InputError, match="must be a readable TextGrid"):
        read_textgrid(path)


def test_a_published_textgrid_is_read_whole(shared):
    (published,) = (shared / "fmri").rglob("*.TextGrid")
    words = read_textgrid(published)
    text = published.read_text()
    labels = [line.split('"')[1] for line in text.splitlines() if "text = " in line]
    assert len(words) > 2000
    assert {word for *_, word in words} <= set(labels)


def test_a_manifest_without_words_has_none(tmp_path):
    from data_sets import manifest_of

    from giblet_core.fmri import read_manifest, spoken_words

    manifest, _ = read_manifest(manifest_of(tmp_path))
    assert spoken_words(manifest) is None
