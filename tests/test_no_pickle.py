"""No pickle: none is written or read, and what the package writes is of kinds that hold no code."""

import gzip
import re
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import soundfile
from safetensors.numpy import load_file

from giblet_core.files import is_temporary, load_npz
from giblet_core.strict_yaml import parse_yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = sorted(
    path for folder in ("giblet_core", "notebooks") for path in (ROOT / folder).rglob("*.*")
)
CODE = [path for path in SOURCES if path.suffix in (".py", ".ipynb")]

#: What reads or writes pickles, or runs what it reads.
FORBIDDEN = {
    "pickle and its kin": r"\b(?:import|from)\s+(?:c?[Pp]ickle|dill|cloudpickle|shelve|marshal)\b",
    "joblib": r"\bjoblib\.(?:dump|load|Memory)\b",
    "pandas": r"\b(?:read|to)_pickle\b",
    "torch.save": r"\btorch\.(?:save|load)\(",
    "arrays of objects": r"allow_pickle\s*=\s*True",
    "weights that are pickles": r"use_safetensors\s*=\s*False|weights_only\s*=\s*False",
    "text that is run": r"(?<![\w.])(?:eval|exec)\(|\byaml\.(?:load|unsafe_load)\(",
}


@pytest.mark.parametrize("kind", FORBIDDEN)
def test_no_code_reads_or_writes_pickles(kind):
    assert CODE
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in CODE
        for match in re.finditer(FORBIDDEN[kind], path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_every_reader_of_arrays_refuses_pickles():
    lines = [
        (path.relative_to(ROOT).as_posix(), line.strip())
        for path in CODE
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\b(?:np|numpy)\.load\(", line)
    ]
    assert lines
    assert [line for line in lines if "allow_pickle=False" not in line[1]] == []


def check_npz(path):
    with np.load(path, allow_pickle=False) as data:
        assert not any(data[name].dtype.hasobject for name in data.files)
    load_npz(path)


def check_text(path):
    path.read_text(encoding="utf-8")


def check_gzip(path):
    """Only NIfTI is compressed so."""
    assert path.name.endswith(".nii.gz")
    with gzip.open(path) as stream:
        stream.read()
    nib.load(path).get_fdata()


#: Ending -> how a file of this kind is read whole; a file of another ending is a fault.
READERS = {
    ".npz": check_npz,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".safetensors": load_file,
    ".json": lambda path: parse_yaml(path.read_text(encoding="utf-8")),
    ".yaml": lambda path: parse_yaml(path.read_text(encoding="utf-8")),
    ".gz": check_gzip,
    ".flac": soundfile.read,
    ".wav": soundfile.read,
    **dict.fromkeys((".csv", ".tsv", ".html", ".js", ".css", ".txt", ".ipynb"), check_text),
}
PICKLE_STARTS = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def check_kinds(folder):
    """Read every file below a folder by its ending; return the endings."""
    endings = set()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        assert not is_temporary(path)
        assert not path.read_bytes().startswith(PICKLE_STARTS)
        READERS[path.suffix](path)
        endings.add(path.suffix)
    return endings


def test_a_pickle_in_any_disguise_would_be_found(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        check_kinds(tmp_path)
    (tmp_path / "a.npz").unlink()
    (tmp_path / "a.pt").write_bytes(b"PK")
    with pytest.raises(KeyError):
        check_kinds(tmp_path)


@pytest.mark.slow
def test_a_small_run_of_everything_writes_only_kinds_without_code(tmp_path):
    """Codes, simulated BOLD, series, features, training, the decoder of a page, results."""
    import giblet_core as gc
    from giblet_core.autoencoder import NetworkConfig, TrainConfig, build_autoencoder
    from giblet_core.demo.codec import save_weights
    from giblet_core.demo.codec.network import FrameCodec
    from giblet_core.listening.live_decoder import write_decoder

    folder = tmp_path / "artifacts"
    rng = np.random.default_rng(0)
    sound = gc.save_audio(tmp_path / "noise.wav", 0.1 * rng.standard_normal(24_000 * 70), 24_000)
    stimulus = gc.ensure_stimulus(sound, "demo", artifacts_dir=folder)
    data = gc.ensure_bold("demo", stimulus, n_subjects=1)
    data.bold(data.subjects[0])
    gc.AudioProcessor(use_encodec=False).audio_to_features(sound, cache_dir=folder / "features")
    network = NetworkConfig(num_codebooks=2, n_frames=112, encoder_hidden=8, decoder_hidden=8)
    training = TrainConfig(steps=2, batch_size=2, eval_every=1, eval_windows=2, n_blocks=1)
    gc.fit(build_autoencoder(network), stimulus.codes.first(2), training, folder / "run")
    save_weights(FrameCodec(2), folder / "net.npz")
    write_decoder(stimulus.codec, 2, folder / "live")
    gc.save_results(stimulus, "01", {"r": 0.5})
    endings = check_kinds(folder)
    kinds = ".npz .npy .json .yaml .gz .tsv .flac .safetensors .js"
    assert endings == set(kinds.split())
