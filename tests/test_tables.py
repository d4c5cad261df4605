"""Tables: what stands in a file is read cell by cell, or refused with its line."""

import io
import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet_core.errors import InputError
from giblet_core.tables import SEPARATORS, read_table

NAN = float("nan")
PLAIN = [[1.0, 2.0], [3.0, 4.5]]


def written(tmp_path, text, **options):
    path = tmp_path / "t.tsv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_table(path, **options)


READ = [
    ("blanks, no names", "  1.0e+00   2\n 3 4.5 \n", None, PLAIN),
    ("blanks and names", "x  y\n1 2\n3 4.5\n", ("x", "y"), PLAIN),
    ("tabs", "x\ty\n1\t2\n3\t4.5\n", ("x", "y"), PLAIN),
    ("commas and a blank", "x, y\n1, 2\n3, 4.5\n", ("x", "y"), PLAIN),
    ("semicolons", "x;y\n1;2\n3;4.5\n", ("x", "y"), PLAIN),
    ("no end of the last line", "x\ty\n1\t2\n3\t4.5", ("x", "y"), PLAIN),
    ("mark and CRLF", b"\xef\xbb\xbfx\ty\r\n1\t2\r\n3\t4.5\r\n", ("x", "y"), PLAIN),
    ("old line ends", "x\ty\r1\t2\r3\t4.5\r", ("x", "y"), PLAIN),
    ("separator after numbers", "x\ty\n1\t2\t\n3\t4.5\t\n", ("x", "y"), PLAIN),
    ("separator after all lines", "x,y,\n1,2,\n3,4.5,\n", ("x", "y"), PLAIN),
    ("separator after names", "x\ty\t\n1\t2\n3\t4.5\n", ("x", "y"), PLAIN),
    ("separator, no names", "1\t2\t\n3\t4.5\t\n", None, PLAIN),
    ("quoted names", '"x"\t"y"\n1\t2\n3\t4.5\n', ("x", "y"), PLAIN),
    ("a separator in a name", '"x, left","y"\n1,2\n3,4.5\n', ("x, left", "y"), PLAIN),
    ("names that begin with digits", "7Net_x\t7Net_y\n1\t2\n3\t4.5\n", ("7Net_x", "7Net_y"), PLAIN),
    ("a blank in a name", "left x\ty\n1\t2\n3\t4.5\n", ("left x", "y"), PLAIN),
    ("one name", "x\n1\n3\n", ("x",), [[1.0], [3.0]]),
    ("one name with a mark", b"\xef\xbb\xbfx\r\n1\r\n3\r\n", ("x",), [[1.0], [3.0]]),
    ("n/a", "x\ty\nn/a\t2\n3\tnan\n", ("x", "y"), [[NAN, 2], [3, NAN]]),
    ("empty cells", "x\ty\tz\n\t2\t\n3\t\t5\n", ("x", "y", "z"), [[NAN, 2, NAN], [3, NAN, 5]]),
    ("empty cells in commas", "x,y,z\n,2,\n3,,5\n", ("x", "y", "z"), [[NAN, 2, NAN], [3, NAN, 5]]),
    ("a column without values", "x\ty\n1\tn/a\n3\t\n", ("x", "y"), [[1, NAN], [3, NAN]]),
    ("a row without values", "x\ty\n1\t2\n\t\n3\t4\n", ("x", "y"), [[1, 2], [NAN, NAN], [3, 4]]),
    ("n/a first, no names", "n/a 2\n3 4\n", None, [[NAN, 2], [3, 4]]),
    ("forms of numbers", "x y\n-1e-3 +.5\n5. 1E2\n", ("x", "y"), [[-0.001, 0.5], [5, 100]]),
]


@pytest.mark.parametrize(
    ("text", "names", "numbers"), [r[1:] for r in READ], ids=[r[0] for r in READ]
)
def test_a_table_is_read_cell_by_cell(tmp_path, text, names, numbers):
    table = written(tmp_path, text)
    assert table.names == names
    np.testing.assert_array_equal(table.numbers(), np.array(numbers))


REFUSED = [
    ("empty", "", "must be a readable table, but is empty"),
    ("UTF-16", "x\ty\n1\t2\n".encode("utf-16"), "must be a readable table"),
    ("Latin-1", "é\ty\n1\t2\n".encode("latin-1"), "must be a readable table"),
    ("binary", b"x\0y\n", "not binary"),
    ("a word", "1 2\n3 four\n", r"must be a table of numbers \(line 2, column 2: 'four'\)"),
    ("a word in a named column", "x\ty\n1\t2\n3\tfour\n", r"\(line 3, column y: 'four'\)"),
    ("a short row", "x\ty\n1\t2\n3\n", "line 3 has 1 cells, line 2 has 2"),
    ("a long row", "x\ty\n1\t2\n3\t4\t5\n", "line 3 has 3 cells"),
    ("a separator after one row", "x\ty\n1\t2\n3\t4\t\n", "line 3 has 3 cells"),
    ("another separator", "x\ty\n1\t2\n3,4\n", "line 3 has 1 cells"),
    ("another separator, one column", "x\n1\n3,4\n", r"line 3, column x: '3,4'"),
    ("more names than cells", "x\ty\tz\n1\t2\n3\t4\n", "line 1 names 3 columns, but rows have 2"),
    ("an index of R", "x y\n1 0.5 2\n2 3 4.5\n", "line 2 has 3 cells, but line 1 names 2 columns"),
    ("an index of pandas", ",x,y\n0,1,2\n1,3,4\n", "column 1 has no name"),
    ("an index saved again", "Unnamed: 0\tx\n0\t1\n1\t3\n", "column 1 has no name"),
    ("an empty line", "x\ty\n1\t2\n\n3\t4\n", "line 3 is empty"),
    ("a comment", "# x y\n1 2\n3 4\n", "line 1 begins with '#'"),
    ("names twice", "x\tx\n1\t2\n", "columns x are named twice"),
    ("names that count", "0\t1\t2\n5.5\t6\t7\n8\t9.1\t3\n", "line 1 counts the columns"),
    ("numbers and a word first", "0.5\tx\n1\t2\n", "line 1 holds numbers .0.5. and text"),
    ("decimal commas", "x\ty\n0,5\t1,5\n", 'Write decimal points, or declare decimal: ","'),
    ("decimal commas, semicolons", "x;y\n0,5;1,5\n", 'declare decimal: ","'),
    ("decimal commas, no names", "0,5\t1,5\n0,7\t2,5\n", 'declare decimal: ","'),
    ("decimal commas, one column", "x\n0,5\n0,7\n", 'declare decimal: ","'),
    ("decimal commas alone", "0,5\n0,7\n", "may be decimal commas"),
    ("decimal commas between commas", "x,y\n0,5,1,5\n", "has 4 cells, but line 1 names 2"),
    ("thousands", "x\ty\n1,000.5\t2\n", r"column x: '1,000.5'"),
    ("underscores", "x\ty\n1_000\t2\n", r"column x: '1_000'"),
    ("digits of another script", "x\ty\n١\t2\n", r"column x: '١'"),
]


@pytest.mark.parametrize(("text", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_what_can_be_read_in_two_ways_is_refused_with_its_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message) as caught:
        written(tmp_path, text).numbers()
    assert "t.tsv" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["x;y\n0,5;1\n-1,25;2e1\n", "x\ty\n0,5\t1\n-1,25\t2e1\n", "x y\n0,5 1\n-1,25 2e1\n"]
)
def test_decimal_commas_are_read_where_they_are_declared(tmp_path, text):
    assert written(tmp_path, text, decimal=",").numbers().tolist() == [[0.5, 1], [-1.25, 20]]


def test_a_point_is_refused_where_the_comma_is_declared(tmp_path):
    with pytest.raises(InputError, match="Write decimal commas, or leave out decimal"):
        written(tmp_path, "x;y\n0,5;1.5\n", decimal=",").numbers()


def test_columns_are_chosen_by_name_in_any_order_and_any_unicode_form(tmp_path):
    table = written(tmp_path, "re\u0301gion\ty\n1\t2\n3\t4\n")
    assert table.names == ("r\u00e9gion", "y")
    assert table.numbers(["y", "re\u0301gion"]).tolist() == [[2, 1], [4, 3]]
    with pytest.raises(InputError, match=r"columns=\['z'\]: must be columns of t.tsv"):
        table.numbers(["z"])


def test_words_of_a_table_stay_words(tmp_path):
    table = written(tmp_path, 'a\tb\nnull\tn/a\nNA\t"hello"\n nan \t\n')
    assert table.texts("a") == ["null", "NA", "nan"]
    assert table.texts("b") == ["", "hello", ""]


def test_a_quote_that_does_not_close_on_its_line_swallows_nothing(tmp_path):
    table = written(tmp_path, 'a\tb\n"Waltz\tx\nhe said "no"\ty"\n')
    assert table.texts("a") == ['"Waltz', 'he said "no"']
    assert table.texts("b") == ["x", 'y"']


def test_short_rows_are_filled_only_where_that_is_asked_for(tmp_path):
    table = written(tmp_path, "a\tb\tc\nx\ty\tz\nx\n", short_rows=True)
    assert table.rows == (("x", "y", "z"), ("x", "", ""))


def test_columns_that_count_the_rows_are_named(tmp_path):
    text = "index\tx\tn\n" + "".join(f"{i}\t{i * 0.5}\t{5 + i}\n" for i in range(6))
    assert written(tmp_path, text).counting_columns() == ["index", "n"]
    assert written(tmp_path, "0 5\n1 5\n2 7\n").counting_columns() == ["1"]


# --- laws ------------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=False), st.integers(-(10**6), 10**6).map(float)
)
LETTERS = st.characters(categories=["L"], include_characters="_- .,;\"'()")
NAMES = st.text(LETTERS, min_size=1, max_size=8).filter(
    lambda name: name.strip() and name[0].isalpha()
)
SHAPES = st.tuples(st.integers(1, 6), st.integers(1, 5))


@st.composite
def frames(draw):
    """Tables as pandas holds them: names, numbers, some missing."""
    n_rows, n_columns = draw(SHAPES)
    unique = st.lists(NAMES, min_size=n_columns, max_size=n_columns, unique_by=_as_read)
    columns = draw(unique)
    row = st.lists(NUMBERS, min_size=n_columns, max_size=n_columns)
    values = draw(st.lists(row, min_size=n_rows, max_size=n_rows))
    return pd.DataFrame(values, columns=columns)


def _as_read(name):
    return unicodedata.normalize("NFC", name.strip())


def is_plain_name(name):
    """Whether a name can be told from a number, a missing value and a separator."""
    return name.lower() not in ("na", "nan", "null", "inf")


@pytest.mark.parametrize("separator", [s for s in SEPARATORS if s != " "])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(frame=frames(), missing=st.sampled_from(["", "n/a", "nan"]), mark=st.booleans())
def test_what_pandas_writes_is_read_back(tmp_path, separator, ends, frame, missing, mark):
    names = [_as_read(name) for name in frame.columns]
    if not all(map(is_plain_name, names)):
        return
    text = frame.to_csv(sep=separator, index=False, na_rep=missing, lineterminator=ends)
    table = written(tmp_path, ("\ufeff" if mark else "") + text, separator=separator)
    assert list(table.names) == names
    np.testing.assert_array_equal(table.numbers(), frame.to_numpy())
    holds_separators = any(set(name) & set(SEPARATORS) for name in names)
    try:
        table = written(tmp_path, text)
    except InputError:
        assert holds_separators
        return
    assert holds_separators or list(table.names) == names
    np.testing.assert_array_equal(table.numbers(), frame.to_numpy())


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(frame=frames(), order=st.randoms())
def test_the_order_of_columns_changes_nothing_where_they_are_chosen_by_name(tmp_path, frame, order):
    names = [_as_read(name) for name in frame.columns]
    if not all(map(is_plain_name, names)):
        return
    shuffled = list(frame.columns)
    order.shuffle(shuffled)
    one = written(tmp_path, frame.to_csv(sep="\t", index=False), separator="\t").numbers(names)
    text = frame[shuffled].to_csv(sep="\t", index=False)
    other = written(tmp_path, text, separator="\t").numbers(names)
    np.testing.assert_array_equal(one, other)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(values=st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=1, max_size=9))
def test_what_numpy_writes_is_read_back(tmp_path, values):
    buffer = io.BytesIO()
    np.savetxt(buffer, np.array(values))
    numbers = written(tmp_path, buffer.getvalue()).numbers()
    np.testing.assert_allclose(numbers, np.array(values), rtol=1e-15)


def test_a_column_that_pandas_renamed_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"column V1\.1 stands beside V1, as pandas calls"):
        written(tmp_path, "V1\tA1\tV1.1\n1\t2\t3\n")
    assert written(tmp_path, "V1.1\tA1\n1\t2\n").names == ("V1.1", "A1")
