"""Commands: the `giblet` command line.

`cli` declares the commands, `inspection` says what a file holds, `benchmark` measures. Exit status:
0 done, 1 a valid run failed, 2 the input is wrong.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "benchmark",
        "cli",
        "inspection",
    ],
    submod_attrs={
        "benchmark": [
            "bench",
        ],
        "inspection": [
            "describe",
        ],
        "cli": [
            "COMMANDS",
            "main",
        ],
    },
)
