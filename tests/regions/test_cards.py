"""The region card says what was found, on volumes and on tables of regions, and its command writes
one page with sound beside it.
"""

import re

import numpy as np
import pytest
import soundfile
import yaml

import giblet_core as gc
from giblet_core.commands import main
from giblet_core.fmri import load_dataset
from giblet_core.regions import (
    SOURCES,
    bottlenecks,
    generate,
    generated_scores,
    parts_of,
    region_findings,
    trained_generator,
)
from giblet_core.validation.simulation import simulate, stand_in_sound
from giblet_core.workflow import find_remote


@pytest.fixture(scope="module")
def place(tmp_path_factory, demo_codec):
    """A book's folder that holds two minutes of a simulated simulation, as volumes and as a table
    of its regions.
    """
    folder = tmp_path_factory.mktemp("codebook")
    (folder / "notebooks").mkdir()
    (folder / "_config.yml").write_text("title: test\n")
    wave = stand_in_sound(np.random.default_rng(0), 125.0, demo_codec.sample_rate)
    soundfile.write(folder / "film.flac", wave, demo_codec.sample_rate, subtype="PCM_16")
    (folder / "film_events.tsv").write_text(
        "onset\tduration\ttrial_type\tlabel\n0\t60\tscene\tday\n60\t65\tscene\tnight\n"
    )
    simulation = simulate(
        0,
        demo_codec.encode(wave, 6.0),
        3,
        codec=demo_codec,
        wave=wave,
        run_n_trs=(40, 40),
        voxel_mm=10,
    )
    manifest = yaml.safe_load(
        simulation.save(folder / "volumes", stimulus="../film.flac").read_text()
    )
    (folder / "table").mkdir()
    for subject, bold in zip(manifest["bold"]["subjects"], simulation.bold):
        means = np.column_stack(
            [
                bold[:, simulation.atlas == k].mean(1)
                for k in range(1, 1 + len(simulation.region_names))
            ]
        )
        for run, rows in zip(manifest["runs"], np.split(means, 2)):
            np.savetxt(folder / "table" / f"{subject}_{run['name']}.txt", rows)
    manifest["bold"] |= {
        "pattern": "{subject}_{run}.txt",
        "format": "roi_table",
        "columns": [f"T{n}" for n in simulation.region_names],
    }
    manifest = {
        k: v for k, v in manifest.items() if k not in ("mask", "atlas", "nuisance", "folder")
    }
    (folder / "table" / "dataset.yaml").write_text(yaml.safe_dump(manifest))
    return folder


@pytest.fixture(scope="module")
def findings(place):
    stim = gc.ensure_stimulus(place / "film.flac", artifacts_dir=place / "build" / "artifacts")
    return region_findings(
        stim,
        load_dataset(place / "volumes" / "dataset.yaml"),
        ["R01", "R12"],
        n_random=4,
        n_shifts=4,
        progress=False,
    )


def test_a_card_of_several_says_what_its_row_says(findings):
    card = gc.region_card("R12", findings.stim, findings.data, findings=findings)
    assert card.lesion.equals(findings.lesions.table().loc["R12"])
    assert any(f"{card.lesion['alone (%)']:.0f} % of segments" in text for text in card.verdict)
    assert card.scenes.wins[0] == np.nanmax(findings.lesions.alone[1])
    assert card.scenes.wins[-1] == np.nanmin(findings.lesions.alone[1])


@pytest.mark.parametrize("n_trs", [111, 200])
def test_a_single_run_of_any_length_holds_segments_with_a_lure(tmp_path, demo_codec, n_trs):
    wave = stand_in_sound(np.random.default_rng(1), 1.5 * n_trs, demo_codec.sample_rate)
    wave *= np.float32(0.1) / np.sqrt(
        np.convolve(wave**2, np.full(12_000, 1 / 12_000), "same") + 1e-6
    ).astype(np.float32)  # one loudness
    soundfile.write(
        tmp_path / "film.flac", wave / np.abs(wave).max(), demo_codec.sample_rate, subtype="PCM_16"
    )
    stim = gc.ensure_stimulus(tmp_path / "film.flac", artifacts_dir=tmp_path / "artifacts")
    simulation = simulate(
        0, stim.codes, 2, codec=demo_codec, wave=stim.wave, run_n_trs=(n_trs,), voxel_mm=10
    )
    data = load_dataset(simulation.save(tmp_path / "volumes", stimulus="../film.flac"))
    found = region_findings(stim, data, ["R01"], n_random=2, n_shifts=2, progress=False)
    assert np.isfinite(found.lesions.whole).sum() >= 5


def test_a_map_holds_each_region_and_nothing_else(findings):
    image = findings.image([2.0, 5.0])
    values = np.asarray(image.dataobj)[np.asarray(findings.data.mask_img.dataobj) > 0]
    for name, value in (("R01", 2.0), ("R12", 5.0)):
        assert np.array_equal(np.flatnonzero(values == value), findings.group.members(name))
    assert np.count_nonzero(values) == sum(len(findings.group.members(n)) for n in findings.names)


def test_retrieved_scenes_lie_in_training_time(findings):
    card = gc.region_card("R01", findings.stim, findings.data, findings=findings)
    for place, segment in enumerate(card.scenes.segment):
        train = findings.folds[findings.segments.fold_of[segment]][0]
        for first in (card.scenes.retrieved[place], card.scenes.random[place]):
            assert np.isin(np.arange(first, first + findings.segments.length), train).all()


def test_what_is_heard_and_retrieved_is_named_by_its_scene(findings):
    card = gc.region_card("R01", findings.stim, findings.data, findings=findings)
    players = card.players(1)["best 1"]
    starts = [
        findings.times[first[0]] - 4.5
        for first in (card.scenes.true, card.scenes.retrieved, card.scenes.random)
    ]
    assert [label.split(": ")[1] for label in players.sounds] == [
        f"{'day' if t < 60 else 'night'}, {max(t, 0):.0f} s" for t in starts
    ]
    assert list(players.sounds)[0].startswith("heard: ")


def test_generation_without_fmri_knows_nothing_and_draws_alike(findings):
    generator = trained_generator(findings.stim, findings.data.grids, smoke=True)
    bold = generator.z @ np.random.default_rng(0).standard_normal((generator.z.shape[1], 40))
    late = np.concatenate(
        [np.roll(run, 3, axis=0) for run in np.split(bold, 2)]
    )  # a response of 4.5 s
    numbers = bottlenecks(
        late, generator, findings.folds, 1.5, findings.data.run_onsets, findings.gap, 16
    )
    scores = generated_scores(numbers, generator, findings.segments, findings.gap)
    assert scores["identified (%)"][SOURCES[0]] > 80
    assert scores["identified (%)"][SOURCES[2]] == 50
    assert scores["above shuffled, low"][SOURCES[0]] > 0
    assert scores["above shuffled"][SOURCES[1]] == 0
    first, again = (
        generate(generator, numbers[SOURCES[0]][:2], findings.stim.codec, seed=1) for _ in range(2)
    )
    assert np.array_equal(first, again)
    assert len(first) == 2 * generator.model.encoder.n_frames * findings.stim.codec.hop_length
    one_run = bottlenecks(
        np.roll(bold, 3, axis=0), generator, findings.folds, 1.5, (0,), findings.gap, 16
    )
    near, far = (
        np.corrcoef(
            (one_run[name] - generator.z.mean(0)).ravel(),
            (generator.z - generator.z.mean(0)).ravel(),
        )[0, 1]
        for name in SOURCES[:2]
    )
    assert near > 0.3 > 0.15 > abs(far)


def test_parts_put_the_true_alignment_beside_its_shifts():
    values = np.zeros((2, 3, 4))  # groups, folds, (1 true + 1 shifted) x 2 regions
    values[0, :, 0], values[0, :, 2] = 0.5, 0.1
    parts = parts_of(("a", "b"), values, 2)
    assert parts.value.tolist() == [[0.5, 0], [0, 0]]
    np.testing.assert_allclose(parts.null_high[0], [0.1, 0])
    assert parts.p.tolist() == [[0.5, 1], [1, 1]]
    assert parts.p_fdr.min() == 1.0


@pytest.mark.parametrize(
    ("data", "name", "extra"), [("volumes", "R05", []), ("table", "TR05", ["--no-generation"])]
)
def test_the_command_writes_one_page_with_its_sound_beside_it(
    place, data, name, extra, monkeypatch, capsys
):
    monkeypatch.chdir(place)
    status = main(
        ["region", name, "--dataset", f"{data}/dataset.yaml", "--random", "4", "--smoke", *extra]
    )
    printed = capsys.readouterr()
    assert status == 0, printed.err
    page = place / "build" / "regions" / name / "index.html"
    assert printed.out.strip().endswith(str(page))
    text = page.read_text()
    assert find_remote(text) == []
    sounds = re.findall(r'src="(media/[^"]+\.flac)"', text)
    assert len(sounds) >= 6
    assert all((page.parent / sound).is_file() for sound in sounds)
    assert "simulated" in text
    assert ("Generated, not recorded" in text) == (not extra)
    assert len(text) < 1_000_000


def test_the_command_refuses_a_region_that_is_not_there(place, monkeypatch, capsys):
    monkeypatch.chdir(place)
    assert main(["region", "V1", "--dataset", "volumes/dataset.yaml", "--smoke"]) == 2
    assert "name='V1': must be one of R01" in capsys.readouterr().err
    assert not (place / "build" / "regions" / "V1").exists()
