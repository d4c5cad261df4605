"""The simulated subjects: what was planted is there, what was not is not, and the truth stays
apart.
"""

import numpy as np
import pytest
from scipy.signal import lfilter

import giblet_core
from giblet_core.codecs import Codes
from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, lag_of, load_dataset
from giblet_core.timing import TRGrid, hrf
from giblet_core.validation.simulation import (
    CODEBOOK_KINDS,
    Truth,
    band_energy,
    codebooks_of_kind,
    leave_one_out,
    make_head,
    make_noise,
    pairwise_from_isc,
    project_latents,
    respond,
    response_kernel,
    shape_track,
    simulate,
    sound_tracks,
    speech_proxy,
    stand_in_sound,
    to_bins,
)

SILENT = ("white_matter", "null", "null_edge")
COARSE = 12  # mm; about 1,100 voxels


class FakeCodec:
    """Eight codebooks of vectors and latents looked up in them; guarantees only that codebook k
    shapes slice k.
    """

    sample_rate, frame_rate, bandwidths_kbps = 24_000, 75, (1.5, 6.0)
    codebooks = (
        np.random.default_rng(5).standard_normal((8, 1024, 16)).cumsum(axis=1).astype(np.float32)
    )

    def latents(self, codes, start_s=0.0, stop_s=None):
        a, b = round(start_s * 75), codes.n_frames if stop_s is None else round(stop_s * 75)
        return np.stack(
            [self.codebooks[k][codes.indices[k, a:b]].T for k in range(codes.num_codebooks)]
        )

    def encode(self, wave, bandwidth_kbps):
        n = -(-len(wave) // 320)
        x = lfilter([1], [1, -0.98], np.random.default_rng(6).standard_normal((8, n)))
        return Codes(
            np.clip(512 + 200 * x / x.std(), 0, 1023).astype(np.uint16),
            24_000,
            75.0,
            len(wave),
            6.0,
            "fake",
            "0",
        )


@pytest.fixture(scope="module")
def codec():
    return FakeCodec()


@pytest.fixture(scope="module")
def sound():
    return stand_in_sound(np.random.default_rng(0), 600.0, 24_000)


@pytest.fixture(scope="module")
def codes(codec, sound):
    return codec.encode(sound, 6.0)


@pytest.fixture(scope="module")
def simulation(codec, codes, sound):
    return simulate(3, codes, 8, codec=codec, wave=sound, run_n_trs=(200, 200), voxel_mm=COARSE)


@pytest.fixture(scope="module")
def short(codec, sound):
    """A minute and a half of the sound, its codes, and what a small simulation needs."""
    wave = sound[: 24_000 * 91]
    return codec.encode(wave, 6.0), {"codec": codec, "wave": wave, "voxel_mm": COARSE}


@pytest.fixture(scope="module")
def saved(short, tmp_path_factory):
    codes, rest = short
    folder = tmp_path_factory.mktemp("simulation") / "data"
    simulation = simulate(0, codes, 2, run_n_trs=(30, 30), **rest)
    simulation.save(folder)
    return simulation, folder


def auditory(simulation):
    return np.isin(
        simulation.atlas,
        [i + 1 for i, kind in enumerate(simulation.truth.kinds) if kind not in (*SILENT, "visual")],
    )


def test_the_median_isc_of_sound_driven_voxels_is_near_29(simulation):
    found = leave_one_out(simulation.bold, np.flatnonzero(auditory(simulation)))
    assert 0.24 < np.median(found) < 0.34
    assert np.mean((found > 0.15) & (found < 0.45)) > 0.9


def test_regions_without_signal_share_nothing_between_listeners(simulation):
    for i, kind in enumerate(simulation.truth.kinds):
        if kind in SILENT:
            assert abs(simulation.truth.isc[i]) < 0.08
            assert (simulation.truth.max_r[:, i] == 0).all()


def test_the_visual_region_is_shared_but_not_by_sound(simulation):
    i = simulation.truth.kinds.index("visual")
    assert simulation.truth.isc[i] > 0.2
    assert (simulation.truth.max_r[:, i] == 0).all()
    assert simulation.truth.max_r_shared[:, i].min() > 0.35


def test_the_books_add_15_to_30_percent_beyond_envelope_in_book_regions_alone(simulation):
    for kind, share in zip(simulation.truth.kinds, simulation.truth.codebook_share):
        assert 0.13 < share < 0.32 if kind in CODEBOOK_KINDS else share == 0


def test_a_fifth_of_the_shared_variance_is_not_from_sound(simulation):
    ratio = (simulation.truth.max_r / np.maximum(simulation.truth.max_r_shared, 1e-9))[
        :, [k in CODEBOOK_KINDS for k in simulation.truth.kinds]
    ]
    assert np.mean(ratio**2) == pytest.approx(0.8, abs=0.06)


def test_no_model_of_the_sound_beats_the_stored_maximum(codec, codes, sound, simulation):
    tracks = sound_tracks(sound, 24_000, int(codes.duration_s * 10))
    i = simulation.truth.kinds.index("envelope")
    for s in range(3):
        x = np.concatenate(
            [
                respond(tracks.envelope, response_kernel(simulation.truth.hrf_peak_s[s]), g)
                for g in simulation.grids
            ]
        )
        y = simulation.bold[s][:, simulation.atlas == i + 1]
        x, y = x - x.mean(0), y - y.mean(0)
        fitted = x @ np.linalg.lstsq(x, y, rcond=None)[0]
        r = np.mean([np.corrcoef(fitted[:, v], y[:, v])[0, 1] for v in range(y.shape[1])])
        assert simulation.truth.max_r[s, i] - 0.03 < r < simulation.truth.max_r[s, i] + 0.03


def test_the_planted_peak_of_each_listener_is_recovered(codec, codes, sound):
    clear = simulate(
        1, codes, 3, codec=codec, wave=sound, run_n_trs=(300,), voxel_mm=COARSE, isc=0.9
    )
    x = sound_tracks(sound, 24_000, int(codes.duration_s * 10)).envelope[:, :1].copy()
    at = clear.atlas == 1 + clear.truth.kinds.index("envelope")
    peaks = np.arange(3.5, 7.6, 0.25)
    for s in range(3):
        y = clear.bold[s][:, at].mean(1)
        fits = [
            np.corrcoef(respond(x, response_kernel(peak), clear.grids[0])[:, 0], y)[0, 1]
            for peak in peaks
        ]
        assert abs(peaks[np.argmax(fits)] - clear.truth.hrf_peak_s[s]) <= 0.75


def test_the_response_is_causal_and_peaks_where_it_should():
    x = np.zeros((1000, 1))
    x[300] = 1.0  # a pulse from 30.0 to 30.1 s
    y = respond(x, response_kernel(5.0), TRGrid(0.5, 199))[:, 0]
    assert (np.abs(y[:60]) < 1e-12).all()
    assert 30 + 4.5 <= 0.5 * np.argmax(y) <= 30 + 5.5


def test_nothing_heard_before_a_run_is_remembered_in_it():
    x = np.zeros((1000, 1))
    x[295] = 1.0
    assert np.abs(respond(x, response_kernel(5.0), TRGrid(1.5, 40, 30.0))).max() < 1e-12


def test_the_analysis_finds_the_sound_at_lag_0(simulation, codes, sound):
    power = np.mean(sound[: len(sound) // 240 * 240].reshape(-1, 240) ** 2, axis=1)[:, None] ** 0.15
    power = (power - power.mean()).astype(np.float64)
    predicted = np.concatenate(
        [
            hrf.convolve(power, 100, g.t_r, n_trs=g.n_trs, onset_s=g.onset_s)[:, 0]
            for g in simulation.grids
        ]
    )
    lag = lag_of(simulation.bold.mean(0), predicted, list(simulation.run_onsets))
    assert abs(lag.trs) <= 1
    assert lag.r > 0.3


def test_the_same_seed_makes_the_same_world_bit_for_bit_and_another_seed_another(short, saved):
    codes, rest = short
    two, other = (simulate(seed, codes, 2, run_n_trs=(30, 30), **rest) for seed in (0, 1))
    assert np.array_equal(saved[0].bold, two.bold)
    assert saved[0].truth.kinds == two.truth.kinds
    assert two.truth.kinds != other.truth.kinds
    r = [
        np.corrcoef(two.bold[0][:, v], other.bold[0][:, v])[0, 1] for v in range(two.bold.shape[2])
    ]
    assert abs(np.mean(r)) < 0.2


def test_more_listeners_leave_the_first_ones_noise_as_it_was(short, saved):
    codes, rest = short
    two, three = saved[0], simulate(0, codes, 3, run_n_trs=(30, 30), **rest)
    silent = two.atlas == 1 + two.truth.kinds.index("null")
    assert np.array_equal(two.bold[1][:, silent], three.bold[1][:, silent])
    assert np.array_equal(two.motion, three.motion[:2])


def test_the_folder_of_a_world_holds_no_truth(saved):
    simulation, folder = saved
    names = {p.name for p in folder.iterdir()}
    assert not [name for name in names if "truth" in name or name.endswith(".npz")]
    text = (folder / "dataset.yaml").read_text()
    assert "label: simulated" in text
    assert not [kind for kind in simulation.truth.kinds if kind in text]
    read = Truth.load(folder.with_name("data-truth") / "truth.npz")
    assert read.kinds == simulation.truth.kinds
    assert np.array_equal(read.codebooks, simulation.truth.codebooks)


def test_a_world_read_from_its_files_is_the_world(saved):
    simulation, folder = saved
    data = load_dataset(folder / "dataset.yaml")
    assert data.label == "simulated"
    assert data.grids == simulation.grids
    assert data.run_onsets == (0, 30)
    assert np.array_equal(data.atlas, simulation.atlas)
    assert data.region_names == simulation.region_names
    z = lambda x: (x - x.mean(0)) / x.std(0)  # noqa: E731
    assert np.abs(z(data.bold("02")) - z(simulation.bold[1])).max() < 0.01  # 16 bits
    assert np.abs(data.nuisance("02") - simulation.motion[1]).max() < 1e-4
    assert check_dataset(folder / "dataset.yaml") == []


def test_noise_has_variance_1_memory_and_6_mm_of_smoothness():
    head = make_head(COARSE)
    noise, motion = make_noise(head, (300,), 1.5, np.random.default_rng(0))
    assert noise.std(0) == pytest.approx(1, abs=1e-3)
    lag1 = np.mean(noise[1:] * noise[:-1])
    assert 0.25 < lag1 < 0.75
    fine = make_head(6)
    kernel = fine.smooth[len(fine.xyz) // 2].toarray().ravel()
    distance = np.linalg.norm(fine.xyz - fine.xyz[len(fine.xyz) // 2], axis=1)
    ratio = kernel[np.argmin(np.abs(distance - 6.0))] / kernel.max()
    assert ratio == pytest.approx(
        0.0625, rel=0.02
    )  # a Gaussian of full width 6 mm falls to 2**-4 at 6 mm
    assert motion.shape == (300, 6)


def test_fourteen_regions_of_equal_size_do_not_overlap_and_lie_on_both_sides():
    head = make_head(6)
    counts = np.bincount(head.atlas)[1:]
    assert len(counts) == 14
    assert (counts == counts[0]).all()
    assert all(
        np.mean(head.xyz[head.atlas == i, 0] < 0) == pytest.approx(0.5, abs=0.01)
        for i in range(1, 15)
    )


@pytest.mark.parametrize("k", [1, 2, 4, 8, 16, 32])
def test_book_regions_name_existing_books_at_every_rate(k):
    codebooks = codebooks_of_kind(k, np.random.default_rng(0))
    assert set(codebooks) == set(CODEBOOK_KINDS)
    assert all(b and min(b) >= 0 and max(b) < k for b in codebooks.values())
    if k >= 8:
        assert sorted(
            codebooks["low_codebooks"] + codebooks["middle_codebooks"] + codebooks["high_codebooks"]
        ) == list(range(k))
        assert codebooks["single_codebook"] != codebooks["single_book_2"]


@pytest.mark.parametrize("n", [2, 6, 17])
def test_isc_and_pairwise_correlation_are_each_others_inverse(n):
    rho = np.array([0.05, 0.15, 0.5])
    isc = rho * np.sqrt((n - 1) / (1 + (n - 2) * rho))
    assert pairwise_from_isc(isc, n) == pytest.approx(rho)
    if n == 17:
        assert isc[1] == pytest.approx(0.33, abs=0.005)  # the published dependence on n


def test_a_region_of_one_book_is_deaf_to_the_others(codec, codes):
    direction = [(2, np.ones((1, 16)))]
    scrambled = codes.with_indices(
        np.where(np.arange(8)[:, None] == 2, codes.indices, codes.indices[:, ::-1])
    )
    assert np.array_equal(
        project_latents(codec, codes, direction), project_latents(codec, scrambled, direction)
    )


def test_latents_taken_in_pieces_equal_the_whole(codec, codes):
    whole = np.ones((1, 16)) @ codec.latents(codes)[4]
    assert project_latents(codec, codes, [(4, np.ones((1, 16)))])[:, 0] == pytest.approx(
        whole[0], rel=1e-5
    )


def test_tracks_are_compressive():
    x = np.random.default_rng(0).standard_normal(20_000)
    loud = x * np.where(np.arange(20_000) < 10_000, 1, 10)
    energy = shape_track(loud, 75, "energy", np.random.default_rng(1))
    assert 2 < energy[12_000:].mean() / energy[2_000:10_000].mean() < 10**0.8
    assert np.abs(shape_track(loud, 75, "level", np.random.default_rng(1))).max() <= 1


def test_bins_hold_the_mean_of_their_frames():
    x = np.arange(750.0)[:, None]  # 10 s at 75 Hz
    bins = to_bins(x, 75, 100)[:, 0]
    assert bins[:2] == pytest.approx([np.mean(range(8)), np.mean(range(8, 15))])
    assert np.average(bins, weights=[8, 7] * 50) == pytest.approx(x.mean())


def test_the_speech_proxy_prefers_syllables_to_a_steady_hum_and_annotation_replaces_it(sound):
    t = np.arange(24_000 * 20) / 24_000
    voice = np.sin(2 * np.pi * 700 * t) * np.clip(np.sin(2 * np.pi * 5 * t), 0, 1)
    hum = np.sin(2 * np.pi * 700 * t) * (1 + 0.3 * np.sin(2 * np.pi * 1.0 * t))
    presence = speech_proxy(band_energy(np.concatenate([voice, hum]), 24_000)[0])
    assert presence[200:1900].mean() > presence[2200:3900].mean() + 0.2

    class Annotated:
        def active(self, kind, times):
            return (times < 5) & (kind == "speech")

    tracks = sound_tracks(sound[: 24_000 * 10], 24_000, 100, Annotated())
    assert tracks.speech.sum() == 50


def test_a_codec_alone_is_given_a_sound(codec):
    simulation = simulate(0, codec, 2, run_n_trs=(50,), voxel_mm=COARSE)
    assert simulation.bold.shape[:2] == (2, 50)


def test_one_listener_and_two_books_are_enough(short):
    codes, rest = short
    simulation = simulate(0, codes.first(2), 1, run_n_trs=(40,), **rest)
    assert np.isfinite(simulation.bold).all()
    assert simulation.truth.codebooks.shape == (14, 2)


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
    with pytest.raises(InputError, match=message):
        simulate(0, codes, **{"codec": codec, "wave": sound, "voxel_mm": COARSE, **change})


def test_something_that_is_neither_codes_nor_codec_is_refused():
    with pytest.raises(InputError, match="codes_or_codec=ndarray: must be Codes or a codec"):
        simulate(0, np.zeros((8, 1000)))


def test_the_function_keeps_its_public_name_when_its_module_was_imported():
    with pytest.raises(InputError, match="must be Codes or a codec"):
        giblet_core.simulate(codes_or_codec=3)
