"""Names of BIDS, compared with an oracle that takes names apart by itself."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giblet_core.errors import InputError
from giblet_core.fmri.files.bids import Wanted, entities_of, files_of_subject, find_bids, parse_name

BOLD = ("bold",), (".nii.gz", ".nii")


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def test_a_name_is_taken_apart(tmp_path):
    file = parse_name(tmp_path / "sub-01_task-film_run-1_desc-preproc_bold.nii.gz")
    assert file.entities == {"sub": "01", "task": "film", "run": "1", "desc": "preproc"}
    assert (file.suffix, file.extension) == ("bold", ".nii.gz")


@pytest.mark.parametrize(
    "name",
    ["bold.nii.gz", "sub-01.nii", "sub_01_bold.nii", "sub-01_x-1_bold.nii", "sub-01_sub-2_bold.nii"]
    + ["sub-01_bold", "sub-_bold.nii", "README", "sub-01_task-film_.nii"],
)
def test_another_name_is_none_of_bids(tmp_path, name):
    assert parse_name(tmp_path / name) is None


@pytest.mark.parametrize(
    ("text", "entities"),
    [
        ("run-1", {"run": "1"}),
        ("ses-1_task-film_run-02", {"ses": "1", "task": "film", "run": "02"}),
        ("run1", None),
        ("part", None),
        ("chapter-1", None),
    ],
)
def test_the_name_of_a_run_may_be_entities(text, entities):
    assert entities_of(text) == entities


def wanted(**entities):
    return Wanted({"desc": "preproc", **entities}, *BOLD)


def test_entities_are_matched_whole(tmp_path):
    names = [f"sub-01/sub-01_run-{run}_desc-preproc_bold.nii.gz" for run in ("1", "10", "01")]
    names += ["sub-011/sub-011_run-1_desc-preproc_bold.nii.gz"]
    touch(tmp_path, *names)
    found = find_bids(tmp_path, "01", wanted(sub="01", run="1"))
    assert found.path == tmp_path / names[0]
    with pytest.raises(InputError, match="there is sub-01_run-01_desc"):
        find_bids(tmp_path, "01", wanted(sub="01", run="2"))
    with pytest.raises(InputError, match="there is sub-01, sub-011"):
        find_bids(tmp_path, "1", wanted(sub="1", run="1"))


def test_several_files_are_refused_with_the_entities_in_which_they_differ(tmp_path):
    stem = "sub-01/ses-{}/func/sub-01_ses-{}_task-film_desc-preproc_bold.nii.gz"
    touch(tmp_path, stem.format(1, 1), stem.format(2, 2))
    with pytest.raises(InputError, match=r"2 files have such a name \(ses: 1, 2\)"):
        find_bids(tmp_path, "01", wanted(sub="01"))
    assert find_bids(tmp_path, "01", wanted(sub="01", ses="2")).entities["ses"] == "2"
    touch(tmp_path, "sub-01/sub-01_task-film_desc-preproc_bold.nii.gz")
    assert "ses" not in find_bids(tmp_path, "01", wanted(sub="01", ses="none")).entities


def test_hidden_files_other_subjects_and_loops_of_links_are_left_out(tmp_path):
    own = "sub-01/func/sub-01_bold.nii"
    touch(
        tmp_path,
        own,
        "sub-01/func/._sub-01_bold.nii",
        ".git/sub-01_bold.nii",
        "sub-02/sub-01_bold.nii",
    )
    (tmp_path / "sub-01" / "func" / "loop").symlink_to("..")
    (tmp_path / "again").symlink_to("sub-01")
    files = [file.path for file in files_of_subject(tmp_path, "01")]
    assert len(files) == 1
    assert files[0].samefile(tmp_path / own)


# --- an oracle -------------------------------------------------------------------------------


def oracle(names, entities):
    """Names that hold each entity between separators, by regular expressions on the whole name."""
    found = []
    for name in names:
        if not re.search(r"_bold\.nii(\.gz)?$", name):
            continue
        if all(re.search(rf"(^|_){key}-{value}(_|$)", name) for key, value in entities.items()):
            found.append(name)
    return found


VALUES = st.sampled_from(["1", "10", "01", "11", "2", "film", "film2"])
FILES = st.dictionaries(st.sampled_from(["ses", "task", "run", "space"]), VALUES, max_size=3)


def name_of(subject, entities, suffix):
    order = [key for key in ("ses", "task", "run", "space") if key in entities]
    parts = [f"sub-{subject}", *(f"{key}-{entities[key]}" for key in order), suffix]
    return "_".join(parts) + ".nii.gz"


@settings(
    max_examples=100, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(
    subject=VALUES,
    files=st.lists(
        st.tuples(VALUES, FILES, st.sampled_from(["bold", "boldref", "T1w"])), max_size=8
    ),
    asked=FILES,
)
def test_the_file_found_is_the_one_that_the_oracle_finds(tmp_path_factory, subject, files, asked):
    folder = tmp_path_factory.mktemp("bids")
    names = {name_of(*file) for file in files}
    touch(folder, *names)
    entities = {"sub": subject, **asked}
    expected = oracle(names, entities)
    if len(expected) == 1:
        assert find_bids(folder, subject, Wanted(entities, *BOLD)).path.name == expected[0]
    else:
        with pytest.raises(InputError, match="does not exist|files have such a name"):
            find_bids(folder, subject, Wanted(entities, *BOLD))
