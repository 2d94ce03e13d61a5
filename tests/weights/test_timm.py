"""The spelling of timm, proved by the hash under which the outputs were compared."""

from __future__ import annotations

import pytest
import torch

from hubel.networks import create
from hubel.weights.rows import lines
from hubel.weights.timm import timm_names

WITHOUT = ("dpn", "inception", "legacy_", "xception", "mobilenetv3", "tf_mobilenetv3")
NETWORKS = [line["network"] for line in lines("pairings.csv") if line["library"] == "timm"]
SOME = ("resnet18", "seresnext50_32x4d", "vgg11_bn", "densenet121", "regnety_002", "regnetx_002",
        "repvgg_a0", "mobilenetv1_100", "mobilenetv2_100", "mnasnet_100", "efficientnet_b0",
        "efficientnetv2_s", "convnext_tiny")  # fmt: skip


def names(network: str) -> list[str]:
    with torch.device("meta"):
        return list(create(network, classes=7).state_dict())


@pytest.mark.parametrize(
    "network",
    [
        name if name in SOME else pytest.param(name, marks=pytest.mark.slow)
        for name in NETWORKS
        if not name.startswith(WITHOUT)
    ],
)
def test_every_tensor_has_its_key(network):
    own = [name for name in names(network) if not name.startswith("aux.")]
    found = timm_names(network, own)
    assert list(found) == own
    assert len(set(found.values())) == len(own)


def test_what_is_not_known_is_refused():
    with pytest.raises(ValueError, match="xception41 has no spelling in timm"):
        timm_names("xception41", names("xception41"))
    with pytest.raises(ValueError, match="resnet34 has no spelling"):
        timm_names("resnet34", names("resnet18"))
