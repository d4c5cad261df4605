"""The kinds of files that are changed at random: what is written, and how it is read.

To add one, write a function that puts whole files into a folder and one that reads them, and give
them an entry in `KINDS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from fake_sounds import FILE_KINDS
from fakes import conditioned_model
from fmriprep import write_derivative
from made_codes import made_up_codes
from textgrids import textgrid_of

from giblet_core.codecs import Codes
from giblet_core.codecs.loading import load_encodec_folder
from giblet_core.files import read_yaml, save_npz
from giblet_core.fmri import check_dataset, load_dataset, read_textgrid
from giblet_core.fmri.files.sidecars import sidecar_of
from giblet_core.fmri.images import load_image, read_volumes
from giblet_core.sound import Annotation, audio_info, load_audio
from giblet_core.tables import read_table


def any_file(path):
    """Choose every file."""
    return True


@dataclass(frozen=True)
class FuzzKind:
    """A kind of file.

    Attributes
    ----------
    prepare : function (folder)
        Writes whole files.
    read : function (folder, path)
        Reads the file that was changed, with all that belongs to it.
    words : tuple of bytes
        What is put into a text; () where the file is no text.
    is_changed : function (path) -> bool
        Whether a file is one of those to change.
    """

    prepare: Callable
    read: Callable
    words: tuple[bytes, ...] = ()
    is_changed: Callable = any_file


TEXT_WORDS = tuple(
    word.encode()
    for word in (
        *("nan", "NaN", "n/a", "inf", "-inf", "1e999", "-0", "0", "1", "-1", "1,5", "1.5", "0x1"),
        *("9" * 5000, "1_000", "true", "null", "~", "é", "\ufeff", "\u00a0", "\u2028", "\u202e"),
        *('"', '""', "'", "\t", "\t\t", ",", ";", " ", "\n", "\n\n", "\r", "\r\n", "\0", "#", "%"),
    )
) + (b"\xff\xfe", b"\xe9", b"\x80")
YAML_WORDS = tuple(
    word.encode()
    for word in (
        *("&a", "*a", "<<: *a", "!!python/object:os.system", "!!float", "!", "---", "...", "?"),
        *("[" * 3000, "{" * 3000, "- " * 3000, "]", "}", ":", ": ", "|", ">", "@", "`", "%YAML"),
        *("1:30", "010", "no", "yes", "2026-01-31", ".inf", ".nan", "=", "{}", "[]", "''"),
    )
)
JSON_WORDS = (b"NaN", b"Infinity", b"1e999", b"[" * 5000, b'{"a":' * 3000, b'"\\ud800"', b"[]")


# --- sound ---------------------------------------------------------------------------------------


def write_sounds(folder):
    """Write a short sound of every kind."""
    wave = (0.1 * np.random.default_rng(0).standard_normal((1, 9_600))).astype(np.float32)
    for number, kind in enumerate(FILE_KINDS):
        kind.write(folder / f"{number:02d}", wave, 48_000)


def read_sound(folder, path):
    audio_info(path)
    load_audio(path, 24_000)


# --- tables --------------------------------------------------------------------------------------

EVENTS = "onset\tduration\ttrial_type\tlabel\n0\t2\tspeech\thello\n2.5\t1\tword\tn/a\n"
WORD_TABLE = 'index;"name";x\n1;"V1; left";0,5\n2;A1;n/a\n'


def write_tables(folder):
    """Write tables with each separator, with names and without, with quotes and commas."""
    values = np.random.default_rng(0).standard_normal((12, 4))
    for name, separator in (("tabs", "\t"), ("semicolons", ";"), ("commas", ","), ("blanks", " ")):
        rows = "".join(separator.join(f"{x:.4g}" for x in row) + "\n" for row in values)
        if name == "semicolons":
            rows = rows.replace(".", ",")
        (folder / f"{name}.txt").write_text(rows)
        (folder / f"{name}_names.txt").write_text(
            separator.join(("V1", "A1", "x", "y")) + "\n" + rows
        )
    (folder / "quotes.txt").write_text(WORD_TABLE)


def read_numbers(folder, path):
    table = read_table(path, decimal="," if path.name.startswith("semicolons") else ".")
    table.counting_columns()
    table.numbers()


def write_events(folder):
    (folder / "film_events.tsv").write_text(EVENTS)


def read_events(folder, path):
    Annotation.from_events(path, 5.0)


# --- images --------------------------------------------------------------------------------------


def write_images(folder):
    """Write a small series, plain and compressed, of floats and of scaled whole numbers."""
    import nibabel as nib

    values = np.random.default_rng(0).standard_normal((4, 4, 4, 5))
    for name, image_type, dtype in (
        ("floats.nii", nib.Nifti1Image, np.float32),
        ("floats.nii.gz", nib.Nifti1Image, np.float32),
        ("whole.nii", nib.Nifti1Image, np.int16),
        ("second.nii", nib.Nifti2Image, np.float32),
    ):
        nib.save(image_type((100 * values).astype(dtype), np.eye(4)), folder / name)


def read_image(folder, path):
    n_volumes = load_image(path).shape[-1]
    read_volumes(path, 0, min(n_volumes, 5))


# --- codes and weights ---------------------------------------------------------------------------


def write_codes(folder):
    indices = np.random.default_rng(0).integers(0, 32, (2, 150)).astype(np.uint16)
    made_up_codes(indices).save(folder / "codes.npz")
    save_npz(folder / "other.npz", {"x": indices}, {"kind": "test"})


def read_codes(folder, path):
    Codes.load(path)


def write_codec(folder):
    conditioned_model(num_filters=2, bandwidths=(1.5,), seconds=0.5).save_pretrained(folder)


def read_codec(folder, path):
    load_encodec_folder(folder)


# --- texts ---------------------------------------------------------------------------------------

SIDECAR = '{"RepetitionTime": 1.5, "StartTime": 0.7, "SliceTimingCorrected": true}'


def write_textgrid(folder):
    words = [(0, 1.5, 'said ""no"" twice'), (1.5, 3, "")]
    (folder / "words.TextGrid").write_text(textgrid_of(words))


def read_words(folder, path):
    read_textgrid(path)


def write_yaml(folder):
    write_derivative(folder / "data")
    (folder / "parameters.yaml").write_text(
        "seed: 1\nsubjects: ['01', 2]\nwhat: {a: [1.5, null]}\n"
    )


def is_yaml(path):
    return path.suffix == ".yaml"


def read_manifest_or_yaml(folder, path):
    if path.name == "dataset.yaml":
        check_dataset(path)
    else:
        read_yaml(path)


def write_sidecar(folder):
    (folder / "sub-01_bold.json").write_text(SIDECAR)


def read_sidecar(folder, path):
    sidecar_of(folder / "sub-01_bold.nii.gz", folder)


# --- a whole data set ----------------------------------------------------------------------------


def write_data_set(folder):
    write_derivative(folder / "data")


def is_no_page(path):
    return path.suffix != ".html"


def read_data_set(folder, path):
    """Check a data set; what is accepted is read too."""
    manifest = folder / "data" / "dataset.yaml"
    if check_dataset(manifest).errors:
        return
    data = load_dataset(manifest)
    for subject in data.subjects:
        data.bold(subject)
        data.nuisance(subject)


KINDS = {
    "sound": FuzzKind(write_sounds, read_sound),
    "table": FuzzKind(write_tables, read_numbers, TEXT_WORDS),
    "events": FuzzKind(write_events, read_events, TEXT_WORDS),
    "image": FuzzKind(write_images, read_image),
    "codes": FuzzKind(write_codes, read_codes),
    "codec": FuzzKind(write_codec, read_codec, TEXT_WORDS + JSON_WORDS),
    "textgrid": FuzzKind(write_textgrid, read_words, TEXT_WORDS),
    "yaml": FuzzKind(write_yaml, read_manifest_or_yaml, TEXT_WORDS + YAML_WORDS, is_yaml),
    "sidecar": FuzzKind(write_sidecar, read_sidecar, TEXT_WORDS + JSON_WORDS),
    "data set": FuzzKind(write_data_set, read_data_set, TEXT_WORDS + YAML_WORDS, is_no_page),
}
