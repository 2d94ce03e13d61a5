"""What the tests of several rooms need: the data at hand, and a small bundle."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory) -> Iterator[None]:
    """Decoded pictures of the tests go into a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HUBEL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _own_signals() -> Iterator[None]:
    """What a loader's workers install for the end of children goes with the test: the next test's
    children would be handled by it, and a process that has run several engines did not survive it.
    """
    kind = getattr(signal, "SIGCHLD", None)
    before = kind and signal.getsignal(kind)
    yield
    if kind and signal.getsignal(kind) is not before:
        signal.signal(kind, before)
        sys.modules["torch.utils.data._utils.signal_handling"]._SIGCHLD_handler_set = False


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real data that HUBEL_DATA names."""
    where = os.environ.get("HUBEL_DATA", "")
    if not where or not Path(where).is_dir():
        pytest.skip("HUBEL_DATA names no folder; see the Makefile")
    return Path(where)


@pytest.fixture(scope="session")
def digits() -> list[tuple[str, np.ndarray]]:
    """Real handwritten digits as (name, uint8 (8, 8, 3))."""
    from sklearn.datasets import load_digits

    images = load_digits().images[:8]  # 0..16
    return [
        (f"digit-{i}.png", np.repeat((x * 255 / 16).astype(np.uint8)[:, :, None], 3, axis=2))
        for i, x in enumerate(images)
    ]


@pytest.fixture(scope="session")
def made_bundle(tmp_path_factory, digits) -> Path:
    """A bundle of LeNet-5 with weights by chance; `bundle` is a copy that may be changed."""
    import torch

    from hubel.export.bundle import write_bundle
    from hubel.networks import create
    from hubel.pictures import Preprocess

    torch.manual_seed(0)
    return write_bundle(
        tmp_path_factory.mktemp("made") / "bundle",
        create("lenet5", classes=10, channels=1),
        preprocess=Preprocess((28, 28), fit="squash", pad=2, channels=1, mean=(0.5,), std=(0.25,)),
        classes=[f"digit {i}" for i in range(10)],
        network={"name": "lenet5", "words": {}, "classes": 10, "channels": 1},
        golden=digits[:3],
        training={"epochs": 0},
        scores={"val_top1": 0.1},
        data={"name": "digits", "licence": "CC BY 4.0", "fingerprint": "0" * 64},
    )


@pytest.fixture
def bundle(made_bundle, tmp_path) -> Path:
    """A bundle of one's own, to break."""
    return Path(shutil.copytree(made_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def reseal() -> Callable[[Path], None]:
    """Write SHA256SUMS anew, as whoever tampers with a bundle would."""

    def write(folder: Path) -> None:
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != "SHA256SUMS")
        lines = [
            f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n"
            for p in files
        ]
        (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8", newline="\n")

    return write


@pytest.fixture
def pictures(tmp_path, digits) -> Path:
    """Three pictures, one of them in a folder, with names that need care."""
    folder = tmp_path / "my pictures"
    for name, (_, picture) in zip(("one.png", "zwei Käfer.png", "deep/one.png"), digits):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name)
    return folder


@pytest.fixture
def labelled(tmp_path, monkeypatch) -> Path:
    """40 digits in a folder for each of three classes, and a broken one."""
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    from sklearn.datasets import load_digits

    known = load_digits(n_class=3)
    folder = tmp_path / "labelled"
    for i, (x, y) in enumerate(zip(known.images[:40], known.target)):
        path = folder / f"digit {y}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((x * 255 / 16).astype(np.uint8)).save(path)
    (folder / "digit 1" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder
