"""TextGrids as Praat writes them."""

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
        intervals: size = {n_declared}
"""
INTERVAL = """        intervals [{i}]:
            xmin = {start}
            xmax = {stop}
            text = "{word}"
"""


def textgrid_of(words, n_declared):
    """Return the text of a TextGrid that declares so many intervals and holds these words."""
    return HEAD.format(n_declared=n_declared) + "".join(
        INTERVAL.format(i=i, start=start, stop=stop, word=word)
        for i, (start, stop, word) in enumerate(words, 1)
    )
