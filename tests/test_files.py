"""Files that can be trusted."""

import dataclasses
import errno
import json
import os
import time

import numpy as np
import pytest
from caches import assert_flips_are_found, assert_known_by, mark_encrypted

from giblet_core import files as artifacts
from giblet_core.errors import InputError
from giblet_core.files import (
    LEFTOVER_AGE_S,
    atomic_path,
    cached_npz,
    content_hash,
    is_temporary,
    load_npz,
    read_sealed,
    remove_leftovers,
    save_npz,
    write_json,
    write_sealed,
)


def test_hash_sees_dtype_shape_type_and_nesting(rng, tmp_path):
    x = rng.standard_normal((2, 3))
    different = [
        x,
        x.astype("f4"),
        x.reshape(3, 2),
        x + 1e-12,
        1,
        1.0,
        "1",
        True,
        None,
        ["a", "bc"],
        ["ab", "c"],
        {"a": 1},
        {"a": 2},
        b"1",
    ]
    hashes = [content_hash(value) for value in different]
    assert len(set(hashes)) == len(hashes)
    assert content_hash({"a": 1, "b": x}) == content_hash({"b": x.copy(), "a": 1})
    assert content_hash(np.asfortranarray(x)) == content_hash(x)


def test_hash_of_a_path_is_that_of_its_content(tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_text("same")
    b.write_text("same")
    assert content_hash(a) == content_hash(b)
    b.write_text("other")
    assert content_hash(a) != content_hash(b)


def test_hash_of_a_dataclass_sees_its_fields():
    @dataclasses.dataclass(frozen=True)
    class Config:
        rate: float = 1.0

    assert content_hash(Config()) == content_hash(Config(1.0)) != content_hash(Config(2.0))


def test_what_has_no_stable_content_is_refused():
    with pytest.raises(TypeError, match="no stable content"):
        content_hash(object())
    with pytest.raises(TypeError, match="object arrays"):
        content_hash(np.array([{}], dtype=object))


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    writing = atomic_path(path)
    writing.__enter__().write_text("half")
    assert not writing.__exit__(RuntimeError, RuntimeError(), None)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["x.txt"]


def test_a_full_disk_is_named_and_loses_nothing(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    save_npz(path, {"a": np.arange(3)}, {"kind": "k"})

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(artifacts.np, "savez", full)
    with pytest.raises(
        OSError, match=r"could not be written \(No space left on device\).*Nothing was changed"
    ):
        save_npz(path, {"a": np.arange(4)}, {"kind": "k"})
    monkeypatch.undo()
    assert load_npz(path)[0]["a"].tolist() == [0, 1, 2]
    assert len(list(tmp_path.iterdir())) == 1


def test_npz_round_trip_is_exact_and_its_bytes_deterministic(tmp_path, rng):
    arrays, meta = (
        {"x": rng.standard_normal(5), "i": np.arange(3, dtype=np.uint16)},
        {"kind": "test", "t_r": 1.5},
    )
    save_npz(tmp_path / "a.npz", arrays, meta)
    save_npz(tmp_path / "b.npz", arrays, meta)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    back, header = load_npz(tmp_path / "a.npz", kind="test")
    assert header == meta
    assert all(
        np.array_equal(back[k], arrays[k]) and back[k].dtype == arrays[k].dtype for k in arrays
    )


@pytest.mark.parametrize("damage", ["truncated", "flipped", "text", "empty"])
def test_damaged_files_are_an_input_error(tmp_path, damage):
    path = save_npz(tmp_path / "a.npz", {"x": np.arange(1000.0)}, {"kind": "test"})
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 0xFF
    path.write_bytes(
        {"truncated": bytes(raw[:100]), "flipped": bytes(raw), "text": b"hello", "empty": b""}[
            damage
        ]
    )
    with pytest.raises(InputError, match="Make it anew"):
        load_npz(path)


def test_a_bit_that_says_encrypted_is_refused(tmp_path):
    path = save_npz(tmp_path / "a.npz", {"x": np.arange(2)}, {"kind": "test"})
    mark_encrypted(path)
    with pytest.raises(InputError, match="must be a file written by this project"):
        load_npz(path)


def test_pickles_are_never_loaded(tmp_path):
    np.savez(tmp_path / "p.npz", x=np.array([{}], dtype=object))
    with pytest.raises(InputError, match="written by this project"):
        load_npz(tmp_path / "p.npz")


def test_another_kind_is_refused(tmp_path):
    path = save_npz(tmp_path / "a.npz", {"x": np.arange(2)}, {"kind": "codes"})
    with pytest.raises(InputError, match="holds 'codes', but 'bold' is wanted"):
        load_npz(path, kind="bold")


def test_json_refuses_nan_and_takes_numpy(tmp_path):
    path = write_json(
        tmp_path / "a.json", {"r": np.float32(0.5), "n": np.int64(3), "x": np.arange(2)}
    )
    assert json.loads(path.read_text()) == {"r": 0.5, "n": 3, "x": [0, 1]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "b.json", {"r": float("nan")})
    assert not (tmp_path / "b.json").exists()


def test_a_cache_hits_the_same_parts_only(tmp_path):
    calls = []

    def compute(value):
        calls.append(value)
        return {"x": np.array([value])}, {"kind": "test"}

    for value in (1, 1, 2, 1):
        arrays, _ = cached_npz(
            tmp_path,
            "sherlock_all_hrf_per_subject_mel",
            {"t_r": 1.5, "value": value},
            lambda v=value: compute(v),
        )
        assert arrays["x"][0] == value
    assert calls == [1, 2]
    assert all(p.name.startswith("sherlock_all_hrf_per_subject_mel-") for p in tmp_path.iterdir())


@pytest.fixture
def cache(tmp_path):
    """A cache of one array: ``serve()`` reads it, ``parts`` are its ingredients."""
    parts = {"alias": "a", "t_r": 1.5, "sound": np.arange(4), "code": (tmp_path / "code.py",)}
    parts["code"][0].write_text("x = 1")
    made = []

    def compute():
        made.append(1)
        return {"x": np.arange(9.0) * len(made)}, {"kind": "test"}

    def serve():
        return cached_npz(tmp_path / "cache", parts["alias"], parts, compute)

    serve.made = made
    serve.parts = parts
    return serve


CHANGES = {
    "alias": lambda parts: parts.update(alias="b"),
    "a number": lambda parts: parts.update(t_r=2.0),
    "the type of a number": lambda parts: parts.update(t_r=np.array([1.5])),
    "an array": lambda parts: parts.update(sound=np.array([0, 1, 2, 4])),
    "the content of a file": lambda parts: parts["code"][0].write_text("x = 2"),
    "one more part": lambda parts: parts.update(seed=0),
}


@pytest.mark.parametrize("ingredient", CHANGES)
def test_a_cache_is_known_by_each_of_its_parts(cache, ingredient):
    assert_known_by(cache, cache.made, lambda: CHANGES[ingredient](cache.parts))


def test_a_damaged_cache_file_is_an_error_not_a_result(cache, tmp_path):
    expected = cache()
    (path,) = (tmp_path / "cache").iterdir()
    assert_flips_are_found([path], cache, expected, n_flips=60)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(InputError, match="Make it anew"):
        cache()


def test_a_cache_file_under_the_name_of_another_is_an_error(cache, tmp_path):
    cache()
    (first,) = (tmp_path / "cache").iterdir()
    cache.parts["t_r"] = 2.0
    cache()
    (second,) = set((tmp_path / "cache").iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    with pytest.raises(InputError, match="files of a cache keep their names"):
        cache()


def test_a_sealed_record_comes_back_and_a_changed_one_is_refused(tmp_path):
    record = {"key": "k", "numbers": [0.1, 1e-17], "sha256": "of something else", "none": None}
    path = write_sealed(tmp_path / "record.json", record)
    assert read_sealed(path) == record
    assert_flips_are_found([path], lambda: read_sealed(path), record, n_flips=200)
    write_json(path, record)
    with pytest.raises(InputError, match="does not match its hash"):
        read_sealed(path)


# --- what a killed process leaves ----------------------------------------------------------------


def leftover_of(path):
    """Leave what stands there when a process dies before the file has its name."""
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        left = temporary.with_name(f"{temporary.stem}0{temporary.suffix}")
        left.write_text("half")
    return left


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.npz", ".npz"), ("a.nii.gz", ".nii.gz"), ("a.b.json", ".json"), ("a", "")],
)
def test_a_temporary_file_is_known_by_its_name_and_ends_as_its_target(tmp_path, name, ending):
    with atomic_path(tmp_path / name) as temporary:
        temporary.write_text("x")
        assert is_temporary(temporary)
        assert "".join(temporary.suffixes) == ending
    assert not is_temporary(tmp_path / name)


def test_leftovers_are_removed_when_nobody_can_be_writing_them(tmp_path):
    old = leftover_of(tmp_path / "folder" / "a.npz")
    young = leftover_of(tmp_path / "folder" / "a.npz")
    result = save_npz(tmp_path / "folder" / "a.npz", {"x": np.arange(2)}, {})
    long_ago = time.time() - LEFTOVER_AGE_S - 1
    os.utime(old, (long_ago, long_ago))
    os.utime(result, (long_ago, long_ago))
    remove_leftovers(tmp_path)
    assert not old.exists()
    assert young.exists()
    assert result.exists()
