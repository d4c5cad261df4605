"""What a notebook starts from: the sound that the subjects heard, under a harmless name."""

import numpy as np
import pytest
import soundfile

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset
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
