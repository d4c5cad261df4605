"""Snippets and commands of the reference, the README and the quick start run, or are understood."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from fakes import coloured_noise
from made_up_study import StudyPlan, write_study

import giblet_core as gc
from giblet_core.commands import COMMANDS, main
from giblet_core.commands.cli import make_parser

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "quick_reference.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICK_START = (ROOT / "book" / "quick_start.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
COMMAND_LINES = re.findall(r"^giblet .*$", PAGE, re.MULTILINE)
#: Commands that run for minutes: their own tests run them, here they are only parsed.
LONG = ("region", "maps", "bench", "sweep", "plan")


def commands_of(text):
    """Return the command lines in the bash blocks and in-line code of a page, without comments."""
    blocks = re.findall(r"```(?:bash)?\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.split("\n")]
    lines += re.findall(r"`(giblet [^`]*)`", text)
    commands = [part for line in lines for part in re.split(r"#|  +(?=giblet )", line)]
    return [part.strip() for part in commands if part.strip().startswith("giblet ")]


@pytest.fixture
def film(tmp_path, monkeypatch):
    """Some coloured noise under the names that the pages use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIBLET_CODEC", raising=False)
    wave = coloured_noise(165 * 24_000, np.random.default_rng(0))
    gc.save_audio(tmp_path / "film.wav", wave, 24_000, clip=True)
    (tmp_path / "film.wav").rename(tmp_path / "film.m4v")
    gc.save_audio(tmp_path / "film.wav", wave[: 6 * 24_000], 24_000, clip=True)
    gc.save_audio(tmp_path / "my_recording.wav", wave[: 6 * 24_000], 24_000, clip=True)
    return tmp_path


def execute(snippets, name):
    """Run snippets one after another in one name space, and return it."""
    names = {}
    for snippet in snippets:
        exec(compile(snippet, name, "exec"), names)
    return names


@pytest.mark.slow
def test_the_snippets_run_one_after_another(film):
    names = execute(PYTHON, "quick_reference.md")
    assert names["low"].num_codebooks == 2
    assert names["windows"].array.shape[0] == 20
    assert names["x"].shape[1] == names["codec"].latent_dim


@pytest.mark.slow
def test_the_snippet_of_the_readme_runs(film):
    snippets = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names = execute(snippets, "README.md")
    assert names["windows"].array.shape == (20, 8, 112)
    assert len(names["sound"]) == len(names["wave"])


@pytest.mark.slow
def test_the_steps_of_the_quick_start_run_in_python_and_on_the_command_line(film, capsys):
    by_python = QUICK_START.split("## Step by step, in Python")[1]
    by_python, by_command = by_python.split("## Step by step, on the command line")
    names = execute(re.findall(r"```python\n(.*?)```", by_python, re.DOTALL), "quick_start.md")
    grid_frames = names["windows"].array.shape[0] * 112
    assert names["same"].n_frames >= grid_frames
    (film / "my_recording.npz").unlink()
    lines = commands_of(by_command.split("## Results to take away")[0])
    assert [line.split()[1] for line in lines] == ["encode", "decode", "lesion", "compare", "info"]
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, (line, capsys.readouterr().err)


@pytest.mark.slow
def test_the_commands_of_the_readme_run(film, capsys):
    """In the order of the page; FILE is a file that a command before has written."""
    write_study(film, StudyPlan(n_trs=100, shape=(8, 9, 6)))
    run = []
    for line in commands_of(README):
        name = line.split()[1]
        if name in LONG or (name == "run" and "--quick" not in line):
            continue
        arguments = [word.replace("FILE", "film.npz") for word in shlex.split(line)[1:]]
        if "DIR" in arguments:
            continue  # a sentence, not a command to type
        if name == "run":
            arguments += ["--out", "build"]
        assert main(arguments) == 0, (line, capsys.readouterr().err)
        run.append(name)
    wanted = {"encode", "decode", "lesion", "compare", "new-dataset", "check", "run", "info"}
    assert wanted <= set(run)
    assert (film / "build" / "quick.html").is_file()


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_command_line_of_the_page_is_understood(line):
    """Optional parts are given once, and once left out."""
    _, name, *_ = line.split()
    assert name in COMMANDS
    plain = re.sub(r"\[.*?\]", "", line).replace("...", "")
    alternatives = re.sub(r"\[([^\]|]*)(?:\|[^\]]*)?\]", r"\1", line).replace("...", "")
    alternatives = alternatives.replace("SECONDS", "1.5")
    for text in (plain, alternatives.replace("N | --scheduler ADDRESS", "1").replace("N", "1")):
        arguments = shlex.split(text)[1:]
        make_parser().parse_args(arguments)


@pytest.mark.parametrize("line", [*commands_of(README), *commands_of(QUICK_START)])
def test_a_command_line_of_readme_and_quick_start_is_understood(line):
    _, name, *rest = line.split()
    assert name in COMMANDS
    if rest:
        make_parser().parse_args(shlex.split(line)[1:])
