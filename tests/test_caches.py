"""The list of all caches: what each is known by, and which test changes it.

A cache that is not in the list fails here, so that none comes without its table of ingredients.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "giblet_core"

#: Test file -> the functions behind which something is kept on disk and served again.
ON_DISK = {
    "tests/test_files.py": ["files.cached_npz"],
    "tests/demo/film/test_film.py": ["demo.film.film.demo_film"],
    "tests/timing/test_processor.py": ["timing.processor.audio_to_features"],
    "tests/fmri/test_dataset.py": ["fmri.dataset.bold", "fmri.series.caching.cached_series"],
    "tests/autoencoder/test_training.py": ["autoencoder.training.fit"],
    "tests/demo/codec/test_training.py": [
        "demo.codec.training.train_codec",
        "demo.codec.training._first_network",
    ],
    "tests/workflow/test_session.py": [
        "workflow.session._ensure_codes",
        "workflow.session._ensure_simulation",
    ],
    "tests/regions/test_findings.py": ["regions.findings.recover_once"],
    "tests/workflow/test_keys.py": ["workflow.keys.is_current", "workflow.keys.run_keys"],
    "tests/workflow/test_staging.py": ["workflow.staging.build_book"],
    "tests/listening/test_media.py": ["listening.media.inline_to_files"],
    "tests/studies/test_series.py": ["studies.series.kept_series"],
    "tests/codecs/test_hub.py": ["codecs.loading.load_encodec_from_hub"],
}

#: Functions whose results are remembered in memory -> why nothing else can change them.
IN_MEMORY = {
    "codecs.loading._load": "takes name, size and time of a folder's files",
    "demo.film.arrangement.load_voices": "reads files of the package alone",
    "demo.film.sounds.instruments.play": "its arguments alone; random numbers seeded by them",
    "demo.film.sounds.rooms._tail": "its argument alone; random numbers seeded by it",
    "derivatives.statistics.chance.r": "of frozen fits",
    "derivatives.statistics.chance.unique": "of frozen fits",
    "fmri.series.caching._hash_of_version": "takes time and size of the file",
    **{
        f"simulations.heard_sound.{name}": "of a frozen sound"
        for name in (
            "band_edges_hz",
            "bands",
            "frames_to_bins",
            "occupancy",
            "power",
            "speech",
            "spreads",
        )
    },
    "simulations.responses._places": "its arguments alone",
    "sound.reading.load._counted": "takes place, time and size of the file",
    "sound.spectra.mel_filters": "its arguments alone",
    "studies.films.heard": "of a frozen film",
    "timing.hrf._weights": "its arguments alone",
}
REMEMBER = re.compile(r"\b(lru_cache|cache|cached_property)\b")


def functions_with_memory():
    for path in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text())):
            marks = node.decorator_list if isinstance(node, ast.FunctionDef) else []
            if any(REMEMBER.search(ast.unparse(mark)) for mark in marks):
                yield f"{module}.{node.name}"


def test_what_is_remembered_in_memory_is_in_the_list():
    making = ("demo.voices.",)  # commands that make the voices once
    assert {name for name in functions_with_memory() if not name.startswith(making)} == set(
        IN_MEMORY
    )


@pytest.mark.parametrize("test_file", ON_DISK)
def test_every_cache_on_disk_has_tests_that_change_it_and_damage_it(test_file):
    text = (ROOT / test_file).read_text()
    assert "assert_flips_are_found" in text or "flipped" in text
    for name in ON_DISK[test_file]:
        *modules, function = name.split(".")
        source = PACKAGE.joinpath(*modules).with_suffix(".py").read_text()
        assert f"def {function}(" in source


def test_whoever_keeps_arrays_in_a_cache_is_in_the_list():
    listed = {name.rsplit(".", 1)[0] for names in ON_DISK.values() for name in names}
    users = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if re.search(r"\b(cached_npz|read_sealed)\(", path.read_text())
    }
    readers = {"workflow.runner", "reporting.material"}  # of records that others seal
    assert users - readers <= listed
