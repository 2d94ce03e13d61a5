"""Which weights are published, and what has to be known to trust a number by them. No torch.

`published.csv` has a row for each, `imagenet.csv` the classes of ImageNet-1k (the challenge of 2012
to 2017) in the order of the logits. Both are facts that timm and torchvision state of their files.
"""

from __future__ import annotations

import csv
import fnmatch
import io
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from hubel.pictures import Preprocess
from hubel.runtime.names import unknown

PERMISSIVE = ("apache-2.0", "bsd-3-clause", "mit")
"""Licences that allow any use, commercial use included, for naming the authors."""

NORMS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5,) * 3, (0.5,) * 3),
    "none": ((0.0,) * 3, (1.0,) * 3),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "dpn": ((124 / 255, 117 / 255, 104 / 255), (1 / (0.0167 * 255),) * 3),
}
"""Mean and deviation of values in 0..1, by the names that published.csv uses."""


@dataclass(frozen=True)
class Weights:
    """Published weights of a network: where they are, what they may be used for, what they expect.

    `name` is "timm/resnet50.tv_in1k" or "torchvision/resnet50.IMAGENET1K_V1". `outputs` is how many
    logits they give, 0 where the file has no head. `top1` is the published share of ImageNet-1k's
    validation pictures answered right, in percent, under `preprocess`; None where it is not known.
    `eps` is that of the first norm, None without norms; `padding` says "tensorflow" where pictures
    are padded at the bottom and right first.
    """

    name: str
    url: str
    """Of a .pth file; empty: the file model.safetensors of the hub's repository `name`."""
    licence: str
    preprocess: Preprocess
    outputs: int
    labels: str
    """The list of classes, "imagenet-1k", or empty."""
    top1: float | None
    eps: float | None
    padding: str

    @property
    def network(self) -> str:
        """The network's name here: "resnet50"."""
        return self.name.partition("/")[2].partition(".")[0]

    @property
    def file(self) -> str:
        """The name of the file."""
        return self.url.rpartition("/")[2] or "model.safetensors"

    @property
    def source(self) -> str:
        """Where it is published: the URL, or the repository of the hub."""
        return self.url or self.name

    @property
    def sha256(self) -> str:
        """The first digits of the file's hash, from its name; empty where they are not known."""
        found = re.search(r"-([0-9a-f]{8,})\.pth$", self.file)
        return found[1] if found else ""

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of the logits; empty where they are not known."""
        return tuple(name for _, name in imagenet()) if self.labels else ()

    @property
    def synsets(self) -> tuple[str, ...]:
        """WordNet's numbers of the classes, as ImageNet's folders are called: n01440764, ..."""
        return tuple(number for number, _ in imagenet()) if self.labels else ()

    @property
    def permissive(self) -> bool:
        """Whether the licence allows any use."""
        return self.licence in PERMISSIVE

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; the class names are left out."""
        return {
            "name": self.name,
            "network": self.network,
            "source": self.source,
            "file": self.file,
            "sha256": self.sha256,
            "licence": self.licence,
            "preprocess": self.preprocess.to_dict(),
            "outputs": self.outputs,
            "labels": self.labels,
            "top1": self.top1,
            "eps": self.eps,
            "padding": self.padding,
        }


def published(name: str) -> Weights:
    """The row of that name ("timm/resnet50.tv_in1k"); else ValueError with the nearest ones."""
    if name not in _rows():
        raise unknown("weights", name, _rows())
    return _rows()[name]


def listed(pattern: str = "*", licence: str = "") -> list[Weights]:
    """The weights of the networks that match a shell pattern or a part of a name.

    The pattern is held against the network's name and against that of the weights. `licence` is one
    of them ("mit") or "permissive". ValueError where there are none.
    """
    licences = sorted({row.licence for row in _rows().values()})
    if licence and licence not in ("permissive", *licences):
        raise unknown("licence", licence, ("permissive", *licences))
    wanted = pattern if any(sign in pattern for sign in "*?[") else f"*{pattern}*"
    found = [
        row
        for row in _rows().values()
        if any(fnmatch.fnmatchcase(x.lower(), wanted.lower()) for x in (row.network, row.name))
    ]
    if not found:
        raise unknown("network with weights", pattern, (row.network for row in _rows().values()))
    allowed = [r for r in found if not licence or licence == r.licence or _any_use(licence, r)]
    if not allowed:
        there = ", ".join(sorted({row.licence for row in found}))
        raise ValueError(f"no weights of {pattern!r} under {licence}; there are: {there}")
    return allowed


def meant(source: Any) -> Weights | None:
    """The published weights that a user's `weights=` names; None for a file and a state dict.

    A file or folder of that name goes first. ValueError for "timm/..." that is not known.
    """
    if isinstance(source, Weights):
        return source
    if not isinstance(source, str) or not source or Path(source).exists():
        return None
    library = source.partition("/")[0]
    return published(source) if library in ("timm", "torchvision") else None


@cache
def imagenet() -> tuple[tuple[str, str], ...]:
    """The 1000 classes of ImageNet-1k in the order of the logits: (WordNet's number, name)."""
    return tuple((line["synset"], line["name"]) for line in lines("imagenet.csv"))


def lines(name: str) -> list[dict[str, str]]:
    """A table of this room."""
    text = files("hubel").joinpath(f"weights/{name}").read_text(encoding="utf-8")
    return list(csv.DictReader(io.StringIO(text)))


def _any_use(licence: str, row: Weights) -> bool:
    return licence == "permissive" and row.permissive


@cache
def _rows() -> dict[str, Weights]:
    return {line["name"]: _row(line) for line in lines("published.csv")}


def _row(line: dict[str, str]) -> Weights:
    size, resize = int(line["size"]), int(line["resize"])
    squashed = line["fit"] == "squash"
    mean, std = NORMS[line["norm"]]
    preprocess = Preprocess(
        (size, size),
        fit="squash" if squashed else "crop",
        crop=1.0 if squashed else size / resize,  # the short side becomes `resize` to the pixel
        filter=line["filter"],
        mean=mean,
        std=std,
    )
    labels = "" if line["classes"].isdigit() else line["classes"]
    return Weights(
        name=line["name"],
        url=line["url"],
        licence=line["licence"],
        preprocess=preprocess,
        outputs=len(imagenet()) if labels else int(line["classes"]),
        labels=labels,
        top1=float(line["top1"]) if line["top1"] else None,
        eps=float(line["eps"]) if line["eps"] else None,
        padding=line["padding"],
    )
