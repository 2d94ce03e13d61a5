"""Torch and the runtime give the same probabilities for the same files, of every kind."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hubel.export.bundle import load_module, write_bundle
from hubel.networks import create
from hubel.ops.normalize import Normalize
from hubel.pictures import Preprocess, read_picture
from hubel.runtime import load

COUNT = 200
PREPROCESS = Preprocess((64, 64), crop=0.875, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def rotated(image: Image.Image, path: Path, number: int) -> Path:
    exif = Image.Exif()
    exif[0x0112] = 2 + number % 7
    image.save(path.with_suffix(".jpg"), exif=exif)
    return path.with_suffix(".jpg")


def transparent(image: Image.Image, path: Path, number: int) -> Path:
    alpha = Image.linear_gradient("L").resize(image.size)
    image = image.convert("L") if number % 2 else image
    image.putalpha(alpha)
    image.save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def palette(image: Image.Image, path: Path, number: int) -> Path:
    words = {"transparency": 7} if number % 2 else {}
    image.quantize(64).save(path.with_suffix(".png"), **words)
    return path.with_suffix(".png")


def sixteen(image: Image.Image, path: Path, number: int) -> Path:
    grey = np.asarray(image.convert("L")).astype(np.uint16) * 257 + number
    Image.fromarray(np.minimum(grey, 65_000)).save(path.with_suffix(".png"))
    return path.with_suffix(".png")


def saved(mode: str, suffix: str):
    def save(image: Image.Image, path: Path, number: int) -> Path:
        image.convert(mode).save(path.with_suffix(suffix))
        return path.with_suffix(suffix)

    return save


KINDS = {
    "jpeg": saved("RGB", ".jpg"),
    "rotated": rotated,
    "grey": saved("L", ".jpg"),
    "alpha": transparent,
    "cmyk": saved("CMYK", ".jpg"),
    "palette": palette,
    "sixteen": sixteen,
    "one-bit": saved("1", ".png"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """200 pictures, of each kind 25; photographs where there are some, drawn ones elsewhere."""
    folder = tmp_path_factory.mktemp("files")
    photographs = sorted(Path(os.environ.get("HUBEL_DATA", "."), "hymenoptera").glob("*/*/*.jpg"))
    rng = np.random.default_rng(0)
    made = []
    for number in range(COUNT):
        if photographs:
            image = Image.open(photographs[number]).convert("RGB")
        else:
            coarse = Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8))
            image = coarse.resize((150 + number, 280 - number), Image.Resampling.BICUBIC)
        kind = list(KINDS)[number % len(KINDS)]
        made.append(KINDS[kind](image, folder / f"{number:03d}-{kind}", number))
    return made


@pytest.mark.parametrize("channels", [3, 1])
def test_torch_and_the_runtime_agree(tmp_path, files, channels):
    preprocess = PREPROCESS
    if channels == 1:
        preprocess = Preprocess((32, 32), channels=1, mean=(0.4,), std=(0.2,))
    torch.manual_seed(0)
    name = {3: "resnet18", 1: "lenet5"}[channels]
    network = create(name, classes=5, channels=channels)
    prepared = torch.from_numpy(np.stack([preprocess(f) for f in files])).permute(0, 3, 1, 2)
    spread(network, Normalize(preprocess)(prepared[::5]))
    bundle = write_bundle(
        tmp_path / "bundle",
        network,
        preprocess=preprocess,
        classes=list("abcde"),
        network={"name": name, "words": {}, "classes": 5, "channels": channels},
        golden=[(f.name, read_picture(f)) for f in files[:3]],
    )
    module = load_module(bundle)
    normalize = Normalize(preprocess)
    with torch.inference_mode():
        expected = torch.cat([module(normalize(p)).softmax(1) for p in prepared.split(20)]).numpy()
    assert expected.max(axis=1).std() > 0.05  # answers that differ, so that a mistake would show
    answers = load(bundle).predict(files)
    found = np.array([[dict(a.top)[c] for c in "abcde"] for a in answers])
    assert np.abs(found - expected).max() <= 1e-4


def spread(network: torch.nn.Module, pictures: torch.Tensor) -> None:
    """Statistics and logits as a trained network has them; chance alone gives all the same."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics of one pass
    with torch.no_grad():
        network.train()(pictures)
        network.eval()
        last = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1]
        logits = network(pictures)
        last.weight.mul_(2 / logits.std(0).mean())
        last.bias.sub_(network(pictures).mean(0))
