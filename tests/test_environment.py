"""One set of versions.

The lock, the conda environment, what the package asks for, and what is installed agree.
"""

import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def pins(name):
    lines = [
        line.strip()
        for line in (ROOT / name).read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]
    return {canonicalize_name(a): b for a, b in (line.split("==") for line in lines)}


LOCK = pins("requirements.lock")
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-metrics.lock"])
def test_every_line_of_a_lock_is_an_exact_public_version(name):
    for line in (ROOT / name).read_text().splitlines():
        assert (
            not line
            or line.startswith("#")
            or re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)
        ), line


def test_the_conda_environment_installs_the_locks_and_nothing_of_another_version():
    pip = next(item["pip"] for item in CONDA if isinstance(item, dict))
    assert {"-r requirements.lock", "-r requirements-metrics.lock"} <= set(pip)
    pinned = dict(item.split("=") for item in CONDA if isinstance(item, str) and "=" in item)
    assert Version(pinned.pop("python")) in Requirement(f"x{PROJECT['requires-python']}").specifier
    named = {
        canonicalize_name(name.replace("pytorch-cpu", "torch")): value
        for name, value in pinned.items()
    }
    assert named == {name: LOCK[name] for name in named}


@pytest.mark.parametrize("group", ["dependencies", *PROJECT["optional-dependencies"]])
def test_the_lock_satisfies_what_the_package_asks_for(group):
    wanted = (
        PROJECT["dependencies"]
        if group == "dependencies"
        else PROJECT["optional-dependencies"][group]
    )
    locked = {**LOCK, **pins("requirements-metrics.lock")}
    for requirement in map(Requirement, wanted):
        assert locked[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_the_running_environment_is_the_locked_one():
    if not Path(__import__("sys").prefix).is_relative_to(ROOT):
        pytest.skip("not run from the project's .venv")
    other = {}
    for name, wanted in LOCK.items():
        try:
            found = version(name).split("+")[0]
        except PackageNotFoundError:
            found = None
        if found != wanted:
            other[name] = (wanted, found)
    assert other == {}


def test_the_version_is_the_same_everywhere():
    import giblet_core

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert giblet_core.__version__ == PROJECT["version"] == str(citation["version"])
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize("name", ["a b.wav", "it's [1] #2 @50%.wav", 'say "hello".wav', "-x.wav"])
def test_make_hands_names_of_files_on_as_plain_text(name, tmp_path):
    """Quotes, blanks, brackets and # in a file's name reach the command as they are."""
    makefile = (ROOT / "Makefile").read_text()
    line = re.search(r"^RUN_FLAGS = (?:.*\\\n)*.*", makefile, re.MULTILINE)
    probe = tmp_path / "Makefile"
    probe.write_text(line.group() + "\nshow:\n\t@printf '%s\\n' $(RUN_FLAGS)\n")
    command = ["make", "-s", "-f", str(probe), "show", f"AUDIO={name}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == ["--set", f"audio={name}"]
