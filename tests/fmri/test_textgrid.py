"""Words from TextGrids."""

import pytest

from giblet_core.errors import InputError
from giblet_core.fmri import read_textgrid

HEAD = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3
tiers? <exists>
size = 1
item []:
    item [1]:
        class = "IntervalTier"
        name = "word"
        xmin = 0
        xmax = 3
        intervals: size = 3
"""
INTERVAL = """        intervals [{i}]:
            xmin = {start}
            xmax = {stop}
            text = "{word}"
"""


WORDS = [(0, 1.0, "sp"), (1.0, 1.5, "Alice"), (1.5, 3, 'said ""no""')]
EXPECTED = [(1.0, 1.5, "Alice"), (1.5, 3.0, 'said "no"')]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "t.TextGrid"


def textgrid(words=WORDS):
    """Return the text of a TextGrid that declares three intervals."""
    return HEAD + "".join(
        INTERVAL.format(i=i, start=start, stop=stop, word=word)
        for i, (start, stop, word) in enumerate(words, 1)
    )


def test_a_textgrid_gives_its_words_without_silence(path):
    path.write_text(textgrid())
    assert read_textgrid(path) == EXPECTED
    with pytest.raises(InputError, match="tier='phone': must be one of"):
        read_textgrid(path, "phone")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_praats_encodings_and_ends_of_lines_are_read(path, encoding, newline):
    text = textgrid().replace("Alice", "Älice")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    path.write_bytes((mark + text.replace("\n", newline)).encode(encoding))
    assert read_textgrid(path) == [(1.0, 1.5, "Älice"), EXPECTED[1]]


TWICE = textgrid() + HEAD[HEAD.index("    item [1]:") :].replace("[1]:", "[2]:") + textgrid()

#: What is wrong -> the text, and what the message says.
FAULTS = {
    "cut": (textgrid(WORDS[:2]), "declares 3 intervals but 2 are there"),
    "short format": ('File type = "ooTextFile"\n"TextGrid"\n0\n3\n', "must be a TextGrid in the"),
    "a collection": (textgrid().replace('"TextGrid"', '"Collection"'), "must be a TextGrid in the"),
    "points": (textgrid().replace("IntervalTier", "TextTier"), "must be a tier of intervals"),
    "no name": (textgrid().replace("name =", "nom ="), "a tier without a name"),
    "a name twice": (TWICE, "two tiers are called 'word'"),
    "a decimal comma": (textgrid().replace("1.5", "1,5"), "declares 3 intervals but"),
    "no number": (textgrid().replace("xmax = 1.5", "xmax = 1.5.5"), "declares 3 intervals but 2"),
    "backwards": (
        textgrid().replace("xmax = 1.5", "xmax = 0.5"),
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
    path.write_bytes(textgrid().encode() + b"\xff")
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
