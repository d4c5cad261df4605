"""YAML without values that mean two things."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from giblet_core.errors import InputError
from giblet_core.strict_yaml import dump_yaml, parse_with_unclear, parse_yaml


@pytest.mark.parametrize(
    "text",
    [
        "subject: 010",
        "subject: 08",
        "condition: no",
        "on: 1",
        "times: [1:30]",
        "onset: 12:30:45",
        "level: 1,5",
        "level: .inf",
        "level: .NaN",
        "count: 1_000",
        "mask: 0x1f",
        "size: 1e999",
        "{a: 1, a: 2}",
    ],
)
def test_a_value_with_two_meanings_is_refused_by_name_and_line(text):
    with pytest.raises(InputError):
        parse_yaml(text)
    if "1e999" not in text and "a: 2" not in text:
        with pytest.raises(InputError, match=r"\(line 1\).*[Qq]uote it"):
            parse_yaml(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("'010'", "010"),
        ('"no"', "no"),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("0", 0),
        ("true", True),
        ("~", None),
        ("2026-01-31", "2026-01-31"),
        ("1.5.2", "1.5.2"),
    ],
)
def test_plain_values_are_read_as_yaml_1_2_does(text, value):
    assert parse_yaml(text) == value
    assert type(parse_yaml(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{a: &x {b: 1}, c: {<<: *x, d: 2}}", "references"),
        ("a: &x [*x]", "references"),
        (
            "a: &a [1]\n" + "".join(f"{y}: &{y} [*{x}, *{x}]\n" for x, y in zip("abcde", "bcdef")),
            "ref",
        ),
        ("[" * 5000, "deeper than 50 levels"),
        ("{a: " * 200 + "1" + "}" * 200, "deeper than 50 levels"),
        ("- " * 3000 + "1", "deeper than 50 levels"),
    ],
)
def test_what_is_small_in_the_file_and_endless_in_memory_is_refused(text, message):
    with pytest.raises(yaml.YAMLError, match=message):
        parse_yaml(text)


def test_what_occurs_twice_is_written_in_full_and_read_back():
    shared = {"a": [1]}
    assert parse_yaml(dump_yaml({"x": shared, "y": shared})) == {"x": shared, "y": shared}


def test_all_values_with_two_meanings_are_listed_with_their_places():
    content, unclear = parse_with_unclear("a: [1, {b: 010}]\non: 1:30\nc: no\n")
    assert content == {"a": [1, {"b": "010"}], "on": "1:30", "c": "no"}
    assert [(value.place, value.text, value.line) for value in unclear] == [
        (("a", 1, "b"), "010", 1),
        (("on",), "on", 2),
        (("on",), "1:30", 2),
        (("c",), "no", 3),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "a: [1, 2",
        "!!python/object:os.system {}",
        "? [a]\n: 1",
        "a: 1\n---\nb: 2",
        "a: 1\n\tb: 2",
    ],
)
def test_what_is_no_plain_yaml_is_refused(text):
    with pytest.raises(yaml.YAMLError):
        parse_yaml(text)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(
        st.characters(
            blacklist_categories=("Cs", "Cc"),
            blacklist_characters="\x85\u2028\u2029\ufeff\ufffe\uffff",
        )
    ),
    st.sampled_from(["08", "010", "no", "1:30", "1,5", ".inf", "1e3", "true", "~", "<<", "=", "-"]),
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text("abcXYZ019-_ :#'\"", min_size=1), st.lists(SCALARS) | SCALARS))
def test_what_is_written_is_read_back(value):
    assert parse_yaml(dump_yaml(value)) == value
