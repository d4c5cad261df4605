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


def test_a_textgrid_gives_its_words_without_silence(tmp_path):
    path = tmp_path / "t.TextGrid"
    words = [(0, 1.0, "sp"), (1.0, 1.5, "Alice"), (1.5, 3, 'said ""no""')]
    intervals = [
        INTERVAL.format(i=i, start=start, stop=stop, word=word)
        for i, (start, stop, word) in enumerate(words, 1)
    ]
    path.write_text(HEAD + "".join(intervals))
    assert read_textgrid(path) == [(1.0, 1.5, "Alice"), (1.5, 3.0, 'said "no"')]
    with pytest.raises(InputError, match="tier='phone': must be one of"):
        read_textgrid(path, "phone")
