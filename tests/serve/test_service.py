"""The service as its clients meet it: right answers, clear refusals, nothing kept."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hubel.runtime import load
from hubel.serve.door import JsonLines
from tests.serve.conftest import coded, form, png


@pytest.fixture(scope="module")
def predictor(made_bundle):
    return load(made_bundle)


def test_a_form_and_base64_get_the_answer_of_the_bundle(service, predictor, files):
    for file in files:
        expected = predictor.predict(file, top=3)
        usual = f"/predict?model={next(iter(service.models))}&top=3"  # which takes the short way
        for reply in (
            service.upload("/predict?top=3", file),
            service.json("/predict?top=3", {"picture": coded(file)}),
            service.upload(usual, file),
            service.json(usual, {"picture": coded(file)}),
        ):
            assert reply.status == 200
            words = reply.words
            assert words["label"] == expected.label
            assert [one["label"] for one in words["top"]] == [label for label, _ in expected.top]
            given = [one["confidence"] for one in words["top"]]
            assert given == pytest.approx([p for _, p in expected.top], abs=1e-6)
            assert words["picture"] == {"width": 8, "height": 8}
            assert words["model"] == "made0" or words["model"] in service.models
            assert words["seconds"]["compute"] > 0
            assert "compute;dur=" in reply.headers["server-timing"]


def test_what_the_network_sees_of_the_picture(service, files):
    left, top, width, height = service.upload("/predict", files[0]).words["seen"]
    # 28 pixels show the 8 of the digit, and 2 more stand around it on every side.
    assert (left, top) == pytest.approx((-2 * 8 / 28,) * 2, abs=1e-3)
    assert (width, height) == pytest.approx((32 * 8 / 28,) * 2, abs=1e-3)


def test_a_batch_is_answered_in_order_and_a_bad_picture_does_not_stop_it(service, files):
    reply = service.upload("/batch", files[0], b"nothing", files[1], files[0])
    assert reply.status == 200
    first, bad, second, again = reply.words["answers"]
    assert first == again
    assert first["top"] != second["top"]
    assert "not a picture" in bad["error"]
    assert set(bad) == {"error"}


def test_many_at_once_each_get_their_own_answer(service, predictor, files):
    expected = [predictor.predict(file).top[0] for file in files]
    found: dict[int, list] = {}

    def ask(client: int) -> None:
        found[client] = [
            service.upload("/predict", files[(client + i) % len(files)]).words for i in range(6)
        ]

    threads = [threading.Thread(target=ask, args=(client,)) for client in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client, answers in found.items():
        for i, words in enumerate(answers):
            label, confidence = expected[(client + i) % len(files)]
            assert words["label"] == label
            assert words["confidence"] == pytest.approx(confidence, abs=1e-6)


def test_below_the_threshold_it_does_not_know(bundle, reseal, serving, files):
    path = bundle / "bundle.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    facts["thresholds"] = {"confidence": 0.99}
    path.write_text(json.dumps(facts), encoding="utf-8")
    reseal(bundle)
    words = serving(bundle).upload("/predict", files[0]).words
    assert words["label"] is None
    assert words["unsure"]
    assert len(words["top"]) == 5


def test_several_models(made_bundle, bundle, reseal, serving, files):
    path = bundle / "bundle.json"
    path.write_text(path.read_text(encoding="utf-8").replace("digit ", "number "), encoding="utf-8")
    reseal(bundle)
    client = serving(made_bundle, bundle)
    first, second = client.models
    assert [one["name"] for one in client.get("/models").words] == [first, second]
    assert client.upload("/predict", files[0]).words["label"].startswith("digit")
    reply = client.upload(f"/predict?model={second}", files[0]).words
    assert reply["label"].startswith("number")
    card = client.get(f"/models/{second}").words
    assert card["facts"]["scores"] == {"val_top1": 0.1}
    assert card["card"].startswith("---") or "#" in card["card"]
    assert card["input"] == [32, 32]
    reply = client.upload("/predict?model=nothing", files[0])
    assert reply.status == 404
    assert "unknown model 'nothing'" in reply.error


def test_two_bundles_of_one_name_get_two(made_bundle, serving):
    first, second = serving(made_bundle, made_bundle).models
    assert second == f"{first}-2"


def test_health_readiness_and_metrics(serving, files):
    client = serving()
    assert client.get("/health").words == {"status": "ok"}
    assert client.get("/ready").words == {"status": "ready"}
    client.upload("/predict", files[0])
    client.upload("/predict", b"x")
    client.get("/no/such/path")
    reply = client.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = reply.body.decode().splitlines()
    assert 'hubel_requests_total{route="/predict",status="200"} 1' in lines
    assert 'hubel_requests_total{route="/predict",status="415"} 1' in lines
    assert 'hubel_requests_total{route="other",status="404"} 1' in lines
    (model,) = client.models
    assert f'hubel_batch_pictures_count{{model="{model}"}} 2' in lines
    assert f'hubel_waiting{{model="{model}"}} 0' in lines
    assert "hubel_in_flight 1" in lines  # the one that asks
    assert "hubel_held_bytes 0" in lines
    for line in lines:  # every sample has a number
        assert line.startswith("#") or float(line.rpartition(" ")[2]) >= 0


def test_the_description_names_every_route(service):
    paths = service.get("/openapi.json").words["paths"]
    assert set(paths) == {
        "/predict", "/batch", "/draw", "/explain", "/maps", "/models", "/models/{name}",
        "/models/{name}/layers", "/models/{name}/engines", "/health", "/ready", "/metrics",
    }  # fmt: skip
    fields = paths["/predict"]["post"]["requestBody"]["content"]
    assert set(fields) == {"multipart/form-data", "application/json"}


def test_the_page_is_served_under_a_policy_that_loads_nothing_else(service):
    for path in ("/", "/docs", "/page.css", "/page.js", "/pane.js", "/over.js", "/layers.js"):
        reply = service.get(path)
        assert reply.status == 200
        assert b"http://" not in reply.body.replace(b"http://www.w3.org", b"")
        assert b"https://" not in reply.body
    policy = service.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def broken(files: list[bytes]) -> dict[str, tuple[bytes, int]]:
    picture = np.zeros((40, 40, 3), np.uint8)
    whole = png(picture, "JPEG")
    bomb = png(picture)
    header = bomb[12:16] + (60_000).to_bytes(4, "big") * 2 + bomb[24:29]
    bomb = bomb[:12] + header + zlib.crc32(header).to_bytes(4, "big") + bomb[33:]
    return {
        "empty": (b"", 422),
        "truncated": (whole[: len(whole) // 2], 422),
        "truncated png": (files[0][:60], 422),
        "bomb": (bomb, 413),
        "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", 415),
        "html": (b"<html><script>alert(1)</script></html>", 415),
        "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415),
        "text": (b"hello", 415),
        "zeros": (bytes(1000), 415),
    }


@pytest.mark.parametrize("kind", broken([bytes(100)]))
def test_a_picture_that_is_none(service, files, kind):
    data, status = broken(files)[kind]
    for path in ("/predict", "/explain", "/maps"):
        reply = service.upload(path, data)
        assert reply.status == status, reply.body
        assert reply.error.startswith("the picture ")
        assert "Traceback" not in reply.error
    (answer,) = service.upload("/batch", data).words["answers"]
    assert answer["error"].startswith("the picture ")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/predict", 405),
        ("DELETE", "/models", 405),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/..%2f..%2fetc%2fpasswd", 404),
        ("GET", "/models/..%2f..%2fbundle.json", 404),
        ("GET", "/models/%00", 404),
        ("GET", "/models/a%0d%0aSet-Cookie:%20x=1", 404),
        ("GET", "/page.js/..", 404),
        ("GET", "/static/", 404),
        ("POST", "/predict?top=0", 422),
        ("POST", "/predict?top=x", 422),
        ("POST", "/predict?model=%22%0d%0a", 404),
        ("POST", "/predict", 415),
    ],
)
def test_requests_that_make_no_sense(service, method, path, status):
    reply = service.ask(method, path)
    assert reply.status == status
    assert reply.error
    assert "set-cookie" not in reply.headers
    if status == 405:
        assert reply.headers["allow"]


@pytest.mark.parametrize(
    "sent",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nbad header\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_bytes_that_are_no_request(serving, sent):
    client = serving(timeout=0.3)
    answer = client.raw(sent, timeout=10)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer
    assert client.get("/health").status == 200


def test_a_head_without_end(serving):
    client = serving(timeout=5)
    sent = b"GET / HTTP/1.1\r\nX-A: " + b"a" * 70_000
    assert client.raw(sent).startswith(b"HTTP/1.1 431")


def test_a_sender_that_never_finishes_its_head(serving):
    begun = time.monotonic()
    answer = serving(timeout=0.3).raw(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - begun < 5


def test_a_sender_that_says_nothing(serving):
    assert serving(timeout=0.3).raw(b"").startswith(b"HTTP/1.1 408")


def test_a_sender_that_never_finishes_its_body(serving):
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    answer = serving(timeout=0.3).raw(head + b"Content-Length: 100\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"not whole after 0.3 seconds" in answer


def test_a_body_beyond_the_limit(serving, files):
    client = serving(body=2000)
    assert client.upload("/predict", files[0]).status == 200
    reply = client.upload("/predict", bytes(5000))
    assert reply.status == 413
    assert reply.error == "the request is larger than 2,000 bytes"


def test_an_endless_body_without_a_length(serving):
    client = serving(body=2000, timeout=1)
    head = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    with socket.create_connection(("127.0.0.1", client.port), timeout=20) as line:
        line.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 3)
        assert line.recv(4096).startswith(b"HTTP/1.1 413")
        with pytest.raises(OSError):  # and it is cut off, however long it goes on
            send_on(line, chunk)


def send_on(line: socket.socket, chunk: bytes) -> None:
    for _ in range(100):
        line.sendall(chunk)
        time.sleep(0.05)


def test_too_many_connections(serving):
    client = serving(connections=2)
    with (
        socket.create_connection(("127.0.0.1", client.port)),
        socket.create_connection(("127.0.0.1", client.port)),
    ):
        time.sleep(0.1)
        assert client.raw(b"").startswith(b"HTTP/1.1 429")


def slowed(client, seconds: float) -> None:
    """Make the engine of a service slow."""
    (served,) = client.models.values()
    stream = served.predictor.stream
    served.predictor.stream = lambda *words: (time.sleep(seconds), stream(*words))[1]


def test_more_than_may_wait_is_told_to_come_back(serving, files):
    client = serving(queue=2, batch=1)
    slowed(client, 0.3)
    replies = []
    threads = [
        threading.Thread(target=lambda: replies.append(client.upload("/predict", files[0])))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kinds = sorted(reply.status for reply in replies)
    assert set(kinds) == {200, 429}
    assert 2 <= kinds.count(200) <= 4
    busy = next(reply for reply in replies if reply.status == 429)
    assert busy.headers["retry-after"] == "1"
    assert client.upload("/predict", files[0]).status == 200
    assert client.upload("/batch", *files[:3]).status == 429  # never more than may wait


def test_the_time_of_a_request_is_bounded(serving, files):
    client = serving(timeout=0.4, batch=1)
    slowed(client, 0.9)
    replies = []

    def ask() -> None:
        replies.append(client.upload("/predict", files[0]).status)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    # One was begun and not finished, the other was never begun.
    assert sorted(replies) == [429, 504]


def test_what_the_engine_raises_is_no_secret_and_no_end(serving, files):
    client = serving()
    (served,) = client.models.values()
    stream = served.predictor.stream

    def raising(*words):
        raise RuntimeError("a secret path")

    served.predictor.stream = raising
    reply = client.upload("/predict", files[0])
    assert reply.status == 500
    assert "secret" not in reply.error
    served.predictor.stream = stream
    assert client.upload("/predict", files[0]).status == 200


def test_the_token(serving, files):
    client = serving(token="open sesame")
    for path in ("/", "/docs", "/health", "/ready", "/openapi.json", "/page.js"):
        assert client.get(path).status == 200
    for path in ("/models", "/metrics", "/models/x"):
        reply = client.get(path)
        assert reply.status == 401
        assert reply.headers["www-authenticate"] == "Bearer"
    for given in ("", "Bearer", "Bearer open", "Basic open sesame", "Bearer öpen sesame"):
        headers = {"Authorization": given.encode("latin-1")} if given else {}
        assert client.upload("/predict", files[0], **headers).status == 401
    assert client.upload("/predict", files[0], Authorization="Bearer open sesame").status == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"]
)
def test_pages_of_other_origins_may_not_ask(service, files, origin):
    for reply in (
        service.upload("/predict", files[0], Origin=origin),
        service.get("/models", Origin=origin),
        service.ask("OPTIONS", "/predict", Origin=origin, Access_Control_Request_Method="POST"),
    ):
        assert reply.status == 403
        assert not any(name.startswith("access-control") for name in reply.headers)


def test_the_own_page_may_ask(service, files):
    origin = f"http://127.0.0.1:{service.port}"
    assert service.upload("/predict", files[0], Origin=origin).status == 200


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)],
)
def test_a_browser_knows_who_asks(service, files, site, status):
    """Also behind a proxy, where the Host is another than that of the page."""
    headers = {"Sec_Fetch_Site": site, "Origin": "https://photos.example"}
    assert service.upload("/predict", files[0], **headers).status == status
    assert service.get("/", Sec_Fetch_Site=site).status == 200  # a link may lead here


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "[::2]", "10.0.0.1:80"])
def test_names_that_were_made_to_point_here(serving, service, host):
    assert service.get("/models", Host=host).status == 421
    assert serving(loopback=False).get("/models", Host=host).status == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]:80", "127.1.2.3"])
def test_the_names_of_this_machine(service, host):
    assert service.get("/models", Host=host).status == 200


def test_every_answer_tells_browsers_to_guess_nothing(service, files):
    for reply in (service.get("/"), service.upload("/predict", b"x"), service.get("/nothing")):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "DENY"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


def test_no_picture_is_kept(serving, files, tmp_path, monkeypatch):
    """A large upload, which other parsers put into a temporary file, leaves nothing behind."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    opened: list[Path] = []
    monkeypatch.setattr(
        "tempfile.SpooledTemporaryFile",
        lambda *a, **k: opened.append(a) or (_ for _ in ()).throw(OSError),
    )
    large = png(np.random.default_rng(0).integers(0, 255, (1200, 1200, 3), np.uint8))
    assert len(large) > 2**21
    client = serving()
    assert client.upload("/predict", large).status == 200
    assert client.json("/predict", {"picture": coded(large)}).status == 200
    assert not opened
    assert not list(tmp_path.iterdir())


def test_one_connection_serves_many_requests(service, files):
    body, kind = form([files[0]])
    head = (
        f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
    ).encode()
    answer = service.raw((head + b"\r\n" + body) * 3 + head + b"Connection: close\r\n\r\n" + body)
    assert answer.count(b"HTTP/1.1 200 OK") == 4


def test_the_short_way_is_no_other_way(serving, files):
    service = serving()
    name = next(iter(service.models))
    replies = [
        service.upload(f"/predict?{query}", files[0])
        for query in (f"model={name}&top=2", f"top=2&model={name}")
    ]
    assert [reply.words["top"] for reply in replies] == [replies[0].words["top"]] * 2
    assert replies[0].headers.keys() == replies[1].headers.keys()
    errors = [
        service.upload(f"/predict?{query}", b"nothing").error
        for query in (f"model={name}&top=2", f"top=2&model={name}")
    ]
    assert errors[0] == errors[1]
    assert service.upload("/predict?model=other&top=2", files[0]).status == 404
    assert service.upload(f"/predict?model={name}&top=0", files[0]).status == 422
    counted = service.get("/metrics").body.decode()
    assert 'hubel_requests_total{route="/predict",status="200"} 2' in counted


def test_head_and_body_of_an_answer_come_in_one_piece(service, files):
    body, kind = form([files[0]])
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as line:
        for _ in range(5):
            line.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            first, _, answer = line.recv(65536).partition(b"\r\n\r\n")
            assert f"content-length: {len(answer)}\r\n".encode() in first + b"\r\n"
            assert json.loads(answer)["batch"] == 1


def test_every_request_is_a_line_of_json(service, files, caplog):
    with caplog.at_level(logging.INFO, logger="hubel.serve"):
        service.upload("/predict", files[0])
        service.get("/models/%0a%22evil%22%1b[31m")
        for _ in range(100):  # a line is written once the answer is out
            lines = [JsonLines().format(record) for record in caplog.records]
            if len(lines) >= 2:
                break
            time.sleep(0.02)
    evil, good = sorted(lines, key=lambda line: "POST" in line)
    assert json.loads(good) | {"time": "", "ms": 0} == {
        "time": "", "level": "info", "event": "request", "method": "POST", "path": "/predict",
        "status": 200, "ms": 0, "client": "127.0.0.1",
    }  # fmt: skip
    assert "\n" not in evil
    assert "\x1b" not in evil
    assert json.loads(evil)["status"] == 404


def test_pictures_of_every_size_are_bounded(serving):
    client = serving(pixels=1000)
    assert client.upload("/predict", png(np.zeros((30, 30, 3), np.uint8))).status == 200
    reply = client.upload("/predict", png(np.zeros((40, 30, 3), np.uint8)))
    assert reply.status == 413
    assert "the limit is 1,000 pixels" in reply.error


def test_an_animation(service):
    frames = [Image.new("L", (8, 8), shade) for shade in (0, 255)]
    import io

    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    reply = service.upload("/predict", file.getvalue())
    assert reply.status == 422
    assert "several pictures" in reply.error
