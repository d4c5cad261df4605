"""What a notebook starts from: the sound that the subjects heard, under a harmless name."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from caches import assert_flips_are_found, assert_known_by, edited_copy
from fakes import FAKE_CODECS, LinearCodec, coloured_noise

import giblet_core as gc
from giblet_core.codecs import CODECS, CodecShape
from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset
from giblet_core.sound import save_audio
from giblet_core.workflow import session
from giblet_core.workflow.parameters import complete_from_dataset
from giblet_core.workflow.session import harmless_name


@pytest.fixture
def stereo(tmp_path, rng):
    """Left and right differ; the subjects heard the right one."""
    sound = 0.1 * rng.standard_normal((62 * 8000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "film.wav", sound, 8000, subtype="FLOAT")
    np.savetxt(tmp_path / "sub-1.txt", 100 + rng.standard_normal((40, 3)))
    path = tmp_path / "dataset.yaml"
    path.write_text(
        "name: film\n"
        "t_r: 1.5\n"
        "stimulus: {file: film.wav, channel: right}\n"
        "runs: [{name: run1, n_trs: 40, stimulus_start_s: 0}]\n"
        "bold: {pattern: 'sub-{subject}.txt', subjects: [1], format: roi_table}\n"
    )
    return path


@pytest.mark.parametrize("also_named", [False, True])
def test_the_channel_of_the_manifest_is_the_one_that_is_analysed(stereo, also_named):
    given = {"bold": str(stereo)}
    if also_named:
        given["audio"] = str(stereo.with_name("film.wav"))
    audio = complete_from_dataset(given)["audio"]
    stim = gc.ensure_stimulus(audio, artifacts_dir=stereo.parent / "build")
    right = gc.load_audio(stereo.with_name("film.wav"), 24_000, channel="right")
    assert np.array_equal(stim.wave, right)
    assert stim.name == "film"
    assert not check_dataset(stereo).errors
    assert load_dataset(stereo).n_trs == 40


def test_a_channel_that_is_not_there_is_refused(stereo):
    stereo.write_text(stereo.read_text().replace("right", "lfe"))
    (problem,) = check_dataset(stereo).errors
    assert problem.where == "stimulus.file"
    with pytest.raises(InputError, match="lfe"):
        load_dataset(stereo)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("film", "film"),
        ("Ærø 2 (take_1)", "Ærø 2 (take_1)"),
        ("<script>alert(1)</script>", "_script_alert(1)_script_"),
        ('say "hello" `now` $x$ *y*', "say _hello_ _now_ _x_ _y_"),
        ("???", "_"),
    ],
)
def test_a_name_is_plain_text_wherever_it_is_shown(name, shown):
    assert harmless_name(name) == shown


def test_a_sound_with_a_wild_name_is_labelled_plainly_and_encoded_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    wave = np.random.default_rng(0).standard_normal(48_000).astype(np.float32) * 0.1
    sound = gc.save_audio(tmp_path / "<img src=x onerror=alert(1)>.wav", wave, 24_000, clip=True)
    stimulus = gc.ensure_stimulus(sound, artifacts_dir=tmp_path / "artifacts")
    assert "<" not in stimulus.label + stimulus.name
    (codes,) = (tmp_path / "artifacts" / "codes").iterdir()
    written = codes.stat().st_mtime_ns
    again = gc.ensure_stimulus(sound, artifacts_dir=tmp_path / "artifacts")
    assert codes.stat().st_mtime_ns == written
    np.testing.assert_array_equal(again.codes.indices, stimulus.codes.indices)


# --- what is kept: codes and simulations ---------------------------------------------------------


QUICK_SHAPE = CodecShape(
    sample_rate=8_000, hop_length=160, cardinality=16, latent_dim=8, bandwidths_kbps=(0.2, 0.4)
)


class CountingCodec(LinearCodec):
    """A codec that writes down how often it encodes."""

    def __init__(self, seed=0, made=()):
        super().__init__("quick", QUICK_SHAPE, num_codebooks=2, seed=seed)
        self.made = made

    def encode(self, wave, bandwidth_kbps=None):
        self.made.append(1)
        return super().encode(wave, bandwidth_kbps)


class Start:
    """What a notebook starts from, with everything that shapes it."""

    def __init__(self, folder, monkeypatch):
        self.folder = folder
        self.made = []
        self.codec = CountingCodec(made=self.made)
        self.options = {"bandwidth_kbps": 0.4, "t_r": 1.5}
        self.write_sound(0)
        monkeypatch.setattr(session, "load_codec", lambda name: self.codec)

    def write_sound(self, seed):
        wave = coloured_noise(8_000 * 82, np.random.default_rng(seed))
        save_audio(self.folder / "noise.flac", wave, 8_000, clip=True)

    def write_events(self):
        table = "onset\tduration\ttrial_type\n1.0\t20.0\tspeech\n"
        (self.folder / "noise_events.tsv").write_text(table)

    def stimulus(self):
        sound = self.folder / "noise.flac"
        folder = self.folder / "artifacts"
        return session.ensure_stimulus(sound, "quick", artifacts_dir=folder, **self.options)

    def __call__(self):
        return self.stimulus().codes_all.indices


@pytest.fixture
def start(tmp_path, monkeypatch):
    return Start(tmp_path, monkeypatch)


#: Ingredient of codes -> what changes it, and nothing else.
CODE_CHANGES = {
    "sound": lambda start: start.write_sound(1),
    "weights of the codec": lambda start: setattr(
        start, "codec", CountingCodec(seed=1, made=start.made)
    ),
    "name of the codec": lambda start: setattr(start.codec, "id", "another"),
}


@pytest.mark.parametrize("ingredient", CODE_CHANGES)
def test_codes_are_known_by_each_ingredient(start, ingredient):
    assert_known_by(start, start.made, lambda: CODE_CHANGES[ingredient](start))


def test_codes_are_known_by_the_code_of_the_codecs(start, tmp_path, monkeypatch):
    changed = edited_copy(session.CODEC_SOURCES, tmp_path)
    change = functools.partial(monkeypatch.setattr, session, "CODEC_SOURCES", changed)
    assert {"encodec.py", "residual.py", "streaming.py"} <= {p.name for p in session.CODEC_SOURCES}
    assert_known_by(start, start.made, change)


def test_codes_are_made_once_for_all_rates_and_clocks(start):
    start()
    start.options = {"bandwidth_kbps": 0.2, "t_r": 2.0}
    assert start.stimulus().codes.num_codebooks == 1
    assert len(start.made) == 1


def test_damaged_codes_are_found(start, tmp_path):
    expected = start()
    assert_flips_are_found((tmp_path / "artifacts" / "codes").iterdir(), start, expected, n_flips=8)


class QuickSimulation:
    """In place of simulated subjects: a manifest, a table and a truth."""

    def __init__(self, values):
        self.values = values

    def save(self, folder, stimulus):
        gc.save_npz(folder.with_name(f"{folder.name}-truth") / "truth.npz", self.values, {})
        gc.write_text(folder / "sub-1.tsv", str(self.values["x"]))
        return gc.write_text(folder / "dataset.yaml", f"name: {stimulus}\n")


class Bold:
    """The simulation of a stimulus, with everything that shapes it."""

    def __init__(self, start, monkeypatch):
        self.start = start
        self.arguments = {"seed": 0, "n_subjects": 8}
        self.made = []
        monkeypatch.setattr(session, "simulate", self.simulate)
        monkeypatch.setattr(session, "load_dataset", self.load)

    def load(self, path, cache):
        """Stand in for what loads a data set: its manifest, and what is printed of it."""
        return SimpleNamespace(path=path, label="simulated", preparation="nothing", regions_note="")

    def simulate(self, *_, **__):
        self.made.append(1)
        return QuickSimulation({"x": np.arange(3) * len(self.made)})

    def __call__(self):
        manifest = session.ensure_bold("demo", self.start.stimulus(), **self.arguments).path
        return (manifest.read_text(), (manifest.parent / "sub-1.tsv").read_text())


@pytest.fixture
def bold(start, monkeypatch):
    return Bold(start, monkeypatch)


#: Ingredient of a simulation -> what changes it, and nothing else.
BOLD_CHANGES = {
    "sound": lambda bold: bold.start.write_sound(1),
    "codec": lambda bold: setattr(bold.start, "codec", CountingCodec(seed=1, made=bold.start.made)),
    "number of codebooks": lambda bold: bold.start.options.update(bandwidth_kbps=0.2),
    "clock": lambda bold: bold.start.options.update(t_r=2.0),
    "annotation": lambda bold: bold.start.write_events(),
    "seed": lambda bold: bold.arguments.update(seed=1),
    "number of subjects": lambda bold: bold.arguments.update(n_subjects=9),
}


@pytest.mark.parametrize("ingredient", BOLD_CHANGES)
def test_a_simulation_is_known_by_each_ingredient(bold, ingredient):
    assert_known_by(bold, bold.made, lambda: BOLD_CHANGES[ingredient](bold))


@pytest.mark.parametrize("name", ["SOURCES", "CODEC_SOURCES"])
def test_a_simulation_is_known_by_its_code_and_that_of_the_codecs(
    bold, name, tmp_path, monkeypatch
):
    changed = edited_copy(getattr(session, name), tmp_path)
    change = functools.partial(monkeypatch.setattr, session, name, changed)
    assert_known_by(bold, bold.made, change)


def simulation_files(folder):
    places = [path for path in (folder / "artifacts" / "bold").iterdir() if path.is_dir()]
    return sorted(path for place in places for path in place.iterdir())


def test_a_damaged_simulation_is_found(bold, tmp_path):
    expected = bold()
    files = simulation_files(tmp_path)
    assert [path.name for path in files] == [
        "dataset.yaml",
        "simulation.json",
        "stimulus.flac",
        "sub-1.tsv",
        "truth.npz",
    ]
    assert_flips_are_found(files, bold, expected, n_flips=4)
    files[-1].unlink()
    with pytest.raises(InputError, match="is missing or does not match its hash"):
        bold()


def test_a_simulation_without_its_record_was_not_finished_and_is_made_anew(bold, tmp_path):
    bold()
    (record,) = (path for path in simulation_files(tmp_path) if path.name == "simulation.json")
    record.unlink()
    bold()
    assert len(bold.made) == 2


# --- what is the demo, by content ----------------------------------------------------------------


@pytest.fixture
def short_demo(monkeypatch, rng):
    """Two seconds stand in for the demo film."""
    wave = np.round(3000 * rng.standard_normal(2 * 24_000)).clip(-32_768, 32_767) / 32_768
    film = SimpleNamespace(wave=wave.astype(np.float32), sample_rate=24_000)
    monkeypatch.setattr(session, "FILM_S", 2.0)
    monkeypatch.setattr(session, "demo_film", lambda folder: film)
    return film.wave


def made_from(path, wave, codec="demo"):
    soundfile.write(path, wave, 24_000, subtype="PCM_16")
    rate_kbps = gc.load_codec(codec).bandwidths_kbps[-1]
    return gc.ensure_stimulus(path, codec, rate_kbps, artifacts_dir=path.parent / "artifacts")


def test_a_copy_of_the_demo_film_is_the_demo_whatever_its_name(short_demo, tmp_path):
    copy = made_from(tmp_path / "harbour.wav", short_demo)
    assert copy.is_demo
    assert copy.label == "demo film, codec demo"


def test_a_file_of_the_demos_name_is_not_the_demo(short_demo, tmp_path):
    other = short_demo.copy()
    other[1000] += 0.01
    stimulus = made_from(tmp_path / "demo.wav", other)
    assert not stimulus.is_demo
    assert stimulus.label == "demo, codec demo"
    assert not made_from(tmp_path / "demo film.wav", short_demo[:-240]).is_demo


def test_the_demo_film_through_another_codec_is_not_the_demo(short_demo, tmp_path, monkeypatch):
    monkeypatch.setitem(CODECS, "slow", FAKE_CODECS["slow"])
    assert not made_from(tmp_path / "film.wav", short_demo, "slow").is_demo
