"""Pages fetch nothing from the network and stay within their size."""

import pytest

from giblet_core.workflow import pages
from giblet_core.workflow.pages import find_remote, site_problems


@pytest.mark.parametrize(
    "text",
    [
        '<script async src="https://cdn.example/x.js">',
        "<img alt='' src='//cdn.example/x.png'>",
        '<link rel="stylesheet" href="http://a.example/x.css">',
        '<link href="https://a.example/x.css" rel="stylesheet">',
        "@import url(https://fonts.example/x);",
        '<iframe src="https://v.example/1">',
    ],
)
def test_what_a_browser_would_fetch_from_elsewhere_is_found(text):
    assert find_remote(text)


@pytest.mark.parametrize(
    "text",
    [
        '<a href="https://doi.org/1">',
        '<link rel="canonical" href="https://a.example/">',
        '<script src="../_static/x.js">',
        "<code>src=https://x.example</code>",
    ],
)
def test_links_that_nobody_fetches_are_left_alone(text):
    assert not find_remote(text)


def test_a_page_over_its_limit_and_a_remote_script_are_all_reported(tmp_path):
    (tmp_path / "big.html").write_text("x" * (pages.PAGE_BYTES + 1))
    (tmp_path / "remote.html").write_text('<script src="https://cdn.example/x.js"></script>')
    of_big, of_remote = site_problems(tmp_path)
    assert of_big.startswith("big.html: 1,000,001 bytes")
    assert of_remote.startswith("remote.html: fetches")


@pytest.mark.parametrize("head", ["<head>", '<head lang="en">', "<head\n>"])
def test_every_page_forbids_to_load_from_elsewhere(head):
    page = pages.with_security_policy(f"<html>{head}<title>x</title></head></html>")
    assert page.count("Content-Security-Policy") == 1
    assert page.index("Content-Security-Policy") < page.index("<title>")
    assert "http:" not in pages.SECURITY_POLICY
    assert "https:" not in pages.SECURITY_POLICY
