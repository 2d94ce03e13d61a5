"""What a network is before it is built: the paper's table as a value."""

from __future__ import annotations

import csv
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import nn

from hubel.blocks import Classifier, ConvNorm, Pool
from hubel.runtime.names import unknown


@dataclass(frozen=True)
class Stage:
    """One row of the table: `depth` blocks of one class, the first of them with the row's stride.

    Every block is built as block(c_in, width, stride=..., **options); c_in comes from the row
    before. A block that sets its own width (`c_out`) overrules the row's.
    """

    block: Callable[..., nn.Module]
    depth: int = 1
    width: int = 0
    stride: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)


def row(
    block: Callable[..., nn.Module], width: int = 0, depth: int = 1, stride: int = 1, **options: Any
) -> Stage:
    """A Stage as a table is read: row(Bottleneck, 256, depth=3, groups=32)."""
    return Stage(block, depth, width, stride, options)


@dataclass(frozen=True)
class Spec:
    """A whole table: rows of the stem, of the stages and of the head, whose last row gives the
    logits.

    `size` is the side of the paper's picture in pixels; `init` draws the weights of a built network
    where its layers' own initialization is not the paper's; `aux` hangs training-time heads behind
    rows ("stages.4"); `facts` are the paper's statements (paper, year, ...). `rule` and `words` say
    how the table was made, so that `swap` can make it again; `up` that scaling rounds depths up.
    """

    stem: tuple[Stage, ...]
    stages: tuple[Stage, ...]
    head: tuple[Stage, ...]
    size: int = 224
    channels: int = 3
    up: bool = False
    init: Callable[[nn.Module], None] | None = None
    aux: Mapping[str, Stage] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    rule: Callable[..., Spec] | None = field(default=None, repr=False)
    words: Mapping[str, Any] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """How many logits the last row gives."""
        return self.head[-1].width

    def given(self, *, classes: int | None = None, channels: int | None = None) -> Spec:
        """The same table for so many classes and picture channels; ValueError below 1."""
        for what, count in (("classes", classes), ("channels", channels)):
            if count is not None and (type(count) is not int or count < 1):
                raise ValueError(f"{what}={count!r}: a network needs a whole number of at least 1")
        spec = self if channels is None else replace(self, channels=channels)
        if classes is None:
            return spec
        aux = {name: replace(head, width=classes) for name, head in self.aux.items()}
        head = (*self.head[:-1], replace(self.head[-1], width=classes))
        return replace(spec, head=head, aux=aux)

    def swap(self, **words: Any) -> Spec:
        """The table made again with these ablation words: swap(skip="none").

        Raises ValueError for a word that makes no sense here, with the list of those that do.
        """
        if self.rule is None:
            raise ValueError(f"{self.name or 'this table'} was made by no rule, so no word applies")
        made = make(self.name, self.rule, {**self.words, **words})
        return replace(made, size=self.size).given(classes=self.classes, channels=self.channels)

    def dilate(self, step: int) -> Spec:
        """The table with cells at most `step` (8 or 16) pixels apart: `ops.dilation`.

        With the same weights every second, fourth, ... cell of a finer map is what it was before.
        """
        stride = math.prod(stage.stride for stage in (*self.stem, *self.stages))
        allowed = [n for n in (8, 16) if n < stride]
        if step not in allowed:
            may = f"it may be {' or '.join(map(str, allowed))}" if allowed else "none needs to go"
            raise ValueError(f"dilate={step!r}: {self.name} strides by {stride} in all; {may}")
        return replace(self, words={**self.words, "dilate": step})

    def scale(self, width: float = 1.0, depth: float = 1.0, size: int | None = None) -> Spec:
        """Every width and depth times a factor, for pictures of `size` pixels: the words `widen`
        and `deepen`. A scaled table scales on.
        """
        factors = {"widen": width, "deepen": depth}
        made = self.swap(**{w: self.words.get(w, 1.0) * f for w, f in factors.items()})
        return replace(made, size=size or self.size)

    def __str__(self) -> str:
        """The paper's table: rows with block, output, depth, stride and options."""
        from hubel.networks.table import table

        return table(self)


def wider(stage: Stage, times: float) -> Stage:
    """The row with its widths, and those inside its blocks, times a factor: to a multiple of 8 or
    of the smaller power of two that they are a multiple of, and of `groups` where they are.
    """
    groups = stage.options.get("groups", 1)

    def scaled(x: Any, paired: bool = False) -> Any:
        if isinstance(x, int):
            unit = math.gcd(8, x)
            return x and rounded(x * times, unit if x % groups else -(-unit // groups) * groups)
        if paired and isinstance(x[0], int):
            return scaled(x[0]), x[1]  # of a branch: width and kernel
        return x if isinstance(x, str) else tuple(scaled(y, paired) for y in x)

    own = {word: scaled(x, word == "branches") for word, x in stage.options.items() if word in OWN}
    return replace(stage, width=scaled(stage.width), options={**stage.options, **own})


def deeper(stages: tuple[Stage, ...], times: float, up: bool) -> tuple[Stage, ...]:
    """The rows with so many times the blocks: each rounded `up`, or so that their sum is right.

    Rows of one block and width that follow each other are one, of which the last grows. What stands
    once stays as it is, and so do rows without padding; ValueError where there are no others.
    """
    places = [
        i for i, stage in enumerate(stages)
        if not getattr(stage.block, "once", False) and stage.options.get("padding") != 0
    ]  # fmt: skip
    if not places:
        raise ValueError(f"deepen={times}: every row of this network stands once")
    made, blocks, rest = list(stages), 0, 0.0
    for i in places:
        blocks += stages[i].depth
        following = [(after.block, after.width, after.stride) for after in stages[i + 1 : i + 2]]
        if following == [(stages[i].block, stages[i].width, 1)]:
            continue
        wanted = blocks * times + rest
        more = (math.ceil(wanted) if up else round(wanted)) - blocks
        made[i] = replace(stages[i], depth=max(1, stages[i].depth + more))
        blocks, rest = 0, 0.0 if up else wanted - blocks - more
    return tuple(made)


def scaled(spec: Spec, width: float, depth: float) -> Spec:
    """Every width and depth times a factor: Tan, Le 2019, arXiv 1905.11946, equation 3."""
    if width != 1:
        parts = spec.stem, spec.stages, spec.head
        stem, stages, head = (tuple(wider(row, width) for row in rows) for rows in parts)
        spec = replace(spec, stem=stem, stages=stages, head=head).given(classes=spec.classes)
    return spec if depth == 1 else replace(spec, stages=deeper(spec.stages, depth, spec.up))


OWN = ("branches", "growth", "hidden", "inner", "widths")  # options that are widths
EVERYWHERE: dict[str, Any] = {
    "dilate": 0,
    "drop": 0.0,
    "widen": 1.0,
    "deepen": 1.0,
}  # no rule has to know
CHOICES = {  # of words that mean the same in every family that has them
    "skip": ("add", "none"), "padding": ("half", "tensorflow"), "reduce": ("1x1", "none"),
    "shortcut": ("projection", "pad"), "stride_on": ("3x3", "1x1"),
}  # fmt: skip


def words_of(rule: Callable[..., Spec]) -> dict[str, Any]:
    """The words of a rule, each with its default: its keyword-only parameters, and EVERYWHERE."""
    parameters = inspect.signature(rule).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY} | EVERYWHERE


def make(name: str, rule: Callable[..., Spec], words: Mapping[str, Any]) -> Spec:
    """The table that the rule gives under these words; ValueError for a word it does not know."""
    known = words_of(rule)
    for word, value in words.items():
        if word not in known:
            nearest = str(unknown(f"word for {name}", word, known)).partition("; known")[0]
            raise ValueError(f"{nearest}; it takes {', '.join(known)}")
        kinds = type(value), type(known[word])
        if kinds[0] is not kinds[1] and kinds != (int, float):
            raise ValueError(f"{word}={value!r}: {name} takes such as {word}={known[word]!r}")
        if type(value) is int and value < 0:
            raise ValueError(f"{word}={value}: a number below 0 makes no sense")
        if word in ("widen", "deepen") and not 0 < value < math.inf:
            raise ValueError(f"{word}={value}: a factor is greater than 0, such as 1.2")
        if word in CHOICES:
            one_of(word, value, CHOICES[word])
    spec = rule(**{word: value for word, value in words.items() if word not in EVERYWHERE})
    spec = scaled(spec, words.get("widen", 1.0), words.get("deepen", 1.0))
    spec = replace(spec, name=name, rule=rule, words=dict(words))
    return spec.dilate(words["dilate"]) if words.get("dilate") else spec


def facts(key: str) -> dict[str, Any]:
    """Title, authors, year and arXiv number of a paper, by its key in papers.csv."""
    with Path(__file__).with_name("papers.csv").open(encoding="utf-8", newline="") as file:
        paper = next(line for line in csv.DictReader(file) if line.pop("key") == key)
    return paper | {"year": int(paper["year"])}


def rounded(width: float, divisor: int = 8) -> int:
    """The nearest multiple of the divisor not more than 10 % below: MobileNet's rounding."""
    near = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return near if near >= 0.9 * width else near + divisor


def entry(width: int, kernel: int, pool: str = "max", **conv: Any) -> tuple[Stage, Stage]:
    """A stem of two rows of stride 2: a convolution, and a pooling over 3x3."""
    first = row(ConvNorm, width, stride=2, kernel=kernel, **conv)
    return first, row(Pool, stride=2, kind=pool, kernel=3, padding=1)


def one_of(word: str, value: str, allowed: Iterable[str]) -> str:
    """The value, or ValueError with those that make sense for the word."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{word}={value!r} makes no sense here; it may be {', '.join(allowed)}")
    return value


def classifier(
    head: str, classes: int, *, hidden: tuple[int, ...] = (), grid: int = 7, act: str = "relu",
    dropout: float = 0.0,
) -> Stage:  # fmt: skip
    """The last row by the word `head`: global average pooling ("gap"), the same with a hidden layer
    ("mlp"), or dense layers over a grid of cells ("dense", with the family's own hidden layers).
    """
    one_of("head", head, ("dense", "gap", "mlp"))
    if head == "dense":
        return row(Classifier, classes, hidden=hidden, grid=grid, act=act, dropout=dropout)
    layers = (512,) if head == "mlp" else ()
    return row(Classifier, classes, hidden=layers, act=act, dropout=dropout)
