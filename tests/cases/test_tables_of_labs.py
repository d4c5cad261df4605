"""Tables of regions as labs' programs export them: each is read as it is meant, or refused."""

import numpy as np
import pytest

from giblet_core.commands import main
from giblet_core.fmri import load_dataset

NAMES = ("V1", "A1", "STG")
N_TRS = 40
MANIFEST = """name: small
t_r: 1.5
runs: [{name: run1, n_trs: 40, stimulus_start_s: 0.0}]
bold: {pattern: "sub-{subject}.tsv", subjects: [1, 2], format: roi_table}
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dataset.yaml").write_text(MANIFEST)
    return tmp_path


def series(subject):
    noise = np.random.default_rng(subject).standard_normal((N_TRS, len(NAMES)))
    return np.round(100 * np.arange(1, 4) + noise, 3)


def text_of(values, names=NAMES):
    rows = ["\t".join(names)] + ["\t".join(map(str, row)) for row in values]
    return "\n".join(rows) + "\n"


def with_column(subject, name, values):
    return text_of(np.column_stack([values, series(subject)]), (name, *NAMES))


def header_alone(subject):
    return "\t".join(NAMES) + "\n"


def jittered_clock(subject):
    jitter = 0.02 * np.random.default_rng(subject).random(N_TRS)
    return with_column(subject, "acquired", np.round(1.5 * np.arange(N_TRS) + jitter, 4))


def number_of_subject(subject):
    return with_column(subject, "subject", np.full(N_TRS, subject))


def named_by_pandas(subject):
    return text_of(series(subject), ("V1", "A1", "V1.1"))


def lost_rows(subject):
    values = series(subject)
    values[20:22] = 0
    return text_of(values)


REFUSED = {
    "names without rows": (header_alone, "has no row"),
    "a clock that jitters": (jittered_clock, "an index or a time is no series"),
    "the number of the subject": (number_of_subject, "columns subject hold one value each"),
    "a second column of one name": (named_by_pandas, "as pandas calls a second column"),
    "rows that were lost": (lost_rows, "TRs 20, 21 hold one value everywhere (0)"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_table_of_regions_is_refused(place, capsys, name):
    make, message = REFUSED[name]
    for subject in (1, 2):
        (place / f"sub-{subject}.tsv").write_text(make(subject))
    status = main(["check", "dataset.yaml"])
    said = capsys.readouterr()
    assert status == 2, said
    assert message in said.out + said.err


def test_a_region_with_a_drift_is_a_region(place, capsys):
    for subject in (1, 2):
        values = series(subject)
        values[:, 1] += 3 * np.arange(N_TRS)  # rises nearly always, but by unequal steps
        (place / f"sub-{subject}.tsv").write_text(text_of(values))
    assert main(["check", "dataset.yaml"]) == 0
    assert load_dataset("dataset.yaml").region_names == NAMES
