"""A server on this machine that speaks as the hub does, and as a plain file server."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Served:
    """What is offered: {path: bytes}, the hub's files as "owner/name/file".

    `cut` answers once with so many bytes only and then drops the connection; `promised` overrules
    the hashes that the hub names; `slow` sends a part of every answer and then waits.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.promised: dict[str, str] = {}
        self.asked: list[str] = []
        self.cut: int | None = None
        self.slow = False
        self.url = ""

    def info(self, repository: str) -> bytes | None:
        found = {k: v for k, v in self.files.items() if k.startswith(f"{repository}/")}
        siblings = []
        for path, data in found.items():
            digest = self.promised.get(path, hashlib.sha256(data).hexdigest())
            lfs = {"sha256": digest, "size": len(data), "pointerSize": 1}
            name = path.removeprefix(f"{repository}/")
            siblings.append({"rfilename": name, "size": len(data), "blobId": "x", "lfs": lfs})
        facts = {"id": repository, "sha": COMMIT, "siblings": siblings, "tags": []}
        return json.dumps(facts).encode() if found else None


@contextmanager
def serving() -> Iterator[Served]:
    """The server, as long as the block lasts."""
    served = Served()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, body: bool = True) -> None:
            path = unquote(urlsplit(self.path).path).lstrip("/")
            wanted = self.headers.get("Range", "")
            served.asked.append(f"{self.command} {path} {wanted}".strip())
            content, headers = served.files.get(path), {}
            if path.startswith("api/models/"):
                content = served.info(path.removeprefix("api/models/"))
            elif f"/resolve/{COMMIT}/" in path:
                path = path.replace(f"/resolve/{COMMIT}", "")
                content = served.files.get(path)
                digest = served.promised.get(path, hashlib.sha256(content or b"").hexdigest())
                headers = {"ETag": f'"{digest}"', "X-Repo-Commit": COMMIT}
            begin = int(wanted.removeprefix("bytes=").partition("-")[0]) if wanted else 0
            if content is None:
                self.send_response(404)
                headers = {"X-Error-Code": "RepoNotFound"}
            elif begin >= len(content) > 0 and wanted:
                self.send_response(416)
                content = None
            elif wanted:
                self.send_response(206)
                span = f"bytes {begin}-{len(content) - 1}/{len(content)}"
                headers["Content-Range"] = span
                content = content[begin:]
            else:
                self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()
            if body and content:
                if served.cut is not None and len(content) > served.cut:
                    content, served.cut = content[: served.cut], None
                    self.close_connection = True
                if served.slow:
                    self.wfile.write(content[:500_000])
                    while served.slow:
                        time.sleep(0.01)
                    return
                self.wfile.write(content)

        def do_HEAD(self) -> None:
            self.do_GET(body=False)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
