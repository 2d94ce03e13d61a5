"""A real service on a free port, in a thread of the test, and a client that speaks with it."""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="needs hubel[serve]")
pytest.importorskip("httptools", reason="needs hubel[serve]")

from hubel.serve.app import create_app
from hubel.serve.door import Course
from hubel.serve.limits import Limits
from hubel.serve.models import Models
from hubel.serve.server import Server


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def words(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        assert set(self.words) == {"error"}, self.words
        return self.words["error"]


@dataclass(frozen=True)
class Client:
    port: int
    models: Models

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            reply = connection.getresponse()
            found = {name.lower(): reply.headers.get_all(name) for name in reply.headers}
            joined = {name: ", ".join(values or ()) for name, values in found.items()}
            return Reply(reply.status, joined, reply.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Reply:
        return self.ask("GET", path, **headers)

    def upload(self, path: str, *pictures: bytes, **headers: str) -> Reply:
        """As a form, the way a browser sends it."""
        body, kind = form(pictures)
        return self.ask("POST", path, body, Content_Type=kind, **headers)

    def json(self, path: str, words: Any, **headers: str) -> Reply:
        body = json.dumps(words).encode()
        return self.ask("POST", path, body, Content_Type="application/json", **headers)

    def raw(self, sent: bytes, timeout: float = 20) -> bytes:
        """All that comes back for these bytes, until the service closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as line:
            line.sendall(sent)
            parts = []
            while part := line.recv(65536):
                parts.append(part)
            return b"".join(parts)


def form(pictures: Sequence[bytes], name: str = "picture") -> tuple[bytes, str]:
    parts = [
        b'--edge\r\nContent-Disposition: form-data; name="%s"; filename="p.png"\r\n'
        b"Content-Type: image/png\r\n\r\n%s\r\n" % (name.encode(), picture)
        for picture in pictures
    ]
    return b"".join(parts) + b"--edge--\r\n", "multipart/form-data; boundary=edge"


def png(picture: np.ndarray, kind: str = "PNG", **words: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **words)
    return file.getvalue()


def coded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def running(places: Sequence[Path], limits: Limits | None = None, **words: Any) -> Iterator[Client]:
    limits = limits or Limits()
    models, course = Models(places, limits, threads=1), Course()
    app = create_app(models, limits, course=course, **words)
    door = socket.create_server(("127.0.0.1", 0))
    server, opened = Server(app, course, limits, lambda url: opened.set()), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[door])))
    thread.start()
    try:
        assert opened.wait(20)
        yield Client(door.getsockname()[1], models)
    finally:
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture(scope="session")
def files(digits) -> list[bytes]:
    """Real digits as PNG files."""
    return [png(picture) for _, picture in digits]


@pytest.fixture(scope="session")
def service(made_bundle) -> Iterator[Client]:
    """One service for all tests that leave it as it was."""
    with running([made_bundle], Limits(drain=0.2)) as client:
        yield client


@pytest.fixture
def serving(made_bundle) -> Iterator[Callable[..., Client]]:
    """serving(timeout=1, token=...) -> a service of one's own; Limits by name, or create_app's."""
    with ExitStack() as stack:

        def start(*places: Path, **words: Any) -> Client:
            bounds = {name: words.pop(name) for name in list(words) if hasattr(Limits, name)}
            limits = Limits(**{"drain": 0.2, **bounds})
            return stack.enter_context(running(places or [made_bundle], limits, **words))

        yield start


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> Iterator[Callable[[str], Client]]:
    """scenes("detect") -> the service of a bundle whose answers lie in the picture."""
    from tests.serve.scenes import made

    folder, clients = tmp_path_factory.mktemp("scenes"), {}
    with ExitStack() as stack:

        def start(task: str) -> Client:
            if task not in clients:
                limits = Limits(drain=0.2)
                clients[task] = stack.enter_context(running([made(folder, task)], limits))
            return clients[task]

        yield start
