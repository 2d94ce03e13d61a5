"""Real processes, killed for real, within an epoch and within a checkpoint."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from hubel.training import checkpoint
from hubel.training.run import Run
from hubel.verbs.resumption import compare, prove_resumption
from hubel.verbs.robust import JOB


@pytest.mark.parametrize(
    ("kills", "workers", "processes"),
    [
        (4, 2, 1),
        (1, 0, 2),
        pytest.param(20, 0, 1, marks=pytest.mark.slow),
        pytest.param(20, 2, 1, marks=pytest.mark.slow),
        pytest.param(3, 2, 2, marks=pytest.mark.slow),
    ],
)
def test_killed_again_and_again_it_ends_with_the_same_bits(tmp_path, kills, workers, processes):
    if processes > 1 and sys.platform == "win32":
        pytest.skip("the framework's gloo for Windows comes without torchrun's store")
    proof = prove_resumption(kills=kills, workers=workers, processes=processes, folder=tmp_path)
    assert proof.exact, str(proof)
    assert proof.kills == kills
    assert proof.while_writing >= (kills >= 20)
    assert "bit for bit" in str(proof)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
def test_one_process_of_two_asked_to_stop_they_stop_at_the_same_step(tmp_path):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", "-m", "hubel", "train", "digits", "--epochs", "500"]
    command += ["--threads", "1", "--runs", str(tmp_path), "--name", "asked", "--save-every", "5"]
    run = Run(tmp_path / "classify" / "asked")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None and not (run.checkpoints / "last.pt").exists():
            time.sleep(0.01)
        os.kill(run.read_json(JOB)["processes"][1], signal.SIGTERM)
        _, said = process.communicate(timeout=100)
    assert said.count(f"Stopped; everything is saved. Go on with: hubel train --resume {run.path}")
    assert "Traceback" not in said.split("torch/distributed")[0]
    content = checkpoint.load(run.checkpoints / "last.pt")
    assert 0 < content["position"]["step"] < 500 * 44
    assert len(content["generators"]) == 2


def test_the_proof_would_see_a_difference_of_one_bit(tmp_path):
    import hubel

    words = {"epochs": 1, "threads": 1, "runs": tmp_path, "progress": "quiet"}
    runs = [hubel.train("digits", name=name, **words) for name in ("one", "two")]
    assert compare(*runs) == []
    path = runs[1].checkpoints / "last.pt"
    content = checkpoint.load(path)
    weight = next(t for t in content["model"].values() if t.is_floating_point())
    weight.view(torch.int32).view(-1)[0] ^= 1
    torch.save(content, path)
    (difference,) = compare(*runs)
    assert difference.startswith("/model/")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_says_how_to_go_on(tmp_path, number):
    command = [
        sys.executable,
        "-m",
        "hubel",
        "train",
        "digits",
        "--threads",
        "1",
        "--epochs",
        "500",
    ]
    command += ["--runs", str(tmp_path), "--name", "asked", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    run = Run(tmp_path / "classify" / "asked")
    while process.poll() is None and not (run.checkpoints / "last.pt").exists():
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert f"hubel train --resume {run.path}" in said
    assert "Traceback" not in said
    step = checkpoint.load(run.checkpoints / "last.pt")["position"]["step"]
    assert 0 < step < 500 * 44


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_disk_that_takes_no_more_leaves_the_previous_checkpoint(tmp_path):
    """The kernel refuses to let a file grow, as it does when a disk is full."""
    limited = (
        "import resource, sys; from hubel.cli import main;"
        "sys.argv = ['hubel', *sys.argv[1:]];"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000)); main()"
    )
    words = ["train", "digits", "--threads", "1", "--epochs", "2", "--runs", str(tmp_path)]
    whole = subprocess.run([sys.executable, "-m", "hubel", *words, "--name", "w"], check=True)
    assert whole.returncode == 0
    size = (tmp_path / "classify" / "w" / "checkpoints" / "last.pt").stat().st_size
    assert size > 700_000  # so that the limit stands in a checkpoint's way
    done = subprocess.run(
        [sys.executable, "-c", limited, *words, "--name", "full"], capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert "File too large" in done.stderr or "No space" in done.stderr
    folder = tmp_path / "classify" / "full" / "checkpoints"
    assert not list(folder.glob(".*"))
