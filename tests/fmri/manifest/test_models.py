"""The models of the manifest are its reference: every field says what it is."""

import pytest
from pydantic import TypeAdapter, ValidationError

from giblet_core.fmri.manifest import models
from giblet_core.fmri.manifest.fields import NUMBER, WHOLE, Section

SECTIONS = [
    value
    for value in vars(models).values()
    if isinstance(value, type) and issubclass(value, Section) and value is not Section
]
FIELDS = [
    pytest.param(section, name, id=f"{section.__name__}.{name}")
    for section in SECTIONS
    for name in section.model_fields
]


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_a_field_has_a_description_a_unit_where_it_counts_and_an_example_that_is_valid(
    section, name
):
    field = section.model_fields[name]
    words = field.json_schema_extra
    assert field.description.endswith(".")
    if words["kind"] in (NUMBER, WHOLE):
        assert words["unit"]
    else:
        assert words["unit"] is None
    example = field.examples[0]
    adapter = TypeAdapter(section)
    try:
        adapter.validate_python({name: example})
    except ValidationError as failure:
        wrong = [error for error in failure.errors() if error["type"] != "missing"]
        assert wrong == []


def test_the_schema_of_the_manifest_holds_units_and_examples():
    schema = models.Manifest.model_json_schema()
    t_r = schema["properties"]["t_r"]
    assert (t_r["unit"], t_r["examples"], t_r["exclusiveMinimum"]) == ("s", [1.5], 0)
    assert schema["$defs"]["Run"]["properties"]["dummy_trs"]["default"] == 0


def test_a_manifest_is_frozen():
    run = models.Run(name="a", n_trs=3, stimulus_start_s=0.0)
    with pytest.raises(ValidationError, match="frozen"):
        run.n_trs = 4


@pytest.mark.parametrize("names", [["left", "right"], "names.tsv"])
def test_names_of_regions_are_written_as_they_were_given(names):
    atlas = models.Atlas.model_validate({"file": "atlas.nii.gz", "names": names})
    assert models.Atlas.model_validate_json(atlas.model_dump_json()) == atlas
