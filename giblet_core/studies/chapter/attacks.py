"""The attacks of a hostile review, and whether they still succeed.

A test in ``tests/adversarial`` runs each. Those that succeed are expected failures there.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Attack:
    """One attack.

    Attributes
    ----------
    what : str
        What was tried.
    outcome : str
        What was done against it, or what remains.
    test : str
        ``file::function`` below ``tests/adversarial``.
    succeeds : bool
        Whether it still does.
    """

    what: str
    outcome: str
    test: str
    succeeds: bool = False


ATTACKS = (
    Attack(
        "Simulate regions outside the directions that the analysis looks at",
        "the family of simulations does; what is not recovered stands at the top of this page",
        "test_simulator.py::test_the_family_does_not_live_in_the_analysis_own_directions",
    ),
    Attack(
        "Draw the seeds of a test again until it passes",
        "designs are locked, draws are counted, and entries of the register form a chain",
        "test_simulator.py::test_a_study_cannot_be_drawn_again_unseen",
    ),
    Attack(
        "Move a bar after the rows were seen",
        "a changed design has another hash, and is neither drawn nor locked again",
        "test_simulator.py::test_a_bar_cannot_be_moved_afterwards",
    ),
    Attack(
        "Sample volumes in the middle of the TR, as fMRIPrep does",
        "the grid of a run knows when its volumes were sampled; responses are sampled there",
        "test_clock.py::test_features_are_sampled_where_the_volumes_are",
    ),
    Attack(
        "Let a region's response peak late, and look for an error of the clock",
        "latencies are told between regions, clocks between runs; what they have in common is said "
        "to be inseparable",
        "test_clock.py::test_a_late_response_is_no_error_of_the_clock",
    ),
    Attack(
        "Let regions follow RMS, power or another nonlinear function of level",
        "the rate of false detections stands in the table above",
        "test_amplitude.py::test_level_to_any_power_is_no_codebook",
    ),
    Attack(
        "Move finished predictions along time, and call what comes out a null",
        "the whole analysis is refitted on shifted BOLD; predictions alone have no p",
        "test_identification.py::test_noise_is_identified_no_more_often_than_the_level_says",
    ),
    Attack(
        "Count every pair of segments twice",
        "pairs are the units, each counted once",
        "test_identification.py::test_pairs_are_counted_once",
    ),
    Attack(
        "Make so many tests that no corrected p can be small",
        "the correction says that nothing could be detected, and the maximum statistic needs few "
        "draws",
        "test_corrections.py::test_a_correction_that_cannot_fire_says_so",
    ),
    Attack(
        "Call 0 of 20 false detections fewer than 7 %",
        "proportions have exact intervals, and their upper bound has to be below the limit",
        "test_corrections.py::test_none_of_twenty_is_not_few",
    ),
    Attack(
        "Judge false positives by the lower bound of their interval",
        "rows of the scorecard that count false positives are met by their upper bound alone",
        "test_corrections.py::test_false_positives_are_judged_by_their_upper_bound",
    ),
    Attack(
        "Leave out a control that fails",
        "a claim carries its controls; one that fails is printed first, and the claim is not "
        "supported",
        "test_controls.py::test_a_control_that_fails_comes_first",
    ),
    Attack(
        "Call a bootstrap over three pieces a 95 % interval",
        "a mean over fewer than 20 units gets no interval, and its values are shown",
        "test_small_samples.py::test_few_pieces_get_no_interval",
    ),
    Attack(
        "Add energy where omission takes it away, and call it a control",
        "the sound of the control is brought to the level of the omission, and the figures lead "
        "in which all sounds have the intact one's level",
        "test_small_samples.py::test_the_energy_control_has_the_level_of_the_omission",
    ),
    Attack(
        "Take a conditional mean from the three seconds that it replaces",
        "means come from other sound, or from frames that lie a second away",
        "test_small_samples.py::test_no_frame_tells_its_own_conditional_mean",
    ),
    Attack(
        "Give a record a provenance that its rows do not have",
        "records say what they were made of, by which command, and what they lack",
        "test_records.py::test_pairs_of_noise_are_not_called_simulations",
    ),
    Attack(
        "Give means over simulations without the simulations",
        "records of the demo hold means alone; studies keep a row of every region",
        "test_records.py::test_records_of_simulations_hold_a_row_for_each_of_them",
        succeeds=True,
    ),
)
