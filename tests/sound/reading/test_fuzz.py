"""Whatever the bytes, a file is read or refused: no traceback, no hang, no end of memory."""

import subprocess
import sys
from pathlib import Path

import pytest

SECONDS = 8.0


@pytest.mark.slow
def test_files_with_changed_bytes_are_read_or_refused():
    script = Path(__file__).with_name("fuzz_readers.py")
    command = [sys.executable, "-W", "error", str(script), "1", str(SECONDS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    n_read, n_refused = map(int, done.stdout.split())
    assert n_read + n_refused > 100
    assert n_refused > n_read > 0
