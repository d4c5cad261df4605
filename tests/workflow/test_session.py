"""What a notebook starts from: the sound that the subjects heard."""

import numpy as np
import pytest
import soundfile

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.fmri import check_dataset, load_dataset
from giblet_core.workflow.parameters import complete_from_dataset


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
