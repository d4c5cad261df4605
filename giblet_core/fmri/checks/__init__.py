"""What ``giblet check`` looks at, one file a kind.

Read `sound` first (the sound, the runs' places in it, what is declared), then `headers` (what the
files say of themselves), `values`, `preparation`, `lag` and `clock` (the series), `nuisance` and
`events`. Each adds what it finds to the problems and goes on: no fault hides another.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "clock",
        "events",
        "headers",
        "lag",
        "nuisance",
        "preparation",
        "sound",
        "values",
    ],
    submod_attrs={
        "clock": [
            "measured_clock",
        ],
        "events": [
            "check_events",
        ],
        "headers": [
            "header_problems",
        ],
        "lag": [
            "Lag",
            "check_lag",
            "lag_of",
        ],
        "nuisance": [
            "check_nuisance",
        ],
        "preparation": [
            "SlowShare",
            "check_slow_changes",
            "slow_share",
        ],
        "sound": [
            "check_declarations",
            "check_sound",
        ],
        "values": [
            "check_values",
            "looks_zscored",
        ],
    },
)
