"""The command line.

Good input is done with status 0; wrong input is status 2, names value, rule and remedy, and writes
nothing.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
import soundfile
from surface_files import N_LEFT, N_RIGHT, cifti_axis, write_cifti, write_gifti

import giblet_core as gc
from giblet_core.commands import COMMANDS, main

RATE = 24_000


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """Two seconds of a tone over noise as WAV, its codes, and the folder they lie in."""
    folder = tmp_path_factory.mktemp("material")
    rng = np.random.default_rng(0)
    time = np.arange(2 * RATE) / RATE
    wave = 0.2 * np.sin(2 * np.pi * 220 * time) * (
        1 + np.sin(2 * np.pi * 4 * time)
    ) + 0.02 * rng.standard_normal(time.size)
    soundfile.write(folder / "sound.wav", wave, RATE, subtype="PCM_16")
    gc.load_codec("demo").encode(wave.astype(np.float32), 6.0).save(folder / "codes.npz")
    return folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder; `left` lists what a command wrote there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GIBLET_CODEC", raising=False)
    return tmp_path


def left(folder):
    return sorted(p.name for p in folder.rglob("*"))


def giblet(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_help(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    assert name in capsys.readouterr().out


def test_the_list_of_commands_loads_nothing_heavy():
    code = (
        "import sys\nfrom giblet_core.commands.cli import make_parser\nmake_parser()\n"
        "print(*{'torch', 'transformers', 'nilearn', 'scipy', 'pandas'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "\n"


def test_the_console_script_reports_its_version_and_an_unknown_command():
    script = Path(sys.executable).with_name("giblet")
    if not script.exists():
        pytest.skip("the package is not installed beside this Python")
    assert (
        gc.__version__
        in subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout
    )
    assert subprocess.run([script, "nonsense"], capture_output=True, check=False).returncode == 2


def test_encode_decode_lesion_compare_and_info_write_what_they_say(material, place, capsys):
    assert giblet(capsys, "encode", material / "sound.wav", "codes.npz")[0] == 0
    codes = gc.Codes.load("codes.npz")
    assert (codes.num_codebooks, codes.n_frames, codes.n_samples) == (8, 150, 2 * RATE)
    assert giblet(capsys, "decode", "codes.npz", "heard.wav")[0] == 0
    heard, rate = soundfile.read("heard.wav")
    assert (heard.size, rate) == (2 * RATE, RATE)
    assert (
        giblet(
            capsys, "lesion", "codes.npz", "lesioned.flac", "--codebooks", "0,3", "--mode", "omit"
        )[0]
        == 0
    )
    assert soundfile.info("lesioned.flac").frames == 2 * RATE
    status, out, _ = giblet(capsys, "compare", material / "sound.wav", "heard.wav", "lesioned.flac")
    assert status == 0
    assert all(
        word in out
        for word in ("heard.wav", "lesioned.flac", "noise floor", "STOI", "SI-SDR", "lag")
    )
    status, out, _ = giblet(capsys, "info", "codes.npz", "--json")
    assert (status, json.loads(out)["num_codebooks"]) == (0, 8)
    assert "48000" not in giblet(capsys, "info", material / "sound.wav")[1]
    assert left(place) == ["codes.npz", "heard.wav", "lesioned.flac"]


def test_a_lesion_of_no_book_is_the_decoded_sound(material, place, capsys):
    assert giblet(capsys, "decode", material / "codes.npz", "a.wav")[0] == 0
    assert giblet(capsys, "lesion", material / "codes.npz", "b.wav", "--codebooks", "")[0] == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()


def test_a_book_is_swapped_with_that_of_a_donor(material, place, capsys):
    """Swapped with itself nothing changes.

    Without a donor the kind is refused and says what it needs.
    """
    codes = material / "codes.npz"
    assert giblet(capsys, "decode", codes, "a.wav")[0] == 0
    assert (
        giblet(
            capsys, "lesion", codes, "b.wav", "--codebooks", "0", "--mode", "swap", "--donor", codes
        )[0]
        == 0
    )
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    status, _, err = giblet(capsys, "lesion", codes, "c.wav", "--codebooks", "0", "--mode", "swap")
    assert status == 2
    assert "donor" in err
    assert not Path("c.wav").exists()


def broken_sounds(material, folder):
    """Write every kind of unusable sound; return name -> words its message must hold."""
    wave = soundfile.read(material / "sound.wav", dtype="float32")[0]
    (folder / "empty.wav").write_bytes(b"")
    soundfile.write(folder / "short.wav", wave[:319], RATE)
    for name, value in (("nan.wav", np.nan), ("inf.wav", np.inf)):
        bad = wave.copy()
        bad[100] = value
        soundfile.write(folder / name, bad, RATE, subtype="FLOAT")
    (folder / "text.wav").write_text("this is no sound\n" * 50)
    soundfile.write(folder / "whole.flac", wave, RATE)
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:20_000])
    (folder / "cut.wav").write_bytes((material / "sound.wav").read_bytes()[:40_000])
    silent_video(folder / "mute.mp4")
    return {
        "empty.wav": ["empty.wav", "0 bytes"],
        "short.wav": ["319", "320"],
        "nan.wav": ["NaN"],
        "inf.wav": ["infinite"],
        "text.wav": ["text.wav", "must be"],
        "cut.flac": ["cut.flac", "again"],
        "cut.wav": ["cut.wav", "truncated"],
        "mute.mp4": ["mute.mp4", "no sound track"],
        "absent.wav": ["absent.wav", "no such file"],
    }


def silent_video(path):
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_every_unusable_sound_is_refused_and_nothing_is_written(
    material, place, tmp_path_factory, capsys
):
    folder = tmp_path_factory.mktemp("broken")
    for name, words in broken_sounds(material, folder).items():
        status, _, err = giblet(capsys, "encode", folder / name, "out.npz")
        assert status == 2, name
        assert all(word in err for word in words), (name, err)
        assert "Traceback" not in err
        assert left(place) == [], name


def test_compare_and_info_refuse_unusable_sound_too(material, place, tmp_path_factory, capsys):
    folder = tmp_path_factory.mktemp("broken")
    for name in broken_sounds(material, folder):
        if name not in ("short.wav",):
            assert giblet(capsys, "compare", material / "sound.wav", folder / name)[0] == 2, name
        if name not in (
            "short.wav",
            "nan.wav",
            "inf.wav",
            "cut.flac",
        ):  # what only decoding can tell
            assert giblet(capsys, "info", folder / name)[0] == 2, name


def test_listening_says_that_nobody_has_listened_yet(place, capsys):
    status, out, _ = giblet(capsys, "listening")
    assert status == 0
    assert "Nobody has listened yet" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["listening", "absent.json"], ["absent.json", "no such file"]),
        (["encode", "SOUND", "out.npz", "--bandwidth", "5"], ["bandwidth_kbps=5", "1.5, 3, 6"]),
        (["encode", "SOUND", "out.wav"], ["output=out.wav", ".npz"]),
        (["encode", "SOUND", "out.npz", "--codec", "nowhere"], ["codec='nowhere'", "demo"]),
        (["decode", "SOUND", "out.wav"], ["this is a sound, not codes", "giblet encode"]),
        (["decode", "CODES", "out.txt"], ["output=out.txt", ".wav"]),
        (["lesion", "CODES", "out.wav", "--codebooks", "9"], ["9", "8"]),
        (["lesion", "CODES", "out.wav", "--codebooks", "a,b"], ["codebooks=a,b", "0,3"]),
        (["lesion", "CODES", "out.wav", "--codebooks", "0", "--mode", "erase"], ["erase", "omit"]),
        (
            ["lesion", "CODES", "out.wav", "--codebooks", "0", "--strength", "2"],
            ["strength=2", "1"],
        ),
        (["lesion", "CODES", "out.wav", "--codebooks", "0", "--window", "5", "9"], ["window_s"]),
        (["check", "absent.yaml"], ["absent.yaml"]),
        (["info", "absent.npz"], ["absent.npz", "no such file"]),
        (["sweep", "absent.yaml"], ["absent.yaml"]),
        (["run", "--set", "speed=3"], ["speed=3", "no notebook", "seed"]),
        (["run", "--only", "77"], ["only=77"]),
        (["run", "--params", "absent"], ["params=absent"]),
        (["bench", "quality"], ["part=quality", "sizes, pipeline, streaming, codec"]),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_written(
    arguments, words, material, place, capsys
):
    known = {"SOUND": material / "sound.wav", "CODES": material / "codes.npz"}
    status, _, err = giblet(capsys, *(known.get(argument, argument) for argument in arguments))
    assert status == 2
    assert all(word in err for word in words), err
    assert left(place) == []


def test_codes_out_of_range_of_another_codec_or_damaged_are_refused(material, place, capsys):
    codes = gc.Codes.load(material / "codes.npz")
    header = {
        name: getattr(codes, name) for name in codes.__dataclass_fields__ if name != "indices"
    }
    wrong = codes.indices.copy()
    wrong[0, 0] = 1024
    folder = material / "wrong"
    gc.save_npz(folder / "range.npz", {"indices": wrong}, {"kind": "codes", **header})
    gc.save_npz(
        folder / "other.npz",
        {"indices": codes.indices},
        {"kind": "codes", **header, "codec_sha256": "0" * 64},
    )
    whole = (material / "codes.npz").read_bytes()
    (folder / "damaged.npz").write_bytes(whole[:-200] + bytes(100) + whole[-100:])
    np.savez(folder / "pickled.npz", indices=np.array([{}, {}], dtype=object))
    expected = {
        "range": ["1024", "[0, 1023]"],
        "other": ["must come from codec"],
        "damaged": ["damaged.npz"],
        "pickled": ["pickled.npz"],
    }
    for name, words in expected.items():
        status, _, err = giblet(capsys, "decode", folder / f"{name}.npz", "out.wav")
        assert status == 2, name
        assert all(word in err for word in words), (name, err)
        assert left(place) == []


def test_a_disk_without_room_is_told_and_the_former_file_is_kept(material, place):
    """A limit on the size of files is what a full disk looks like to a program."""
    Path("codes.npz").write_bytes(b"former")
    command = [
        sys.executable,
        "-m",
        "giblet_core",
        "encode",
        str(material / "sound.wav"),
        "codes.npz",
        "--force",
    ]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000)),
    )
    assert done.returncode == 2, done.stderr
    assert "codes.npz: could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(place) == ["codes.npz"]
    assert Path("codes.npz").read_bytes() == b"former"


@pytest.fixture
def dataset(tmp_path_factory):
    """A data set of two subjects, 20 volumes of 1.5 s, in a folder of its own.

    Returns a function that writes the manifest with changes.
    """
    import nibabel
    import yaml

    folder, rng = tmp_path_factory.mktemp("dataset"), np.random.default_rng(0)
    soundfile.write(folder / "film.wav", 0.1 * rng.standard_normal(32 * RATE), RATE)
    for subject in (1, 2):
        image = nibabel.Nifti1Image(
            rng.standard_normal((4, 4, 4, 20)).astype(np.float32) * 10 + 100, np.eye(4) * 6
        )
        image.header.set_zooms((6, 6, 6, 1.5))
        image.header.set_xyzt_units("mm", "sec")
        nibabel.save(image, folder / f"sub{subject}.nii.gz")
    for name, shape in (("mask", (4, 4, 4)), ("other_mask", (5, 4, 4))):
        nibabel.save(
            nibabel.Nifti1Image(np.ones(shape, np.uint8), np.eye(4) * 6), folder / f"{name}.nii.gz"
        )

    def write(**changes):
        manifest = {
            "name": "small",
            "t_r": 1.5,
            "stimulus": {"file": "film.wav"},
            "runs": [{"name": "a", "n_trs": 20, "stimulus_start_s": 0.0}],
            "bold": {"pattern": "sub{subject}.nii.gz", "subjects": [1, 2], "format": "nifti"},
            "mask": "mask.nii.gz",
            **changes,
        }
        (folder / "dataset.yaml").write_text(yaml.safe_dump(manifest))
        return folder / "dataset.yaml"

    return write


def test_check_passes_a_good_data_set(dataset, place, capsys):
    status, out, err = giblet(capsys, "check", dataset())
    assert status == 0, out + err
    assert "0 errors" in out
    assert left(place) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"t_r": 2.0}, ["1.5", "t_r"]),
        ({"runs": [{"name": "a", "n_trs": 20, "stimulus_start_s": 10.0}]}, ["40 s", "32 s"]),
        ({"runs": [{"name": "a", "n_trs": 30, "stimulus_start_s": 0.0}]}, ["30", "20"]),
        ({"mask": "other_mask.nii.gz"}, ["(5, 4, 4)", "(4, 4, 4)"]),
        (
            {"bold": {"pattern": "sub{subject}.nii.gz", "subjects": [1, 2, 3], "format": "nifti"}},
            ["sub3.nii.gz"],
        ),
    ],
    ids=[
        "another TR",
        "longer than the sound",
        "another length",
        "mask of another shape",
        "missing subject",
    ],
)
def test_check_and_run_refuse_a_wrong_data_set(changes, words, dataset, place, capsys):
    path = dataset(**changes)
    status, out, _ = giblet(capsys, "check", path)
    assert status == 2
    assert all(word in out for word in words), out
    status, _, err = giblet(capsys, "run", "--set", f"bold={path}")
    assert status == 2
    assert all(word in err for word in words) or "holds no notebooks" in err, err
    assert left(place) == []


def test_bench_writes_what_it_prints_for_the_part_asked_for(place, capsys):
    status, out, _ = giblet(capsys, "bench", "sizes", "--out", place / "bench.json")
    rows = {row["name"]: row for row in json.loads((place / "bench.json").read_text())["rows"]}
    assert status == 0
    assert rows["parameters, embeddings"]["value"] == 8 * 1024 * 64
    assert "524,288" in out
    assert rows["training step, codes to mel"]["value"] > 0
    assert "x real time" not in {row["unit"] for row in rows.values()}


WRONG_KINDS = [
    (["encode", "CODES", "out.npz"], "these are codes, not a sound", "giblet decode"),
    (["encode", "DATA", "out.npz"], "this is a data set, not a sound", "Give a sound"),
    (["encode", "VOLUMES", "out.npz"], "this is a NIfTI image, not a sound", "Give a sound"),
    (["compare", "SOUND", "CODES"], "these are codes, not a sound", "giblet decode"),
    (["compare", "CODES", "SOUND"], "these are codes, not a sound", "giblet decode"),
    (["decode", "VOLUMES", "out.wav"], "this is a NIfTI image, not codes", "giblet encode"),
    (["lesion", "SOUND", "out.wav"], "this is a sound, not codes", "giblet encode"),
    (["lesion", "CODES", "out.wav", "--donor", "SOUND"], "this is a sound, not codes", "encode"),
    (["check", "SOUND"], "this is a sound, not a data set", "giblet new-dataset"),
    (["check", "CODES"], "these are codes, not a data set", "giblet new-dataset"),
    (["region", "A1", "--dataset", "VOLUMES"], "a NIfTI image, not a data set", "new-dataset"),
    (["region", "R05", "--audio", "CODES"], "these are codes, not a sound", "giblet decode"),
    (["run", "--set", "audio=CODES"], "these are codes, not a sound", "giblet decode"),
    (["run", "--set", "bold=SOUND"], "this is a sound, not a data set", "giblet new-dataset"),
    (["run", "--quick", "--set", "bold=CODES"], "these are codes, not a data set", "new-dataset"),
    (["listening", "SOUND"], "this is a sound, not answers of a listening test", "test page"),
    (["new-dataset", ".", "--sound", "CODES"], "these are codes, not a sound", "giblet decode"),
]


@pytest.fixture
def known(material, dataset):
    """Return one file of each kind, by the word that stands for it."""
    data = dataset()
    return {
        "SOUND": material / "sound.wav",
        "CODES": material / "codes.npz",
        "DATA": data,
        "VOLUMES": next(data.parent.glob("*.nii.gz")),
    }


@pytest.mark.parametrize("case", WRONG_KINDS)
def test_a_file_of_another_kind_is_called_what_it_is(case, known, place, capsys):
    arguments, words, remedy = case
    filled = []
    for argument in arguments:
        head, equals, name = argument.partition("=")
        filled.append(known.get(argument, f"{head}={known[name]}" if equals else argument))
    status, out, err = giblet(capsys, *filled)
    assert status == 2, out + err
    assert words in err
    assert remedy in err
    assert left(place) == []


def test_a_region_that_is_not_there_is_told_before_the_sound_is_read(dataset, place, capsys):
    status, _, err = giblet(capsys, "region", "STG", "--dataset", dataset())
    assert status == 2
    assert "must be one of P01" in err
    status, _, err = giblet(capsys, "region", "STG", "--dataset", dataset(atlas="none"))
    assert status == 2
    assert "names no regions" in err
    status, _, err = giblet(capsys, "region", "STG")
    assert status == 2
    assert "called R01, R02" in err
    assert "encoding" not in err


@pytest.mark.parametrize(
    "arguments", [["encode", "SOUND"], ["decode", "CODES"], ["lesion", "CODES"]]
)
def test_an_existing_file_is_kept_without_force(arguments, material, place, capsys):
    known = {"SOUND": material / "sound.wav", "CODES": material / "codes.npz"}
    name = "out.npz" if arguments[0] == "encode" else "out.wav"
    Path(name).write_bytes(b"former")
    filled = [known.get(argument, argument) for argument in arguments]
    status, _, err = giblet(capsys, *filled, name)
    assert status == 2
    assert "exists already" in err
    assert Path(name).read_bytes() == b"former"
    assert giblet(capsys, *filled, name, "--force")[0] == 0
    assert Path(name).read_bytes() != b"former"


def test_info_says_what_surface_series_hold(place, capsys, rng):
    series = rng.standard_normal((12, len(cifti_axis()))).astype(np.float32)
    write_cifti(place / "s1.dtseries.nii", series, t_r=0.8)
    status, out, _ = giblet(capsys, "info", "s1.dtseries.nii", "--json")
    facts = json.loads(out)
    assert (status, facts["kind"], facts["n_trs"], facts["t_r_s"]) == (0, "CIFTI series", 12, 0.8)
    assert facts["structures"] == ["CORTEX_LEFT", "CORTEX_RIGHT", "THALAMUS_LEFT"]
    write_gifti(place / "s1_hemi-L.func.gii", rng.standard_normal((12, N_LEFT + N_RIGHT)))
    status, out, _ = giblet(capsys, "info", "s1_hemi-L.func.gii", "--json")
    assert (status, json.loads(out)["grayordinates"]) == (0, N_LEFT + N_RIGHT)


def test_a_closed_standard_output_is_no_error(material, monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["info", str(material / "sound.wav")]) == 0


def test_a_damaged_image_is_told_by_info(place, capsys):
    image = nibabel.Nifti1Image(np.random.default_rng(0).random((4, 4, 4, 9)), np.eye(4))
    nibabel.save(image, "bold.nii.gz")
    assert giblet(capsys, "info", "bold.nii.gz")[0] == 0
    (place / "bold.nii.gz").write_bytes((place / "bold.nii.gz").read_bytes()[:-100])
    status, _, told = giblet(capsys, "info", "bold.nii.gz")
    assert status == 2
    assert "cannot be read whole" in told


def test_a_sound_whose_name_leaves_no_room_for_a_table_beside_it(material, place, capsys):
    name = "n" * 250 + ".wav"
    (place / name).write_bytes((material / "sound.wav").read_bytes())
    assert giblet(capsys, "info", name)[0] == 0
