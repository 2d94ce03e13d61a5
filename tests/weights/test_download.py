"""Fetching: from a server on this machine that speaks as the hub and as a plain file server."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save

from hubel import networks
from hubel.weights import fetch, load, published
from hubel.weights.download import place
from tests.weights.served import serving
from tests.weights.spelled import resnet18, sorted_by_name, tensors

HUB = published("timm/resnet18.tv_in1k")
FILE = "timm/resnet18.tv_in1k/model.safetensors"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HUBEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(monkeypatch):
    with serving() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield served


@pytest.fixture(scope="module")
def source():
    """ResNet-18 and its tensors under timm's names, sorted by name as .safetensors has them."""
    torch.manual_seed(1)
    network = networks.create("resnet18").eval()
    named = dict(zip(resnet18(), tensors(network).values(), strict=True))
    return network, sorted_by_name(named)


@pytest.fixture(scope="module")
def file() -> bytes:
    """What a fetch does not look into."""
    return np.random.default_rng(0).bytes(3_000_000)


@pytest.fixture
def plain(server, file):
    """A row of a plain URL, whose name has the beginning of the hash."""
    digest = hashlib.sha256(file).hexdigest()
    server.files[f"models/resnet18-{digest[:8]}.pth"] = file
    row = published("torchvision/resnet18.IMAGENET1K_V1")
    return replace(row, url=f"{server.url}/models/resnet18-{digest[:8]}.pth")


def test_by_name_from_the_hub_and_then_from_the_cache(server, source):
    server.files[FILE] = save({key: x.contiguous() for key, x in source[1].items()})
    network = networks.create("resnet18", weights=HUB.name).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(network(x), source[0](x))
    assert str(network.loaded) == "matched 102 tensors"
    assert sum(line.startswith("GET timm/resnet18") for line in server.asked) == 1

    server.asked.clear()
    again = networks.create("resnet18", weights=HUB.name, classes=3)
    assert not server.asked
    assert again.loaded.skipped == ("fc.bias", "fc.weight")
    assert torch.equal(again.stem[0][0].conv.weight, source[0].stem[0][0].conv.weight)


def test_weights_of_another_network_are_not_even_fetched(server):
    with pytest.raises(ValueError, match=r"weights of resnet18, not of resnet34; create that"):
        networks.create("resnet34", weights=HUB.name)
    with pytest.raises(ValueError, match="did you mean 'timm/resnet18"):
        networks.create("resnet18", weights="timm/resnet18.tv_in2k")
    assert not server.asked


def test_a_cut_connection_goes_on_where_it_stopped(server, file):
    server.files[FILE] = 8 * file  # the hub's client keeps pieces of 10 MiB
    server.cut = 5 * len(file)
    assert fetch(HUB).read_bytes() == 8 * file
    assert f"bytes={10 * 2**20}-" in server.asked[-1]


def test_other_bytes_than_the_hub_names_are_refused(server, file):
    server.files[FILE] = file
    server.promised[FILE] = "0" * 64
    with pytest.raises(ValueError, match=r"model\.safetensors: not the bytes that the hub"):
        fetch(HUB)
    assert not place(HUB).exists()


@pytest.mark.parametrize("offline", [True, False])
def test_what_cannot_be_had_is_said_in_one_sentence(server, monkeypatch, offline):
    if offline:
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(ValueError, match=r"^weights timm/resnet18\.tv_in1k: ") as error:
        networks.create("resnet18", weights=HUB.name)
    remedy = "get model.safetensors of timm/resnet18.tv_in1k elsewhere and put it at "
    assert remedy + str(place(HUB)) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_put_there_by_hand(server, file):
    place(HUB).parent.mkdir(parents=True)
    place(HUB).write_bytes(file)
    assert fetch(HUB) == place(HUB)
    assert not server.asked


def test_a_file_that_changed_afterwards_is_refused(server, file):
    server.files[FILE] = file
    fetch(HUB)
    changed = bytearray(file)
    changed[-1] ^= 1
    place(HUB).write_bytes(changed)
    with pytest.raises(ValueError, match="not the bytes that were fetched as timm/resnet18"):
        networks.create("resnet18", weights=HUB.name)
    place(HUB).unlink()
    assert fetch(HUB).read_bytes() == file


def test_a_broken_file_is_refused_by_name(server):
    server.files[FILE] = b"this is no file of weights"
    with pytest.raises(ValueError, match=r"model\.safetensors: not readable as weights"):
        networks.create("resnet18", weights=HUB.name)


def test_a_plain_address(server, plain, source, tmp_path):
    torch.save({"state_dict": source[1]}, tmp_path / "x.pth")
    content = (tmp_path / "x.pth").read_bytes()
    name = f"resnet18-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    server.files[f"models/{name}"] = content
    row = replace(plain, url=f"{server.url}/models/{name}")
    network = networks.create("resnet18")
    assert not load(network, row).new
    assert torch.equal(network.stem[0][0].conv.weight, source[0].stem[0][0].conv.weight)
    server.asked.clear()
    load(network, row)
    assert not server.asked


def test_a_plain_address_goes_on_where_it_was_cut_off(server, plain, file):
    server.cut = 1_000_000
    with pytest.raises(ValueError, match=f"cut off after 1,000,000 of {len(file):,} bytes"):
        fetch(plain)
    assert not place(plain).exists()
    assert fetch(plain).read_bytes() == file
    assert "bytes=1000000-" in server.asked[-1]


def test_a_plain_address_with_other_bytes_than_its_name_says(server, plain, file):
    server.files[next(iter(server.files))] = file[:-1] + b"x"
    with pytest.raises(ValueError, match=r"not with the [0-9a-f]{8} of its name; these are other"):
        fetch(plain)
    assert not list(place(plain).parent.iterdir())
    place(plain).write_bytes(b"by hand, and wrong")
    with pytest.raises(ValueError, match="of its name; these are other bytes"):
        fetch(plain)


def test_a_beginning_longer_than_the_whole_is_thrown_away(server, plain, file):
    place(plain).parent.mkdir(parents=True)
    part = place(plain).with_name(place(plain).name + ".part")
    part.write_bytes(file + b"more")
    with pytest.raises(ValueError, match="416"):
        fetch(plain)
    assert fetch(plain).read_bytes() == file


def test_a_plain_address_that_is_not_there(server, plain):
    server.files.clear()
    with pytest.raises(ValueError, match=r"cannot be fetched \(404 Not Found\).* put it at "):
        fetch(plain)
    gone = replace(plain, url="http://127.0.0.1:1/resnet18-00000000.pth")
    with pytest.raises(ValueError, match=r"cannot be fetched \(.*refused\); check the connection"):
        fetch(gone)


def test_a_download_that_is_killed_goes_on(server, plain, file):
    server.slow = True
    code = "import sys; from dataclasses import replace; from hubel.weights import published, fetch"
    code += "; fetch(replace(published('torchvision/resnet18.IMAGENET1K_V1'), url=sys.argv[1]))"
    process = subprocess.Popen([sys.executable, "-c", code, plain.url])
    part = place(plain).with_name(place(plain).name + ".part")
    end = time.monotonic() + 60
    while not (part.is_file() and part.stat().st_size) and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.wait()
    server.slow = False
    begun = part.stat().st_size
    assert 0 < begun < len(file)
    assert fetch(plain).read_bytes() == file
    assert server.asked[-1].endswith(f"bytes={begun}-")
