"""How torchvision and timm spell networks: the order of their tensors, and which fits which here.

A .safetensors file keeps its tensors by name and not in the network's order. The order is found
again from the names: ORDERS says, for the parts of one module, which comes first. `pairings.csv`
holds, for each network and library, the hash of the pairing under which the outputs were compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import cache

from hubel.weights.rows import lines

# The parts of one module in the network's order; the first line that knows all of them decides.
# "#" stands for a number. A line before which stands "name:" is for modules called so.
ORDERS = """
weight bias running_mean running_var num_batches_tracked
c#x#_a,c#x#_b,c#x#_c,c#x#_w_s#: bn conv
conv bn fc1 fc2
conv0 conv1 fc
conv1 conv2 se conv3 downsample
layer0 conv1 bn1 conv2 bn2 conv3 bn3 se_module se downsample layer# last_linear fc
conv1 conv2 conv3 inception3a inception3b inception4a inception4b inception4c inception4d \
inception4e inception5a inception5b aux1 aux2 fc
Conv2d_1a_3x3 Conv2d_2a_3x3 Conv2d_2b_3x3 Conv2d_3b_1x1 Conv2d_4a_3x3 Mixed_5b Mixed_5c Mixed_5d \
Mixed_6a Mixed_6b Mixed_6c Mixed_6d Mixed_6e AuxLogits Mixed_7a Mixed_7b Mixed_7c fc
branch1x1 branch5x5_1 branch5x5_2 branch3x3_1 branch3x3_2 branch3x3_2a branch3x3_2b branch3x3 \
branch7x7_1 branch7x7_2 branch7x7_3 branch7x7x3_1 branch7x7x3_2 branch7x7x3_3 branch7x7x3_4 \
branch7x7dbl_1 branch7x7dbl_2 branch7x7dbl_3 branch7x7dbl_4 branch7x7dbl_5 branch3x3dbl_1 \
branch3x3dbl_2 branch3x3dbl_3 branch3x3dbl_3a branch3x3dbl_3b branch_pool
conv0 norm0 denseblock1 transition1 denseblock2 transition2 denseblock3 transition3 \
denseblock4 norm5
norm1 conv1 norm2 conv2
norm conv
c#x#_w_s# c#x#_a c#x#_b c#x#_c
conv#_# conv#_bn_ac
conv1 bn1 conv2 bn2 block# conv3 bn3 conv4 bn4 last_linear fc
skip skipbn rep
conv1 pointwise
shortcut stack
squeeze expand1x1 expand3x3
conv1 stage2 stage3 stage4 conv5 fc
conv_reduce conv_expand
conv_dw bn_dw conv_pw bn_pw
conv_dw bn1 se conv_pw bn2
conv_exp bn1 conv_pwl bn2
conv_pw bn1 conv_dw bn2 se conv_pwl bn3
conv_stem conv bn1 blocks conv_head bn2 classifier
f proj
a b se c
identity conv_kxk conv_1x1
gamma conv_dw norm mlp
layer_scale block
norm fc
features layers pre_logits head classifier
stem downsample s# stages trunk_output blocks head fc
""".strip().splitlines()


def ordered(keys: Iterable[str]) -> list[str] | None:
    """The keys in the network's order, whatever order they come in; None for another spelling."""
    tree: dict[str, dict] = {}
    for key in keys:
        node = tree
        for part in key.split("."):
            node = node.setdefault(part, {})
    try:
        return list(_walk(tree, "", ""))
    except LookupError:
        return None


def _walk(node: Mapping[str, dict], path: str, name: str) -> Iterable[str]:
    for part in _sorted(list(node), name):
        below = f"{path}.{part}" if path else part
        if node[part]:
            yield from _walk(node[part], below, part)
        else:
            yield below


def _sorted(parts: list[str], name: str) -> list[str]:
    """Parts of one module; LookupError where no line of ORDERS knows them all."""
    if len(parts) == 1 or len({_stem(part) for part in parts}) == 1:
        return sorted(parts, key=_numbers)
    for names, order in _orders():
        if names and _form(name) not in names:
            continue
        places = [order.get(part, order.get(_form(part))) for part in parts]
        if all(place is not None for place in places):
            found = {part: (place, _numbers(part)) for part, place in zip(parts, places)}
            return sorted(parts, key=lambda part: found[part])
    raise LookupError(name)


@cache
def _orders() -> list[tuple[list[str], dict[str, int]]]:
    split = [line.rpartition(":") for line in ORDERS]
    return [
        (names.split(",") if sign else [], {part: i for i, part in enumerate(parts.split())})
        for names, sign, parts in split
    ]


def _form(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _stem(name: str) -> str:
    return re.sub(r"\d+$", "", name)


def _numbers(name: str) -> list[int]:
    return [int(digits) for digits in re.findall(r"\d+", name)]


def pairing_hashes(body: Mapping[str, str]) -> tuple[str, str]:
    """Of a pairing (name here -> key of the source): hash of the keys, hash of the pairs."""
    keys = "\n".join(sorted(body.values()))
    pairs = "\n".join(f"{name} {key}" for name, key in body.items())
    first, second = (hashlib.sha256(text.encode()).hexdigest()[:12] for text in (keys, pairs))
    return first, second


def check_pairing(network: str, body: Mapping[str, str], where: str) -> None:
    """Refuse to pair keys otherwise than when the outputs were compared; unknown keys may pass."""
    keys, pairs = pairing_hashes(body)
    if known_pairings().get((network, keys), pairs) != pairs:
        raise ValueError(
            f"{where}: its tensors would go to other places of {network} than when the outputs "
            "were compared with their source; this is an error of Hubel, please report it"
        )


@cache
def known_pairings() -> dict[tuple[str, str], str]:
    """(network, hash of the keys) -> hash of the pairing under which the outputs were equal."""
    return {(line["network"], line["keys"]): line["pairs"] for line in lines("pairings.csv")}
