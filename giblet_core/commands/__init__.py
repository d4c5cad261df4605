"""Commands: the `giblet` command line.

Read `cli` first (the list of commands and what happens to errors), then `sounds`, `studies`,
`records` and `book` (the commands), `inspection` (what a file holds) and `benchmark` (speed,
memory, sizes). Exit status: 0 done; 1 a valid run failed; 2 the input is wrong, and nothing was
written.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=[
        "arguments",
        "benchmark",
        "book",
        "cli",
        "inspection",
        "records",
        "sounds",
        "studies",
    ],
    submod_attrs={
        "benchmark": ["bench"],
        "cli": ["COMMANDS", "main"],
        "inspection": ["describe", "kind_of", "require_kind"],
    },
)
