"""Attack: a sentence that claims, typed by hand, without the figures and controls of a claim."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
CLAIMING = re.compile(
    r"than chance|significan|cannot be shown|no difference from|is shown to", re.I
)
MAKES_A_CLAIM = re.compile(r"[Cc]laim|Control")
MODULES = sorted((ROOT / "giblet_core").rglob("*.py"))
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def nodes_of_claims(tree):
    """Return all nodes inside calls that make claims and controls: what they say is theirs."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    of_claims = [call for call in calls if MAKES_A_CLAIM.search(ast.unparse(call.func))]
    return {id(inner) for call in of_claims for inner in ast.walk(call)}


def nodes_of_docstrings(tree):
    """Return the string nodes that stand alone: docstrings, which no reader of a page sees."""
    alone = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
    return {id(node.value) for node in alone if isinstance(node.value, ast.Constant)}


def claiming_strings(source):
    """Return the strings of a source that claim, outside claims and docstrings."""
    tree = ast.parse(source)
    allowed = nodes_of_claims(tree) | nodes_of_docstrings(tree)
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in allowed
    ]
    return [text for text in strings if CLAIMING.search(text)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_types_a_claim(path):
    assert claiming_strings(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_notebook_types_a_claim(path):
    cells = nbformat.read(path, as_version=4).cells
    typed = [claiming_strings(cell.source) for cell in cells if cell.cell_type == "code"]
    assert [texts for texts in typed if texts] == []


def test_a_typed_claim_is_found_and_a_claim_is_not():
    typed = 'text = f"Codebooks add {gain:.3f}, more than chance."'
    assert claiming_strings(typed) == [", more than chance."]
    carried = 'Claim("Codebooks add more than chance", "gain", 0.1, "pieces", 30)'
    assert claiming_strings(carried) == []
    assert claiming_strings('"""Says what is more than chance."""') == []
