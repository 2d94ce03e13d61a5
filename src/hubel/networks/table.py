"""A spec printed as the paper's table."""

from __future__ import annotations

import torch

from hubel.networks.network import Network
from hubel.networks.spec import Spec, Stage


def table(spec: Spec) -> str:
    """Rows with name, block, output (C x H x W), depth, stride, options; sums below."""
    with torch.device("meta"):
        network = Network(spec)
    account = network.account()
    rows = [("row", "block", "output", "depth", "stride", "options")]
    for part, stages in (("stem", spec.stem), ("stages", spec.stages), ("head", spec.head)):
        for i, stage in enumerate(stages):
            output = "x".join(map(str, account.shapes[f"{part}.{i}"]))
            rows.append(
                (
                    f"{part}.{i}",
                    stage.block.__name__,
                    output,
                    str(stage.depth),
                    str(stage.stride),
                    _options(stage),
                )
            )
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(cells, widths)).rstrip() for cells in rows]
    facts = spec.facts
    title = (
        f"{spec.name}: {facts.get('authors', '')} {facts.get('year', '')}, {facts.get('paper', '')}"
    )
    sums = f"{account.params:,} parameters, {account.macs:,} MACs at {spec.size}x{spec.size}"
    return "\n".join([title, *lines, sums])


def _options(stage: Stage) -> str:
    return " ".join(f"{word}={value}" for word, value in stage.options.items())
