"""Plans follow the law of their record, and say where it does not reach."""

import numpy as np
import pytest
from scipy.stats import norm

from giblet_core.commands import main
from giblet_core.errors import InputError
from giblet_core.validation import DETECTION_FIGURE, SHARE_FIGURE, plan, reliability


def law_of_z(n_trs, n_subjects, isc):
    return 0.015 * n_trs * reliability(isc, 8, n_subjects) ** 0.7


@pytest.fixture(scope="module")
def record():
    """Rows whose z follow a known law and whose detections follow a known probit line."""
    rows = [{"figure": SHARE_FIGURE, "value": 0.27}]
    for n_trs in (200, 400, 800):
        for n_subjects in (2, 4, 8):
            for isc in (0.15, 0.29):
                z = law_of_z(n_trs, n_subjects, isc)
                size = {"n_trs": n_trs, "n_subjects": n_subjects, "isc": isc}
                rate = float(norm.cdf(2 * np.log(z / 4)))
                rows.append({"figure": DETECTION_FIGURE, **size, "z": z, "value": rate})
    return rows


def test_a_plan_inverts_the_law_of_its_record(record):
    needed_z = 4 * np.exp(norm.ppf(0.8) / 2)  # where the probit line reaches 80 %
    smallest = plan(record, 800, 8, 0.29)
    assert smallest.effect == pytest.approx(0.27 * needed_z / law_of_z(800, 8, 0.29), rel=1e-6)
    assert smallest.inside
    assert plan(record, 400, 8, 0.29).effect == pytest.approx(2 * smallest.effect, rel=1e-6)


def test_better_studies_find_smaller_effects(record):
    smallest = plan(record, 800, 8, 0.29).effect
    assert plan(record, 800, 16, 0.35).effect < smallest < plan(record, 800, 4, 0.2).effect
    assert plan(record, 800, 8, 0.29, power=0.9).effect > smallest


def test_a_plan_says_where_the_record_does_not_reach(record):
    assert "(within what was simulated" in str(plan(record, 800, 8, 0.29))
    assert "(beyond what was simulated" in str(plan(record, 4000, 8, 0.29))
    assert "no effect of codebooks is found" in str(plan(record, 40, 2, 0.05))


def test_reliability_of_the_mean_rises_with_its_subjects():
    of_eight = reliability(0.29, 8)
    assert reliability(0.29, 8, of=4) < of_eight < reliability(0.29, 8, of=16) < 1
    assert reliability(0.29, 8, of=8) == of_eight


def test_a_plan_without_a_record_or_out_of_range_is_refused(record):
    with pytest.raises(InputError, match="too few sizes"):
        plan([], 800, 8, 0.29)
    with pytest.raises(InputError, match="n_subjects=1"):
        plan(record, 800, 1, 0.29)


def test_the_command_plans_from_the_record_of_the_book(capsys):
    assert main(["plan", "--subjects", "8", "--trs", "800", "--isc", "0.29"]) == 0
    assert "8 subjects, 800 TRs" in capsys.readouterr().out
