"""A simulation's files: read back they are the simulation, and the truth is not among them."""

import numpy as np

from giblet_core.fmri import check_dataset, load_dataset
from giblet_core.validation.simulation import Truth


def z_score(x):
    return (x - x.mean(0)) / x.std(0)


def test_the_folder_of_a_simulation_holds_no_truth(saved):
    simulation, folder = saved
    names = {path.name for path in folder.iterdir()}
    assert not [name for name in names if "truth" in name or name.endswith(".npz")]
    text = (folder / "dataset.yaml").read_text()
    assert "label: simulated" in text
    assert not [kind for kind in simulation.truth.kinds if kind in text]


def test_the_truth_is_read_back_from_beside_the_folder(saved):
    simulation, folder = saved
    truth = Truth.load(folder.with_name("data-truth") / "truth.npz")
    for name, value in vars(simulation.truth).items():
        np.testing.assert_array_equal(getattr(truth, name), value, err_msg=name)


def test_a_simulation_read_from_its_files_is_the_simulation(saved):
    simulation, folder = saved
    data = load_dataset(folder / "dataset.yaml")
    assert data.label == "simulated"
    assert data.grids == simulation.grids
    assert data.run_onsets == (0, 30)
    assert np.array_equal(data.atlas, simulation.atlas)
    assert data.region_names == simulation.region_names
    error = z_score(data.bold("02")) - z_score(simulation.bold[1])
    assert np.abs(error).max() < 0.01  # 16 bits
    assert np.abs(data.nuisance("02") - simulation.motion[1]).max() < 1e-4
    assert check_dataset(folder / "dataset.yaml") == []
