"""Listening: players, the codebook mixer, blind tests and their results.

Read `condition_kinds` and `conditions` first (what is compared), then `media` and `players` (how it
is shown), `mixer` and `live_decoder` (any choice of codebooks), then `blind_tests` and `results`.
Sounds are at their own levels unless it is said that they were matched. No result is shown that
nobody gave, and nothing that a listener answers is sent anywhere.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "blind_tests",
        "condition_kinds",
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
        "condition_kinds": [
            "CONDITIONS",
            "ConditionKind",
            "Option",
            "Passage",
            "mel_round_trip",
        ],
        "conditions": [
            "Condition",
            "Conditions",
            "load_conditions",
            "rate_kbps",
            "render_conditions",
        ],
        "media": [
            "inline_to_files",
            "picture",
            "raster",
        ],
        "mixer": [
            "MixerWidget",
            "mixer_panel",
            "mixer_widget",
        ],
        "players": [
            "Players",
            "listen",
            "render_players",
        ],
        "results": [
            "analyse_results",
        ],
    },
)
