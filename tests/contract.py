"""What every registered network has to fulfil, and the stored expectations.

`python -m tests.contract` writes expect.json anew, `python -m tests.contract 'resnet*'` those
lines. Its logits come from weights and pictures that plain integer arithmetic makes, in float64, so
that they depend on no release of any framework.
"""

from __future__ import annotations

import functools
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hubel import networks
from hubel.networks import Network

EXPECT = Path(__file__).with_name("expect.json")
PERIOD = 65_521  # a prime, so that no row of a weight repeats the one before


def noise(count: int, key: int) -> np.ndarray:
    """`count` numbers in -1..1 that look drawn by chance, another sequence for every key."""
    z = (np.arange(PERIOD, dtype=np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    table = (z >> np.uint64(11)).astype(np.float64) / 2**52 - 1
    return np.resize(np.roll(table, -977 * key % PERIOD), count)


def fill(network: torch.nn.Module) -> None:
    """Weights of variance 2 / fan-in, scales and variances around 1, small biases and means.

    Hundreds of sums in a row (ResNet-1202) would leave float32: scales are around 0.1 there.
    """
    statistics = [(n, x) for n, x in network.named_buffers() if "running" in n]
    numbers = [*network.named_parameters(), *statistics]
    scale = 0.1 if len(numbers) > 4000 else 1
    with torch.no_grad():
        for key, (name, x) in enumerate(numbers):
            values = noise(x.numel(), key)
            if x.ndim > 1 and x.shape[0] < x.numel():
                values *= (6 * x.shape[0] / x.numel()) ** 0.5
            elif name.endswith("var"):
                values = 1 + 0.5 * values
            elif name.endswith("weight"):
                values = scale * (1 + 0.2 * values)
            else:
                values *= 0.1
            x.copy_(torch.from_numpy(values).view(x.shape))


def picture(channels: int, height: int, width: int, batch: int = 1) -> Tensor:
    """Pictures of that noise, float64 (N, C, H, W)."""
    values = noise(batch * channels * height * width, 12_345)
    return torch.from_numpy(values).view(batch, channels, height, width)


def side(network: Network) -> int:
    """A small picture that the network takes: 64 pixels where its own are larger and it can."""
    small = min(64, network.spec.size)
    return max(small, network.least())


def logits(name: str) -> Tensor:
    """The logits that expect.json stores: (classes,), float64."""
    network = networks.create(name).double().eval()
    fill(network)
    n = side(network)
    with torch.inference_mode():
        return network(picture(network.spec.channels, n, n))[0]


@functools.cache
def cost(name: str, size: int = 0, fused: bool = False) -> dict[str, int]:
    """Parameters and MACs from the meta device, at the network's own size where none is given."""
    with torch.device("meta"):
        network = networks.create(name)
    if size and not fused and size == network.spec.size:
        return cost(name)
    account = (network.fuse() if fused else network).account(size or None)
    return {"params": account.params, "macs": account.macs}


def smallest() -> list[str]:
    """The cheapest network of every family: those that the quick run examines fully."""
    costs = json.loads(EXPECT.read_text(encoding="utf-8"))
    families = [[name for name in page.VARIANTS if name in costs] for page in networks.FAMILIES]
    return [min(known, key=lambda name: costs[name]["params"]) for known in families if known]


def expectation(name: str) -> dict[str, object]:
    """What expect.json holds of a network: the first five logits and the norm of all."""
    y = logits(name)
    return {**cost(name), "logits": y[:5].tolist(), "norm": y.norm().item()}


def main(patterns: list[str]) -> None:
    """Write expect.json anew, or in it only the networks that the patterns name."""
    stored = json.loads(EXPECT.read_text(encoding="utf-8")) if patterns else {}
    for name in [n for p in patterns or ["*"] for n in networks.names(p)]:
        stored[name] = expectation(name)
        print(name, stored[name]["params"], flush=True)
    ordered = [name for name in networks.names() if name in stored]
    lines = [f"  {json.dumps(name)}: {json.dumps(stored[name])}" for name in ordered]
    EXPECT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
