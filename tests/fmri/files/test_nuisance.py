"""Nuisance tables."""

import numpy as np
from data_sets import manifest_of, problems_of


def test_a_nuisance_table_of_another_length_is_an_error(folder):
    for s in (1, 2, 3):
        for run, n in (("scan1", 70), ("scan2", 80)):
            np.savetxt(folder / f"m{s}_{run}.txt", np.zeros((n + 10 - (s == 2), 6)))
    found = problems_of(
        manifest_of(folder, nuisance={"pattern": "m{subject}_{run}.txt", "drop_first": 10})
    )
    assert [p for p in found if "nuisance of subject 2, scan1=69 rows: BOLD has 70" in p]
    assert len(found) == 2
