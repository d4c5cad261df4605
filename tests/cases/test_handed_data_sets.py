"""Data sets after public bug reports: each is right against what it was made from, or refused."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from giblet_core.commands import main
from giblet_core.fmri import load_dataset
from giblet_core.sound import Annotation

DONE = 0
WRONG_INPUT = 2
PROBLEM = r"error: \S.*=.*: .+\. .+\."  # error: where=value: the rule. The remedy.


@dataclass(frozen=True)
class Refused:
    """What the message says, among value, rule and remedy."""

    words: str


#: Case/manifest -> what the check says ("" accepts without a word), and what is read then.
DATA_SETS = {
    "08_video_tail": {"dataset": "", "long": ""},
    "11_tr_units": {
        **dict.fromkeys(("ms", "unknown", "slope", "big", "nan"), ""),
        "zero": "warning: .*TR 0 s in the header: says nothing",
        "mislabel": "warning: .*has a wrong unit",
        "s1500": "warning: .*has a wrong unit",
        "one": Refused("TR 1 s in the header"),
        "five": Refused("must have four dimensions"),
        "gzname": Refused("must be a readable NIfTI image"),
    },
    "12_mask_affine": {"dataset": Refused("must be LAS, affine"), "far": Refused("must be LAS")},
    "13_mask_float": {
        "prob": Refused("a mask must hold 0 and 1"),
        "nanmask": Refused("holds NaN or infinity"),
        "mask4d": "",
    },
    "15_roi_trailing": dict.fromkeys(
        ("trail", "both", "clean", "crlf", "bom1_", "quoted", "digits", "ctrail"), ""
    ),
    "18_confounds_empty": {"dataset": ""},
    "19_symlink": {"dataset": ""},
    "29_timing_edges": {
        **dict.fromkeys(("exact", "float", "exp"), ""),
        "early": "note: .*4 TRs: lie off the sound",
        "longer": Refused("BOLD must not be longer than the sound"),
        "inf": Refused("t_r=.inf"),
        "nan": Refused("stimulus_start_s=.nan"),
        "sexa": Refused("stimulus_start_s=1:00"),
        "big": Refused("stimulus2=1: unknown key"),
        "off": Refused("the sound ends at 60 s"),
    },
    "32_sidecar_tr": {"dataset": Refused("RepetitionTime 2 s")},
    "34_affine_subjects": {"dataset": Refused("must be RAS, affine")},
}
PARCELS = "note: atlas="  # volumes without an atlas are parcelled, which is said
MANIFESTS = [(case, name) for case, manifests in DATA_SETS.items() for name in manifests]


def test_every_manifest_that_the_scripts_make_is_in_the_table(made):
    for case, manifests in DATA_SETS.items():
        assert {path.stem for path in made(case).glob("*.yaml")} == set(manifests)


def test_every_case_is_in_a_table(cases):
    tables = "".join(path.read_text() for path in Path(__file__).parent.glob("test_handed_*.py"))
    folders = [path.name for path in cases.iterdir() if path.is_dir()]
    assert len(folders) > 20
    assert [name for name in folders if f'"{name}"' not in tables] == []


@pytest.mark.parametrize(("case", "name"), MANIFESTS)
def test_a_handed_data_set_is_right_or_refused(made, common, monkeypatch, capsys, case, name):
    monkeypatch.chdir(made(case))
    expected = DATA_SETS[case][name]
    status = main(["check", f"{name}.yaml"])
    said = capsys.readouterr().out
    if isinstance(expected, Refused):
        assert status == WRONG_INPUT
        assert expected.words in said
        assert all(re.fullmatch(PROBLEM, line) for line in said.splitlines() if "error:" in line)
        return
    assert status == DONE
    if expected:
        assert re.search(expected, said)
    else:
        told = [line for line in said.splitlines() if not line.startswith(PARCELS)]
        assert len(told) == 1
        assert told[0].startswith(f"{name}.yaml: 0 errors")
    assert_read_as_made(load_dataset(f"{name}.yaml"), case, name, common)


def assert_read_as_made(data, case, name, common):
    """Compare what is read with what the script wrote."""
    for number, subject in enumerate(data.subjects, 1):
        bold = data.bold(subject)
        if case == "15_roi_trailing":
            assert_columns(data, bold, number)
            continue
        inside = np.asarray(data.mask_img.dataobj) > 0
        expected = truth(case, name, common, number)[inside].T
        if case == "18_confounds_empty":
            table = pd.read_csv(f"good{number}.tsv", sep="\t")[["trans_x", "rot_z"]]
            np.testing.assert_allclose(data.nuisance(subject), table, atol=1e-5)
            expected = residuals(expected, table)
        np.testing.assert_allclose(bold, expected, atol=1e-3 if name != "slope" else 0.06)
    if name == "nan":
        assert data.n_voxels == 6**3 - 2  # one is NaN, one does not change


def residuals(bold, confounds):
    """Return what a regression on confounds and a constant leaves of each series."""
    design = np.column_stack([np.ones(len(bold)), confounds])
    return bold - design @ np.linalg.lstsq(design, bold.astype(float), rcond=None)[0]


def truth(case, name, common, number):
    """Return the volumes of a subject: (x, y, z, n_trs)."""
    if name in ("long", "early"):
        bold = common.bold(44, seed=number)
        return bold[..., 4:] if name == "early" else bold  # 6 s before the sound begins
    bold = common.bold(seed=number)
    return 0.1 * np.trunc(10 * bold) + 5 if name == "slope" else bold


def assert_columns(data, bold, number):
    """Compare a table's columns with those of the clean table, by name."""
    clean = pd.read_csv(f"clean{number}.tsv", sep="\t")
    names = [region.removeprefix("7Net_") for region in data.region_names]
    assert names == list(clean)[: len(names)]
    np.testing.assert_allclose(bold, clean[names], rtol=1e-6)


# --- events --------------------------------------------------------------------------------------

HELLO = ("speech", 0.0, 2.0, "hello")
#: Table -> (kind, start, stop, label) of its rows, or why it is refused.
EVENTS = {
    "good": [HELLO, ("music", 2.0, 4.0, "")],
    "bomcrlf": [("speech", 0.0, 2.0, "hé")],
    "extra_tab": [HELLO],
    "nan_word": [
        ("speech", float(i), i + 1.0, word) for i, word in enumerate(("null", "NA", "nan"))
    ],
    "na_duration": Refused("last longer than 0 s"),
    "zero": Refused("last longer than 0 s"),
    "comma": Refused("onset='0,5'"),
    "utf16": Refused("Save it as UTF-8 text"),
    "capital": Refused("must name onset, duration, trial_type"),
    "negative": Refused("must begin at 0 s or later"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_handed_events_are_right_or_refused(made, monkeypatch, capsys, name):
    folder = made("25_events")
    monkeypatch.chdir(folder)
    assert {path.stem for path in folder.glob("*.wav")} == set(EVENTS)
    expected = EVENTS[name]
    status = main(["info", f"{name}.wav"])
    said = capsys.readouterr()
    if isinstance(expected, Refused):
        assert status == WRONG_INPUT
        assert expected.words in said.err
        assert re.match(r"giblet info: events=.*: .+\. .+\.$", said.err.strip())
        return
    assert status == DONE
    events = Annotation.from_events(f"{name}_events.tsv", 5.0).events
    rows = [(event.kind, event.start_s, event.stop_s, event.label) for event in events]
    assert rows == expected
