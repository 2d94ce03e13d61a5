"""Real processes started by torchrun, joined by gloo over the loopback device."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hubel.training.fit import Trainer
from hubel.training.processes import Processes, job, together
from hubel.training.recipe import Recipe
from tests.training.together import CASES, Halves, everything

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs libuv on Windows")


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[dict, dict]:
    """What one process came to, and what two."""
    folder = tmp_path_factory.mktemp("together")
    script = [*TORCHRUN, "-m", "tests.training.together", str(folder)]
    said = subprocess.run(script, capture_output=True, text=True, timeout=300)
    assert said.returncode == 0, said.stderr
    return everything(folder, Processes()), torch.load(folder / "two.pt")


@pytest.mark.parametrize("case", CASES[:2], ids=["batch norm", "no norm"])
def test_weights_of_one_process_and_of_two_are_equal_in_float64(made, case):
    one, two = (m[str(case)] for m in made)
    assert one["weights"].keys() == two["weights"].keys()
    for name, weight in one["weights"].items():
        assert (weight - two["weights"][name]).abs().max() < 1e-9, name
    assert torch.tensor(one["rows"]) == pytest.approx(torch.tensor(two["rows"]), abs=1e-6)


def test_losses_are_equal_in_float32(made):
    one, two = (torch.tensor(m[str(CASES[2])]["rows"]) for m in made)
    assert len(one) == 3
    assert (one - two)[:, :2].abs().max() < 1e-3


@pytest.mark.parametrize("case", CASES)
def test_answers_are_in_the_order_of_the_pictures(made, case):
    one, two = (m[str(case)] for m in made)
    assert two["names"] == [str(i) for i in range(90)]
    assert torch.equal(two["truths"], torch.from_numpy(Halves(90, 1).targets))
    assert (one["probabilities"] - two["probabilities"]).abs().max() < 1e-4


def test_what_ships_has_plain_norms(made):
    assert made[1][str(CASES[0])]["norms"] == ["BatchNorm2d"] * 4


def test_every_process_ends_with_the_same_bits(made):
    assert made[1]["same"]


def test_a_layer_without_gradients_is_left_alone(made):
    one, two = (m[str(CASES[0])]["unused"] for m in made)
    assert torch.equal(one, two)


def test_what_the_processes_tell_each_other(made):
    two = made[1]
    assert two["shared"] == [0, 0]
    assert two["any"] == (True, False, True)
    assert two["gathered"] == two["turns"] == [0, 1]
    assert two["failed"] == ["of the first process", "elsewhere"]


def test_started_anew_they_find_each_other(tmp_path):
    """Torchrun's store still holds the addresses of those that died."""
    script = [*TORCHRUN, "--max-restarts", "1", "-m", "tests.training.restarted"]
    said = subprocess.run([*script, str(tmp_path / "said")], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "said").read_text() == "[0, 1] after 1"


def test_alone_nothing_is_sent():
    with together() as alone:
        assert alone == Processes(0, 1)
        assert alone.shared(lambda: 3) == alone.in_turn(lambda: 3) == 3
        assert alone.any(True, False) == (True, False)
        assert alone.gathered("x") == ["x"]
    assert job() is None


def test_another_number_of_processes_is_refused():
    recipe = Recipe(processes=4)
    with pytest.raises(ValueError, match=r"for 4 processes, here are 1.*--nproc-per-node 4"):
        Trainer(recipe, None, None, Halves(9, 0), Halves(9, 0))  # type: ignore[arg-type]
