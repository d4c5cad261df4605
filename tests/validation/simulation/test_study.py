"""The simulated subjects: what was planted is there, what was not is not."""

import numpy as np
import pytest
from fakes import FAKE_CODECS

import giblet_core
from giblet_core.errors import InputError
from giblet_core.fmri import lag_of
from giblet_core.timing import TRGrid, hrf
from giblet_core.validation.simulation import (
    CODEBOOK_KINDS,
    SOURCES,
    correlation_for_isc,
    leave_one_out,
    respond,
    response_kernel,
    simulate,
    sound_tracks,
)

SILENT = ("white_matter", "null", "null_edge")
COARSE = 12  # mm
RATE = 24_000


def region(simulation, kind):
    """Return the voxels of a kind of region, (n_voxels,) bool."""
    return simulation.atlas == 1 + simulation.truth.kinds.index(kind)


def driven_by_sound(simulation):
    """Return the voxels that sound drives, (n_voxels,) bool."""
    chosen = np.zeros(len(simulation.atlas), bool)
    for kind in set(simulation.truth.kinds) - {*SILENT, "visual"}:
        chosen |= region(simulation, kind)
    return chosen


def responses(tracks, peak_s, simulation):
    kernel = response_kernel(peak_s)
    return np.concatenate([respond(tracks, kernel, grid) for grid in simulation.grids])


def column_r(x, y):
    return np.array([np.corrcoef(x[:, v], y[:, v])[0, 1] for v in range(y.shape[1])])


def test_the_median_isc_of_sound_driven_voxels_is_near_29(simulation):
    isc = leave_one_out(simulation.bold, np.flatnonzero(driven_by_sound(simulation)))
    assert 0.24 < np.median(isc) < 0.34
    assert np.mean((isc > 0.15) & (isc < 0.45)) > 0.9


def test_regions_without_signal_share_nothing_between_subjects(simulation):
    for kind in SILENT:
        index = simulation.truth.kinds.index(kind)
        assert abs(simulation.truth.isc[index]) < 0.08
        assert (simulation.truth.max_r[:, index] == 0).all()


def test_the_visual_region_is_shared_but_not_by_sound(simulation):
    index = simulation.truth.kinds.index("visual")
    assert simulation.truth.isc[index] > 0.2
    assert (simulation.truth.max_r[:, index] == 0).all()
    assert simulation.truth.max_r_shared[:, index].min() > 0.35


def test_no_model_of_the_sound_beats_the_stored_maximum(codes, sound, simulation):
    tracks = sound_tracks(sound, RATE, int(codes.duration_s * 10))
    index = simulation.truth.kinds.index("envelope")
    for subject in range(3):
        peak_s = simulation.truth.hrf_peak_s[subject]
        x = responses(tracks.envelope, peak_s, simulation)
        x = x - x.mean(0)
        y = simulation.bold[subject][:, region(simulation, "envelope")]
        y = y - y.mean(0)
        fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
        highest = simulation.truth.max_r[subject, index]
        assert highest - 0.03 < np.mean(column_r(fitted, y)) < highest + 0.03


def test_the_planted_peak_of_each_subject_is_recovered(codec, codes, sound):
    clear = simulate(
        1, codes, 3, codec=codec, wave=sound, run_n_trs=(300,), voxel_mm=COARSE, isc=0.9
    )
    envelope = sound_tracks(sound, RATE, int(codes.duration_s * 10)).envelope[:, :1]
    peaks_s = np.arange(3.5, 7.6, 0.25)
    for subject in range(3):
        y = clear.bold[subject][:, region(clear, "envelope")].mean(1)
        fits = [
            np.corrcoef(responses(envelope, peak_s, clear)[:, 0], y)[0, 1] for peak_s in peaks_s
        ]
        planted_s = clear.truth.hrf_peak_s[subject]
        assert abs(peaks_s[np.argmax(fits)] - planted_s) <= 0.75


def test_the_analysis_finds_the_sound_at_lag_0(simulation, sound):
    frames = sound[: len(sound) // 240 * 240].reshape(-1, 240)
    power = np.mean(frames**2, axis=1)[:, None] ** 0.15
    power = (power - power.mean()).astype(np.float64)
    runs = []
    for grid in simulation.grids:
        run = hrf.convolve(power, 100, grid.t_r, n_trs=grid.n_trs, onset_s=grid.onset_s)
        runs.append(run[:, 0])
    mean = simulation.bold.mean(0)
    lag = lag_of(mean, np.concatenate(runs), list(simulation.run_onsets))
    assert abs(lag.trs) <= 1
    assert lag.r > 0.3


def test_the_same_seed_makes_the_same_simulation_bit_for_bit_and_another_seed_another(short, saved):
    codes, options = short
    first = saved[0]
    again = simulate(0, codes, 2, run_n_trs=(30, 30), **options)
    other = simulate(1, codes, 2, run_n_trs=(30, 30), **options)
    assert np.array_equal(first.bold, again.bold)
    assert first.truth.kinds == again.truth.kinds
    assert first.truth.kinds != other.truth.kinds
    assert abs(np.mean(column_r(again.bold[0], other.bold[0]))) < 0.2


def test_more_subjects_leave_the_first_ones_noise_as_it_was(short, saved):
    codes, options = short
    two = saved[0]
    three = simulate(0, codes, 3, run_n_trs=(30, 30), **options)
    silent = region(two, "null")
    assert np.array_equal(two.bold[1][:, silent], three.bold[1][:, silent])
    assert np.array_equal(two.motion, three.motion[:2])


@pytest.mark.parametrize("n", [2, 6, 17])
def test_isc_and_pairwise_correlation_are_each_others_inverse(n):
    rho = np.array([0.05, 0.15, 0.5])
    isc = rho * np.sqrt((n - 1) / (1 + (n - 2) * rho))
    assert correlation_for_isc(isc, n) == pytest.approx(rho)


def test_isc_depends_on_the_number_of_subjects_as_published():
    assert correlation_for_isc(0.33, 17) == pytest.approx(0.15, abs=0.005)


def test_a_codec_alone_is_given_a_sound(codec):
    simulation = simulate(0, codec, 2, run_n_trs=(50,), voxel_mm=COARSE)
    assert simulation.bold.shape[:2] == (2, 50)
    assert np.nanmax(simulation.truth.isc) > 0.1


@pytest.mark.parametrize("name", FAKE_CODECS)
def test_codecs_of_other_rates_drive_their_regions_too(name):
    codec = FAKE_CODECS[name].load()
    simulation = simulate(0, codec, 4, run_n_trs=(60,), voxel_mm=COARSE)
    truth = simulation.truth
    assert truth.codebooks.shape == (14, codec.num_codebooks)
    of_codebooks = np.isin(truth.kinds, CODEBOOK_KINDS)
    assert (truth.codebook_share[of_codebooks] > 0.05).all()
    assert truth.max_r_codebooks[:, of_codebooks].mean(0).min() > 0.05
    assert np.median(truth.isc[of_codebooks]) > 0.1


def test_one_subject_and_two_codebooks_are_enough(short):
    codes, options = short
    simulation = simulate(0, codes.first(2), 1, run_n_trs=(40,), **options)
    assert np.isfinite(simulation.bold).all()
    assert simulation.truth.codebooks.shape == (14, 2)
    assert np.isnan(simulation.truth.isc).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_subjects": 0}, "n_subjects=0: must be a whole number of at least 1"),
        ({"isc": 1.2}, "isc=1.2: must lie between 0 and 0.95"),
        ({"voxel_mm": 1}, "voxel_mm=1: must be a whole number of mm in 3 to 16"),
        ({"run_n_trs": (20,)}, "n_trs=20: a simulated subject needs at least 40 TRs"),
        (
            {"run_n_trs": (400, 400)},
            "run 2: lasts from 600 to 1200 s, but the sound from 0 to 600 s",
        ),
        ({"wave": np.zeros(100)}, "wave: 100 samples, but the codes are of a sound of"),
        ({"grids": (TRGrid(1.5, 60), TRGrid(2.0, 60, 100.0))}, "run 2: t_r=2.0, but run 1 has 1.5"),
    ],
)
def test_wrong_arguments_are_named(codec, codes, sound, change, message):
    options = {"codec": codec, "wave": sound, "voxel_mm": COARSE}
    with pytest.raises(InputError, match=message):
        simulate(0, codes, **{**options, **change})


def test_something_that_is_neither_codes_nor_codec_is_refused():
    with pytest.raises(InputError, match="codes_or_codec=ndarray: must be Codes or a codec"):
        simulate(0, np.zeros((8, 1000)))


def test_the_function_keeps_its_public_name_when_its_module_was_imported():
    with pytest.raises(InputError, match="must be Codes or a codec"):
        giblet_core.simulate(codes_or_codec=3)


def test_the_key_of_a_simulation_holds_every_file_that_shapes_it():
    names = {path.name for path in SOURCES}
    assert {"study.py", "signal.py", "noise.py", "head.py", "timeline.py"} <= names
    assert {"sound_drivers.py", "codebook_drivers.py", "dataset.py"} <= names
