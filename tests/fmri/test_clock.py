"""The clock is exact."""

import numpy as np
import pytest
from data_sets import manifest_of, problems_of

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset
from giblet_core.sound import save_audio


def test_rows_are_put_back_on_the_clock_on_which_they_were_acquired(folder):
    data = load_dataset(manifest_of(folder, label_shift_trs=3))
    assert [g.onset_s for g in data.grids] == [4.5, 109.5]
    data = load_dataset(
        manifest_of(
            folder,
            runs=[
                {"name": "scan1", "n_trs": 70, "stimulus_start_s": -6.0, "dummy_trs": 10},
                {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.3, "dummy_trs": 2},
            ],
        )
    )
    assert [(g.onset_s, g.n_trs) for g in data.grids] == [(9.0, 60), (108.3, 78)]


def test_a_slow_scanner_clock_is_scaled_exactly(folder):
    data = load_dataset(manifest_of(folder, stimulus={"clock_ratio": 1.2}))
    assert data.grids[1].t_r == 1.25
    assert data.grids[1].onset_s == 105.0


def test_bold_longer_than_the_sound_is_an_error_but_the_last_acquired_rows_after_a_shift_are_a_note(
    folder, rng
):
    save_audio(
        folder / "short.wav",
        np.clip(0.1 * rng.standard_normal(8000 * 200), -1, 1).astype(np.float32),
        8000,
    )
    path = manifest_of(folder, stimulus={"file": "short.wav"})
    assert any("BOLD must not be longer than the sound (200 s)" in p for p in problems_of(path))
    with pytest.raises(InputError, match="longer than the sound"):
        load_dataset(path)
    path = manifest_of(
        folder, stimulus={"file": "film.wav"}, label_shift_trs=3
    )  # 226 s of sound, rows up to 229.5 s
    assert problems_of(path) == [
        "note: runs.scan2=3 TRs: lie off the sound on the restored clock. They are left out."
    ]
    assert [g.n_trs for g in load_dataset(path).grids] == [70, 77]
