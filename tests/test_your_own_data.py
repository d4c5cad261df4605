"""The chapter "Your own data" is run word by word on the study that it describes."""

import importlib.util
import io
import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from data_sets import SHAPE, write_image
from made_up_study import StudyPlan, write_study
from surface_files import N_LEFT, N_RIGHT, cifti_axis, write_cifti, write_gifti

from giblet_core.commands import COMMANDS, main
from giblet_core.commands.cli import make_parser
from giblet_core.fmri import Manifest, check_dataset
from giblet_core.reporting import SECTIONS
from giblet_core.sound import save_audio

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "book" / "your_own_data.md").read_text(encoding="utf-8")
STUDY = StudyPlan(shape=(24, 28, 12), n_trs=150, onset_s=8.0, n_unsteady=2)
SECONDS = re.compile(r"statistics, \d+ s")  # how long it took


def section(title):
    """Return a section of the page, from its heading to the next of the same rank."""
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    return next(part for part in parts if part.startswith(title))


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


WORKED = section("A worked example")
SESSIONS = blocks(WORKED, "console")
FORMATS = blocks(section("Formats"), "yaml")
STATES = blocks(section("What was done to the series, and what is still to be done"), "yaml")


@pytest.fixture
def place(tmp_path, monkeypatch):
    write_study(tmp_path / "my_study", STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(session, capsys):
    """Run the command of a session; return what it printed and what the page says it prints."""
    prompt, *expected = session.rstrip("\n").split("\n")
    assert prompt.startswith("$ giblet ")
    assert main(shlex.split(prompt)[2:]) == 0
    printed = capsys.readouterr().out.rstrip("\n").split("\n")
    cut = [_as_far_as_shown(line, shown) for line, shown in zip(printed, expected)]
    cut += printed[len(expected) :]
    return [SECONDS.sub("", line) for line in cut], [SECONDS.sub("", line) for line in expected]


def _as_far_as_shown(line, shown):
    """Cut a line where the page ends it with dots."""
    beginning = shown.removesuffix(" ...")
    return shown if beginning != shown and line.startswith(beginning) else line


def test_the_page_shows_three_commands_with_their_output():
    assert [session.split()[2] for session in SESSIONS] == ["new-dataset", "check", "run"]


def test_the_manifest_is_drafted_and_checked_as_the_page_says(place, capsys):
    for session in SESSIONS[:2]:
        printed, expected = run(session, capsys)
        assert printed == expected
    written = yaml.safe_load((place / "dataset.yaml").read_text())
    (shown,) = blocks(WORKED, "yaml")
    assert yaml.safe_load(shown) == written
    assert len(shown.strip().splitlines()) <= 10


@pytest.mark.slow
def test_the_first_picture_is_as_the_page_says(place, capsys):
    for session in SESSIONS:
        printed, expected = run(session, capsys)
    assert printed == expected
    assert (place / "build" / "first_look" / "quick.html").is_file()


def test_the_files_of_the_study_are_those_that_the_page_shows(place):
    tree = WORKED.split("```")[1]
    names = re.findall(r"[\w.-]+\.(?:nii\.gz|tsv|wav)", tree)
    assert len(names) == 7
    for name in names:
        assert list(place.rglob(name)), name
    (shown,) = re.findall(r"```\n(onset.*?)```", WORKED, re.DOTALL)
    written = next(place.rglob("sub-01_task-film_events.tsv")).read_text()
    assert pd.read_csv(io.StringIO(shown), sep="\t").equals(
        pd.read_csv(io.StringIO(written), sep="\t")
    )


# --- formats -------------------------------------------------------------------------------


def write_series(path, kind, n_trs, t_r, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"cifti": len(cifti_axis()), "gifti": N_LEFT + N_RIGHT}.get(kind, 3)
    series = (100 + 3 * rng.standard_normal((n_trs, columns))).astype(np.float32)
    if kind in ("bids", "nifti"):
        write_image(path, 100 + 3 * rng.standard_normal((*SHAPE, n_trs)), t_r=t_r)
    elif kind == "cifti":
        write_cifti(path, series, t_r)
    elif kind == "gifti":
        write_gifti(path, series, t_r)
    elif kind == "npz":
        np.savez(path, bold=series)
    else:
        pd.DataFrame(series, columns=["A1", "STG", "V1"]).to_csv(path, sep="\t", index=False)


def write_files(place, manifest, rng):
    """Write the files that a manifest of the page asks for."""
    bold = manifest["bold"]
    folder = place / manifest.get("folder", ".")
    end_s = max(
        run["stimulus_start_s"] + run["n_trs"] * manifest["t_r"] for run in manifest["runs"]
    )
    folder.mkdir(exist_ok=True)
    wave = 0.1 * rng.standard_normal(int(8000 * end_s))
    save_audio(folder / manifest["stimulus"]["file"], wave.astype(np.float32), 8000)
    for subject in bold["subjects"]:
        for run in manifest["runs"]:
            if bold["format"] == "bids":
                entities = "_".join(f"{key}-{value}" for key, value in bold["entities"].items())
                name = f"sub-{subject}_{run['name']}_{entities}_desc-preproc_bold.nii.gz"
            else:
                name = bold["pattern"].format(subject=subject, run=run["name"])
            write_series(folder / name, bold["format"], run["n_trs"], manifest["t_r"], rng)
    if "mask" in manifest:
        mask = np.zeros(SHAPE)
        mask[1:4, 1:5, 1:3] = 1
        write_image(folder / manifest["mask"], mask, None)


def test_every_format_has_a_manifest_on_the_page():
    shown = [yaml.safe_load(text)["bold"]["format"] for text in FORMATS]
    assert shown == ["bids", "nifti", "roi_table", "cifti", "gifti", "npz"]


@pytest.mark.parametrize("text", FORMATS, ids=lambda text: yaml.safe_load(text)["bold"]["format"])
def test_the_manifest_of_a_format_is_accepted_with_the_files_that_it_names(text, tmp_path, rng):
    write_files(tmp_path, yaml.safe_load(text), rng)
    (tmp_path / "dataset.yaml").write_text(text)
    found = check_dataset(tmp_path / "dataset.yaml")
    # the sound and BOLD of this test have nothing in common: only its lag may be remarked on
    assert [str(problem) for problem in found.errors] == []


# --- the rest ------------------------------------------------------------------------------


@pytest.mark.parametrize("text", STATES)
def test_a_state_of_the_series_may_be_declared_as_the_page_says(text):
    base = yaml.safe_load(blocks(WORKED, "yaml")[0])
    added = yaml.safe_load(text)
    if "nuisance" in added:
        del base["confounds"]
    Manifest.model_validate(base | added)


def test_short_pieces_of_yaml_in_sentences_are_valid_too():
    base = yaml.safe_load(blocks(WORKED, "yaml")[0])
    run = base["runs"][0]
    pieces = [yaml.safe_load(text) for text in re.findall(r"`(exclude: .*?|subjects: .*?)`", PAGE)]
    assert len(pieces) == 2
    for piece in pieces:
        changed = {"runs": [run | piece]} if "subjects" in piece else piece
        Manifest.model_validate(base | changed)


def test_every_error_on_the_page_is_one_of_the_program():
    messages = re.findall(r"^\| `(.*?)` \|", section("What an error asks of you"), re.MULTILINE)
    sources = [path.read_text() for path in (ROOT / "giblet_core").rglob("*.py")]
    assert len(messages) > 8
    for message in messages:
        assert any(message in source for source in sources), message


def test_what_the_chapters_need_is_what_the_page_says():
    table = section("What the book then contains")
    assert f"the lag scan | {SECTIONS['lag'].least['n_trs']} TRs" in table
    assert f"{SECTIONS['lesions on fMRI'].least['n_trs']} TRs for the effect" in table
    encoding = SECTIONS["encoding"].least["n_trs"]
    assert f"with ceilings and chance levels | {encoding} TRs; two subjects for ceilings" in table
    assert SECTIONS["ceiling"].least["n_subjects"] == 2
    assert SECTIONS["region cards"].least["n_subjects"] == 2


def test_every_command_on_the_page_is_understood():
    lines = re.findall(r"^\$? ?(giblet .*?)(?:  +#.*)?$", PAGE, re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        _, name, *_ = line.split()
        assert name in COMMANDS
        make_parser().parse_args(shlex.split(line)[1:])


def test_the_picture_is_the_one_that_the_code_draws(tmp_path):
    path = ROOT / "book" / "images" / "draw_clock.py"
    spec = importlib.util.spec_from_file_location("draw_clock", path)
    draw_clock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(draw_clock)
    drawn = draw_clock.write_clock(tmp_path / "clock.svg").read_text()
    kept = path.with_name("clock.svg").read_text()
    assert texts_of(drawn) == texts_of(kept)
    assert {"the sound", "run-1", "run-2", "t_r: 2 s"} <= set(texts_of(kept))
    spans, problems = draw_clock.spans_of(draw_clock.declared(), draw_clock.SOUND_S)
    assert (problems, [span.grid.onset_s for span in spans]) == ([], [0.0, 18.0])


def texts_of(svg):
    return re.findall(r"<text[^>]*>(.*?)</text>", svg)
