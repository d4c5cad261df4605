"""Names and patterns: literal names first, names of subjects whole, any character."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet_core.errors import InputError
from giblet_core.fmri import find_one
from giblet_core.fmri.files.patterns import find_filled

NAMES = [
    "plain.nii",
    "film [1080p].mkv",
    "what?.wav",
    "star*.wav",
    "a b  c.wav",
    'it\'s "quoted".wav',
    "-dash.wav",
    "100 %.wav",
    "a#b@c.wav",
    "$HOME.wav",
    "~tilde.wav",
    "{braces}.wav",
    "Übung é 電影.wav",
    ".hidden.wav",
    "sub[1]/x.nii",
]


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_exists_as_it_is_written_is_that_file(tmp_path, name):
    touch(tmp_path, name, "film 1.mkv", "whatx.wav", "starx.wav")
    assert find_one(tmp_path, name) == tmp_path / name


@pytest.mark.parametrize("written", ["NFC", "NFD"])
@pytest.mark.parametrize("stored", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["é/Übung.wav", "é/Ü*.wav", "電影.wav"])
def test_a_name_is_found_in_any_unicode_form(tmp_path, written, stored, name):
    file = tmp_path / unicodedata.normalize(stored, name.replace("Ü*", "Übung"))
    touch(tmp_path, str(file))
    assert find_one(tmp_path, unicodedata.normalize(written, name)) == file


def test_home_and_variables_are_filled_in_where_no_such_file_exists(tmp_path, monkeypatch):
    touch(tmp_path, "a.wav", "data/b.wav")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIBLET_X", str(tmp_path / "data"))
    elsewhere = tmp_path / "data"
    assert find_one(elsewhere, "~/a.wav") == tmp_path / "a.wav"
    assert find_one(tmp_path, "${GIBLET_X}/b.wav") == tmp_path / "data" / "b.wav"
    assert find_one(elsewhere, "../a.wav").samefile(tmp_path / "a.wav")


WHOLE = [
    # pattern, names there, subject, the one found (None: refused)
    ("s{subject}*.txt", ["s1_a.txt", "s10_a.txt", "s11.txt"], "1", "s1_a.txt"),
    ("s{subject}*.txt", ["s10_a.txt"], "1", None),
    ("*{subject}.txt", ["s1.txt", "s21.txt"], "1", "s1.txt"),
    ("*{subject}.txt", ["s21.txt"], "1", None),
    ("**/{subject}*.txt", ["x/an_1.txt", "y/anna_1.txt"], "an", "x/an_1.txt"),
    ("**/{subject}?.txt", ["x/1a.txt", "x/12.txt"], "1", "x/1a.txt"),
    ("sub-{subject}_*.txt", ["sub-1_x.txt", "sub-10_x.txt"], "1", "sub-1_x.txt"),
    ("{subject}/[ab].txt", ["1/a.txt", "1/c.txt"], "1", "1/a.txt"),
    ("{subject}*.txt", ["[1]x.txt", "1y.txt"], "[1]", "[1]x.txt"),
    ("*{subject}*", ["._s1.txt", "s1.txt"], "1", "s1.txt"),
    ("s{subject}*.txt", ["s1_a.txt", "s1_b.txt"], "1", None),
]


@pytest.mark.parametrize(("pattern", "there", "subject", "expected"), WHOLE)
def test_a_subject_is_matched_whole(tmp_path, pattern, there, subject, expected):
    touch(tmp_path, *there)
    if expected is None:
        with pytest.raises(InputError, match="does not exist|names 2 files"):
            find_filled(tmp_path, pattern, {"subject": subject})
    else:
        found = find_filled(tmp_path, pattern, {"subject": subject})
        assert found == tmp_path / expected


@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    subjects=st.lists(st.text("01aB-", min_size=1, max_size=3), min_size=1, unique=True),
    parts=st.tuples(st.sampled_from(["", "s", "*", "s*_"]), st.sampled_from(["", "_x", "*", "_*"])),
)
def test_each_subject_gets_its_own_file_or_an_error(tmp_path_factory, subjects, parts):
    folder = tmp_path_factory.mktemp("subjects")
    touch(folder, *(f"s_{subject}_x.txt" for subject in subjects))
    for subject in subjects:
        try:
            path = find_filled(folder, "{subject}".join(parts) + ".txt", {"subject": subject})
        except InputError:
            continue
        assert path.name == f"s_{subject}_x.txt"


def test_links_are_followed_and_a_link_to_nothing_is_named(tmp_path):
    touch(tmp_path, "store/sub-1/a.nii")
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "sub-1").symlink_to("../store/sub-1")
    assert find_one(tmp_path / "view", "**/a.nii") == tmp_path / "view" / "sub-1" / "a.nii"
    (tmp_path / "b.nii").symlink_to("nowhere.nii")
    with pytest.raises(InputError, match=r"link to nowhere.nii, which is not there\. Fetch"):
        find_one(tmp_path, "b.nii")


@pytest.mark.parametrize("name", ["x" * 300 + ".nii", "a\0b", "", ".", "..", "**", "[", "*/../x"])
def test_a_name_that_can_be_no_file_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="does not exist"):
        find_one(tmp_path, name)


def test_a_pattern_may_lead_out_of_the_folder_or_begin_at_the_root(tmp_path):
    touch(tmp_path, "stimuli/film_v2.wav")
    (tmp_path / "bids").mkdir()
    found = find_one(tmp_path / "bids", "../stimuli/film*.wav")
    assert found.resolve() == tmp_path / "stimuli" / "film_v2.wav"
    absolute = str(tmp_path / "stimuli" / "film_*.wav")
    assert Path(os.path.realpath(find_one(tmp_path / "bids", absolute))) == found.resolve()
