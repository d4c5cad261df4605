"""Whether material is the demo is decided by content; what is written names it."""

from types import SimpleNamespace

import pytest

from giblet_core.files import write_sealed
from giblet_core.reporting import SIMULATION_RECORD, is_demo
from giblet_core.reporting.material import is_simulation_of

KEY = "a" * 64


def stimulus(is_demo_sound=True, key=KEY):
    return SimpleNamespace(is_demo=is_demo_sound, key=key)


def data(folder):
    return SimpleNamespace(manifest=SimpleNamespace(folder=folder))


def test_bold_is_the_demos_only_with_the_sealed_record_of_its_simulation(tmp_path):
    assert is_demo(stimulus())
    assert not is_demo(stimulus(), data(tmp_path))
    write_sealed(tmp_path / SIMULATION_RECORD, {"files": {}, "stimulus": KEY})
    assert is_demo(stimulus(), data(tmp_path))
    assert not is_demo(stimulus(is_demo_sound=False), data(tmp_path))


@pytest.mark.parametrize("record", [{"files": {}}, {"files": {}, "stimulus": "b" * 64}])
def test_bold_simulated_from_another_sound_is_not_the_demos(tmp_path, record):
    write_sealed(tmp_path / SIMULATION_RECORD, record)
    assert not is_simulation_of(stimulus(), data(tmp_path))
