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


def textgrid_of(words, n_declared=None):
    """Return the text of a TextGrid of 3 s that holds (start, stop, word).

    It declares as many intervals as there are words, or `n_declared`.
    """
    head = HEAD.format(n_declared=len(words) if n_declared is None else n_declared)
    intervals = [
        INTERVAL.format(i=i, start=start, stop=stop, word=word)
        for i, (start, stop, word) in enumerate(words, start=1)
    ]
    return head + "".join(intervals)
