"""The example of docs/bundle.md that needs no Hubel gives Hubel's answer."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from hubel.runtime import load

DOCUMENT = Path(__file__).parents[2] / "docs" / "bundle.md"


def test_the_example_without_hubel(bundle, digits, monkeypatch, capsys):
    monkeypatch.chdir(bundle.parent)
    for _, picture in digits:
        Image.fromarray(picture).save("photo.jpg")
        (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
        exec(compile(example, "bundle.md", "exec"), {})
        assert capsys.readouterr().out.strip() == load(bundle).predict("photo.jpg").label
