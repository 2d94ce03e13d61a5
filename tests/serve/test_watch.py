"""A folder of runs, read while a training writes into it."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubel.serve.door import Course
from hubel.serve.limits import Limits
from hubel.serve.runs import POINTS, RECENT, Runs, results, steps
from hubel.serve.server import Server
from hubel.serve.watch import watch_app

HEAD = "epoch,step,seconds,lr,train_loss,val_loss,val_top1,val_top5\n"
ROW = "{0},{1},{2},0.1,0.9,0.8,0.5,0.9\n"


def make(runs: Path, name: str, epochs: int = 3) -> Path:
    folder = runs / name
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "recipe.yaml").write_text(
        f"network: lenet5\ndata: digits\ntask: classify\nepochs: {epochs}\n", encoding="utf-8"
    )
    rows = "".join(ROW.format(e, 10 * e, 2 * e) for e in range(1, epochs + 1))
    (folder / "results.csv").write_text(HEAD + rows, encoding="utf-8")
    lines = [json.dumps({"event": "step", "step": i, "loss": 2 / i}) for i in range(1, 31)]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def test_the_states_of_a_run(tmp_path):
    training = make(tmp_path, "classify/one")
    stopped = make(tmp_path, "classify/two")
    finished = make(tmp_path, "tags/three")
    (finished / "report.html").write_text("<p>done", encoding="utf-8")
    before = time.time() - 2 * RECENT
    for path in (stopped / "recipe.yaml", stopped / "results.csv", stopped / "metrics.jsonl"):
        os.utime(path, (before, before))
    found = {run["name"]: run for run in Runs(tmp_path).all()}
    assert {name: run["state"] for name, run in found.items()} == {
        "classify/one": "training",
        "classify/two": "stopped",
        "tags/three": "finished",
    }
    one = found["classify/one"]
    assert (one["network"], one["data"], one["epochs"], one["epoch"]) == ("lenet5", "digits", 3, 3)
    assert one["scores"] == {"val_top1": 0.5, "val_top5": 0.9}
    assert one["course"] == [0.5] * 3
    # A checkpoint written just now is a sign of life too.
    (stopped / "checkpoints" / "last.pt").touch()
    assert Runs(tmp_path).summary(stopped)["state"] == "training"
    assert training in list(Runs(tmp_path))


def test_a_folder_that_is_not_there_yet_is_empty(tmp_path):
    assert Runs(tmp_path / "runs").all() == []


def test_folds_are_runs_too(tmp_path):
    make(tmp_path, "classify/folds")
    make(tmp_path, "classify/folds/fold-1")
    names = {run["name"] for run in Runs(tmp_path).all()}
    assert names == {"classify/folds", "classify/folds/fold-1"}


def test_a_line_that_is_being_written_is_left_for_later(tmp_path):
    path = tmp_path / "results.csv"
    path.write_text(HEAD + ROW.format(1, 10, 2) + "2,20,4,0.", encoding="utf-8")
    assert [row["epoch"] for row in results(path)] == [1]
    path.write_text(HEAD, encoding="utf-8")
    assert results(path) == []
    path.write_text(HEAD + "1,10,2,0.1,nan,inf,0.5,0.9\n", encoding="utf-8")
    assert results(path)[0]["train_loss"] is None
    assert json.dumps(results(path), allow_nan=False)


@given(st.text(max_size=300))
def test_whatever_stands_in_results(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text, encoding="utf-8")
    json.dumps(results(path), allow_nan=False)
    json.dumps(steps(path), allow_nan=False)


def test_many_steps_become_few_points(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [json.dumps({"event": "step", "step": i, "loss": float(i)}) for i in range(1, 10_001)]
    path.write_text("\n".join([*lines, '{"event": "epoch", "epoch": 1}', '{"event": "st']), "utf-8")
    found = steps(path)
    assert len(found) <= POINTS
    assert found[-1][0] == 10_000
    assert found[0][1] == pytest.approx(13)  # the mean of 1..25
    assert steps(tmp_path / "none.jsonl") == []


@pytest.fixture
def page(tmp_path):
    """A service on a runs folder: ask(path) -> status, type, body."""
    runs = tmp_path / "runs"
    make(runs, "classify/one")
    make(runs, "classify/a run ä")
    (runs / "classify" / "one" / "report.html").write_text("<p>the report", encoding="utf-8")
    (tmp_path / "report.html").write_text("secret", encoding="utf-8")
    course = Course()
    door, opened = socket.create_server(("127.0.0.1", 0)), threading.Event()
    app = watch_app(runs, course=course)
    server = Server(app, course, Limits(drain=0.1), lambda url: opened.set())
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[door])))
    thread.start()
    assert opened.wait(20)
    port = door.getsockname()[1]

    def ask(path: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", path)
        reply = connection.getresponse()
        found = reply.status, reply.headers["content-type"], reply.read()
        connection.close()
        return found

    yield ask
    server.should_exit = True
    thread.join(20)


def test_the_service_on_a_folder(page):
    status, _, body = page("/runs")
    assert status == 200
    assert {run["name"] for run in json.loads(body)} == {"classify/one", "classify/a run ä"}
    status, _, body = page("/runs/classify/a%20run%20%C3%A4/curves")
    assert status == 200
    curves = json.loads(body)
    assert len(curves["rows"]) == 3
    assert len(curves["steps"]) == 30
    status, kind, body = page("/runs/classify/one/report")
    assert (status, kind, body) == (200, "text/html; charset=utf-8", b"<p>the report")
    for path in ("/", "/watch.js", "/chart.js", "/ask.js", "/page.css"):
        assert page(path)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/runs/../report",
        "/runs/../../report",
        "/runs/classify/..%2f..%2f../report",
        "/runs/%2e%2e/report",
        "/runs//etc/report",
        "/runs/classify/two/curves",
        "/runs/classify/a%20run%20%C3%A4/report",
        "/runs/classify/one/recipe.yaml",
    ],
)
def test_nothing_else_can_be_read(page, path):
    status, _, body = page(path)
    assert status == 404
    assert b"secret" not in body
