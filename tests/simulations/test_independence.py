"""The family of simulations shares no code with what it tests."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import giblet_core

ROOM = Path(giblet_core.__file__).parent / "simulations"
FILES = sorted(ROOM.glob("*.py"))
MAY_IMPORT = {"errors", "files", "codecs", "sound", "timing", "simulations"}
OF_TIMING = {"TRGrid"}
ANALYSIS = ("features", "encoding", "decoding", "regions", "lesions", "timing.hrf")

SIMULATE = """
import sys
import numpy as np
from giblet_core.codecs import Codes
from giblet_core.simulations import HeardSound, simulate_regions
from giblet_core.timing import TRGrid

rng = np.random.default_rng(0)
wave = rng.standard_normal(8_000 * 60).astype(np.float32)
codes = Codes(rng.integers(0, 16, (2, 3_000)), 8_000, 50.0, len(wave), 0.4, "made", "0", 16)
sound = HeardSound(wave, 8_000, codes, rng.standard_normal((2, 16, 4)))
simulate_regions(sound, [TRGrid(1.5, 38)], seed=0)
print(*sorted(name for name in sys.modules if name.startswith("giblet_core.")))
"""


def imported_modules(path):
    """Yield (module, name) of every import from the package."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("giblet_core"):
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
            yield from ((name, None) for name in names if name.startswith("giblet_core"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_room_imports_only_what_describes_sound_and_clock(path):
    for module, name in imported_modules(path):
        room = (module.split(".") + [name])[1]
        assert room in MAY_IMPORT, f"{path.name} imports {module}"
        if room == "timing":
            assert name in OF_TIMING, f"{path.name} imports {name} from timing"


def test_no_module_of_the_analysis_is_loaded_when_regions_are_simulated():
    done = subprocess.run(
        [sys.executable, "-c", SIMULATE], capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "giblet_core.simulations.family" in loaded
    of_analysis = [
        name for name in loaded if name.removeprefix("giblet_core.").startswith(ANALYSIS)
    ]
    assert of_analysis == []
