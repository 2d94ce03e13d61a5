"""The programs of docs/clients, as they stand there, and exports on onnxruntime-web."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from PIL import Image

import hubel
from hubel.export.bake import TOLERANCE, proving_pictures
from hubel.runtime.bundle import Bundle
from hubel.runtime.golden import golden_files, golden_pictures
from hubel.verbs.export import export
from tests.serve.browser import CHROMIUM, Browser

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"
SUFFIXES = (".mjs", ".cpp", ".html")
NODE = shutil.which("node")
COMPILER = shutil.which("g++")

web = pytest.mark.skipif(
    not NODE or not (CLIENTS / "node_modules" / "ready").is_file(),
    reason="needs Node and onnxruntime-web: make docs/clients/node_modules/ready",
)


def test_the_page_quotes_the_programs():
    page = (CLIENTS.parent / "clients.md").read_text(encoding="utf-8")
    quoted = re.findall(r"```(js|cpp)\n(.*?)```", page, re.DOTALL)
    assert {kind for kind, _ in quoted} == {"js", "cpp"}
    programs = [p.read_text(encoding="utf-8") for p in CLIENTS.iterdir() if p.suffix in SUFFIXES]
    for _, text in quoted:
        assert any(text in program for program in programs), text


def run(*words: object) -> str:
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def baked(photographed, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("clients") / "model"
    return export(photographed, "onnx", bake_resize=True, out=out, engine_threads=1).folder


def expected(bundle: Path, picture: np.ndarray | Path) -> dict[str, float]:
    return dict(hubel.load(bundle, threads=1).predict(picture).top)


def differ(found: dict[str, float], wanted: dict[str, float]) -> float:
    assert set(found) == set(wanted)
    return max(abs(found[name] - wanted[name]) for name in wanted)


@web
def test_a_plain_export_on_onnxruntime_web(photographed, tmp_path):
    folder = export(photographed, "onnx", out=tmp_path / "plain", engine_threads=1).folder
    bundle = Bundle.open(photographed)
    pictures = golden_pictures(bundle)
    (tmp_path / "pictures").write_bytes(pictures.tobytes())
    shape = ",".join(map(str, pictures.shape))
    said = run(NODE, Path(__file__).with_name("web.mjs"), folder / "model.onnx",
               tmp_path / "pictures", shape)  # fmt: skip
    logits = hubel.load(photographed, threads=1).scores(pictures)
    found = np.array(json.loads(said)).reshape(logits.shape)
    assert np.abs(found - logits).max() <= 1e-4 * max(1, np.abs(logits).max())


@web
def test_the_program_for_node(photographed, baked, tmp_path, photographs):
    bundle = Bundle.open(photographed)
    files = golden_files(bundle)
    for i, picture in enumerate(proving_pictures(bundle)[len(files) :: 5]):
        files.append(tmp_path / f"made-{i}.png")
        Image.fromarray(picture).save(files[-1])
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photographs[1]).save(turned, exif=exif, quality=95)
    clear = tmp_path / "clear.png"
    Image.fromarray(np.dstack([photographs[3], photographs[3][:, :, 0]])).save(clear)
    grey = tmp_path / "grey.png"
    Image.fromarray(photographs[0]).convert("L").save(grey)
    files += [turned, clear, grey]
    lines = run(NODE, CLIENTS / "node.mjs", baked, *files).splitlines()
    labels = set()
    for file, line in zip(files, lines, strict=True):
        said, answer = json.loads(line), hubel.load(photographed, threads=1).predict(file)
        assert Path(said["file"]) == file
        assert differ(dict(said["top"]), dict(answer.top)) <= TOLERANCE, file
        if abs(answer.confidence - 0.3) > TOLERANCE:
            assert said["label"] == answer.label
        labels.add(said["label"])
    assert len(labels) > 1


@pytest.mark.slow
@web
@pytest.mark.skipif(not CHROMIUM, reason="needs a Chromium")
def test_the_page_for_a_browser(photographed, baked, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    for name in ("answer.mjs", "index.html"):
        shutil.copy(CLIENTS / name, site)
    (site / "node_modules").symlink_to(CLIENTS / "node_modules")
    shutil.copytree(baked, site / "model")
    picture = golden_files(Bundle.open(photographed))[1]
    shutil.copy(picture, site / "picture.png")
    handler = partial(Quiet, directory=site)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        page = Browser(tmp_path / "profile")
        try:
            page.open(f"http://127.0.0.1:{server.server_port}/index.html")
            page.until("said.textContent === 'ready'")
            page.run(CHOOSE)
            page.until("said.textContent.includes('%')")
            label, *lines = page.run("said.textContent").splitlines()
            assert page.errors == []
        finally:
            page.close()
            server.shutdown()
    answer = hubel.load(photographed, threads=1).predict(picture)
    assert label == (answer.label or "I don't know")
    found = {name: float(p) / 100 for p, name in (line.split(" %  ") for line in lines)}
    assert differ(found, dict(answer.top)) <= TOLERANCE + 0.0005  # of its rounding


CHOOSE = """(async () => {
  const bytes = await (await fetch("picture.png")).blob();
  const chosen = new DataTransfer();
  chosen.items.add(new File([bytes], "picture.png", { type: "image/png" }));
  const file = document.getElementById("file");
  file.files = chosen.files;
  file.dispatchEvent(new Event("change"));
})()"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        """Nothing."""


def test_the_program_in_cpp(photographed, tmp_path):
    openvino = pytest.importorskip("openvino")
    place = Path(openvino.__file__).parent
    libraries = sorted((place / "libs").glob("libopenvino.so.*"))
    if not COMPILER or not libraries:
        pytest.skip("needs g++, and OpenVINO's wheel for Linux with its headers")
    program = tmp_path / "answer"
    run(COMPILER, "-std=c++17", CLIENTS / "answer.cpp", f"-I{place / 'include'}", libraries[0],
        f"-Wl,-rpath,{place / 'libs'}", "-o", program)  # fmt: skip
    out = tmp_path / "baked"
    folder = export(photographed, "openvino", bake_resize=True, out=out, engine_threads=1).folder
    for i, picture in enumerate(proving_pictures(Bundle.open(photographed))[::7]):
        file = tmp_path / f"{i}.ppm"
        Image.fromarray(picture).save(file)
        answer = hubel.load(photographed, threads=1).predict(file)
        lines = run(program, folder, file).splitlines()
        if lines[0] == "I don't know":
            del lines[0]
            assert answer.confidence < 0.3 + TOLERANCE
        found = {name: float(p) for p, name in (line.split(" ", 1) for line in lines)}
        assert differ(found, dict(answer.top)) <= TOLERANCE
    file.write_bytes(b"P6 3 3 255\n")
    failed = subprocess.run([program, folder, file], capture_output=True, text=True)
    assert failed.returncode == 1
    assert "is cut short" in failed.stderr
