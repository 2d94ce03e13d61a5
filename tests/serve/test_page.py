"""The page in a real browser, with every other host out of reach: no errors, the right answers,
drawn where they belong, by pointer and by keyboard, on a screen and on a phone, light and dark.
"""

from __future__ import annotations

import base64
import sys

import numpy as np
import pytest
from PIL import Image

from hubel.runtime import load
from tests.serve.browser import CHROMIUM, Browser
from tests.serve.conftest import Client, png

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(sys.platform == "win32", reason="the browser is spoken to through pipes"),
]

DROP = """
(() => {{
  const data = new DataTransfer();
  for (const text of {files}) {{
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    data.items.add(new File([bytes], "digit.png", {{ type: "{kind}" }}));
  }}
  {event}
}})()
"""
BY_DROP = 'dispatchEvent(new DragEvent("drop", { dataTransfer: data, cancelable: true }));'
BY_PASTE = 'dispatchEvent(new ClipboardEvent("paste", { clipboardData: data }));'
BY_CHOICE = """
  const input = document.querySelector("#files");
  input.files = data.files;
  input.dispatchEvent(new Event("change"));
"""
ANSWERED = "!document.querySelector('.waiting') && document.querySelectorAll('.bars li').length"
FRAME = """
(() => {
  const frame = document.querySelector("figure img").getBoundingClientRect();
  return [frame.left, frame.top, frame.width, frame.height];
})()
"""
PIXELS = """
(() => {{
  const canvas = document.querySelectorAll("figure canvas")[{which}];
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let drawn = 0;
  for (let i = 3; i < data.length; i += 4) drawn += data[i] > 0;
  return drawn / (canvas.width * canvas.height);
}})()
"""


@pytest.fixture
def browser(tmp_path):
    made = []

    def start(**words) -> Browser:
        made.append(Browser(tmp_path / f"profile-{len(made)}", **words))
        return made[-1]

    yield start
    for one in made:
        one.close()


def give(page: Browser, *files: bytes, event: str = BY_DROP, kind: str = "image/png") -> None:
    coded = [base64.b64encode(file).decode() for file in files]
    page.run(DROP.format(files=coded, event=event, kind=kind))


def text(page: Browser, selector: str) -> str:
    return page.run(f"document.querySelector({selector!r}).innerText")


@pytest.mark.parametrize("event", [BY_DROP, BY_PASTE, BY_CHOICE], ids=["drop", "paste", "choose"])
def test_a_picture_gets_its_answer(browser, service, made_bundle, files, event):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#network').hidden")
    assert "lenet5 looks at 32 × 32 pixels" in text(page, "#about")
    give(page, files[3], event=event)
    page.until(ANSWERED)
    expected = load(made_bundle).predict(files[3])
    assert text(page, ".said h2") == expected.label
    rows = page.run("[...document.querySelectorAll('.bars li')].map((row) => row.innerText)")
    assert [row.split("\n")[0] for row in rows] == [label for label, _ in expected.top]
    assert rows[0].split("\n")[1] == f"{100 * expected.confidence:.1f} %"
    assert "ms on onnxruntime" in text(page, ".time")
    assert page.errors == []


def test_evidence_stages_and_fields_are_drawn_over_the_picture(browser, service, files):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#network').hidden")
    give(page, files[0])
    page.until(ANSWERED)
    assert page.run(PIXELS.format(which=0)) == 0
    page.run(
        "const s = document.querySelector('#strength'); s.value = 80;"
        "s.dispatchEvent(new Event('input'))"
    )
    page.until(f"{PIXELS.format(which=0).strip()} > 0.2")
    page.run("s.value = 0; s.dispatchEvent(new Event('input'))")
    assert page.run(PIXELS.format(which=0)) == 0
    page.until("document.querySelectorAll('#maps button').length > 6")
    page.run("document.querySelector('#maps button').focus()")
    assert page.run(PIXELS.format(which=0)) > 0.9
    page.run("document.querySelector('tr.map').focus()")
    assert page.run(PIXELS.format(which=0)) > 0.3
    assert "sees 5 × 5 pixels" in text(page, "figcaption")
    page.press("Enter")
    assert page.run("document.querySelectorAll('tr.pinned').length") == 1
    page.run("document.activeElement.blur()")
    assert page.run(PIXELS.format(which=0)) > 0.3
    assert page.errors == []


def test_the_engines_are_timed_when_asked_for(browser, service):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#engines').hidden")
    page.run("document.querySelector('#time').click()")
    page.until("document.querySelectorAll('#times li').length")
    assert "onnxruntime" in text(page, "#times li.best")
    assert "on 1 thread. The service answers on onnxruntime." in text(page, "#timed")
    assert page.errors == []


def test_two_models_beside_each_other(browser, serving, made_bundle, files):
    client = serving(made_bundle, made_bundle)
    page = browser()
    page.open(f"http://127.0.0.1:{client.port}/")
    page.until("!document.querySelector('#beside').hidden")
    give(page, files[0], files[1])
    page.until(ANSWERED)
    page.run(
        "const o = document.querySelector('#second'); o.value = [...o.options].at(-1).value;"
        "o.dispatchEvent(new Event('change'))"
    )
    page.until(
        "document.querySelectorAll('.pane').length === 2 && !document.querySelector('.waiting')"
    )
    said = page.run("[...document.querySelectorAll('.said h2')].map((h) => h.innerText)")
    assert said[0] == said[1] != ""
    assert page.run("document.querySelectorAll('.strip li').length") == 2
    page.run("document.querySelectorAll('.strip button')[1].click()")
    page.until(ANSWERED)
    assert page.run("document.querySelectorAll('[aria-current=true]').length") == 1
    assert page.errors == []


def test_what_cannot_be_answered_is_told(browser, service, files):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#network').hidden")
    give(
        page,
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='document.title=1'/>",
        kind="image/svg+xml",
    )
    page.until("document.querySelector('.said.error')")
    assert "SVG" in text(page, ".said h2")
    assert page.run("document.title") == "Hubel"
    page.errors.clear()  # the browser notes the refusal itself
    give(page, files[0])
    page.until("!document.querySelector('.said.error')")
    assert page.errors == []


def test_by_keyboard_alone(browser, service, files):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#network').hidden")
    give(page, files[0])
    page.until(ANSWERED)
    reached = set()
    for _ in range(40):
        page.press("Tab")
        reached.add(page.run("document.activeElement.id || document.activeElement.className"))
    assert {"first", "choose", "strength", "label", "method", "every", "map"} <= reached


def test_the_token_is_asked_for_once(browser, serving, files):
    client = serving(token="open sesame")
    page = browser()
    page.open(f"http://127.0.0.1:{client.port}/")
    page.until("document.querySelector('#key').open")
    page.run(
        "document.querySelector('#token').value = 'open sesame';"
        "document.querySelector('#key button').click()"
    )
    page.until("!document.querySelector('#network').hidden")
    give(page, files[0])
    page.until(ANSWERED)


def test_the_camera(browser, service):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    page.until("!document.querySelector('#network').hidden")
    page.run("document.querySelector('#camera').click()")
    page.until("document.querySelector('video').videoWidth > 0")
    page.run("document.querySelector('#lens button').click()")
    page.until(ANSWERED)
    assert page.run("document.querySelector('video').srcObject.active") is False


def shown(browser, client: Client, picture: bytes) -> Browser:
    page = browser()
    page.open(f"http://127.0.0.1:{client.port}/")
    page.until("document.querySelector('#about').innerText")
    give(page, picture)
    page.until("!document.querySelector('.waiting') && document.querySelector('.time').innerText")
    return page


@pytest.mark.parametrize("task", ["detect", "segment", "localize"])
def test_places_are_drawn_and_what_is_pointed_at_stands_out(browser, scenes, task):
    from tests.serve.scenes import file

    page = shown(browser, scenes(task), file())
    said = scenes(task).upload("/predict", file()).words
    assert text(page, ".said h2").lower() == said["told"].lower()
    rows = page.run("document.querySelectorAll('.bars li').length")
    found = said["found"]
    assert rows == len(found.get("objects") or found.get("shares") or [found])
    drawn = page.run(PIXELS.format(which=0))
    assert drawn > 0.99 if task == "segment" else drawn > 0.01
    look = "document.querySelector('figure canvas').toDataURL()"
    before = page.run(look)
    page.run("document.querySelector('.bars li').focus()")
    assert page.run("document.querySelectorAll('.bars .lit').length") == 1
    assert page.run(look) != before or rows == 1
    page.run("document.activeElement.blur()")
    assert page.run(look) == before
    left, top, width, height = page.run(FRAME)
    x, y = 0.5, 0.5
    if task != "segment":
        x1, y1, x2, y2 = found.get("objects", [found])[0]["box"]
        x, y = (x1 + x2) / 2 / 128, (y1 + y2) / 2 / 96
    at = {"x": left + x * width, "y": top + y * height}
    page.do("Input.dispatchMouseEvent", type="mouseMoved", **at)
    page.until("document.querySelectorAll('.bars .lit').length === 1")
    assert page.errors == []


def test_a_larger_picture_is_shown_beside_the_one_that_came(browser, scenes):
    from tests.serve.scenes import file

    page = shown(browser, scenes("upscale"), file())
    assert text(page, ".said h2") == "256 x 192 pixels"
    page.until("document.querySelector('figure img').naturalWidth === 256")
    assert page.run("document.querySelector('.save a').href").startswith("data:image/png")
    assert page.run(PIXELS.format(which=0)) == 0
    left, top, width, height = page.run(FRAME)
    at = {"x": left + width / 4, "y": top + height / 2}
    page.do("Input.dispatchMouseEvent", type="mouseMoved", **at)
    page.until(f"Math.abs({PIXELS.format(which=0).strip()} - 0.25) < 0.02")
    assert page.run("document.querySelector('#evidence').hidden")
    assert page.errors == []


def test_run_lengths_of_masks_are_read(browser, service):
    page = browser()
    page.open(f"http://127.0.0.1:{service.port}/")
    # From the fourth on, each is stored as its difference from the one two before.
    assert page.run("import('/over.js').then((over) => over.runs('537Om2Oli3'))") == [
        5,
        3,
        7,
        2,
        100,
        1,
        4000,
    ]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1200])
def test_nothing_is_wider_than_the_screen(
    browser, serving, made_bundle, files, tmp_path, width, dark
):
    client = serving(made_bundle, made_bundle)
    page = browser(width=width, dark=dark)
    page.open(f"http://127.0.0.1:{client.port}/")
    page.until("!document.querySelector('#network').hidden")
    give(page, *files, png(np.zeros((30, 400, 3), np.uint8)))
    page.until(ANSWERED)
    page.run("document.querySelector('#every').click()")
    page.run("document.querySelector('#time').click()")
    page.until("document.querySelectorAll('#times li').length")
    for path in ("/", "/docs"):
        if path != "/":
            page.open(f"http://127.0.0.1:{client.port}{path}")
            page.until("document.querySelectorAll('h2').length > 9")
        assert page.run("document.documentElement.scrollWidth") <= width
        with Image.open(page.shot(tmp_path / "page.png")) as image:
            corner = np.asarray(image.convert("RGB"))[2, 2]
        assert corner.mean() < 40 if dark else corner.mean() > 240
    assert page.errors == []
