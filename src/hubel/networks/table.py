"""A spec printed as the paper's table."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from hubel.networks.network import Network
from hubel.networks.spec import Spec, Stage
from hubel.ops.account import Account

COLUMNS = 98  # of a terminal


def table(spec: Spec) -> str:
    """Rows with name, block, output (C x H x W), depth, stride, options; sums below."""
    with torch.device("meta"):
        account = Network(spec).account()
    sums = f"{account.params:,} parameters, {account.macs:,} MACs at {spec.size}x{spec.size}"
    return f"{rows(spec, account)}\n{sums}"


def rows(spec: Spec, account: Account) -> str:
    """The table without its sums, with the outputs of an account.

    Options that have one value wherever they stand are named once, below.
    """
    everywhere = shared([*spec.stem, *spec.stages, *spec.head])
    cells = [("row", "block", "output", "depth", "stride", "options")]
    full, step, limit = 1, 1, spec.words.get("dilate")
    for part, stages in (("stem", spec.stem), ("stages", spec.stages), ("head", spec.head)):
        for i, stage in enumerate(stages):
            before, full = step, full * stage.stride
            step = int(min(full, limit or math.inf))
            holes = {"dilation": full // step} if full > step and part != "head" else {}
            output = "x".join(map(str, account.shapes[f"{part}.{i}"]))
            options = _options({**holes, **stage.options}, without=everywhere)
            sizes = (output, str(stage.depth), str(step // before), options)
            cells.append((f"{part}.{i}", stage.block.__name__, *sizes))
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = []
    for *line, options in cells:
        start = "".join(cell.ljust(width + 2) for cell, width in zip(line, widths))
        beside = textwrap.wrap(options, max(40, COLUMNS - len(start))) or [""]
        lines.append((start + beside[0]).rstrip())
        lines += [" " * len(start) + more for more in beside[1:]]
    facts = spec.facts
    by = " ".join(str(facts[word]) for word in ("authors", "year") if word in facts)
    source = ", ".join(filter(None, (by, facts.get("paper"))))
    title = textwrap.wrap(f"{spec.name}: {source}", COLUMNS, subsequent_indent="  ")
    if everywhere:
        same = f"everywhere: {_options(everywhere)}"
        lines += textwrap.wrap(same, COLUMNS, subsequent_indent="  ")
    return "\n".join([*title, *lines])


def shared(stages: Sequence[Stage]) -> dict[str, Any]:
    """The options that several rows have, all of them with the same value."""
    given = [option for stage in stages for option in stage.options.items()]
    count = Counter(word for word, _ in given)
    differ = {w for w, x in given if any(w == word and x != value for word, value in given)}
    return {w: x for w, x in given if count[w] > 1 and w not in differ}


def _options(options: Mapping[str, Any], without: Iterable[str] = ()) -> str:
    return " ".join(f"{word}={value}" for word, value in options.items() if word not in without)
