"""The code of the page "How to add" runs as it stands, and each addition shows up by itself."""

import re
from pathlib import Path

import pytest

from giblet_core.codecs import CODECS
from giblet_core.features import FEATURES
from giblet_core.fmri import READERS
from giblet_core.lesions import LESIONS
from giblet_core.listening import CONDITIONS
from giblet_core.metrics import METRICS

PAGE = Path(__file__).resolve().parents[1] / "book" / "extending.md"
SECTION = re.compile(r"^## (.+?)$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)
SNIPPETS = {
    title: "\n".join(CODE.findall(text)) for title, text in SECTION.findall(PAGE.read_text())
}
REGISTRIES = (CODECS, CONDITIONS, FEATURES, LESIONS, METRICS, READERS)
MOST_LINES = 40


@pytest.fixture(autouse=True)
def restored_registries():
    """Take out again what a snippet has added."""
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, entries in zip(REGISTRIES, before):
        registry.clear()
        registry.update(entries)


@pytest.mark.parametrize("title", SNIPPETS)
def test_the_code_of_the_page_runs_and_adds_one_entry(title):
    n_before = sum(map(len, REGISTRIES))
    exec(compile(SNIPPETS[title], f"{PAGE.name}: {title}", "exec"), {"__name__": "snippet"})
    assert sum(map(len, REGISTRIES)) == n_before + 1


@pytest.mark.parametrize("title", SNIPPETS)
def test_an_addition_takes_few_lines(title):
    lines = [line for line in SNIPPETS[title].splitlines() if line.strip()]
    assert len(lines) <= MOST_LINES


def test_a_new_reader_is_checked_and_read_by_name(tmp_path):
    import numpy as np
    import soundfile

    import giblet_core as gc

    exec(SNIPPETS["A reader of BOLD"], {"__name__": "snippet"})
    series = np.random.default_rng(0).standard_normal((20, 3))
    np.savetxt(tmp_path / "sub-1.txt", series)
    sound = np.random.default_rng(1).standard_normal(32 * 8000) * 0.1
    soundfile.write(tmp_path / "film.wav", sound, 8000)
    manifest = tmp_path / "dataset.yaml"
    manifest.write_text(
        "name: mine\nt_r: 1.5\nstimulus: {file: film.wav}\n"
        "runs: [{name: r, n_trs: 20, stimulus_start_s: 0.0}]\n"
        "bold: {pattern: 'sub-{subject}.txt', subjects: ['1'], format: numpy_text, "
        "columns: [A, B, C]}\n"
    )
    assert not gc.check_dataset(manifest).errors
    np.testing.assert_allclose(gc.load_dataset(manifest).bold("1"), series, rtol=1e-5)


@pytest.mark.slow
def test_a_new_feature_space_is_made_for_notebook_and_region_card(demo_codec):
    import giblet_core as gc
    from giblet_core.features import make_features, make_groups

    exec(SNIPPETS["A feature space"], {"__name__": "snippet"})
    stimulus = gc.ensure_stimulus(smoke=True)
    made = make_features(stimulus, stimulus.grids, ["zero crossings"])["zero crossings"]
    assert made[0].values.shape == (stimulus.n_trs, 1)
    assert made[0].values.std() > 0
    assert "zero crossings" in make_groups(stimulus, stimulus.grids)


def test_a_new_condition_is_declared_like_the_others(tmp_path):
    import numpy as np

    import giblet_core as gc

    exec(SNIPPETS["A condition of the listening tests"], {"__name__": "snippet"})
    path = tmp_path / "listening.yaml"
    path.write_text(
        "conditions:\n"
        "  - {name: original, kind: reference}\n"
        "  - {name: line, kind: telephone, high_hz: 2000, tests: [mushra]}\n"
    )
    wave = np.random.default_rng(0).standard_normal(24_000).astype(np.float32) * 0.1
    declared = gc.load_conditions(path)
    waves = {"noise": gc.render_conditions(declared, wave, gc.load_codec("demo"))}
    pages = gc.build_listening_pages(declared, waves, 24_000, tmp_path / "listening")
    assert '"name": "line"' in pages.pages["mushra"].read_text()
    path.write_text(path.read_text().replace("high_hz", "band"))
    with pytest.raises(gc.InputError, match="takes low_hz, high_hz and needs none; given: band"):
        gc.load_conditions(path)
