"""The service under load: 20,000 requests on 64 connections, one in a hundred malformed.

    python benchmarks/serve.py DATA [--requests 20000] [--connections 64] [--rounds 3]

DATA holds cifar10/ and mnist/ as docs/data.md says. A LeNet-5 and a CIFAR ResNet-20 (weights by
chance: what is measured does not depend on them) are served by `hubel serve` in a process of its
own, on loopback. Checked: no 5xx, no request without an answer, every good answer equal to what the
bundle says in this process, every malformed one refused with the status that it deserves, memory
flat, SIGTERM in the middle loses none. Measured: latency, the service's own share of it, and what
batches gain over one request at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from hubel.data import open_data
from hubel.export.bundle import write_bundle
from hubel.networks import create
from hubel.pictures import Preprocess, read_picture
from hubel.runtime import load
from hubel.runtime.machine import environment
from hubel.serve.models import named

RESULT = Path(__file__).parent / "results" / "serve.json"
PICTURES = 200
EDGE = b"hubel-load"


@dataclass(frozen=True)
class Ask:
    """A request, the status it deserves, and the class and confidence that a good one gets."""

    sent: bytes
    status: int
    answer: tuple[str, float] | None = None
    slow: bool = False


@dataclass
class Tally:
    """What came back."""

    statuses: Counter[int] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    overheads: list[float] = field(default_factory=list)
    ended: int = 0  # connections that the service told to go


def request(path: str, body: bytes, kind: str, promise: int | None = None) -> bytes:
    """The bytes of a POST."""
    length = len(body) if promise is None else promise
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
    return f"{head}Content-Length: {length}\r\n\r\n".encode() + body


def upload(path: str, picture: bytes) -> bytes:
    """A form with one file."""
    head = b'Content-Disposition: form-data; name="picture"; filename="p"\r\n\r\n'
    body = b"--" + EDGE + b"\r\n" + head + picture + b"\r\n--" + EDGE + b"--\r\n"
    return request(path, body, f"multipart/form-data; boundary={EDGE.decode()}")


def malformed(path: str, picture: bytes) -> list[Ask]:
    """One of each kind."""
    header = picture[12:16] + (60_000).to_bytes(4, "big") * 2 + picture[24:29]  # of a PNG
    bomb = picture[:12] + header + zlib.crc32(header).to_bytes(4, "big") + picture[33:]
    return [
        Ask(upload(path, picture[: len(picture) // 2]), 422),
        Ask(upload(path, bomb), 413),
        Ask(upload(path, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), 415),
        Ask(request(path, b"hello", "text/plain"), 415),
        Ask(request(path, b'{"picture": 1}', "application/json"), 422),
        Ask(request(path, b"{", "application/json"), 400),
        Ask(request("/predict?model=nothing", b"{}", "application/json"), 404),
        Ask(request(path, b"x" * 1000, "application/json", 10**9), 413, slow=True),
        Ask(request(path, b"{", "application/json", 100), 408, slow=True),
        Ask(b"GET /predict HTTP/1.1\r\nHost: localhost\r\nX: ", 408, slow=True),
    ]


async def reply(reader: asyncio.StreamReader) -> tuple[int, dict[str, list[str]], bytes]:
    """Status, headers and body of an answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers: dict[str, list[str]] = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.lower(), []).append(value.strip())
    body = await reader.readexactly(int(headers["content-length"][0]))
    return int(head[0].split()[1]), headers, body


def judge(ask: Ask, status: int, headers: dict[str, list[str]], body: bytes, tally: Tally) -> None:
    """Whether the answer is the one that is due."""
    tally.statuses[status] += 1
    if status != ask.status:
        tally.wrong.append(f"{status} instead of {ask.status}: {body[:200]!r}")
    elif ask.answer:
        words = json.loads(body)
        label, confidence = ask.answer
        if words["label"] != label or abs(words["confidence"] - confidence) > 1e-4:
            tally.wrong.append(f"{words['label']} {words['confidence']}, not {ask.answer}")
        timing = dict(re.findall(r"(\w+);dur=([\d.]+)", ",".join(headers["server-timing"])))
        spent = float(timing["wait"]) + float(timing["compute"])
        tally.overheads.append((float(timing["total"]) - spent) / 1000)


async def client(port: int, asks: Iterator[Ask], tally: Tally) -> None:
    """Asks one after the other on one connection, which is opened again when it was closed; until
    no more connections are taken.
    """
    line = None
    try:
        for ask in asks:
            if line is None or ask.slow:
                await shut(line)
                line = None
                line = await asyncio.open_connection("127.0.0.1", port)
            begun = time.perf_counter()
            try:
                line[1].write(ask.sent)
                status, headers, body = await asyncio.wait_for(reply(line[0]), 60)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                tally.lost.append(repr(error))
                headers = {"connection": ["close"]}
            else:
                if not ask.slow:
                    tally.seconds.append(time.perf_counter() - begun)
                judge(ask, status, headers, body, tally)
                tally.ended += not ask.slow and "close" in headers.get("connection", ())
            if ask.slow or "close" in headers.get("connection", ()):
                await shut(line)
                line = None
    except ConnectionRefusedError:
        return  # this one was never asked
    finally:
        await shut(line)


async def shut(line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    """Close a connection, if there is one."""
    if line:
        line[1].close()
        with suppress(OSError):
            await line[1].wait_closed()


async def load_with(
    port: int, asks: Sequence[Ask], connections: int, halfway: Callable[[], None] | None = None
) -> tuple[Tally, float]:
    """All of them, over so many connections; the slow ones take connections of their own."""
    tally = Tally()
    given = iter([ask for ask in asks if not ask.slow])
    if halfway:
        asyncio.get_running_loop().call_later(1.0, halfway)
    begun = time.perf_counter()
    slow = [client(port, iter([ask]), tally) for ask in asks if ask.slow]
    waiting = asyncio.gather(*slow)
    await asyncio.gather(*(client(port, given, tally) for _ in range(connections)))
    seconds = time.perf_counter() - begun
    await waiting
    return tally, seconds


@contextmanager
def service(bundles: Sequence[Path], *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`hubel serve` in a process of its own; its log goes to a file."""
    with tempfile.TemporaryFile("w+") as log:
        command = [sys.executable, "-c", "from hubel.cli import main; main()", "serve"]
        process = subprocess.Popen(
            [*command, *map(str, bundles), "--port", "0", "--timeout", "5", *words],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout
            found = re.search(r":(\d+)$", process.stdout.readline().strip())
            if not found:
                log.seek(0)
                raise SystemExit(log.read())
            yield process, int(found[1])
        finally:
            process.kill()
            process.communicate()


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) * 1024


def bundle(folder: Path, network: str, data: Path, side: int, channels: int) -> Path:
    """A bundle with weights by chance, for pictures of a data set."""
    torch.manual_seed(0)
    source = open_data(data).val
    golden = [(f"{i}.png", read_picture(source.read(i))) for i in range(3)]
    return write_bundle(
        folder / network,
        create(network, classes=10, channels=channels),
        preprocess=Preprocess((side, side), fit="squash", channels=channels),
        classes=[f"class {i}" for i in range(10)],
        network={"name": network, "words": {}, "classes": 10, "channels": channels},
        golden=golden,
    )


def pictures(data: Path) -> list[bytes]:
    """Some of a data set, as PNG files."""
    source, files = open_data(data).val, []
    for i in range(PICTURES):
        file = io.BytesIO()
        Image.fromarray(read_picture(source.read(i))).save(file, "png")
        files.append(file.getvalue())
    return files


def asked(place: Path, files: Sequence[bytes]) -> list[Ask]:
    """The good requests for a bundle: a picture each."""
    predictor, path = load(place, threads=1), f"/predict?model={named(place)}"
    answers = ((file, predictor.predict(file)) for file in files)
    return [Ask(upload(path, file), 200, (a.label, a.confidence)) for file, a in answers]


def mixed(good: Sequence[Ask], bad: Sequence[Ask], count: int) -> list[Ask]:
    """Good ones in random order, every hundredth malformed."""
    draw = np.random.default_rng(0).integers(len(good), size=count)
    return [bad[i // 100 % len(bad)] if i % 100 == 99 else good[draw[i]] for i in range(count)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Milliseconds."""
    cuts = np.percentile(np.array(values) * 1000, [50, 95, 99])
    return dict(zip(("p50", "p95", "p99"), (round(float(c), 3) for c in cuts)))


def main() -> None:
    """Measure, check, write the result."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lenet = bundle(Path(folder), "lenet5", words.data / "mnist", 32, 1)
        resnet = bundle(Path(folder), "resnet20", words.data / "cifar10", 32, 3)
        files = pictures(words.data / "mnist")
        good_lenet, bad = asked(lenet, files), malformed("/predict", files[0])
        good_resnet = asked(resnet, pictures(words.data / "cifar10"))
        found: dict[str, Any] = {"environment": environment(), "requests": words.requests}
        found["load"] = under_load(
            [lenet, resnet], mixed(good_lenet + good_resnet, bad, words.requests), words.connections
        )
        found["one by one"] = one_by_one(lenet, good_lenet)
        found["batches"] = batching(resnet, good_resnet, words.connections, words.rounds)
        found["stop"] = stopped(lenet, good_lenet * 500, words.connections)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(found, indent=1))


def under_load(bundles: Sequence[Path], asks: Sequence[Ask], connections: int) -> dict[str, Any]:
    """The load, with the memory watched."""
    with service(bundles) as (process, port):
        warm = [ask for ask in asks if ask.status == 200][: len(asks) // 10]
        asyncio.run(load_with(port, warm, connections))
        before, sizes, tallies, seconds = memory(process.pid), [], [], 0.0
        part = -(-len(asks) // 10)
        for start in range(0, len(asks), part):
            tally, took = asyncio.run(load_with(port, asks[start : start + part], connections))
            tallies.append(tally)
            seconds += took
            sizes.append(memory(process.pid))
    statuses = sum((tally.statuses for tally in tallies), Counter())
    lost = [words for tally in tallies for words in tally.lost]
    wrong = [words for tally in tallies for words in tally.wrong]
    answered = sum(statuses.values())
    result = {
        "statuses": dict(sorted(statuses.items())),
        "lost": len(asks) - answered,
        "wrong": len(wrong),
        "server errors": sum(n for status, n in statuses.items() if status >= 500),
        "milliseconds": spread([s for tally in tallies for s in tally.seconds]),
        "overhead ms": spread([s for tally in tallies for s in tally.overheads]),
        "requests a second": round(answered / seconds),
        "memory MB": [round(size / 1e6, 1) for size in (before, *sizes)],
        "memory growth": round(max(sizes) / before - 1, 4),
    }
    for words in (lost + wrong)[:5]:
        print(words, file=sys.stderr)
    return result


def one_by_one(place: Path, good: Sequence[Ask]) -> dict[str, Any]:
    """A single client: the whole way against the bundle in this process."""
    with service([place]) as (_, port):
        asyncio.run(load_with(port, good, 1))
        tally, _ = asyncio.run(load_with(port, list(good) * 5, 1))
    return {"milliseconds": spread(tally.seconds), "overhead ms": spread(tally.overheads)}


def batching(place: Path, good: Sequence[Ask], connections: int, rounds: int) -> dict[str, Any]:
    """Requests a second with batches and without, by turns."""
    speeds: dict[str, list[float]] = {"1": [], "16": []}
    asks = list(good) * 10
    for _ in range(rounds):
        for batch, found in speeds.items():
            with service([place], "--batch", batch) as (_, port):
                asyncio.run(load_with(port, good, connections))
                _, seconds = asyncio.run(load_with(port, asks, connections))
                found.append(round(len(asks) / seconds, 1))
    single, together = (statistics.median(found) for found in speeds.values())
    return {"requests a second": speeds, "gain": round(together / single, 3)}


def stopped(place: Path, asks: Sequence[Ask], connections: int) -> dict[str, Any]:
    """SIGTERM in the middle of a load."""
    with service([place]) as (process, port):
        end = lambda: os.kill(process.pid, signal.SIGTERM)  # noqa: E731
        tally, _ = asyncio.run(load_with(port, asks, connections, halfway=end))
        code = process.wait(30)
    return {
        "answered": sum(tally.statuses.values()),
        "lost": len(tally.lost),
        "wrong": len(tally.wrong),
        "told to go": tally.ended,
        "exit code": code,
    }


if __name__ == "__main__":
    main()
