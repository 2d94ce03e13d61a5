"""The page: whole, offline, escaped, small, and there for every kind of run."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from hubel.report import write_report
from hubel.report.words import THIN
from hubel.tasks.outcome import Outcome

SECTIONS = [
    "Curves",
    "Classes",
    "Confusion",
    "Pictures and answers",
    "Worst mistakes",
    "Suspected labels",
    "Confused pairs",
    "Calibration",
    "Training pictures",
    "Data",
    "Time",
    "Recipe",
]
VOID = {"meta", "link", "img", "br", "path", "circle", "use", "image"}


class Page(HTMLParser):
    """A page taken apart; an element that is not closed, or closed twice, is an error."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).replace(THIN, " ").split())


@pytest.fixture(scope="module")
def run() -> dict:
    """A real run: a logistic regression on few of the digits, so that it errs."""
    pictures, truths = load_digits(return_X_y=True)
    shown = (pictures * 255 / 16).astype(np.uint8).reshape(-1, 8, 8, 1)
    model = LogisticRegression(max_iter=2000).fit(pictures[:200] / 16, truths[:200])
    probabilities = model.predict_proba(pictures[200:] / 16)
    own = np.take_along_axis(probabilities, truths[200:, None], 1)[:, 0]
    names = tuple(f"digit-{i}.png" for i in range(200, len(truths)))
    return {
        "title": "classify/digits",
        "recipe": {"network": "lenet5", "optimizer": {"name": "sgd", "lr": 0.1}, "words": {}},
        "results": [epoch(e, val_loss=1 / e, val_top1=1 - 0.5 / e) for e in range(1, 8)],
        "outcome": Outcome(names, truths[200:], probabilities, -np.log(own)),
        "classes": [str(k) for k in range(10)],
        "validation": shown[200:],
        "examples": (shown[:20], truths[:20]),
        "findings": [("a/bad.jpg", "truncated", "ends after 10 of 20 bytes")],
        "facts": facts(10),
        "seconds": {"read": 1.0, "augment": 2.0, "compute": 40.0, "validate": 3.0},
    }


def epoch(number: int, **other) -> dict:
    row = {"epoch": number, "step": 20 * number, "seconds": 6.5 * number, "lr": 0.1 / number}
    row |= {"train_loss": 2 / number, "val_loss": 1.0, "val_top1": 0.5, "val_top5": 0.9}
    return row | other


def facts(classes: int) -> dict:
    return {
        "network": "lenet5",
        "parameters": 61_706,
        "macs": 416_520,
        "data": "digits",
        "split": "200 to train, 1,597 to validate",
        "pictures_per_class": [20] * classes,
        "machine": "2 cores",
        "versions": {"hubel": "0.1.0", "numpy": np.__version__},
        "command": "hubel train digits --network lenet5 --seed 0",
    }


def noise(classes: int, pictures: int, side: int, seed: int = 0) -> dict:
    """The parts of a run that guesses, with pictures that no format makes smaller."""
    numbers = np.random.default_rng(seed)
    probabilities = numbers.dirichlet(np.ones(classes), pictures)
    truths = numbers.integers(0, classes, pictures)
    few = numbers.integers(0, 256, (50, side, side, 3), dtype=np.uint8)

    class Many:
        def __len__(self) -> int:
            return pictures

        def __getitem__(self, i: int) -> np.ndarray:
            return few[i % 50]

    names = tuple(f"some/folder/of/pictures/{i:08d}.jpg" for i in range(pictures))
    losses = -np.log(probabilities[np.arange(pictures), truths])
    return {
        "outcome": Outcome(names, truths, probabilities, losses),
        "classes": [f"a class named {k}" for k in range(classes)],
        "validation": Many(),
        "examples": (few[:48], [0] * 48),
        "facts": facts(classes),
    }


@pytest.fixture
def page(run, tmp_path) -> Page:
    path = write_report(tmp_path / "report.html", **run)
    assert path == tmp_path / "report.html"
    assert list(tmp_path.iterdir()) == [path]
    return Page(path)


def test_every_section_in_order(page):
    assert re.findall(r"<h2 id=[^>]+>([^<]+)</h2>", page.source) == SECTIONS
    ids = {attrs["id"] for _, attrs in page.elements if attrs.get("id")}
    links = [attrs["href"] for attrs in page.all("a")]
    assert len(links) == len(SECTIONS)
    assert all(link.removeprefix("#") in ids for link in links)


def test_the_headline_says_the_score(page, run):
    right, total = int(run["outcome"].right.sum()), 1597
    assert f"{100 * right / total:.1f} % of 1,597 validation pictures answered right" in page.text
    said = re.search(r"lies between (\S+) % and (\S+) % \(Wilson interval\)", page.text)
    assert float(said[1]) < 100 * right / total < float(said[2])
    assert "lenet5 with 61,706 parameters, trained for 7 epochs in 46 s on digits." in page.text


def test_the_numbers_of_the_outcome_are_on_the_page(page, run):
    outcome = run["outcome"]
    assert f"{100 * outcome.top5:.1f} % Top-5 accuracy".split()[0] in page.text
    mistakes = int((~outcome.right).sum())
    assert f"24 of {mistakes} mistakes" in page.text
    worst = outcome.names[int(np.where(outcome.right, -1, outcome.losses).argmax())]
    first = page.source.split('id="worst-mistakes"')[1].split("<li")[1]
    assert worst in first
    assert "compute-bound: 87 %".capitalize() in page.text
    assert "1 picture was left out: 1 × truncated." in page.text
    assert "ends after 10 of 20 bytes" in page.text
    assert "optimizer.lr 0.1" in page.text
    assert run["facts"]["command"] in page.text


def test_nothing_is_loaded(page):
    assert not re.search(r"https?:", page.source)
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "data", "action", "xlink:href"):
            value = attrs.get(name)
            assert value is None or value.startswith(("data:", "#")), (tag, name, value)
    assert "@import" not in page.source
    assert "url(" not in page.source


def test_only_its_own_script_may_run(page):
    policy = next(a for a in page.all("meta") if a.get("http-equiv"))["content"]
    script = page.source.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert page.source.count("<script") == 1


def test_pictures_are_whole_and_described(page, run):
    images = page.all("img")
    lists = [
        len(re.findall("<li", page.source.split(f'id="{name}"')[1].split("<section")[0]))
        for name in ("suspected-labels", "confused-pairs")
    ]
    assert min(lists) > 0
    assert len(images) == 48 + 24 + 20 + sum(lists)
    assert all(image["alt"] for image in images)
    content = base64.b64decode(images[-1]["src"].removeprefix("data:image/png;base64,"))
    last = np.asarray(Image.open(io.BytesIO(content)))
    assert (last == run["examples"][0][19, ..., 0]).all()  # tiny pictures lose nothing
    assert (images[-1]["width"], images[-1]["height"]) == ("96", "96")  # 12 pixels for each


def test_right_and_wrong_not_by_colour_alone(page):
    labels = [a.get("aria-label") for a in page.all("svg") if a.get("class") == "mark"]
    assert {"right", "wrong"} == set(labels)
    targets = {a["href"] for a in page.all("use")}
    assert targets == {"#right", "#wrong"}


def test_tables_can_be_read_aloud(page):
    assert page.source.count("<caption>") == len(page.all("table"))
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    assert all(a.get("aria-label") for a in page.all("svg") if a.get("role") == "img")
    frames = [a for _, a in page.elements if a.get("role") == "region"]
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in frames)
    assert any(a.get("class") == "sortable" for a in page.all("table"))


HOSTILE = """</script><script>alert("1")</script><img src=x onerror='alert(2)'>&amp; $title ${x}"""


def test_what_a_user_names_is_text(run, tmp_path):
    outcome = run["outcome"]
    names = tuple(f"{HOSTILE}{i}" for i in range(len(outcome.names)))
    parts = run | {
        "title": HOSTILE,
        "recipe": {HOSTILE: HOSTILE, "more": {HOSTILE: [HOSTILE]}},
        "outcome": Outcome(names, outcome.truths, outcome.probabilities, outcome.losses),
        "classes": [f"{HOSTILE}{k}" for k in range(10)],
        "findings": [(HOSTILE, HOSTILE, HOSTILE)],
        "facts": facts(10)
        | dict.fromkeys(("network", "data", "split", "machine"), HOSTILE)
        | {"command": HOSTILE, "versions": {HOSTILE: HOSTILE}},
        "seconds": {"compute": 1.0, HOSTILE: 2.0},
    }
    plain = Page(write_report(tmp_path / "plain.html", **run))
    page = Page(write_report(tmp_path / "report.html", **parts))
    assert len(page.all("script")) == 1
    assert not [a for _, a in page.elements if any(name.startswith("on") for name in a)]
    assert not [a for a in page.all("img") if a["src"] == "x"]
    assert {tag for tag, _ in page.elements} == {tag for tag, _ in plain.elements}
    assert page.text.count(" ".join(HOSTILE.split())) > 100
    assert HOSTILE + "3" in {a.get("title") for a in page.all("b")}


def test_names_in_any_script_and_of_any_bytes(run, tmp_path):
    classes = ["日本", "ñandú", "🐝", "e\u0301", "a b", "", "\udcff", "x" * 300, "8", "9"]
    page = Page(write_report(tmp_path / "report.html", **run | {"classes": classes}))
    for name in classes[:5]:
        assert name in page.text
    assert "\udcff" not in page.source


@pytest.mark.parametrize(("classes", "side"), [(10, 32), (100, 32), (2, 64), (1000, 224)])
def test_size_for_10000_pictures(run, tmp_path, classes, side):
    parts = run | noise(classes, 10_000, side)
    parts["results"] = [epoch(e) for e in range(1, 301)]
    parts["findings"] = [(f"{i}.jpg", "truncated", "ends early " * 5) for i in range(5000)]
    parts["heats"] = np.random.default_rng(0).random((24, 2, side, side), np.float32)
    path = write_report(tmp_path / "report.html", **parts)
    page = Page(path)
    assert path.stat().st_size < 5_000_000
    assert "5,000 pictures were left out: 5,000 × truncated. The first 300 are named" in page.text
    # Drawn, suspected, worst (each with two heat maps), training pictures, pairs.
    shown = 48 + 24 + 3 * 24 + 48 + min(8, classes * (classes - 1)) * 4
    assert shown - 56 <= len(page.all("img")) <= shown


def test_what_speaks_for_truth_and_answer_stands_beside_the_mistake(run, tmp_path):
    heats = np.zeros((24, 2, 8, 8), np.float32)
    heats[:, 0, 0, 0] = heats[:, 1, 7, 7] = 1
    page = Page(write_report(tmp_path / "report.html", **run | {"heats": heats}))
    shown = [a["alt"] for a in page.all("img") if "what speaks for" in (a["alt"] or "")]
    assert len(shown) == 48
    assert shown[0] != shown[1]
    assert "Beside each picture" in page.text


def test_the_matrix_of_many_classes_is_a_picture(run, tmp_path):
    page = Page(write_report(tmp_path / "report.html", **run | noise(100, 3000, 8)))
    content = page.all("image")[0]["href"].removeprefix("data:image/png;base64,")
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))
    assert pixels.shape == (100, 100, 4)
    matrix = np.zeros((100, 100), int)
    outcome = noise(100, 3000, 8)["outcome"]
    np.add.at(matrix, (outcome.truths, outcome.predictions), 1)
    assert ((pixels[..., 3] > 0) == (matrix > 0)).all()
    assert "a class named 99" in page.text


def test_a_perfect_score(run, tmp_path):
    truths = run["outcome"].truths
    perfect = Outcome(run["outcome"].names, truths, np.eye(10)[truths], np.zeros(len(truths)))
    page = Page(write_report(tmp_path / "report.html", **run | {"outcome": perfect}))
    assert "100 % of 1,597 validation pictures answered right" in page.text
    assert "between 99.8 % and 100 % (Wilson" in page.text
    assert "None: all 1,597 validation pictures are right." in page.text
    assert "None: no class was taken for another." in page.text


def test_one_mistake_is_not_100_percent(run, tmp_path):
    truths = run["outcome"].truths
    probabilities = np.eye(10)[truths]
    probabilities[7] = np.roll(probabilities[7], 1)
    outcome = Outcome(run["outcome"].names, truths, probabilities, np.zeros(len(truths)))
    page = Page(write_report(tmp_path / "report.html", **run | {"outcome": outcome}))
    assert "99.9 % of 1,597" in page.text
    assert "The only one. Look here" in page.text


def test_one_epoch(run, tmp_path):
    page = Page(write_report(tmp_path / "report.html", **run | {"results": [epoch(1)]}))
    assert "trained for 1 epoch in 6.5 s" in page.text
    assert 'class="plot"' not in page.source  # one row is no curve
    assert "Results of every epoch" in page.text
    assert "nan" not in page.source.split("</style>")[1].split("<img")[0].lower()


def test_averaged_weights_are_called_that(run, tmp_path):
    recipe = {**run["recipe"], "soup": ["a", "b", "c"]}
    still = dict.fromkeys(run["seconds"], 0.0)
    page = Page(write_report(tmp_path / "r.html", **run | {"recipe": recipe, "seconds": still}))
    assert "its weights the mean of 3 runs, trained for at most" in page.text
    assert "No time was measured." in page.text


def test_results_as_the_csv_file_gives_them(run, tmp_path):
    """Text instead of numbers, and epochs that were not validated."""
    rows = [{k: str(v) for k, v in epoch(e).items()} for e in (1, 2, 3, 4)]
    rows[1] |= dict.fromkeys(("val_loss", "val_top1", "val_top5"), "")
    page = Page(write_report(tmp_path / "report.html", **run | {"results": rows}))
    validation = re.search(r'class="line val" d="([^"]+)"/><circle', page.source)[1]
    assert len(re.findall("[ML]", validation)) == 3
    rows = [{k: v for k, v in row.items() if not k.startswith("val")} for row in rows]
    page = Page(write_report(tmp_path / "report.html", **run | {"results": rows}))
    assert page.source.count('class="plot"') == 2


def test_no_epoch_no_finding_no_time_no_example(run, tmp_path):
    parts = {"results": [], "findings": [], "seconds": {}, "examples": ([], [])}
    page = Page(write_report(tmp_path / "report.html", **run | parts))
    assert "No epoch was finished." in page.text
    assert "Every picture could be read; none was left out." in page.text
    assert "No time was measured." in page.text
    assert "The run kept no training pictures." in page.text


def test_two_classes_have_no_top_5(run, tmp_path):
    page = Page(write_report(tmp_path / "report.html", **run | noise(2, 100, 128)))
    assert "Top-5" not in page.text
    assert "top-5" not in page.text
    assert page.all("img")[0]["src"].startswith("data:image/jpeg")
    assert page.all("img")[0]["width"] == "128"


def test_a_class_without_validation_pictures(run, tmp_path):
    outcome = Outcome(("a", "b"), [0, 1], [[0.9, 0.1, 0], [0.8, 0.2, 0]], [0.1, 1.6])
    parts = {"outcome": outcome, "classes": ["x", "y", "z"], "facts": facts(3)}
    parts |= {"validation": run["validation"][:2], "examples": (run["examples"][0], [0] * 20)}
    page = Page(write_report(tmp_path / "report.html", **run | parts))
    row = re.search(r'<th scope="row">z</th>.*?</tr>', page.source)[0]
    assert row.count("–") == 4


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"classes": ["a", "b"]}, "2 class names; the outcome has 10"),
        ({"validation": np.zeros((3, 8, 8, 1), np.uint8)}, "3 validation pictures; the outcome"),
        ({"facts": {"network": "x"}}, "lack parameters, macs, data"),
        ({"facts": facts(9)}, "9 counts in pictures_per_class"),
    ],
)
def test_parts_that_do_not_fit(run, tmp_path, other, message):
    with pytest.raises(ValueError, match=message):
        write_report(tmp_path / "report.html", **run | other)
    assert not (tmp_path / "report.html").exists()


def test_real_photographs(run, data, tmp_path):
    files = sorted((data / "hymenoptera" / "val").rglob("*.jpg"))[::15]
    pictures = [np.asarray(Image.open(f).convert("RGB")) for f in files]
    truths = [int(f.parent.name == "bees") for f in files]
    sure = np.linspace(0.05, 0.95, len(files))
    outcome = Outcome(
        tuple(f.name for f in files), truths, np.stack([1 - sure, sure], 1), np.ones(len(files))
    )
    parts = {"outcome": outcome, "classes": ["ants", "bees"], "facts": facts(2)}
    parts |= {"validation": pictures, "examples": (pictures[:1], truths[:1])}
    page = Page(write_report(tmp_path / "report.html", **run | parts))
    for image in page.all("img"):
        content = base64.b64decode(image["src"].removeprefix("data:image/jpeg;base64,"))
        shown = Image.open(io.BytesIO(content))
        assert max(shown.size) == 160
        wide = int(image["width"]) / int(image["height"])
        assert wide == pytest.approx(shown.width / shown.height, rel=0.02)


def test_the_same_run_gives_the_same_page(run, tmp_path):
    first = write_report(tmp_path / "1.html", **run).read_bytes()
    assert write_report(tmp_path / "2.html", **run).read_bytes() == first
    assert json.dumps(run["recipe"])  # and the parts it was given are still as they were
    assert len(run["findings"]) == 1
