"""A headless Chromium, a page that fails the test on any console error, and a site opened from a
file and from a server.
"""

import functools
import http.server
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    path = (
        shutil.which("chromium")
        or shutil.which("chromium-browser")
        or shutil.which("google-chrome")
    )
    if path is None:
        pytest.skip(
            "no Chromium here: install the Debian package chromium to run the browser tests"
        )
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """A fresh page; an error on the console, an uncaught exception or a failed request fails the
    test.
    """
    context = chromium.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    problems = []
    page.on(
        "console",
        lambda message: (
            problems.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "requestfailed", lambda request: problems.append(f"failed: {request.url} {request.failure}")
    )
    yield page
    context.close()
    assert [
        text for text in problems if "ERR_ABORTED" not in text
    ] == []  # a sound left while it loads is not an error


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(params=["file", "http"])
def address(request):
    """Turn a folder into its address: opened from the disk, and through a plain server that knows
    no ranges.
    """
    servers = []

    def of(folder):
        if request.param == "file":
            return Path(folder).as_uri()
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield of
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The source of axe-core, fetched with npm; a function that lists the serious violations of a
    page.
    """
    if shutil.which("npm") is None:
        pytest.skip("no npm here: the accessibility check needs it to fetch axe-core")
    folder = tmp_path_factory.mktemp("npm")
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        "axe-core@4.10.3",
    ]
    if subprocess.run(command, capture_output=True, timeout=60).returncode:
        pytest.skip("axe-core could not be fetched with npm")
    source = (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(page):
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")[
            "violations"
        ]
        return [(v["id"], n["html"][:120], n.get("failureSummary", "")[:300]) for v in found
                if v["impact"] in ("serious", "critical") for n in v["nodes"]]  # fmt: skip

    return violations
