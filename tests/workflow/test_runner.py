"""The runner: parameters are checked before anything is written, what is unchanged is skipped, a
failure is kept and named.
"""

import base64
import io
import json
import shutil
import threading
import time
from pathlib import Path

import nbformat
import numpy as np
import pytest
import soundfile
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from giblet_core.commands import main
from giblet_core.errors import InputError, RunFailed
from giblet_core.workflow import parameters, runner, staging
from giblet_core.workflow import sweeps as sweep

ROOT = Path(__file__).resolve().parents[2]
SOUND = """import numpy as np
from IPython.display import Audio
Audio(np.sin(np.arange(2400) * 0.1) * 0.3, rate=24000, normalize=False)"""
WRITE = """from pathlib import Path
_ = Path(artifacts_dir).mkdir(parents=True, exist_ok=True)
_ = (Path(artifacts_dir) / "one.txt").write_text(str(seed))
print("seed", seed)"""


def write_notebook(folder, name, defaults, *sources):
    cells = [
        new_markdown_cell(f"# Notebook {name}\n\nSome prose.", id="title"),
        new_code_cell(defaults, id="parameters", metadata={"tags": ["parameters"]}),
        *(new_code_cell(source, id=f"c{i}") for i, source in enumerate(sources)),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    nbformat.write(
        new_notebook(cells=cells, metadata={"kernelspec": kernel}),
        folder / "notebooks" / f"{name}.ipynb",
    )


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A book of two small notebooks; the sources of giblet_core count as constant."""
    monkeypatch.setattr(runner, "core_hash", lambda: "constant")
    monkeypatch.chdir(tmp_path)
    write_notebook(
        tmp_path,
        "01_one",
        'audio = "demo"\nseed = 0\nartifacts_dir = "build/artifacts"',
        SOUND,
        WRITE,
    )
    write_notebook(tmp_path, "02_two", "rate = 1.5\nseed = 0", "print(rate * seed)")
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.md").write_text("# A small book\n\nA formula $x^2$.\n")
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "book" / "_toc.yml").write_text(
        "format: jb-book\nroot: book/index\nchapters:\n  - file: notebooks/01_one\n  - file: notebooks/02_two\n"
    )
    (tmp_path / "book" / "_static").mkdir()
    (tmp_path / "book" / "_static" / "player.js").write_text("// nothing\n")
    shutil.copy(ROOT / "_config.yml", tmp_path)
    return tmp_path


def run(project, *settings, **options):
    said = []
    report = runner.run(
        settings=settings, root=project, say=lambda text, **_: said.append(text), **options
    )
    return report, "\n".join(said)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("speed=3", ["speed=3", "no notebook", "audio", "rate", "seed"]),
        ("seed=much", ["seed='much'", "int"]),
        ("seed=true", ["seed=True", "int"]),
        ("rate=fast", ["rate='fast'", "float"]),
        ("seed", ["name=value"]),
        ("audio=absent.wav", ["audio=absent.wav", "existing file"]),
    ],
)
def test_a_wrong_parameter_is_named_and_nothing_is_written(project, setting, words):
    with pytest.raises(InputError) as caught:
        run(project, setting)
    assert all(word in str(caught.value) for word in words)
    assert not (project / "build").exists()


def test_the_scorecard_comes_last_as_it_reads_what_all_wrote():
    assert [path.stem for path in runner.find_notebooks(Path(__file__).parents[2])][
        -1
    ] == "08_scorecard"


def test_a_parameter_goes_to_the_notebooks_that_have_it(project):
    notebooks = runner.find_notebooks(project)
    shares = parameters.validate_parameters(notebooks, {"seed": 3, "rate": 2})
    assert list(shares.values()) == [{"seed": 3}, {"seed": 3, "rate": 2}]


def test_only_refuses_a_name_that_no_notebook_has(project):
    with pytest.raises(InputError, match="only=07.*01_one, 02_two"):
        run(project, only=["07"])


def test_settings_win_over_the_file_and_files_are_found_beside_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "sound.wav").write_bytes(b"x")
    (folder / "p.yaml").write_text("audio: sound.wav\nseed: 1\ncodec: facebook/encodec_24khz\n")
    values = parameters.read_parameters(folder / "p.yaml", ["seed=2"])
    assert values == {
        "audio": str(folder / "sound.wav"),
        "seed": 2,
        "codec": "facebook/encodec_24khz",
    }
    with pytest.raises(InputError, match="params=absent"):
        parameters.read_parameters("absent")


def test_tr_and_sound_of_a_data_set_are_taken_from_it_and_may_not_contradict_it(tmp_path):
    manifest = tmp_path / "dataset.yaml"
    manifest.write_text(
        "name: a\nt_r: 2.0\nruns: [{name: r, n_trs: 9, stimulus_start_s: 0.0}]\n"
        "bold: {pattern: 'sub{subject}.nii.gz', subjects: [1], format: nifti}\n"
    )
    with pytest.raises(InputError, match=r"its sound .* is not there"):
        parameters.complete_from_dataset({"bold": str(manifest)})
    manifest.write_text(manifest.read_text() + "stimulus: {file: film.wav}\n")
    (tmp_path / "film.wav").write_bytes(b"x")
    completed = parameters.complete_from_dataset({"bold": str(manifest)})
    assert completed == {"bold": str(manifest), "t_r": 2.0, "audio": str(tmp_path / "film.wav")}
    assert parameters.complete_from_dataset({"bold": "demo"}) == {"bold": "demo"}
    with pytest.raises(InputError, match=r"t_r=1.5.*2.0 s"):
        parameters.complete_from_dataset({"bold": str(manifest), "t_r": 1.5})


def test_a_run_is_skipped_until_what_shapes_it_changes(project):
    report, _ = run(project, build=False)
    assert report.executed == ("01_one", "02_two")
    assert run(project, build=False)[0].skipped == ("01_one", "02_two")
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "print(rate + seed)")
    assert run(project, build=False)[0].executed == ("02_two",)  # a later notebook alone
    (project / "build" / "artifacts" / "one.txt").unlink()
    assert run(project, build=False)[0].executed == ("01_one",)  # an artifact it wrote is gone
    assert run(project, "seed=1", build=False)[0].executed == ("01_one", "02_two")


def test_keys_follow_code_parameters_inputs_and_earlier_notebooks_but_not_prose(project):
    notebooks = runner.find_notebooks(project)
    sound = project / "a.wav"
    sound.write_bytes(b"one")
    shares = {notebooks[0]: {"audio": str(sound)}, notebooks[1]: {}}
    keys = runner.run_keys(project, notebooks, shares)
    notebook = nbformat.read(notebooks[0], 4)
    notebook.cells[0].source = "# Another title"
    nbformat.write(notebook, notebooks[0])
    assert runner.run_keys(project, notebooks, shares) == keys
    (project / "seconds.yaml").write_text("seconds: 3")
    notebook.cells[1].source = notebook.cells[1].source + '\nconditions = "seconds.yaml"'
    nbformat.write(notebook, notebooks[0])
    keys = runner.run_keys(project, notebooks, shares)
    (project / "seconds.yaml").write_text("seconds: 4")
    assert (
        runner.run_keys(project, notebooks, shares)[notebooks[0]] != keys[notebooks[0]]
    )  # a file named by a default
    sound.write_bytes(b"two")
    changed = runner.run_keys(project, notebooks, shares)
    assert changed[notebooks[0]] != keys[notebooks[0]]
    assert changed[notebooks[1]] != keys[notebooks[1]]


@pytest.mark.parametrize(
    ("bold", "name"),
    [
        ("{pattern: 'sub{subject}.nii.gz', subjects: [1], format: nifti}", "sub1.nii.gz"),
        ("{subjects: ['1'], format: bids}", "sub-1/func/sub-1_task-film_desc-preproc_bold.nii.gz"),
    ],
)
def test_a_changed_file_of_a_dataset_changes_the_key(tmp_path, bold, name):
    manifest, file = tmp_path / "dataset.yaml", tmp_path / name
    manifest.write_text(
        f"name: a\nt_r: 1.5\nruns: [{{name: r, n_trs: 9, stimulus_start_s: 0.0}}]\nbold: {bold}\n"
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"one")
    before = runner.input_stamp(str(manifest), tmp_path)
    file.write_bytes(b"longer")
    assert runner.input_stamp(str(manifest), tmp_path) != before


def test_a_failing_notebook_stops_the_run_is_kept_and_named(project):
    run(project, build=False)
    good = (project / "build" / "executed" / "02_two.ipynb").read_bytes()
    write_notebook(project, "02_two", "rate = 1.5\nseed = 0", "print('before')", "1 / 0")
    with pytest.raises(RunFailed, match=r"02_two.ipynb, cell 3 .*ZeroDivisionError") as caught:
        run(project, build=False)
    failed = project / "build" / "executed" / "02_two.failed.ipynb"
    assert str(failed) in str(caught.value)
    assert "ZeroDivisionError" in failed.read_text()
    assert (project / "build" / "executed" / "02_two.ipynb").read_bytes() == good
    assert not list((project / "build" / "executed").glob("*.running*"))


def test_a_dead_kernel_is_reported_with_the_copy_so_far(project):
    write_notebook(project, "01_one", "seed = 0", "print('before')", "import os\nos._exit(9)")
    with pytest.raises(RunFailed, match=r"01_one.ipynb: the kernel died"):
        run(project, only=["01"], build=False)
    assert "before" in (project / "build" / "executed" / "01_one.failed.ipynb").read_text()


def test_wrong_input_found_by_a_notebook_is_an_input_error(project):
    source = (
        "from giblet_core.errors import InputError\nraise InputError('x=1: must be 2. Mend it.')"
    )
    write_notebook(project, "01_one", "seed = 0", source)
    with pytest.raises(InputError, match=r"x=1: must be 2. Mend it.[\s\S]*01_one.ipynb, cell 2"):
        run(project, only=["01"], build=False)


def test_a_full_disk_is_told_before_the_run(project, monkeypatch):
    monkeypatch.setattr(
        runner.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000)
    )
    with pytest.raises(InputError, match=r"0 MB are free.*--out"):
        run(project)
    assert not (project / "build").exists()


@pytest.mark.slow
def test_a_book_is_built_and_a_broken_source_leaves_it_as_it_was(project):
    report, _ = run(project, "seed=4")
    page = (report.index.parent / "notebooks" / "01_one.html").read_text()
    assert report.index == project / "build" / "html" / "index.html"
    assert "Run with:" in page
    assert "seed=4" in page
    assert "base64" not in page
    assert "_static/player.js" in page
    assert str(project) not in page
    assert max(page.stat().st_size for page in report.index.parent.rglob("*.html")) < 200_000
    again, said = run(project, "seed=4")
    assert again.executed == ()
    assert "not built again" in said
    (project / "book" / "index.md").write_text("# A small book\n\n{doc}`nowhere`\n")
    with pytest.raises(RunFailed, match=r"nowhere"):
        run(project, "seed=4")
    assert (report.index.parent / "notebooks" / "01_one.html").read_text() == page


def wav_uri(samples):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 24_000, format="WAV", subtype="PCM_16")
    return f"data:audio/wav;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def test_sound_leaves_the_page_bit_for_bit_and_once(tmp_path, rng):
    samples = (rng.standard_normal(2_400) * 3_000).astype(np.int16)
    picture = base64.b64encode(b"a picture").decode()
    tag = (
        f'<audio controls preload="auto"><source src="{wav_uri(samples)}" type="audio/wav"/></audio>'
        f'<img alt="a" src="data:image/png;base64,{picture}">'
    )
    outputs = [
        new_output("display_data", {"text/html": tag}),
        new_output("display_data", {"text/html": tag}),
    ]
    notebook = new_notebook(cells=[new_code_cell("", outputs=outputs)])
    staging.move_media(notebook, tmp_path / "media", "../media")
    sound, image = sorted((tmp_path / "media").iterdir(), key=lambda path: path.suffix)
    html = notebook.cells[0].outputs[0].data["text/html"]
    assert html == (
        f'<audio preload="none" controls><source src="../media/{sound.name}" type="audio/flac"/></audio>'
        f'<img alt="a" src="../media/{image.name}">'
    )
    np.testing.assert_array_equal(soundfile.read(sound, dtype="int16")[0], samples)
    assert image.read_bytes() == b"a picture"


def executed(source, tmp_path, change=lambda cells: None):
    copy = nbformat.from_dict(json.loads(nbformat.writes(source)))
    change(copy.cells)
    nbformat.write(copy, tmp_path / "x.ipynb")
    return tmp_path / "x.ipynb"


def test_staging_refuses_missing_failed_or_outdated_copies(tmp_path):
    source = new_notebook(cells=[new_code_cell("1 + 1", id="a")])
    with pytest.raises(RunFailed, match="not executed"):
        staging.join_outputs(source, tmp_path / "absent.ipynb")
    error = new_output("error", ename="E", evalue="", traceback=[])
    with pytest.raises(RunFailed, match="exception"):
        staging.join_outputs(
            source, executed(source, tmp_path, lambda cells: cells[0].update(outputs=[error]))
        )
    with pytest.raises(RunFailed, match="another version"):
        staging.join_outputs(
            source, executed(source, tmp_path, lambda cells: cells[0].update(source="2 + 2"))
        )


def test_mended_prose_is_published_without_a_new_run_and_progress_bars_are_not(tmp_path):
    source = new_notebook(cells=[new_markdown_cell("Old", id="m"), new_code_cell("1 + 1", id="a")])
    streams = [
        new_output("stream", name=name, text=text)
        for name, text in (("stderr", "50 %|####"), ("stdout", "2"))
    ]
    path = executed(source, tmp_path, lambda cells: cells[1].update(outputs=streams))
    source.cells[0].source = "New"
    joined = staging.join_outputs(source, path)
    assert joined.cells[0].source == "New"
    assert [output.text for output in joined.cells[1].outputs] == ["2"]


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://cdn.example/x.js">',
        "<img alt='' src='//cdn.example/x.png'>",
        '<link rel="stylesheet" href="http://a.example/x.css">',
        '<link href="https://a.example/x.css" rel="stylesheet">',
        "@import url(https://fonts.example/x);",
        '<iframe src="https://v.example/1">',
    ],
)
def test_what_a_browser_would_fetch_from_elsewhere_is_found(text):
    assert staging.find_remote(text)


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://doi.org/1">',
        '<link rel="canonical" href="https://a.example/">',
        '<script src="../_static/x.js">',
        "<code>src=https://x.example</code>",
    ],
)
def test_links_that_nobody_fetches_are_left_alone(text):
    assert not staging.find_remote(text)


def test_a_page_over_its_limit_and_a_remote_script_are_all_reported(tmp_path):
    (tmp_path / "big.html").write_text("x" * (staging.PAGE_BYTES + 1))
    (tmp_path / "remote.html").write_text('<script src="https://cdn.example/x.js"></script>')
    with pytest.raises(RunFailed) as caught:
        staging.check_site(tmp_path)
    assert "big.html: 1,000,001 bytes" in str(caught.value)
    assert "remote.html: fetches" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("notebook: '01'\n", "keys notebook and grid"),
        ("notebook: '01'\ngrid: {seed: 3}\n", "must be a list"),
        ("notebook: '01'\ngrid: {speed: [1]}\n", "no notebook of this run"),
        ("notebook: '09'\ngrid: {seed: [1]}\n", "only=09"),
    ],
)
def test_a_wrong_grid_is_refused_before_anything_runs(project, text, rule):
    (project / "grid.yaml").write_text(text)
    with pytest.raises(InputError, match=rule):
        sweep.sweep(project / "grid.yaml", root=project)
    assert not (project / "build").exists()


def test_a_sweep_reports_failures_keeps_what_is_done_and_goes_on(project, monkeypatch):
    """The runs go one after another in this process: the cluster is dask's own affair."""
    monkeypatch.setattr(sweep, "_client", lambda *_: None)
    monkeypatch.setattr(
        sweep,
        "_run_all",
        lambda notebook, todo, root, _: [
            f"{values}: {reason}"
            for place, values in todo.items()
            if (reason := sweep.run_one(notebook, place, values, root))
        ],
    )
    write_notebook(
        project,
        "01_one",
        'seed = 0\nartifacts_dir = "build/artifacts"',
        "from giblet_core.files import write_json",
        '_ = write_json(f"{artifacts_dir}/results/01.json", {"score": 10 / seed, "label": {"x": "demo"}})',
    )
    (project / "grid.yaml").write_text("notebook: '01'\ngrid: {seed: [0, 5]}\n")
    first = sweep.sweep(project / "grid.yaml", root=project)
    assert (first.done, first.kept, len(first.failed)) == (1, 0, 1)
    assert "ZeroDivisionError" in first.failed[0]
    assert first.table.read_text().splitlines() == ["seed,01.label.x,01.score", "5,demo,2.0"]
    second = sweep.sweep(project / "grid.yaml", root=project)
    assert (second.done, second.kept, len(second.failed)) == (0, 1, 1)


@pytest.mark.slow
def test_a_sweep_runs_on_a_local_cluster_and_a_second_one_starts_none(project):
    write_notebook(project, "01_one", 'seed = 0\nartifacts_dir = "build/artifacts"', WRITE)
    (project / "grid.yaml").write_text("notebook: '01'\ngrid: {seed: [1, 2]}\n")
    first = sweep.sweep(project / "grid.yaml", workers=1, root=project)
    assert (first.done, first.kept, first.failed) == (2, 0, ())
    second = sweep.sweep(
        project / "grid.yaml", scheduler="tcp://127.0.0.1:1", root=project
    )  # nothing listens there
    assert (second.done, second.kept) == (0, 2)


def test_the_command_ends_with_1_when_a_valid_run_failed(project, capsys):
    write_notebook(project, "01_one", "seed = 0", "1 / 0")
    assert main(["run", "--only", "01", "--no-build"]) == 1
    assert "01_one.ipynb, cell 2" in capsys.readouterr().err
    assert main(["run", "--only", "01", "--set", "seed=a"]) == 2
    (project / "grid.yaml").write_text("notebook: '02'\ngrid: {seed: [1]}\n")
    assert main(["run", "--only", "02", "--no-build"]) == 0


def test_notebooks_run_side_by_side_between_the_first_two_and_the_scorecard_and_none_begins_after_a_failure(
    monkeypatch,
):
    monkeypatch.setattr(runner.os, "cpu_count", lambda: 2)
    names = [Path(f"{n:02}.ipynb") for n in range(1, 8)] + [Path("08_scorecard.ipynb")]
    together, events = threading.Barrier(2, timeout=20), []

    def one(path):
        events.append(path.stem)
        if path.stem in ("03", "04"):
            together.wait()  # each waits for the other: alone they would never pass
        return path.stem

    assert runner.in_parallel(one, names) == [p.stem for p in names]
    assert events[:2] == ["01", "02"]
    assert events[-1] == "08_scorecard"

    def failing(path):
        events.append(path.stem)
        if path.stem == "03":
            raise RunFailed("03 failed")
        time.sleep(0.2)

    events.clear()
    with pytest.raises(RunFailed, match="03 failed"):
        runner.in_parallel(failing, names)
    assert not {"07", "08_scorecard"} & set(events)


def test_a_passing_file_of_a_neighbour_does_not_make_a_run_stale(project, monkeypatch):
    def writes_and_passes(path, target, parameters, root):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("{}")
        passing = (
            Path(parameters.get("artifacts_dir", root / "build" / "artifacts")) / "passing.txt"
        )
        passing.parent.mkdir(parents=True, exist_ok=True)
        passing.write_text(path.stem)

    one_by_one = runner.in_parallel

    def then_gone(one, waiting):
        done = one_by_one(one, waiting)
        for file in (project / "build" / "artifacts").rglob("passing.txt"):
            file.unlink()
        return done

    monkeypatch.setattr(runner, "execute", writes_and_passes)
    monkeypatch.setattr(runner, "in_parallel", then_gone)
    first = runner.run(root=project, build=False, say=lambda *a, **k: None)
    again = runner.run(root=project, build=False, say=lambda *a, **k: None)
    assert first.executed
    assert again.executed == ()
