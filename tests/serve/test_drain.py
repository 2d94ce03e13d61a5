"""The command as a process: it says where it is, and SIGTERM in the middle loses no request."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from tests.serve.conftest import form

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")


@contextmanager
def started(bundle: Path, *words: str) -> Iterator[tuple[subprocess.Popen, int, TextIO]]:
    command = [sys.executable, "-c", "from hubel.cli import main; main()"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:  # a pipe that nobody reads is full
        process = subprocess.Popen(
            [*command, "serve", str(bundle), "--port", "0", "--engine-threads", "1", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            line = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:(\d+)$", line.strip())
            assert found, line + told(log)
            yield process, int(found[1]), log
        finally:
            process.kill()
            process.communicate()


def told(log: TextIO) -> str:
    log.seek(0)
    return log.read()


def test_sigterm_in_the_middle_loses_none(made_bundle, files):
    """Clients that ask without a pause, on connections that stay open."""
    body, kind = form([files[0]])
    asked, answered, wrong, ended = [0], [0], [], []

    def ask(port: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.connect()
        while True:
            asked[0] += 1
            try:
                connection.request("POST", "/predict", body, {"Content-Type": kind})
                reply = connection.getresponse()
                words = json.loads(reply.read())
            except OSError as error:
                wrong.append(repr(error))
                return
            if reply.status != 200 or not words["label"]:
                wrong.append(f"{reply.status} {words}")
            answered[0] += 1
            if reply.getheader("connection") == "close":  # it is told to go
                ended.append(port)
                return

    with started(made_bundle) as (process, port, log):
        threads = [threading.Thread(target=ask, args=(port,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.8)
        process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(30)
        assert process.wait(30) == 0
        lines = told(log).splitlines()
    assert not wrong
    assert asked == answered
    assert answered[0] > 20
    assert len(ended) == 8
    events = [json.loads(line)["event"] for line in lines]
    assert "stopping" in events
    assert events.count("request") == answered[0]


def test_an_idle_connection_has_time_for_a_last_request(made_bundle, files):
    body, kind = form([files[0]])
    with started(made_bundle) as (process, port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/ready")
        assert connection.getresponse().read() == b'{"status":"ready"}'
        process.send_signal(signal.SIGINT)
        time.sleep(0.5)
        connection.request("POST", "/predict", body, {"Content-Type": kind})
        reply = connection.getresponse()
        assert reply.status == 200
        assert reply.getheader("connection") == "close"
        reply.read()
        with pytest.raises(OSError):
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
        assert process.wait(20) == 0


def test_a_port_that_is_taken(made_bundle):
    with started(made_bundle) as (_, port, _):
        command = [sys.executable, "-c", "from hubel.cli import main; main()"]
        done = subprocess.run(
            [*command, "serve", str(made_bundle), "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
