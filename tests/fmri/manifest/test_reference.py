"""The manifest reference of the book is what the code that reads manifests says."""

from pathlib import Path

import pytest

from giblet_core.fmri.manifest.models import Manifest
from giblet_core.fmri.manifest.reference import manifest_reference

PAGE = Path(__file__).resolve().parents[3] / "book" / "manifest_reference.md"


def test_the_page_of_the_book_is_the_reference():
    """Mend it: ``python -m giblet_core.fmri.manifest.reference > book/manifest_reference.md``."""
    assert PAGE.read_text(encoding="utf-8") == manifest_reference()


def rows_of(page):
    """Return the cells of every row of every table, by key."""
    rows = {}
    for line in page.splitlines():
        if line.startswith("| `"):
            key, *cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
            rows.setdefault(key.strip("`"), []).append(cells)
    return rows


@pytest.mark.parametrize("key", Manifest.model_fields)
def test_every_key_has_a_meaning_a_kind_of_value_and_a_default(key):
    for cells in rows_of(manifest_reference())[key]:
        meaning, kind, default, *_ = cells
        assert meaning.endswith(".")
        assert kind
        assert default
