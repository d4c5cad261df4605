"""The seed's door: both flags, both directions, formats never mixed."""

import numpy as np
import pytest
import soundfile as sf
from caches import assert_flips_are_found, assert_known_by, edited_copy
from fakes import SLOW_SHAPE, LinearCodec, coloured_noise, conditioned_model, slow_codec

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.timing import processor

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


class Features:
    """The cache of features: ``settings`` of the processor, the sound, and the codec by name."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.sound = coloured_noise(RATE * 4, np.random.default_rng(0))
        self.settings = {"codec": "a", "bandwidth_kbps": 0.55}
        self.name = "sherlock"
        self.codecs = {"a": slow_codec()}
        self.made = []
        self.compute = gc.AudioProcessor._compute
        monkeypatch.setattr(processor, "load_codec", self.codecs.get)
        monkeypatch.setattr(gc.AudioProcessor, "_compute", self.counted)

    def counted(self, wave):
        """Stand in for the method of the processor of these settings."""
        self.made.append(1)
        return self.compute(gc.AudioProcessor(**self.settings), wave)

    def __call__(self):
        processor = gc.AudioProcessor(**self.settings)
        features, meta = processor.audio_to_features(self.sound, self.folder / "cache", self.name)
        return features, meta


@pytest.fixture
def kept_features(tmp_path, monkeypatch):
    return Features(tmp_path, monkeypatch)


#: Ingredient of the features -> what changes it, and nothing else.
FEATURE_CHANGES = {
    "sound": lambda kept: setattr(kept, "sound", kept.sound[::-1].copy()),
    "name": lambda kept: setattr(kept, "name", "another"),
    "weights of the codec": lambda kept: kept.codecs.update(a=other_weights()),
    "bandwidth": lambda kept: kept.settings.update(bandwidth_kbps=0.275),
    "t_r": lambda kept: kept.settings.update(t_r=1.0),
    "path": lambda kept: kept.settings.update(use_encodec=False, n_mels=16),
}
MEL_CHANGES = {
    "bands": lambda kept: kept.settings.update(n_mels=8),
    "averaging": lambda kept: kept.settings.update(average_within_tr=True),
}


def other_weights():
    """Return a codec of the same shape and name with other weights."""
    other = LinearCodec("slow", SLOW_SHAPE, num_codebooks=4, seed=1)
    assert other.sha256 != slow_codec().sha256
    return other


@pytest.mark.parametrize("ingredient", FEATURE_CHANGES)
def test_features_are_known_by_each_ingredient(kept_features, ingredient):
    change = FEATURE_CHANGES[ingredient]
    assert_known_by(kept_features, kept_features.made, lambda: change(kept_features))


@pytest.mark.parametrize("ingredient", MEL_CHANGES)
def test_features_of_the_mel_path_are_known_by_each_ingredient(kept_features, ingredient):
    kept_features.settings = {"use_encodec": False, "n_mels": 16}
    change = MEL_CHANGES[ingredient]
    assert_known_by(kept_features, kept_features.made, lambda: change(kept_features))


def test_features_are_known_by_the_code_that_makes_them(kept_features, tmp_path, monkeypatch):
    changed = edited_copy(processor.SOURCES, tmp_path)
    names = {path.name for path in processor.SOURCES}
    assert {"processor.py", "grid.py", "encodec.py", "residual.py", "streaming.py"} <= names
    assert_known_by(
        kept_features,
        kept_features.made,
        lambda: monkeypatch.setattr(processor, "SOURCES", changed),
    )


def test_damaged_features_are_found(kept_features, tmp_path):
    expected = kept_features()
    assert_flips_are_found((tmp_path / "cache").iterdir(), kept_features, expected)


def test_averaging_codes_is_refused():
    with pytest.raises(InputError, match="codes are labels and cannot be averaged"):
        gc.AudioProcessor(use_encodec=True, average_within_tr=True)
