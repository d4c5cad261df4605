"""The seed's door: both flags, both directions, formats never mixed."""

import numpy as np
import pytest
import soundfile as sf
from fakes import coloured_noise, conditioned_model

import giblet_core as gc
from giblet_core.errors import InputError

RATE = 24_000


@pytest.fixture(scope="module")
def codec_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("codec") / "conditioned"
    conditioned_model().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "film.wav"
    sf.write(
        path, coloured_noise(int(RATE * 10.2), np.random.default_rng(5)), RATE, subtype="FLOAT"
    )
    return path


@pytest.fixture(scope="module")
def encodec(codec_folder, film):
    p = gc.AudioProcessor(use_encodec=True, codec=codec_folder)
    return p, *p.audio_to_features(film)


def test_codes_have_the_seeds_shape_and_type(encodec):
    _, features, meta = encodec
    assert features.shape == (6, 8, 112)
    assert features.dtype == np.int32
    assert features.min() >= 0
    assert features.max() <= 1023
    assert meta["audio_format"] == "encodec"
    assert meta["n_trs"] == 6


def test_unchanged_features_give_the_original_frames_back(encodec, codec_folder, film):
    p, features, meta = encodec
    codec = gc.load_codec(codec_folder)
    codes = codec.encode(gc.load_audio(film, RATE), 6.0).crop_frames(0, 675)
    sound = p.features_to_audio(features, meta)
    assert len(sound) == int(9 * RATE)
    assert np.array_equal(sound, codec.decode(codes))


def test_changed_features_never_borrow_the_true_extra_frames(encodec, codec_folder):
    p, features, meta = encodec
    changed = features.copy()
    changed[0, 0, 0] = (changed[0, 0, 0] + 1) % 1024
    other = dict(meta, extra_frames=(meta["extra_frames"] + 511) % 1024)
    assert np.array_equal(p.features_to_audio(changed, meta), p.features_to_audio(changed, other))
    assert not np.array_equal(
        p.features_to_audio(features, meta), p.features_to_audio(features, other)
    )


def test_meta_of_the_release_before_is_still_read(encodec):
    p, features, meta = encodec
    old = {"odd" if name == "extra_frames" else name: value for name, value in meta.items()}
    assert np.array_equal(p.features_to_audio(features, old), p.features_to_audio(features, meta))


def test_the_mel_path_keeps_time_within_the_tr(film):
    p = gc.AudioProcessor(use_encodec=False)
    features, meta = p.audio_to_features(film)
    assert features.shape == (6, 128, 129)
    assert features.dtype == np.float32
    assert meta["audio_format"] == "mel_3d"
    wave = gc.load_audio(film, 22_050)
    whole = gc.MelCodec().encode(wave)
    assert np.array_equal(features[1], whole[:, 129:258])
    assert len(p.features_to_audio(features, meta)) == 9 * 22_050


def test_the_predecessors_path_averages_it_away(film):
    p = gc.AudioProcessor(use_encodec=False, average_within_tr=True, n_mels=512)
    features, meta = p.audio_to_features(film)
    assert features.shape == (6, 512)
    assert meta["audio_format"] == "mel_2d"
    sound = p.features_to_audio(features, meta)
    assert len(sound) == 9 * 22_050
    again = gc.MelCodec(n_mels=128).encode(sound)
    middle = again[:, 20:110]  # inside the first TR nothing moves any more
    assert (
        middle.std(1).mean()
        < 0.6 * gc.MelCodec(n_mels=128).encode(gc.load_audio(film, 22_050))[:, 20:110].std(1).mean()
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.int64])
def test_integers_of_any_width_are_codes(dtype):
    assert gc.detect_audio_format(np.zeros((2, 8, 112), dtype)) == "encodec"


def test_floats_are_mel_by_their_dimensions(rng):
    assert gc.detect_audio_format(rng.standard_normal((2, 128, 129))) == "mel_3d"
    assert gc.detect_audio_format(rng.standard_normal((2, 2048)).astype("f4")) == "mel_2d"


@pytest.mark.parametrize(
    "features",
    [np.full((2, 8, 112), 5.0), np.zeros((2, 2048), int), np.zeros(5), np.zeros((2, 8, 112), bool)],
)
def test_ambiguous_features_are_an_error(features):
    with pytest.raises(InputError, match="ambiguous"):
        gc.detect_audio_format(features)


def test_the_tag_comes_first_and_must_not_contradict(rng):
    assert gc.detect_audio_format(np.full((2, 8, 112), 5.0), {"audio_format": "mel_3d"}) == "mel_3d"
    with pytest.raises(InputError, match="formats are never mixed"):
        gc.detect_audio_format(np.zeros((2, 8, 112), int), {"audio_format": "mel_3d"})
    with pytest.raises(InputError, match="must be one of encodec, mel_3d, mel_2d"):
        gc.detect_audio_format(np.zeros((2, 8, 112), int), {"audio_format": "mp3"})


def test_features_of_one_path_are_refused_by_the_other(encodec):
    _, features, meta = encodec
    with pytest.raises(InputError, match="Build AudioProcessor with the same flags"):
        gc.AudioProcessor(use_encodec=False).features_to_audio(features, meta)


def test_the_cache_has_the_seeds_names_and_is_never_stale(codec_folder, film, tmp_path):
    p = gc.AudioProcessor(codec=codec_folder)
    first, meta = p.audio_to_features(film, cache_dir=tmp_path)
    (name,) = (f.name for f in tmp_path.iterdir())
    assert name.startswith("sherlock_all_hrf_per_subject_encodec-")
    again, meta2 = p.audio_to_features(film, cache_dir=tmp_path)
    assert np.array_equal(first, again)
    assert np.array_equal(p.features_to_audio(first, meta), p.features_to_audio(again, meta2))
    gc.AudioProcessor(codec=codec_folder, t_r=2.0).audio_to_features(film, cache_dir=tmp_path)
    gc.AudioProcessor(codec=codec_folder, bandwidth_kbps=3.0).audio_to_features(
        film, cache_dir=tmp_path
    )
    gc.AudioProcessor(use_encodec=False).audio_to_features(film, cache_dir=tmp_path)
    names = [f.name for f in tmp_path.iterdir()]
    assert len(names) == 4
    assert sum(name.startswith("sherlock_all_hrf_per_subject_mel-") for name in names) == 1


def test_averaging_codes_is_refused():
    with pytest.raises(InputError, match="codes are labels and cannot be averaged"):
        gc.AudioProcessor(use_encodec=True, average_within_tr=True)
