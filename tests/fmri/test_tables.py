"""Tables."""

import pytest

from giblet_core.errors import InputError
from giblet_core.fmri import read_table


def test_tables_without_names_with_names_and_with_commas_hold_the_same_numbers(tmp_path):
    for name, text in (
        ("a.txt", "  1.0e+00   2\n 3 4.5 \n"),
        ("b.tsv", "x\ty\n1\t2\n3\t4.5\n"),
        ("c.csv", "x, y\n1, 2\n3, 4.5\n"),
    ):
        (tmp_path / name).write_text(text)
        assert read_table(tmp_path / name).to_numpy().tolist() == [[1, 2], [3, 4.5]]
    (tmp_path / "d.txt").write_text("1 2\n3 four\n")
    with pytest.raises(InputError, match=r"d.txt: must be a table of numbers"):
        read_table(tmp_path / "d.txt")
