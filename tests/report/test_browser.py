"""Pages as a browser shows them, with the network off: no errors, every picture there, tables sort.

It needs a Chromium and some seconds, so it is marked slow. The page runs in a frame of a page of
the test's own, which may look into it, presses its buttons and writes down what it saw.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from hubel.report import write_report
from hubel.tasks.outcome import Outcome

pytestmark = pytest.mark.slow

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

AROUND = """<!doctype html><meta charset="utf-8"><title>around</title>
<iframe srcdoc="{page}" style="width:1200px;height:900px"></iframe><pre id="saw"></pre>
<script>
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {{
  const page = frame.contentDocument;
  for (const closed of page.querySelectorAll("details")) closed.open = true;
  const images = [...page.images];
  const tables = [...page.querySelectorAll("table.sortable")].map((table) => {{
    const column = [...table.tHead.rows[0].cells].findIndex((c) => c.classList.contains("n"));
    const button = table.tHead.rows[0].cells[column].querySelector("button");
    const read = () => [...table.tBodies[0].rows].map((r) => r.cells[column].dataset.v);
    button.click();
    const down = read();
    button.click();
    return {{ down, up: read(), sort: button.parentElement.getAttribute("aria-sort") }};
  }});
  const saw = {{
    images: images.length,
    broken: images.filter((i) => !i.complete || !i.naturalWidth || !i.clientWidth).length,
    plots: [...page.querySelectorAll("svg[role=img]")].filter((s) => !s.clientWidth).length,
    wide: page.documentElement.scrollWidth > 1200,
    dark: getComputedStyle(page.body).backgroundColor,
    tables,
  }};
  document.getElementById("saw").textContent = JSON.stringify(saw);
}});
</script>"""


def seen(path: Path, folder: Path, *options: str) -> tuple[dict, list[str]]:
    """What the page showed, and the lines of its console."""
    around = folder / "around.html"
    page = html.escape(path.read_text(encoding="utf-8"))
    around.write_text(AROUND.format(page=page), encoding="utf-8")
    command = [
        str(CHROMIUM),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder / 'profile'}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--enable-logging=stderr",
        "--virtual-time-budget=10000",
        *options,
        "--dump-dom",
        around.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    found = re.search(r'<pre id="saw">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found[1])), console


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    pictures, truths = load_digits(return_X_y=True)
    model = LogisticRegression(max_iter=2000).fit(pictures[:200] / 16, truths[:200])
    p = model.predict_proba(pictures[200:] / 16)
    own = np.take_along_axis(p, truths[200:, None], 1)[:, 0]
    names = tuple(map(str, range(200, len(truths))))
    shown = (pictures * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    return write_report(
        tmp_path_factory.mktemp("page") / "report.html",
        title="digits",
        recipe={"network": "none"},
        results=[],
        outcome=Outcome(names, truths[200:], p, -np.log(own)),
        classes=[str(k) for k in range(10)],
        validation=shown[200:],
        examples=(shown[:20], truths[:20]),
        findings=[],
        facts={
            "network": "a regression",
            "parameters": 650,
            "macs": 640,
            "data": "digits",
            "split": "the first 200 to train",
            "pictures_per_class": np.bincount(truths[:200]).tolist(),
            "machine": "this one",
            "versions": {},
            "command": "none",
        },
        seconds={"compute": 1.0},
        heats=np.random.default_rng(0).random((24, 2, 8, 8), np.float32),
    )


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_report_in_a_browser(report, tmp_path, dark):
    options = ["--blink-settings=preferredColorScheme=0"] if dark else []
    saw, console = seen(report, tmp_path, *options)
    assert console == []
    assert saw["images"] > 100
    assert saw["broken"] == 0
    assert saw["plots"] == 0
    assert not saw["wide"]
    assert saw["dark"] == ("rgb(19, 21, 24)" if dark else "rgb(255, 255, 255)")
    (table,) = saw["tables"]
    numbers = [float(v) for v in table["up"]]
    assert table["sort"] == "ascending"
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1
    assert sorted(map(float, table["down"]), reverse=True) == [float(v) for v in table["down"]]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
def test_a_broken_page_is_noticed(report, tmp_path):
    """The test itself can fail: a picture that is none, a script that may not run."""
    broken = tmp_path / "broken.html"
    text = report.read_text(encoding="utf-8")
    extra = '<img src="data:image/png;base64,AAAA" alt=""><script>1</script></main>'
    broken.write_text(text.replace("</main>", extra), encoding="utf-8")
    saw, console = seen(broken, tmp_path)
    assert saw["broken"] == 1
    assert any("Content Security Policy" in line for line in console)
