"""Work that a test kills: each function works in the current folder and goes on from what is there.

The other functions put the inputs into a new folder.
"""

from pathlib import Path

import dask
import numpy as np
from made_codes import SMALL_NETWORK, made_up_codes
from workflow_project import write_book, write_notebook

from giblet_core.autoencoder import TrainConfig, build_autoencoder, fit
from giblet_core.codecs import Codes
from giblet_core.commands import main
from giblet_core.files import save_npz, write_sealed, write_text
from giblet_core.sound import save_audio
from giblet_core.workflow import sweeps

# --- writing, encoding ---------------------------------------------------------------------------


def prepare_nothing(folder):
    folder.mkdir()


def write_often():
    """Replace the same files many times."""
    for version in range(40):
        numbers = np.random.default_rng(version).standard_normal(50_000)
        save_npz("numbers.npz", {"x": numbers}, {"kind": "test"})
        save_audio("noise.flac", 0.1 * numbers, 24_000)
        write_sealed("record.json", {"numbers": numbers[:999].tolist()})
        write_text("table.csv", "x\n" + "\n".join(map(repr, numbers[:9999].tolist())))


def prepare_sound(folder):
    folder.mkdir()
    wave = 0.1 * np.random.default_rng(0).standard_normal(24_000 * 20)
    save_audio(folder / "noise.wav", wave, 24_000)


# --- training ------------------------------------------------------------------------------------

TRAINING = TrainConfig(
    steps=100,
    batch_size=4,
    eval_every=2,
    eval_windows=4,
    patience=0,
    n_blocks=1,
    embargo_s=1.0,
)


def prepare_codes(folder):
    folder.mkdir()
    indices = np.random.default_rng(0).integers(0, 32, (2, 4500))
    made_up_codes(indices).save(folder / "codes.npz")


def train():
    codes = Codes.load("codes.npz")
    fit(build_autoencoder(SMALL_NETWORK), codes, TRAINING, Path("run"), resume=True, progress=False)


# --- run and sweep -------------------------------------------------------------------------------

WRITE_ARRAYS = """import numpy as np
from giblet_core.files import save_npz, write_json
rng = np.random.default_rng(seed)
for i in range(20):
    x = rng.standard_normal(50_000)
    _ = save_npz(f"{artifacts_dir}/arrays/{i}.npz", {"x": x}, {"kind": "test"})
_ = write_json(f"{artifacts_dir}/results/01.json", {"last": float(x[-1])})
print("seed", seed)"""
READ_ARRAYS = """from giblet_core.files import load_npz, write_json
sums = [float(load_npz(f"{artifacts_dir}/arrays/{i}.npz")[0]["x"].sum()) for i in range(20)]
_ = write_json(f"{artifacts_dir}/results/02.json", {"sums": sums})
print(sums[-1])"""


def prepare_project(folder):
    """Put a book of two notebooks, and a grid over the first, into a new folder."""
    folder.mkdir()
    defaults = 'seed = 0\nartifacts_dir = "build/artifacts"'
    write_notebook(folder, "01_one", defaults, WRITE_ARRAYS)
    write_notebook(folder, "02_two", defaults, READ_ARRAYS)
    write_book(folder)
    (folder / "grid.yaml").write_text("notebook: '01'\ngrid: {seed: [1, 2]}\n")
    (folder / "one.yaml").write_text("notebook: '01'\ngrid: {seed: [1]}\n")


def run_one_after_another(waiting, make_client):
    """Stand in for the cluster of a sweep."""
    reasons = [sweeps.run_one(job) for job in waiting]
    return [reason for reason in reasons if reason]


def sweep_without_cluster():
    sweeps._run_all = run_one_after_another
    return main(["sweep", "grid.yaml"])


def sweep_on_cluster():
    """Sweep over one point; the worker is forked, so that kills do not fall into its imports."""
    dask.config.set({"distributed.worker.multiprocessing-method": "fork"})
    return main(["sweep", "one.yaml", "--workers", "1"])
