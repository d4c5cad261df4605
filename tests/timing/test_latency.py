"""Clock and latency: told apart where data can, and said where they cannot."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import fftconvolve, lfilter
from scipy.stats import gamma

from giblet_core.errors import InputError
from giblet_core.fmri import load_dataset, read_textgrid, standardise_runs
from giblet_core.timing import TRGrid, answers_by_delay, clock_and_latency

ROOT = Path(__file__).resolve().parents[2]
RATE_HZ = 20.0
T_R = 1.5
PEAKS_S = np.array([4.25, 5.0, 5.5, 6.5])


def response(peak_s):
    """Return a response of another form than those that are fitted."""
    times = np.arange(0, 32, 1 / RATE_HZ)
    rise = gamma.pdf(times, 6, scale=peak_s / 5)
    return rise - 0.15 * gamma.pdf(times, 16, scale=(peak_s + 10) / 15)


def planted_run(rng, track, grid, late_s, signal):
    """Return four regions (n_trs, 4) that answer the track, with AR noise and drift."""
    start = int(float(grid.heard_from) * RATE_HZ)
    heard = track[start:] - track[start:].mean()
    times = grid.times() - float(grid.heard_from) - late_s
    columns = []
    for peak_s in PEAKS_S:
        answer = fftconvolve(heard, response(peak_s))
        values = np.interp(times * RATE_HZ, np.arange(len(answer)), answer, left=0)
        noise = lfilter([1], [1, -0.4], rng.standard_normal(grid.n_trs))
        drift = np.cumsum(rng.standard_normal(grid.n_trs))
        columns.append(
            signal * values / values.std() + noise / noise.std() + 0.5 * drift / drift.std()
        )
    return np.array(columns).T


def study(seed=0, late_s=(0.0, 0.0), n_trs=(400, 400), signal=0.7, slice_time_ref=0.5):
    """Return a track, the grids of the runs and BOLD of four regions."""
    rng = np.random.default_rng(seed)
    duration_s = sum(n_trs) * T_R + 30
    level = np.repeat(np.exp(rng.standard_normal(int(duration_s * 2))), int(RATE_HZ / 2))
    track = lfilter([0.1], [1, -0.9], level)
    onsets = np.cumsum([0, *n_trs[:-1]]) * T_R
    grids = [TRGrid(T_R, n, float(s), slice_time_ref) for n, s in zip(n_trs, onsets)]
    runs = [planted_run(rng, track, g, late, signal) for g, late in zip(grids, late_s)]
    return track, grids, np.concatenate(runs)


def measured(**options):
    track, grids, bold = study(**options)
    return clock_and_latency(answers_by_delay(track, RATE_HZ, grids), bold, "abcd", n_draws=200)


@pytest.mark.parametrize("slice_time_ref", [0.0, 0.5, 1.0])
def test_planted_delays_are_found_whenever_volumes_were_sampled(slice_time_ref):
    found = measured(slice_time_ref=slice_time_ref)
    assert found.follows.all()
    assert np.abs(found.delay_s.value - PEAKS_S).max() <= 0.5
    assert not found.clock_is_off


@pytest.mark.parametrize("late_s", [-4.5, 3.0])
def test_a_clock_beyond_all_latencies_is_off_and_latencies_stay(late_s):
    found = measured(late_s=(late_s, late_s))
    assert found.clock_is_off
    low, high = found.clock_s
    assert low <= late_s <= high
    assert any("the clock is off by" in text for text in found.warnings)
    latency = found.latency_s
    true = PEAKS_S - PEAKS_S.mean()
    assert np.abs(latency.value - true).max() <= 0.5
    assert ((latency.low - 0.25 <= true) & (true <= latency.high + 0.25)).all()


def test_clocks_of_runs_are_told_apart_whatever_the_latencies():
    found = measured(late_s=(0.0, 2.0))
    clocks = found.run_clock_s
    assert clocks.value[0] == 0
    assert clocks.low[1] <= 2.0 <= clocks.high[1]
    assert clocks.low[1] > 1.0


def test_adding_to_clock_and_taking_from_latency_changes_nothing_but_the_split():
    """The same number cannot be split by data: only the sum is found, and the warning says so."""
    early = measured(late_s=(-1.0, -1.0))
    found = measured(late_s=(0.0, 0.0))
    assert np.allclose(found.delay_s.value - early.delay_s.value, 1.0, atol=0.5)
    assert np.allclose(found.latency_s.value, early.latency_s.value, atol=0.25)
    track, grids, bold = study(n_trs=(400,), late_s=(0.0,))
    one = clock_and_latency(answers_by_delay(track, RATE_HZ, grids), bold[:, :1])
    assert any("are the same number, and cannot be separated" in text for text in one.warnings)
    low, high = one.clock_s
    assert high - low >= 3.0  # the range of latencies that is assumed


def test_a_region_that_answers_with_less_bold_has_the_same_delay():
    track, grids, bold = study()
    answers = answers_by_delay(track, RATE_HZ, grids)
    found = clock_and_latency(answers, bold, n_draws=50)
    turned = clock_and_latency(answers, -bold, n_draws=50)
    assert np.array_equal(found.delay_s.value, turned.delay_s.value)
    assert np.allclose(found.r, -turned.r)


def test_noise_follows_nothing():
    n_following = 0
    for seed in range(12):
        track, grids, bold = study(seed=seed, signal=0.0)
        found = clock_and_latency(answers_by_delay(track, RATE_HZ, grids), bold, n_draws=20)
        n_following += found.follows.any()
    assert n_following <= 2
    track, grids, bold = study(seed=0, signal=0.0)
    nothing = clock_and_latency(answers_by_delay(track, RATE_HZ, grids), 0 * bold, n_draws=20)
    assert not nothing.follows.any()
    assert "No region follows" in nothing.sentence()
    assert np.isnan(nothing.clock_s).all()


def test_too_few_blocks_give_values_without_intervals():
    found = measured(n_trs=(150,), late_s=(0.0,), signal=2.0)
    assert found.n_blocks.sum() < 20
    assert np.isfinite(found.delay_s.value).all()
    assert np.isnan(found.delay_s.low).all()
    assert not found.clock_is_off
    assert any("too few for an interval" in text for text in found.warnings)


def test_short_runs_and_slow_tracks_are_refused():
    with pytest.raises(InputError, match=r"grids\[0\]: 4 TRs lie inside delays"):
        answers_by_delay(np.random.default_rng(0).random(2000), RATE_HZ, [TRGrid(T_R, 17)])
    with pytest.raises(InputError, match="frames a second or more"):
        answers_by_delay(np.random.default_rng(0).random(2000), 2.0, [TRGrid(T_R, 100)])


# --- real BOLD, whose clock is known ---------------------------------------------------------


@pytest.fixture(scope="module")
def alice(shared):
    """The mean of 27 people who heard a chapter, six regions, and when its words began."""
    data = load_dataset(ROOT / "book" / "params" / "alice_dataset.yaml")
    manifest = data.manifest
    words = read_textgrid(manifest.path(manifest.stimulus.annotation))
    track = np.zeros(int((data.grids[0].onset_s + data.n_trs * data.t_r + 40) * RATE_HZ))
    begins_s = np.array([float(begin_s) for begin_s, _, word in words if word.strip()])
    frames = (begins_s * RATE_HZ).astype(int)
    np.add.at(track, frames[frames < len(track)], 1)
    series = [standardise_runs(data.bold(subject), (0,)) for subject in data.subjects]
    return track, data.grids[0], np.mean(series, axis=0)


@pytest.mark.parametrize("moved_s", [-6.0, 0.0, 6.0])
def test_the_clock_of_real_bold_is_right_and_off_where_it_is_moved(alice, moved_s):
    """Ten discarded volumes are 20 s; the regions answer as blood does."""
    track, grid, bold = alice
    onset_s = grid.onset_s + moved_s
    moved = replace(grid, onset_s=onset_s, history_s=onset_s)
    found = clock_and_latency(answers_by_delay(track, RATE_HZ, [moved]), bold)
    assert found.follows.all()
    assert found.clock_is_off == (moved_s != 0)
    low, high = found.clock_s
    assert low <= moved_s <= high
    assert np.all(found.latency_s.high - found.latency_s.low < 3)


@pytest.mark.slow
def test_intervals_hold_the_planted_differences_as_often_as_they_say():
    """Of 60 studies: differences of latencies and of clocks lie in their intervals."""
    latency_hits = []
    clock_hits = []
    for seed in range(60):
        late_s = float(np.random.default_rng(seed).uniform(-2, 2))
        found = measured(seed=seed, late_s=(0.0, late_s), signal=0.5)
        if not found.follows.all():
            continue
        true = PEAKS_S - PEAKS_S.mean()
        latency_hits += list((found.latency_s.low <= true) & (true <= found.latency_s.high))
        clock_hits.append(found.run_clock_s.low[1] <= late_s <= found.run_clock_s.high[1])
    assert len(clock_hits) >= 40
    assert np.mean(latency_hits) >= 0.85
    assert np.mean(clock_hits) >= 0.85
