"""Codes: checked, sliceable, the same on disk; time is rounded exactly."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from made_codes import made_up_codes

from giblet_core.codecs import Codes, as_written, frame_at
from giblet_core.errors import InputError
from giblet_core.files import load_npz, save_npz

RATE = 24_000


def random_codes(cardinality, n_frames=20):
    indices = np.random.default_rng(0).integers(0, cardinality, (2, n_frames))
    indices[0, 0] = cardinality - 1
    return made_up_codes(indices, RATE, cardinality=cardinality)


def test_a_number_means_what_is_written():
    assert as_written(0.1) == Fraction(1, 10)
    assert as_written(np.float64(0.72)) == Fraction(18, 25)
    assert as_written(Fraction(1, 3)) == Fraction(1, 3)


def test_a_frame_begins_exactly_at_its_time():
    assert frame_at(6.48, 75) == 486  # 6.48 * 75 is 485.99999 in binary
    assert frame_at(Fraction(1, 3) * 3, Fraction(25, 2)) == 12


def test_codes_survive_the_disk(codec, wave, tmp_path):
    codes = codec.encode(wave, 6.0)
    assert Codes.load(codes.save(tmp_path / "film.npz")) == codes
    assert (tmp_path / "film.npz").stat().st_size < codes.indices.nbytes + 4096


def test_codes_of_2048_entries_keep_their_cardinality_on_disk(tmp_path):
    codes = random_codes(2048)
    loaded = Codes.load(codes.save(tmp_path / "many.npz"))
    assert loaded == codes
    assert loaded.cardinality == 2048
    assert loaded.first(1).cardinality == 2048
    assert codes != replace(codes, cardinality=4096)


def test_a_file_of_before_that_names_no_cardinality_holds_1024_entries(tmp_path):
    codes = random_codes(1024)
    arrays, meta = load_npz(codes.save(tmp_path / "new.npz"))
    del meta["cardinality"]
    assert Codes.load(save_npz(tmp_path / "old.npz", arrays, meta)) == codes


@pytest.mark.parametrize("cardinality", [0, 1, 2**16 + 1])
def test_a_cardinality_that_16_bits_cannot_name_is_an_error(cardinality):
    with pytest.raises(InputError, match=f"cardinality={cardinality}"):
        replace(random_codes(16), cardinality=cardinality)


def test_altered_codes_are_refused(codec, wave, tmp_path):
    path = codec.encode(wave[:RATE], 6.0).save(tmp_path / "film.npz")
    raw = bytearray(path.read_bytes())
    at = raw.find(b"indices.npy") + 200
    raw[at] ^= 1
    path.write_bytes(raw)
    with pytest.raises(InputError, match="Make it anew"):
        Codes.load(path)


def test_codes_can_be_built_from_predictions(codec, wave, rng):
    codes = codec.encode(wave[:RATE], 6.0)
    predicted = codes.with_indices(rng.integers(0, 1024, codes.indices.shape))
    assert codec.decode(predicted).shape == (RATE,)
    with pytest.raises(ValueError, match="read-only"):
        codes.indices[0, 0] = 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"indices": np.zeros((8, 75))}, "labels and must be integers"),
        ({"bandwidth_kbps": -5.0}, "bandwidth_kbps=-5.0: must be positive and finite"),
        ({"bandwidth_kbps": np.nan}, "bandwidth_kbps=nan: must be positive and finite"),
        ({"bandwidth_kbps": np.inf}, "bandwidth_kbps=inf: must be positive and finite"),
        ({"indices": np.full((8, 75), 1024)}, r"range \[1024, 1024\] must lie in \[0, 1023\]"),
        ({"indices": np.full((8, 75), -1)}, r"range \[-1, -1\]"),
        ({"indices": np.zeros(75, int)}, "must be"),
        ({"n_samples": 100}, "n_samples=100"),
        ({"n_samples": 24_001}, "n_samples=24001"),
    ],
)
def test_codes_out_of_their_domain_are_errors(codec, wave, change, message):
    with pytest.raises(InputError, match=message):
        replace(codec.encode(wave[:RATE], 6.0), **change)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64, np.uint64])
def test_any_integer_type_gives_the_same_codes(codec, wave, dtype):
    codes = codec.encode(wave[:RATE], 1.5)
    indices = np.minimum(codes.indices, 255).astype(dtype)
    assert codes.with_indices(indices) == codes.with_indices(indices.astype(int))


def test_real_codes_are_read(shared):
    from safetensors.numpy import load_file

    (array,) = load_file(shared / "reference" / "encodec_24khz_jfk_codes.safetensors").values()
    codes = Codes(array[0], RATE, 75.0, 828 * 320, 1.5, "facebook/encodec_24khz", "0" * 64)
    assert codes.indices.shape == (2, 828)
    assert codes.bandwidth_kbps == 1.5
