"""What succeeds is listed: no attack is forgotten, and none that was held off stays on the list."""

import ast
from pathlib import Path

import pytest

from giblet_core.studies.chapter import ATTACKS, blind_page

FOLDER = Path(__file__).parent
PAGE = FOLDER.parents[1] / "book" / "what_this_cannot_see.md"


def expected_failures():
    """Return ``file::function`` of the tests here that are marked as expected failures."""
    failing = set()
    for path in FOLDER.glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            decorators = getattr(node, "decorator_list", [])
            marked = [ast.unparse(decorator) for decorator in decorators]
            if any("mark.xfail" in text for text in marked):
                assert any("strict=True" in text for text in marked), node.name
                failing.add(f"{path.name}::{node.name}")
    return failing


def test_attacks_that_succeed_are_the_expected_failures():
    listed = {attack.test for attack in ATTACKS if attack.succeeds}
    assert listed == expected_failures()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.test)
def test_every_attack_has_its_test(attack):
    name, function = attack.test.split("::")
    tree = ast.parse((FOLDER / name).read_text())
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_is_made_from_records_and_attacks():
    """Mend it: ``python -m giblet_core.studies.chapter.page > book/what_this_cannot_see.md``."""
    assert PAGE.read_text(encoding="utf-8") == blind_page()
