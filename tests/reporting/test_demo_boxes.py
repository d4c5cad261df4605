"""Records of the demo stand in a box that says so, with the figures of their files."""

import pandas as pd

from giblet_core.reporting import (
    DEMO_LABEL,
    Record,
    demo_box,
    identification_box,
    identification_claims,
    planned_rows,
    recovery_box,
    recovery_claims,
    simulation_figures,
)

STUDY = {"n_trs": 800, "n_subjects": 8, "isc": 0.29}


def row(figure, value, **study):
    limits = {"low": value - 0.01, "high": value + 0.01, "n": 20}
    return {"figure": figure, "value": value, **limits, **{**dict.fromkeys(STUDY), **study}}


def recovery(auc):
    rows = [
        row("AUC of codebook recovery", auc, **STUDY),
        row("AUC of codebook recovery", 0.6, **{**STUDY, "n_trs": 400}),
        row("gain in codebook regions", 0.03, **STUDY),
        row("gain in mel", 0.0, **STUDY),
        *(
            row(f"detections in {k} regions", 0.05, **STUDY)
            for k in ("envelope", "loudness", "mel")
        ),
    ]
    return {"recovery": Record("2026-01-01", {"sound": "a film"}, rows)}


def test_a_box_carries_its_label_and_harmless_text():
    box = demo_box("a <b> sentence", pd.DataFrame({"r": [0.5]}, index=["R01"]))
    shown = box._repr_html_()
    assert shown.startswith('<aside class="gb-demo-box">')
    assert DEMO_LABEL in shown
    assert "a &lt;b&gt; sentence" in shown
    assert "R01" in shown
    assert repr(box).startswith(f"[{DEMO_LABEL}]")


def test_a_box_without_records_says_so():
    assert "No record" in demo_box()._repr_html_()
    assert "No record" in recovery_box({})._repr_html_()
    assert "No record" in identification_box({})._repr_html_()


def test_verdicts_of_the_box_follow_from_the_record():
    met = recovery_box(recovery(auc=0.9))._repr_html_()
    assert "The area under the curve of planted codebooks reaches 0.85 (area 0.900 [" in met
    assert "A best case: these regions follow the slow directions" in met
    missed = recovery_box(recovery(auc=0.8))._repr_html_()
    assert "It is not so that the area under the curve" in missed
    within = recovery_box(recovery(auc=0.855))._repr_html_()
    assert "It cannot be told whether the area under the curve" in within


def test_a_control_that_fails_is_said_first_and_leaves_the_gain_unsupported():
    record = recovery(auc=0.9)
    record["recovery"].rows.append(row("gain in loudness_x_speech", 0.033))
    first = recovery_box(record).parts[0]
    assert first.startswith(
        "Control failed: the gain in the region of loudness x speech, which follows no codebook, "
        "is 0.033 [0.023, 0.043], n = 20."
    )
    assert "So it is not supported that codebooks add explained variance" in first
    passed = [claim.verdict for claim in recovery_claims(planned_rows(recovery(auc=0.9)))]
    assert passed[1] == "shown"


def test_one_of_twenty_false_detections_does_not_meet_seven_per_cent():
    claim = recovery_claims(planned_rows(recovery(auc=0.9)))[2]
    assert claim.estimate == 5.0
    assert claim.verdict == "cannot be told"


def test_only_the_planned_study_is_scored():
    planned = planned_rows(recovery(auc=0.9))
    assert planned.loc["AUC of codebook recovery", "value"] == 0.9
    figures = simulation_figures(recovery(auc=0.9))
    assert figures["simulations: AUC of codebook recovery"] == 0.9
    assert figures["simulations: AUC of codebook recovery, low"] == 0.89
    assert planned_rows({}).empty
    assert simulation_figures({}) == {}


def test_identification_is_judged_by_its_intervals_beside_what_was_wanted():
    rows = [
        row("identification, points over loudness and speech", 2.1),
        row("identification, seen subject", 86.4),
        row("identification, unseen subject", 65.0),
    ]
    record = {"decoding": Record("2026-01-01", {"sound": "a film"}, rows)}
    claims = identification_claims(planned_rows(record))
    assert [claim.verdict for claim in claims] == ["not so", "shown", "cannot be told"]
    shown = identification_box(record)._repr_html_()
    assert "It is not so that latents identify at least 5 points more" in shown
    assert "(pairwise accuracy 86.4 % [86.4, 86.4]" in shown
