"""What is generated follows measured fMRI, and not shuffled fMRI or none."""

from dataclasses import replace

import numpy as np
import pytest

from giblet_core.regions import (
    SOURCES,
    ReadingProtocol,
    bottlenecks,
    generate,
    generated_scores,
    trained_generator,
)

MEASURED, SHUFFLED, NONE = SOURCES
LATE_TRS = 3  # a response of 4.5 s


@pytest.fixture(scope="module")
def generator(findings):
    return trained_generator(findings.stim, findings.data.grids, smoke=True)


@pytest.fixture(scope="module")
def bold(generator):
    """BOLD of 40 voxels that holds the generator's numbers, without any delay."""
    weights = np.random.default_rng(0).standard_normal((generator.z.shape[1], 40))
    return generator.z @ weights


@pytest.fixture(scope="module")
def reading(findings):
    return ReadingProtocol(
        findings.folds, 1.5, findings.data.run_onsets, findings.embargo, shift=16
    )


@pytest.fixture(scope="module")
def numbers(generator, bold, reading):
    late = np.concatenate([np.roll(run, LATE_TRS, axis=0) for run in np.split(bold, 2)])
    return bottlenecks(late, generator, reading)


def test_numbers_read_from_measured_bold_identify_and_those_without_bold_know_nothing(
    findings, generator, numbers
):
    scores = generated_scores(numbers, generator, findings.segments, findings.embargo)
    assert scores["identified (%)"][MEASURED] > 80
    assert scores["identified (%)"][NONE] == 50
    assert scores["above shuffled"][MEASURED] > 25
    assert np.isnan(scores["above shuffled, low"][MEASURED])  # fewer than 20 pairs: no interval
    assert scores["above shuffled"][SHUFFLED] == 0


def test_generation_draws_alike_for_the_same_seed(findings, generator, numbers):
    codec = findings.stim.codec
    first = generate(generator, numbers[MEASURED][:2], codec, seed=1)
    again = generate(generator, numbers[MEASURED][:2], codec, seed=1)
    other = generate(generator, numbers[MEASURED][:2], codec, seed=2)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert len(first) == 2 * generator.model.encoder.n_frames * codec.hop_length


def test_numbers_are_those_of_measured_bold_and_not_of_shuffled_bold(generator, bold, reading):
    one_run = replace(reading, run_onsets=(0,))
    read = bottlenecks(np.roll(bold, LATE_TRS, axis=0), generator, one_run)
    mean = generator.z.mean(0)
    truth = (generator.z - mean).ravel()

    def r(source):
        return np.corrcoef((read[source] - mean).ravel(), truth)[0, 1]

    assert r(MEASURED) > 0.3
    assert abs(r(SHUFFLED)) < 0.15
