"""Whatever the bytes, a file is read or refused: no traceback, no hang, no end of memory.

A second for each kind; ``GIBLET_FUZZ_SECONDS=600`` tries for longer, ``GIBLET_FUZZ_SEED`` tries
other files.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz_kinds import KINDS
from fuzzing import least_files

SECONDS = float(os.environ.get("GIBLET_FUZZ_SECONDS", "1"))
SEED = os.environ.get("GIBLET_FUZZ_SEED", "1")
#: A warning is a failure too, but for nibabel's of extensions of a header, which hold no numbers.
WARNINGS = ("-W", "error", "-W", "ignore:Extension size", "-W", "ignore:Unknown extension")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_files_with_changed_bytes_are_read_or_refused(kind, tmp_path):
    script = Path(__file__).with_name("fuzzing.py")
    command = [sys.executable, *WARNINGS, str(script), kind, SEED, str(SECONDS), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 120)
    assert done.returncode == 0, done.stderr[-3000:]
    count = json.loads(done.stdout)
    print(kind, count)
    assert count["n_read"] + count["n_refused"] >= least_files(kind)
