"""Every snippet of the quick reference runs, and every command line of it is understood."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import giblet_core as gc
from giblet_core.commands import COMMANDS
from giblet_core.commands.cli import make_parser

PAGE = (Path(__file__).resolve().parents[1] / "book" / "quick_reference.md").read_text()
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMAND_LINES = re.findall(r"^giblet .*$", PAGE, re.MULTILINE)


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Some coloured noise under the name that the page uses."""
    from fakes import coloured_noise

    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIBLET_CODEC", raising=False)
    wave = coloured_noise(165 * 24_000, np.random.default_rng(0))
    gc.save_audio(tmp_path / "film.wav", wave, 24_000, clip=True)
    (tmp_path / "film.wav").rename(tmp_path / "film.m4v")
    return tmp_path


@pytest.mark.slow
def test_the_snippets_run_one_after_another(film):
    names = {}
    for snippet in PYTHON:
        exec(compile(snippet, "quick_reference.md", "exec"), names)
    assert names["low"].num_codebooks == 2
    assert names["windows"].array.shape[0] == 20
    assert names["x"].shape[1] == names["codec"].latent_dim


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_command_line_of_the_page_is_understood(line):
    """Optional parts are given once, and once left out."""
    _, name, *_ = line.split()
    assert name in COMMANDS
    plain = re.sub(r"\[.*?\]", "", line).replace("...", "")
    alternatives = re.sub(r"\[([^\]|]*)(?:\|[^\]]*)?\]", r"\1", line).replace("...", "")
    for text in (plain, alternatives.replace("N | --scheduler ADDRESS", "1").replace("N", "1")):
        arguments = shlex.split(text)[1:]
        make_parser().parse_args(arguments)
