"""Compare the result files of two builds of the book, number by number.

    python tests/compare_builds.py OLD/artifacts/results NEW/artifacts/results [--tolerance 1e-6]

A figure that is in one build alone, or differs by more than the tolerance (relative to the larger
value, absolute below 1), is printed. Exit status 0: all agree; 1: some differ; 2: no such folder.
Figures that were renamed on purpose are listed in `RENAMED`.
"""

import argparse
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Old wording -> new wording, applied to the names of old figures.
RENAMED = {
    r"(?<![\w])books\b": "codebooks",
    r"\bBooks\b": "Codebooks",
    r"\bbook\b": "codebook",
    r"(\w)_books\b": r"\1_codebooks",
    r"\bsingle_book(?=_|\b)": "single_codebook",
    r"\bworlds\b": "simulations",
    r"\blisteners\b": "subjects",
    r"\blistener\b": "subject",
    r"\blures\b": "foils",
    r"\bclaims\b": "detections",
    r"\btwin\b": "noise",
    r"codebooks regions": "codebook regions",
}


def figures(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (name, number or text) of everything in nested results."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from figures(inner, f"{name}/{key}")
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from figures(inner, f"{name}[{i}]")
    else:
        yield name, value


def renamed(name: str) -> str:
    """Return the new name of an old figure."""
    for old, new in RENAMED.items():
        name = re.sub(old, new, name)
    return name


def load(folder: Path) -> dict[str, Any]:
    """Read all JSON results of a folder: file/figure -> value."""
    found = {}
    for path in sorted(folder.glob("*.json")):
        for name, value in figures(json.loads(path.read_text())):
            found[path.stem + name] = value
    return found


def differ(a: Any, b: Any, tolerance: float) -> bool:
    """Say whether two values differ."""
    if isinstance(a, str) and isinstance(b, str):
        return renamed(a) != renamed(b)
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    if not numbers or isinstance(a, bool) or isinstance(b, bool):
        return a != b
    return not math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)


def main() -> int:
    """Compare, print, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-6)
    options = parser.parse_args()
    if not options.old.is_dir() or not options.new.is_dir():
        print(f"old={options.old}, new={options.new}: both must be folders of results.")
        return 2
    old = {renamed(name): value for name, value in load(options.old).items()}
    new = {renamed(name): value for name, value in load(options.new).items()}
    wrong = 0
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            print(f"{name}: only in the {'old' if name in old else 'new'} build")
            wrong += 1
        elif differ(old[name], new[name], options.tolerance):
            print(f"{name}: {old[name]} -> {new[name]}")
            wrong += 1
    print(f"{len(old)} figures before, {len(new)} after, {wrong} differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
