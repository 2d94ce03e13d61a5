"""Fetching by name, with the hub's own client, from a server on this machine that speaks as it."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from hubel.data import kind_of, open_data, open_scenes
from hubel.data.hub import place_of
from hubel.data.objects import open_objects
from tests.data.test_parquet import images, write

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What the server offers, and what it was asked for."""

    def __init__(self, files: dict[str, bytes]):
        self.files, self.asked = files, []
        self.lfs, self.converted, self.exists = True, False, True
        self.promised = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}

    def info(self, revision: str) -> dict | None:
        if not self.exists:
            return None
        shown = self.files if self.converted == (revision == "refs/convert/parquet") else {}
        siblings = [{"rfilename": "README.md", "size": 1, "blobId": "x"}]
        for name, data in shown.items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            sibling = {"rfilename": name, "size": len(data), "blobId": blob}
            if self.lfs:
                facts = {"sha256": self.promised[name], "size": len(data), "pointerSize": 1}
                sibling["lfs"] = facts
            siblings.append(sibling)
        return {
            "id": "me/pets",
            "sha": COMMIT,
            "siblings": siblings,
            "cardData": {"license": "cc0-1.0"},
            "tags": [],
        }


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {}
    for number, part in enumerate(("train", "test")):
        columns = {"image": images(6, start=6 * number), "label": [n % 2 for n in range(6)]}
        file = write(tmp_path / f"{part}.parquet", columns, ["cat", "dog"])
        files[f"data/{part}-00000-of-00001.parquet"] = file.read_bytes()
    offered = Hub(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, body: bool = True) -> None:
            path = unquote(urlsplit(self.path).path)
            offered.asked.append(f"{self.command} {path}")
            content, headers = None, {}
            if path.startswith("/api/datasets/me/pets"):
                info = offered.info(path.partition("/revision/")[2])
                content = json.dumps(info).encode() if info else None
            elif path.startswith(f"/datasets/me/pets/resolve/{COMMIT}/"):
                content = offered.files.get(path.partition(f"{COMMIT}/")[2])
                etag = hashlib.sha256(content or b"").hexdigest()
                headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}
            self.send_response(200 if content is not None else 404)
            for name, value in headers.items():
                self.send_header(name, value)
            if content is None:
                self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content:
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HUBEL_DATA", raising=False)
    yield offered
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_is_fetched_unless_it_was_asked_for(hub):
    message = "me/pets is not on this machine; add --download to fetch it from the hub"
    with pytest.raises(ValueError, match=message):
        open_data("me/pets")
    assert not hub.asked


def test_fetched_once_and_kept(hub, cache):
    data = open_data("me/pets", download=True)
    assert data.classes == ("cat", "dog")
    assert data.licence == "cc0-1.0"
    assert data.train.names == [f"{n}.png" for n in range(6)]
    assert data.val.names == [f"{n}.png" for n in range(6, 12)]
    fetched = [request for request in hub.asked if request.startswith("GET /datasets/")]
    assert len(fetched) == 2
    facts = json.loads((cache / "hub" / "me" / "pets" / "hubel.json").read_text("utf-8"))
    assert facts["revision"] == COMMIT
    assert {name: file["sha256"] for name, file in facts["files"].items()} == hub.promised

    hub.asked.clear()
    assert open_data("me/pets").fingerprint == data.fingerprint
    assert open_data("me/pets", download=True).fingerprint == data.fingerprint
    assert not hub.asked


def test_objects_by_name(hub, cache, tmp_path):
    for part in ("train", "test"):
        objects = [{"bbox": [[1, 1, 2, 2]], "category": ["ant"]}] * 2
        file = write(tmp_path / f"{part}-of.parquet", {"image": images(2), "objects": objects})
        hub.files[f"data/{part}-00000-of-00001.parquet"] = file.read_bytes()
    hub.promised = {n: hashlib.sha256(data).hexdigest() for n, data in hub.files.items()}
    for look in (kind_of, open_scenes, open_objects):
        with pytest.raises(ValueError, match="me/pets is not on this machine; add --download"):
            look("me/pets")
    assert not hub.asked
    assert place_of("me/pets", download=True) == cache / "hub" / "me" / "pets"
    hub.asked.clear()
    assert kind_of("me/pets") == "objects"
    data = open_scenes("me/pets")
    assert (data.name, data.where, data.classes) == ("pets", "me/pets", ("ant",))
    assert (len(data.train), len(data.val)) == (2, 2)
    assert not hub.asked


def test_a_file_that_was_cut_short_afterwards_is_fetched_again(hub, cache):
    open_data("me/pets", download=True)
    name = next(iter(hub.files))
    file = cache / "hub" / "me" / "pets" / name
    file.write_bytes(b"short")
    with pytest.raises(ValueError, match="not on this machine"):
        open_data("me/pets")
    open_data("me/pets", download=True)
    assert file.read_bytes() == hub.files[name]


def test_other_bytes_than_promised_are_refused(hub, cache):
    name = next(iter(hub.files))
    hub.promised[name] = "0" * 64
    with pytest.raises(
        ValueError, match=f"{name}: not the bytes that the hub promised; fetch it again"
    ):
        open_data("me/pets", download=True)
    assert not list(Path(cache).rglob("train*.parquet"))
    with pytest.raises(ValueError, match="not on this machine"):
        open_data("me/pets")


def test_small_files_are_checked_by_gits_hash(hub):
    hub.lfs = False
    assert len(open_data("me/pets", download=True).train) == 6


def test_the_hubs_own_parquet_where_the_data_set_has_another_form(hub):
    hub.converted = True
    assert len(open_data("me/pets", download=True).train) == 6


def test_an_unknown_name(hub):
    hub.exists = False
    with pytest.raises(ValueError, match=r"me/pets cannot be fetched \(.*\); check the name"):
        open_data("me/pets", download=True)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "me/pets: the hub has no parquet files of it; fetch it by hand"),
        (["../evil.parquet"], r"the file name '\.\./evil\.parquet' leads elsewhere; refused"),
        (
            ["en/x.parquet", "de/x.parquet"],
            r"several data sets in one \(de, en\); fetch one of them",
        ),
    ],
)
def test_what_cannot_be_fetched(hub, names, message):
    hub.files = dict.fromkeys(names, b"")
    hub.promised = dict.fromkeys(names, "0" * 64)
    with pytest.raises(ValueError, match=message):
        open_data("me/pets", download=True)


def test_no_connection(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("HUBEL_DATA", raising=False)
    with pytest.raises(ValueError, match=r"uoft-cs/cifar100 cannot be fetched \(.*check the name"):
        open_data("cifar100", download=True)
