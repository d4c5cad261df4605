"""A wrong clock shows as a lag."""

import numpy as np
from data_sets import SHAPE, T_R, manifest_of, problems_of, write_image

from giblet_core.sound import save_audio
from giblet_core.timing import hrf


def test_a_shift_that_was_not_declared_shows_as_a_lag(folder, rng):
    rate, n = 8000, 8000 * 226
    level = np.repeat(np.exp(rng.standard_normal(113)), 2 * rate)[:n]
    wave = np.clip(0.05 * level * rng.standard_normal(n), -1, 1).astype(np.float32)
    save_audio(folder / "film.wav", wave, rate)
    power = (np.mean(wave.reshape(-1, 400) ** 2, axis=1) ** 0.15)[:, None].astype(float)
    response = hrf.convolve(power - power.mean(), 20, T_R, n_trs=150)[:, 0]
    response /= response.std()
    for s in (1, 2, 3):
        for run, first, n_trs in (("scan1", 0, 70), ("scan2", 70, 80)):
            row = np.roll(response, -3)[first : first + n_trs]  # row i was acquired 3 TRs later
            write_image(
                folder / f"s{s}_{run}.nii.gz",
                100 + row + 0.5 * rng.standard_normal((*SHAPE, n_trs)),
            )
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}))
    assert len(found) == 1
    assert "3 TRs too early" in found[0]
    assert "Try label_shift_trs: 3" in found[0]
    assert not [
        p
        for p in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, label_shift_trs=3))
        if "note" not in p
    ]
    for s in (1, 2, 3):  # the first scan on its clock, the second 3 TRs off it
        write_image(
            folder / f"s{s}_scan1.nii.gz",
            100 + 0.3 * response[:70] + 2 * rng.standard_normal((*SHAPE, 70)),
        )
    runs = [
        {"name": "scan1", "n_trs": 70, "stimulus_start_s": 0.0},
        {"name": "scan2", "n_trs": 80, "stimulus_start_s": 105.0},
    ]
    assert (
        "3 TRs too early"
        in problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))[0]
    )
    runs[1]["locked"] = True  # is not compared with the sound
    found = problems_of(manifest_of(folder, stimulus={"file": "film.wav"}, runs=runs))
    assert [p.split("=")[0] for p in found] == ["note: runs.scan2.locked"]
