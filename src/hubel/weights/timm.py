"""How timm spells the tensors of the networks that it has too: names here -> keys there.

A table for each way of spelling, tried in turn. None is taken on trust: the pairing must have the
hash in `pairings.csv`, which stands for outputs that were compared with timm's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from hubel.weights.spelling import known_pairings, pairing_hashes

Rules = Mapping[str, str | Callable[..., str]]
"""Pattern of a module's whole name -> its name in timm, of the numbers that "#" stands for."""

RESNET: Rules = {
    "stem.0.0.conv": "conv1",
    "stem.0.0.norm": "bn1",
    "stages.#.#.body.#.conv": lambda s, b, k: f"layer{s + 1}.{b}.conv{k + 1}",
    "stages.#.#.body.#.norm": lambda s, b, k: f"layer{s + 1}.{b}.bn{k + 1}",
    "stages.#.#.body.#.gate.1": lambda s, b, _: f"layer{s + 1}.{b}.se.fc1",
    "stages.#.#.body.#.gate.3": lambda s, b, _: f"layer{s + 1}.{b}.se.fc2",
    "stages.#.#.shortcut.conv": lambda s, b: f"layer{s + 1}.{b}.downsample.0",
    "stages.#.#.shortcut.norm": lambda s, b: f"layer{s + 1}.{b}.downsample.1",
    "head.0.0.2": "fc",
}
DENSENET: Rules = {
    "stem.0.0.conv": "features.conv0",
    "stem.0.0.norm": "features.norm0",
    "stages.#.#.body.#.0.0": lambda s, b, k: f"{_dense(s, b)}.norm{k + 1}",
    "stages.#.#.body.#.1": lambda s, b, k: f"{_dense(s, b)}.conv{k + 1}",
    "stages.#.0.0.0.0": lambda s: f"features.transition{s // 2 + 1}.norm",
    "stages.#.0.0.1": lambda s: f"features.transition{s // 2 + 1}.conv",
    "stages.#.0.0": lambda s: f"features.norm{s // 2 + 2}",
    "head.0.0.2": "classifier",
}
CONVNEXT: Rules = {
    "stem.0.0.#": lambda i: f"stem.{i}",
    "stages.#.#": lambda s, b: f"stages.{s // 2}.blocks.{b}",
    "stages.#.#.depthwise": lambda s, b: f"stages.{s // 2}.blocks.{b}.conv_dw",
    "stages.#.#.norm": lambda s, b: f"stages.{s // 2}.blocks.{b}.norm",
    "stages.#.#.body.0": lambda s, b: f"stages.{s // 2}.blocks.{b}.mlp.fc1",
    "stages.#.#.body.2": lambda s, b: f"stages.{s // 2}.blocks.{b}.mlp.fc2",
    "stages.#.0.#": lambda s, i: f"stages.{s // 2 + 1}.downsample.{i}",
    "head.0.0.2": "head.norm",
    "head.0.0.3": "head.fc",
}


def timm_names(network: str, names: Iterable[str]) -> dict[str, str]:
    """Tensor names of a network as it was published -> timm's keys, head included.

    ValueError where timm does not have the network, or its spelling of it is not known here.
    """
    own = [name for name in names if not name.startswith("aux.")]
    head = f"head.{max(int(n.split('.')[1]) for n in own if n.startswith('head.'))}."
    body = [n for n in own if not n.startswith(head) and not n.endswith("num_batches_tracked")]
    for rules in (RESNET, DENSENET, CONVNEXT, *(family(own) for family in FAMILIES)):
        found = {name: spelled for name in own if (spelled := _spelled(name, rules))}
        if len(found) < len(own):
            continue
        keys, pairs = pairing_hashes({name: found[name] for name in body})
        if known_pairings().get((network, keys)) == pairs:
            return found
    raise ValueError(
        f"{network} has no spelling in timm that is known here; this works for ResNet and ResNeXt, "
        "SE-ResNet, VGG, DenseNet, RegNet, RepVGG, MobileNetV1 and V2, MNASNet, EfficientNet and "
        "ConvNeXt, as they were published; export to onnx instead"
    )


def _spelled(name: str, rules: Rules) -> str | None:
    """The key of one tensor; None where no rule knows its module."""
    module, _, leaf = name.rpartition(".")
    for pattern, key in rules.items():
        found = re.fullmatch(re.escape(pattern).replace(r"\#", r"(\d+)"), module)
        if not found:
            continue
        try:
            return f"{key if isinstance(key, str) else key(*map(int, found.groups()))}.{leaf}"
        except LookupError:
            return None
    return None


def _dense(stage: int, block: int) -> str:
    return f"features.denseblock{stage // 2 + 1}.denselayer{block + 1}"


def _regnet(names: Sequence[str]) -> Rules:
    """The third convolution is the last part of a block: before it stands the gate, or none."""
    gated = any(".gate." in name for name in names)
    places = {0: 1, 1: 2, 3 if gated else 2: 3}
    return {
        "stem.0.0.conv": "stem.conv",
        "stem.0.0.norm": "stem.bn",
        "stages.#.#.body.#.conv": lambda s, b, k: f"s{s + 1}.b{b + 1}.conv{places[k]}.conv",
        "stages.#.#.body.#.norm": lambda s, b, k: f"s{s + 1}.b{b + 1}.conv{places[k]}.bn",
        "stages.#.#.body.2.gate.1": lambda s, b: f"s{s + 1}.b{b + 1}.se.fc1",
        "stages.#.#.body.2.gate.3": lambda s, b: f"s{s + 1}.b{b + 1}.se.fc2",
        "stages.#.#.shortcut.conv": lambda s, b: f"s{s + 1}.b{b + 1}.downsample.conv",
        "stages.#.#.shortcut.norm": lambda s, b: f"s{s + 1}.b{b + 1}.downsample.bn",
        "head.0.0.2": "head.fc",
    }


def _mobile(two: tuple[str, str], names: Sequence[str]) -> Rules:
    """Of EfficientNet's builder: a block's convolutions are called by what they do."""
    parts: dict[tuple[int, int], list[int]] = {}
    for name in names:
        found = re.fullmatch(r"stages\.(\d+)\.(\d+)\.(?:body\.)?(\d+)\.conv\.weight", name)
        if found:
            s, b, k = map(int, found.groups())
            parts.setdefault((s, b), []).append(k)
    words = {1: ("conv",), 2: two, 3: ("conv_pw", "conv_dw", "conv_pwl")}

    def conv(s: int, b: int, k: int) -> str:
        block = parts[s, b]
        return f"blocks.{s}.{b}.{words[len(block)][block.index(k)]}"

    def norm(s: int, b: int, k: int) -> str:
        return f"blocks.{s}.{b}.bn{parts[s, b].index(k) + 1}"

    return {
        "stem.0.0.conv": "conv_stem",
        "stem.0.0.norm": "bn1",
        "stages.#.#.body.#.conv": conv,
        "stages.#.#.body.#.norm": norm,
        "stages.#.#.#.conv": conv,
        "stages.#.#.#.norm": norm,
        "stages.#.#.body.#.gate.1": lambda s, b, _: f"blocks.{s}.{b}.se.conv_reduce",
        "stages.#.#.body.#.gate.3": lambda s, b, _: f"blocks.{s}.{b}.se.conv_expand",
        "head.0.0.conv": "conv_head",
        "head.0.0.norm": "bn2",
        "head.0.0.2": "classifier",
        "head.1.0.3": "classifier",
    }


def _vgg(names: Sequence[str]) -> Rules:
    """Layers without weights count in timm's numbers: activations, and the pools between rows."""
    rules: dict[str, str | Callable[..., str]] = {
        "head.0.0.2": "pre_logits.fc1",
        "head.0.0.5": "pre_logits.fc2",
        "head.0.0.8": "head.fc",
    }
    layer, before = 0, ""
    for name in names:
        row, *_ = name.removeprefix("stages.").split(".")
        if name.startswith("stages.") and name.endswith("conv.weight"):
            layer += before not in ("", row)  # a pool
            module = name.removesuffix(".conv.weight")
            normed = f"{module}.norm.weight" in names
            rules[f"{module}.conv"] = f"features.{layer}"
            rules[f"{module}.norm"] = f"features.{layer + 1}"
            layer, before = layer + 2 + normed, row
    return rules


def _repvgg(names: Sequence[str]) -> Rules:
    """Every block is a row here; in timm a stage begins with a block that has no identity."""
    rows = [name.removesuffix(".three.conv.weight") for name in names if ".three.conv.w" in name]
    rules: dict[str, str | Callable[..., str]] = {"head.0.0.2": "head.fc"}
    stage, block = -1, 0
    for row in rows:
        first = f"{row}.identity.weight" not in names
        stage, block = (stage + first, 0) if first else (stage, block + 1)
        there = "stem" if row.startswith("stem") else f"stages.{stage - 1}.{block}"
        rules[f"{row}.identity"] = f"{there}.identity"
        for here, name in (("three", "conv_kxk"), ("one", "conv_1x1")):
            rules[f"{row}.{here}.conv"] = f"{there}.{name}.conv"
            rules[f"{row}.{here}.norm"] = f"{there}.{name}.bn"
    return rules


FAMILIES: tuple[Callable[[Sequence[str]], Rules], ...] = (
    _regnet, partial(_mobile, ("conv_dw", "conv_pw")), partial(_mobile, ("conv_exp", "conv_pwl")),
    _vgg, _repvgg,
)  # fmt: skip
