"""Headers against the manifest."""

from data_sets import manifest_of, problems_of, write_image


def test_milliseconds_in_the_header_are_read_as_seconds(folder, volumes):
    write_image(folder / "s1_scan1.nii.gz", volumes[1, "scan1"], t_r=1500, unit="msec")
    assert problems_of(manifest_of(folder)) == []
