"""A headless Chromium, pages that fail the test on any error, and addresses of sites.

A site is opened from a file and from a server.
"""

import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]


@pytest.fixture(scope="session")
def chromium():
    paths = [path for path in map(shutil.which, BROWSERS) if path is not None]
    if not paths:
        pytest.skip("no Chromium here: install the Debian package chromium to run browser tests")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=paths[0], headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A fresh page.

    An error on the console, an uncaught exception or a failed request fails the test.
    """
    context = chromium.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems = []

    def on_console(message):
        if message.type in ("error", "warning"):
            problems.append(message.text)

    def on_failed_request(request):
        problems.append(f"failed: {request.url} {request.failure}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("requestfailed", on_failed_request)
    yield page
    context.close()
    # a sound left while it loads is not an error
    assert [text for text in problems if "ERR_ABORTED" not in text] == []


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(params=["file", "http"])
def address(request):
    """Turn a folder into its address.

    It is opened from the disk, and through a plain server that knows no ranges.
    """
    servers = []

    def address_of(folder):
        if request.param == "file":
            return Path(folder).as_uri()
        handler = functools.partial(_Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield address_of
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """A function that lists the serious violations of a page, by axe-core, fetched with npm."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here: the accessibility check needs it to fetch axe-core")
    folder = tmp_path_factory.mktemp("npm")
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    command = ["npm", "install", *options, "axe-core@4.10.3"]
    if subprocess.run(command, capture_output=True, timeout=60).returncode:
        pytest.skip("axe-core could not be fetched with npm")
    source = (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(source)
        run = "axe.run(document, {resultTypes: ['violations'], preload: false})"
        serious = []
        for violation in page.evaluate(run)["violations"]:
            if violation["impact"] not in ("serious", "critical"):
                continue
            for node in violation["nodes"]:
                summary = node.get("failureSummary", "")[:300]
                serious.append((violation["id"], node["html"][:120], summary))
        return serious

    return violations
