"""Players: level, pictures, markup that staging can turn into files."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile as sf

import giblet_core as gc
from giblet_core.errors import InputError
from giblet_core.metrics import loudness_lufs
from giblet_core.workflow import move_media

SR = 24_000


@pytest.fixture(scope="module")
def sounds():
    tone = (0.2 * np.sin(2 * np.pi * 440 * np.arange(SR) / SR)).astype(np.float32)
    noise = (0.05 * np.random.default_rng(0).standard_normal(SR)).astype(np.float32)
    return {"tone": tone, "quiet": tone / 4, "<noise> & more": noise}


def embedded(markup):
    """The sounds inside the HTML, (samples, rate) each."""
    return [
        sf.read(io.BytesIO(base64.b64decode(text)), dtype="int16")
        for text in re.findall(r"data:audio/wav;base64,([^\"]+)", markup)
    ]


def test_own_levels_are_kept_to_the_sample(sounds):
    players = gc.listen(sounds, SR)
    carried = embedded(players._repr_html_())
    assert len(carried) == len(sounds)
    for wave, (samples, rate) in zip(sounds.values(), carried):
        assert rate == SR
        assert np.abs(samples / 32768 - wave).max() <= 1 / 32768
    assert "own levels" in players._repr_html_()


def test_level_matching_brings_all_to_the_loudness_of_the_first_and_says_the_gain(sounds):
    players = gc.listen(sounds, SR, level_match=True)
    target = loudness_lufs(sounds["tone"], SR)
    assert [loudness_lufs(w, SR) for w in players.sounds.values()] == pytest.approx(
        [target] * 3, abs=0.01
    )
    assert players.gains_db["quiet"] == pytest.approx(20 * np.log10(4), abs=0.01)
    assert f"all at {target:.1f} LUFS" in players._repr_html_()
    assert "gain +12.0 dB" in players._repr_html_()


@pytest.mark.parametrize("matched", [True, False])
def test_the_other_way_of_levelling_is_given_for_the_switch(sounds, matched):
    players = gc.listen(sounds, SR, level_match=matched)
    other = gc.listen(sounds, SR, level_match=not matched)
    for label, wave in players.sounds.items():
        assert wave * 10 ** (players.other_db[label] / 20) == pytest.approx(
            other.sounds[label], abs=1e-5
        )
    assert f'data-other="{players.other_db["quiet"]:.2f}"' in players._repr_html_()


def test_short_and_silent_sounds_are_matched_by_rms_or_left_and_named(sounds):
    short = gc.listen({k: w[:2000] for k, w in sounds.items()}, SR, level_match=True)
    assert "dB RMS, being too short" in short.level_note
    assert np.std(short.sounds["quiet"]) == pytest.approx(np.std(short.sounds["tone"]), rel=1e-3)
    silent = gc.listen({"a": sounds["tone"], "b": sounds["tone"] * 0}, SR, level_match=True)
    assert "b: silent" in silent.level_note
    assert not silent.sounds["b"].any()


def test_a_peak_beyond_full_scale_lowers_all_alike_and_says_so(sounds):
    players = gc.listen({"a": sounds["tone"] * 8, "b": sounds["tone"]}, SR)
    assert np.abs(players.sounds["a"]).max() == pytest.approx(10 ** (-0.1 / 20), abs=1e-4)
    assert np.std(players.sounds["a"]) == pytest.approx(8 * np.std(players.sounds["b"]), rel=1e-4)
    assert "all lowered by 4.2 dB" in players.level_note


def test_staging_turns_every_sound_into_a_file_with_the_same_samples(sounds, tmp_path):
    import nbformat

    markup = gc.listen(sounds, SR)._repr_html_()
    output = nbformat.v4.new_output("display_data", {"text/html": markup})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=[output])])
    move_media(notebook, tmp_path / "media", "../media")
    assert len(list((tmp_path / "media").iterdir())) == 6  # sounds and pictures
    page = notebook.cells[0].outputs[0].data["text/html"]
    files = re.findall(r'src="\.\./media/(\w+\.flac)"', page)
    for (samples, _), name in zip(embedded(markup), files):
        assert (sf.read(tmp_path / "media" / name, dtype="int16")[0] == samples).all()
    assert "audio/wav" not in page
    assert len(page) < 5_000


def test_labels_are_escaped_and_every_player_and_picture_is_named(sounds):
    markup = gc.listen(sounds, SR)._repr_html_()
    assert "<noise>" not in markup
    assert markup.count('aria-label="&lt;noise&gt; &amp; more"') == 1
    assert all(
        alt.startswith("Waveform and spectrogram of")
        for alt in re.findall(r'alt="([^"]*)"', markup)
    )


def test_metrics_stand_beside_with_floor_and_reasons(sounds):
    players = gc.listen(sounds, SR, reference="tone", segments=[])
    markup = players._repr_html_()
    assert [*players.scores] == ["quiet", "<noise> & more", "noise floor (white, level-matched)"]
    assert "<td>∞</td>" in markup  # a scaled copy has no distortion
    assert "no speech segment" in markup
    assert "nan" not in re.sub(r"base64,[^\"]+", "", markup)


def test_given_scores_are_not_computed_again(sounds):
    players = gc.listen(sounds, SR, reference="tone", scores={})
    assert players.scores == {}


@pytest.mark.parametrize(
    ("sounds", "message"),
    [
        ({}, "at least one sound"),
        ({"a": np.zeros((2, 5), np.float32)}, "n_samples"),
        ({"a": np.array([np.nan, 1], np.float32)}, "NaN"),
    ],
)
def test_bad_sounds_are_input_errors(sounds, message):
    with pytest.raises(InputError, match=message):
        gc.listen(sounds, SR)


def test_an_unknown_reference_is_an_input_error(sounds):
    with pytest.raises(InputError, match="must be one of tone"):
        gc.listen(sounds, SR, reference="x")


def test_the_public_names_lead_to_the_room():
    for name in (
        "listen",
        "build_listening_pages",
        "analyse_results",
        "load_conditions",
        "render_conditions",
    ):
        assert callable(getattr(gc, name))
