"""The voices of the demo film and of the Alice stand-in, spoken by espeak-ng.

Read `screenplay` first (who says what), then `espeak` (the library), `word_times` and
`make_voices`; `card` writes the tables of the film's card, and `alice_standin` speaks a chapter on
given word times. Only who changes the text or the voices needs this: the film is rendered from the
stored files. Nothing else in the package imports from here.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "alice_standin",
        "card",
        "espeak",
        "make_voices",
        "screenplay",
        "word_times",
    ],
    submod_attrs={
        "card": ["tables", "write_card"],
        "espeak": ["Event", "Voice", "speak"],
        "make_voices": ["speak_line"],
        "screenplay": ["CAST", "read_script"],
        "word_times": ["TimedWord", "time_words"],
    },
)
