"""Pipes and links in place of files: nothing waits, and nothing is passed over."""

import os
import re
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

from giblet_core.commands import main

FUNC = "fmriprep/sub-01/func/sub-01_task-film_run-1"
SPACE = "space-MNI152NLin2009cAsym_res-2"
MASK = f"{FUNC}_{SPACE}_desc-brain_mask.nii.gz"
#: Every kind of file that is read.
FILES = [
    MASK,
    f"{FUNC}_{SPACE}_desc-preproc_bold.nii.gz",
    f"{FUNC}_{SPACE}_desc-preproc_bold.json",
    f"{FUNC}_desc-confounds_timeseries.tsv",
    f"{FUNC}_events.tsv",
    "atlas/atlas-Test_dseg.tsv",
    "atlas/atlas-Test_dseg.nii.gz",
    "film.wav",
    "dataset.yaml",
]


@contextmanager
def soon(seconds):
    """Raise where the block lasts longer: it waits."""
    signal.signal(signal.SIGALRM, still_waiting)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def still_waiting(*_):
    raise TimeoutError("still waiting")


@pytest.mark.parametrize("path", FILES)
def test_a_pipe_in_place_of_a_file_is_refused_at_once(place, capsys, path):
    (place / path).unlink()
    os.mkfifo(place / path)
    with soon(60):
        status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert status == 2
    assert re.search("not a pipe or a device|does not exist", said.out + said.err)


@pytest.mark.parametrize("path", FILES)
def test_a_link_to_what_was_not_fetched_is_refused(place, capsys, path):
    (place / path).unlink()
    (place / path).symlink_to(Path("../.git/annex/objects/content"))
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert status == 2
    assert re.search("is not there|No such file|does not exist", said.out + said.err)


def test_a_device_that_never_ends_is_refused(capsys):
    with soon(60):
        assert main(["check", "/dev/zero"]) == 2
    assert "not a pipe or a device" in capsys.readouterr().err
