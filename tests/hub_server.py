"""A hub of models on the loopback: as much of its protocol as `hf_hub_download` needs.

It answers ``/OWNER/NAME/resolve/REVISION/FILE`` with the headers that the hub sends (ETag,
X-Repo-Commit, Content-Length, ranges), and writes down what it was asked for. Faults are asked for
by the attributes `cut_after` and `swapped`.
"""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<file>.+)")


def git_hash(content):
    """Hash as git names the content of a small file."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


class Hub:
    """One repository at one commit, served in a thread.

    Attributes
    ----------
    asked : list of (method, path, range)
        Every request so far.
    cut_after : dict of str to int
        File -> bytes after which the connection is cut, once.
    swapped : dict of str to bytes
        File -> content that is sent in place of the declared one.
    """

    def __init__(self, repo, commit, files):
        self.repo = repo
        self.commit = commit
        self.files = files
        self.asked = []
        self.cut_after = {}
        self.swapped = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def etag(self, name):
        """Return what the hub declares: SHA-256 of large files, git's hash of small ones."""
        content = self.files[name]
        is_large = name.endswith(".safetensors")
        return hashlib.sha256(content).hexdigest() if is_large else git_hash(content)

    def paths(self, method):
        """Return the paths that were asked for by one method, in order."""
        return [path for used, path, _ in self.asked if used == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub = None

    def log_message(self, *_):
        """Say nothing."""

    def do_HEAD(self):
        """Answer with the headers of a file."""
        self.answer()

    def do_GET(self):
        """Answer with a file, or with the rest of it."""
        self.answer()

    def answer(self):
        hub = self.hub
        asked_range = self.headers.get("Range")
        hub.asked.append((self.command, self.path, asked_range))
        match = RESOLVE.fullmatch(self.path)
        known = match and match["repo"] == hub.repo and match["file"] in hub.files
        if not known or match["revision"] != hub.commit:
            self.send_response(404)
            self.send_header("X-Error-Code", "RevisionNotFound" if known else "EntryNotFound")
            self.send_header("X-Repo-Commit", hub.commit)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        name = match["file"]
        content = hub.swapped.get(name, hub.files[name])
        start = int(asked_range.removeprefix("bytes=").split("-")[0]) if asked_range else 0
        self.send_response(206 if asked_range else 200)
        if asked_range:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.send_header("ETag", f'"{hub.etag(name)}"')
        self.send_header("X-Repo-Commit", hub.commit)
        self.send_header("X-Linked-Size", str(len(hub.files[name])))
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self.send_content(name, content[start:])

    def send_content(self, name, content):
        n_bytes = self.hub.cut_after.pop(name, None)
        self.wfile.write(content[:n_bytes])
        if n_bytes is not None:
            self.wfile.flush()
            self.close_connection = True
