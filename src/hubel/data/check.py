"""What is wrong with a data set: unreadable, odd and repeated pictures, leaks, labels at odds."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hubel.data.likeness import near_pairs, stars
from hubel.data.oddities import odd_classes, odd_pictures
from hubel.data.survey import Look, survey
from hubel.data.types import Data, Finding
from hubel.runtime.cache import cache_folder
from hubel.runtime.files import write_whole

KINDS = {
    "empty": "files of 0 bytes",
    "truncated": "files that end too early",
    "damaged": "files that cannot be decoded",
    "not a picture": "files that are no pictures",
    "dangling link": "links to files that do not exist",
    "missing": "files that are listed and not there",
    "unreadable": "files that may not be opened",
    "cut short": "JPEG files without an end, whose last rows would be made up",
    "leak": "the same picture in several parts of the data",
    "near leak": "nearly the same picture in several parts of the data",
    "conflict": "the same picture under several labels",
    "near conflict": "nearly the same picture under several labels",
    "duplicate": "the same picture several times",
    "near duplicate": "nearly the same picture several times",
    "missing class": "a class without pictures in a part",
    "tiny class": "a class with too few pictures to learn from",
    "one colour": "pictures in which nothing can be seen",
    "extreme size": "pictures far smaller or larger than the others",
    "extreme shape": "pictures far longer or wider than the others",
    "other format": "files that are not what their names say",
    "turned": "pictures stored turned, to be shown upright by their EXIF data",
    "odd mode": "pictures with another colour mode than the others",
}
"""Kinds of findings in the order of their weight, with what they are; decoding may add others."""

CORRUPT = frozenset(list(KINDS)[:8])
LEAKS = frozenset({"leak", "near leak"})

VERSION = 2
"""Part of the key of kept findings: raise it when the same files give others."""

NAMED = 6  # pictures that a message names
LEAST = 16  # pixels a side below which a picture is too small to tell a copy from a likeness


@dataclass(frozen=True)
class Group:
    """Pictures that are the same, or, if `near`, look it; the first stands for the others."""

    near: bool
    looks: tuple[Look, ...]

    @property
    def parts(self) -> set[str]:
        """The parts of the data that the pictures lie in."""
        return {look.part for look in self.looks}

    @property
    def labels(self) -> set[tuple[int, ...]]:
        """The classes they are labelled with, those of a picture together."""
        return {look.labels for look in self.looks}

    def some(self, most: int) -> list[Look]:
        """So many of the pictures at most: one of every part and label before the others."""
        first: dict[tuple[str, tuple[int, ...]], Look] = {}
        for look in self.looks:
            first.setdefault((look.part, look.labels), look)
        others = [look for look in self.looks if first[look.part, look.labels] is not look]
        chosen = [*first.values(), *others][:most]
        return sorted(chosen, key=lambda look: (look is not self.looks[0], look.part, look.index))

    @property
    def kinds(self) -> list[str]:
        """Leak, conflict, or both, else duplicate; with `near` before it where it is one."""
        kinds = ["leak"] * (len(self.parts) > 1) + ["conflict"] * (len(self.labels) > 1)
        return [f"near {kind}" if self.near else kind for kind in kinds or ["duplicate"]]


@dataclass(frozen=True, eq=False)
class Checked:
    """What was found in a data set. `counts`: readable pictures per part, by class (K,).

    `findings` are sorted by weight and name files; `groups` are all repeated pictures.
    """

    data: Data
    looks: tuple[Look, ...] = field(repr=False)
    findings: tuple[Finding, ...]
    groups: tuple[Group, ...] = field(repr=False)
    counts: dict[str, np.ndarray]
    report: Path | None = None
    """The page that was written."""

    @property
    def split(self) -> str:
        """How the parts were told apart, in words."""
        return "not split into parts" if "all" in self.counts else self.data.split

    @property
    def pictures(self) -> dict[str, int]:
        """Readable pictures per part; where one has several classes, fewer than the `counts`."""
        many = Counter(look.part for look in self.looks)
        return {part: many[part] for part in self.counts}

    @property
    def kinds(self) -> dict[str, int]:
        """How many findings of each kind, by weight."""
        return dict(Counter(finding.kind for finding in self.findings))

    @property
    def sound(self) -> bool:
        """Whether there are neither corrupt files nor leaks: what `--strict` asks for."""
        return not (CORRUPT | LEAKS) & set(self.kinds)

    @property
    def sizes(self) -> np.ndarray:
        """Height and width of every readable picture, int64 (n, 2)."""
        return np.array([look.size for look in self.looks], np.int64).reshape(-1, 2)

    @property
    def statistics(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of all pixels in 0..1, per channel, every picture counted alike.

        One value each for grey pictures; none where no picture could be read.
        """
        if not self.looks:
            return [], []
        channels = 1 if all(look.grey for look in self.looks) else 3
        mean = np.stack([look.mean for look in self.looks]).mean(axis=0, dtype=np.float64)
        square = np.stack([look.square for look in self.looks]).mean(axis=0, dtype=np.float64)
        deviation = np.sqrt(np.maximum(square - mean**2, 0))
        return mean[:channels].tolist(), deviation[:channels].tolist()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for --json."""
        classes, sizes = self.data.classes, self.sizes
        mean, deviation = self.statistics
        return {
            "data": self.data.where,
            "split": self.split,
            "report": str(self.report) if self.report else None,
            "sound": self.sound,
            "pictures": len(self.looks),
            "classes": {
                part: dict(zip(classes, counts.tolist())) for part, counts in self.counts.items()
            },
            "mean": [round(value, 5) for value in mean],
            "deviation": [round(value, 5) for value in deviation],
            "sizes": {
                name: [int(v) for v in fold(sizes, axis=0)] if len(sizes) else []
                for name, fold in (("smallest", np.min), ("median", np.median), ("largest", np.max))
            },
            "modes": dict(Counter(look.header.mode for look in self.looks).most_common()),
            "kinds": self.kinds,
            "findings": [vars(finding) for finding in self.findings],
            "groups": [
                {
                    "kinds": group.kinds,
                    "pictures": [
                        {"name": look.name, "part": look.part, "label": in_words(look, classes)}
                        for look in group.looks
                    ],
                }
                for group in self.groups
            ],
        }


def check_data(data: Data) -> Checked:
    """Look at every picture of a data set, train, val and test; nothing is written or changed.

    Memory is about 3 KB a picture. What cannot be a data set at all, `open_data` has refused.
    """
    parts = {"train": data.train, "val": data.val} if len(data.train) else {"all": data.val}
    if data.test is not None and data.test is not data.val:
        parts["test"] = data.test
    looks: list[Look] = []
    findings: list[Finding] = list(data.findings)
    for part, source in parts.items():
        seen, unreadable = survey(part, source)
        looks += seen
        findings += unreadable
    classes = data.classes
    counts = {
        part: np.bincount(
            np.array([label for k in looks if k.part == part for label in k.labels], np.int64),
            minlength=len(classes),
        )
        for part in parts
    }
    groups = _groups(looks)
    for group in groups:
        first = group.looks[0].name
        findings += [Finding(first, kind, _words(kind, group, classes)) for kind in group.kinds]
    findings += odd_classes(counts, classes)
    findings += odd_pictures(looks)
    weight = {kind: place for place, kind in enumerate(KINDS)}
    findings.sort(key=lambda f: (weight.get(f.kind, len(CORRUPT)), f.kind, f.name))
    return Checked(data, tuple(looks), tuple(findings), tuple(groups), counts)


def findings_of(data: Data) -> list[Finding]:
    """What `check_data` finds besides the pictures that decoding leaves out and names itself.

    For use in every training: kept in the cache until a file of the data changes.
    """
    key = hashlib.blake2b(digest_size=16)
    for source in (data.train, data.val, *([data.test] if data.test else [])):
        key.update(f"{VERSION} {source.stamp} {data.classes}".encode("utf-8", "replace"))
        key.update(source.targets.tobytes())
    path = cache_folder() / "checks" / f"{key.hexdigest()}.json"
    try:
        return [Finding(*words) for words in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):  # not there, or not readable: made anew
        found = check_data(data)
    told = {look.name for look in found.looks} | {f"class {label}" for label in data.classes}
    findings = [finding for finding in found.findings if finding.name in told]
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time only
        write_whole(path, json.dumps([(f.name, f.kind, f.message) for f in findings]))
    return findings


def in_words(look: Look, classes: Sequence[str]) -> str:
    """The classes that a picture is labelled with."""
    return ", ".join(classes[label] for label in look.labels) or "no class"


def _groups(looks: Sequence[Look]) -> list[Group]:
    """The same pixels first, then what is nearly the same as the first of each."""
    same: dict[bytes, list[Look]] = {}
    for look in looks:
        same.setdefault(look.digest, []).append(look)
    exact = [Group(False, tuple(group)) for group in same.values() if len(group) > 1]
    firsts = [group[0] for group in same.values() if min(group[0].size) >= LEAST]
    if not firsts:
        return exact
    ratios = np.array([look.size[1] / look.size[0] for look in firsts])
    pairs = near_pairs(np.stack([look.thumb for look in firsts]), ratios)
    near = [
        Group(True, tuple(look for i in star for look in same[firsts[i].digest]))
        for star in stars(pairs)
    ]
    return exact + near


def _words(kind: str, group: Group, classes: Sequence[str]) -> str:
    """The other pictures of the group, with what tells them apart, and what to do."""
    first, *others = group.some(NAMED + 1)
    like = "looks nearly the same as" if group.near else "is the same picture as"
    more = f" and {len(group.looks) - 1 - NAMED} more" if len(group.looks) - 1 > NAMED else ""

    def listed(what: Callable[[Look], str]) -> str:
        return ", ".join(f"{look.name}{what(look)}" for look in others) + more

    if kind.endswith("leak"):
        return (
            f"({first.part}) {like} {listed(lambda look: f' ({look.part})')}; a score on pictures "
            "that were trained on says nothing: keep it in one part"
        )
    if kind.endswith("conflict"):
        remedy = "look which label is right" if group.near else "keep it under the right label"
        said = listed(lambda look: f" ({in_words(look, classes)})")
        return f"({in_words(first, classes)}) {like} {said}; {remedy}"
    return f"{like} {listed(lambda look: '')}; it counts several times; keep one"
