"""Listening: players, the mixer and blind tests.

Read `conditions` first (what is compared), then `players`, `mixer` and `live_decoder`, then
`blind_tests` and `results`. Sounds are matched in loudness where that is said, and no result is
shown that nobody gave.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "blind_tests",
        "conditions",
        "live_decoder",
        "media",
        "mixer",
        "players",
        "results",
    ],
    submod_attrs={
        "blind_tests": [
            "build_listening_pages",
            "low_pass_anchor",
        ],
        "conditions": [
            "Condition",
            "Conditions",
            "load_conditions",
            "mel_round_trip",
            "rate_kbps",
            "render_conditions",
        ],
        "media": [
            "inline_to_files",
        ],
        "mixer": [
            "mixer_panel",
            "mixer_widget",
            "raster",
        ],
        "players": [
            "Players",
            "listen",
            "picture",
        ],
        "results": [
            "analyse_results",
        ],
    },
)
