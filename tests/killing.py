"""Processes that are killed at any moment, and what has to be true afterwards.

Run as a program this file is a nursery: it imports once what commands need and forks a process for
each, so that the moments of a kill fall into the work and not into imports.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PRELOADED = (
    "giblet_core.autoencoder.training",
    "giblet_core.codecs.loading",
    "giblet_core.commands.cli",
    "giblet_core.workflow.sweeps",
    "nbclient",
)
READY = "ready\n"


class Nursery:
    """Starts processes that have imported everything already."""

    def __init__(self):
        command = [sys.executable, str(Path(__file__))]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self.process.stdout.readline() == READY

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def _ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def start(self, function, arguments, folder):
        """Call ``module:name`` with arguments in a new process, in a folder; return its id.

        What it prints goes to ``log.txt`` beside the folder.
        """
        log = folder.with_name(f"{folder.name}.log")
        return self._ask(function=function, arguments=arguments, folder=str(folder), log=str(log))

    def wait(self, process_id):
        """Return the exit status of a process; minus the signal where one ended it."""
        return self._ask(wait=process_id)

    def run(self, function, arguments, folder):
        """Call a function to its end; return the seconds it took."""
        began = time.monotonic()
        status = self.wait(self.start(function, arguments, folder))
        log = folder.with_name(f"{folder.name}.log")
        assert status == 0, log.read_text()
        return time.monotonic() - began

    def kill_after(self, seconds, function, arguments, folder):
        """Call a function and kill its process; return whether it was still at work."""
        process_id = self.start(function, arguments, folder)
        time.sleep(seconds)
        os.kill(process_id, signal.SIGKILL)
        status = self.wait(process_id)
        log = folder.with_name(f"{folder.name}.log")
        assert status in (0, -signal.SIGKILL), log.read_text()
        return status != 0


def _serve():
    """Fork a process for each line of the standard input."""
    for module in PRELOADED:
        importlib.import_module(module)
    print(READY, end="", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = os.waitstatus_to_exitcode(status)
        else:
            answer = os.fork()
            if answer == 0:
                _become(**request)
        print(json.dumps(answer), flush=True)


def _become(function, arguments, folder, log):
    """Call a function in this process and end it."""
    status = 1
    try:
        with open(log, "a", encoding="utf-8") as file, open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        os.chdir(folder)
        module, name = function.split(":")
        status = getattr(importlib.import_module(module), name)(*arguments) or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve()
