"""Names: labels are letters and digits, and no two subjects share one."""

import pytest

from giblet_core.derivatives.output import MAP_NAME, Names, subject_labels
from giblet_core.derivatives.output.names import space_part, task_label
from giblet_core.derivatives.statistics import STATISTICS, MapKey, plain_label
from giblet_core.errors import InputError


def test_labels_keep_letters_and_digits_and_lose_the_prefix():
    assert subject_labels(["sub-01", "s_2", "Anna-B"]) == {
        "sub-01": "01",
        "s_2": "s2",
        "Anna-B": "AnnaB",
    }


@pytest.mark.parametrize("subjects", [["s_1", "s1"], ["01", "sub-01"], ["-", "1"]])
def test_subjects_whose_labels_would_be_one_are_refused(subjects):
    with pytest.raises(InputError, match="their letters and digits must differ"):
        subject_labels(subjects)


def test_every_statistic_makes_a_valid_name():
    names = Names(task_label("my film (2)"), space_part({"space": "T1w"}), {"01": "01"})
    for stat in STATISTICS:
        assert plain_label(stat) == stat
        for subject in ("01", None):
            name = names.map(subject, MapKey("envelopeloudness", stat)).rpartition("/")[2]
            assert MAP_NAME.fullmatch(f"{name}.nii.gz")
            assert "_task-myfilm2_space-T1w_desc-envelopeloudness_" in f"_{name}"
    assert task_label("мой") == "task"
