"""A pytest plugin: how long each test takes is recorded, and a fast run leaves out the long ones.

``--store-durations`` updates ``tests/durations.json`` (`make durations`), and ``--faster-than 0.5``
leaves out every test that is recorded as longer (`make test-fast`). A test without a record runs,
unless it needs one of `LONG_FIXTURES`: whichever test asks first has to wait for it.
"""

import json
from collections import defaultdict
from pathlib import Path

import pytest

RECORD = Path(__file__).with_name("durations.json")
SHORTEST_S = 0.1  # shorter tests are not recorded
#: Folder -> fixtures of its tests that take many seconds.
LONG_FIXTURES = {
    "tests/demo/film/": {"film", "stems", "dry_voices"},
    "tests/regions/": {"findings", "cards"},
}


def read_durations(path: Path = RECORD) -> dict[str, float]:
    """Return the recorded seconds of each test, by its node id."""
    if not path.is_file():
        return {}
    return json.loads(path.read_text())


def update_durations(
    recorded: dict[str, float], measured: dict[str, float], collected: set[str]
) -> dict[str, float]:
    """Put measured seconds in the place of recorded ones; short and vanished tests are left out.

    A test that was neither run nor collected keeps its record only if its file was not collected
    either: else it has been renamed or removed.
    """
    collected_files = {node.split("::")[0] for node in collected}
    kept = {
        node: seconds
        for node, seconds in recorded.items()
        if node in collected or node.split("::")[0] not in collected_files
    }
    kept |= measured
    return {node: round(kept[node], 2) for node in sorted(kept) if kept[node] >= SHORTEST_S}


class Recorder:
    """Adds up set-up, call and tear-down of each test of this run."""

    def __init__(self, path: Path):
        self.path = path
        self.measured: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of one test; with xdist the reports of all workers arrive here."""
        self.measured[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        durations = update_durations(
            read_durations(self.path), dict(self.measured), set(self.measured)
        )
        self.path.write_text(json.dumps(durations, indent=0, ensure_ascii=False) + "\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the two options."""
    group = parser.getgroup("durations")
    group.addoption("--store-durations", action="store_true", help="update tests/durations.json")
    group.addoption(
        "--faster-than", type=float, metavar="S", help="leave out tests recorded as longer"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Record in the main process alone."""
    is_worker = hasattr(config, "workerinput")
    if config.getoption("store_durations") and not is_worker:
        config.pluginmanager.register(Recorder(RECORD), "duration-recorder")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is recorded as longer than asked for."""
    limit_s = config.getoption("faster_than")
    if limit_s is None:
        return
    durations = read_durations()
    long = []
    short = []
    for item in items:
        is_long = durations.get(item.nodeid, 0.0) > limit_s or _needs_long_fixture(item)
        (long if is_long else short).append(item)
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = short


def _needs_long_fixture(item: pytest.Item) -> bool:
    wanted = set(getattr(item, "fixturenames", ()))
    return any(
        item.nodeid.startswith(folder) and names & wanted for folder, names in LONG_FIXTURES.items()
    )
