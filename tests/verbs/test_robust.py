"""What goes wrong in a run: losses that are no numbers, memory that runs out, no more progress."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

import hubel
from hubel.pictures import Preprocess
from hubel.tasks.classify import Classify
from hubel.tasks.losses import cross_entropy
from hubel.training.fit import Trainer
from hubel.training.loop import Rhythm
from hubel.training.memory import counts, fitting, passes, ran_out
from hubel.training.processes import Processes
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.robust import JOB, begun, note_job, settled
from tests.verbs.test_train import Squares, Tiny


class Moody(nn.Module):
    """Tiny, whose answer has no value when it sees a certain picture while it steps fast."""

    def __init__(self, calls: list[int], at: int = -1, out_of_memory: int = 10**9):
        super().__init__()
        self.net, self.calls, self.at, self.most = Tiny(), calls, at, out_of_memory

    def forward(self, x):
        if self.training and x.shape[2] == 16:
            if len(x) > self.most:
                torch.empty(2**60)  # the allocator of the framework refuses
            self.calls.append(len(x))
            if len(self.calls) == self.at:
                return self.net(x) * float("nan")
        return self.net(x)


def go(folder, network, **words):
    given = {"epochs": 4, "batch": 8, "threads": 1, "augment": (), "name": "run", **words}
    given = {"classes": ["left", "right"], "progress": "quiet", **given}
    return hubel.train((Squares(64, 0), Squares(32, 1)), network=network, runs=folder, **given)


def page(batch: int) -> Recipe:
    """A recipe whose batch is such."""
    return Recipe(
        batch=batch, preprocess=Preprocess((16, 16)), schedule={"name": "constant"}, nan="stop"
    )


def events(run: Run) -> list[dict]:
    lines = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["event"] not in ("step", "epoch")]


class TestRollback:
    def test_with_a_rate_that_was_left_open_it_is_halved(self, tmp_path, capsys):
        run = go(tmp_path, Moody([], at=20), progress="lines")  # in the third epoch of eight steps
        (event,) = events(run)
        assert event == {
            "event": "rollback", "failed": 24, "step": 16, "next": 16, "scale": 0.5
        }  # fmt: skip
        assert (
            "back to step 16; the learning rate is 0.5 of its schedule" in capsys.readouterr().err
        )
        assert [row["epoch"] for row in run.results] == [1, 2, 3, 4]
        straight = go(tmp_path, Moody([]), name="straight")
        rates = [[row["lr"] for row in one.results] for one in (run, straight)]
        assert [a / b for a, b in zip(*rates)] == pytest.approx([1, 1, 0.5, 0.5])
        assert not (run.checkpoints / "good.pt").exists()

    def test_a_given_rate_is_kept_and_the_batches_are_passed_over(self, tmp_path):
        run = go(tmp_path, Moody([], at=20), lr=1e-3)
        (event,) = events(run)
        assert event["next"] == 23  # the last step of the epoch, so that there is a loss to tell
        assert event["scale"] == 1
        assert run.results[-1]["step"] == 32

    def test_what_diverges_again_and_again_ends(self, tmp_path):
        class Hopeless(Moody):
            def forward(self, x):
                return self.net(x) * (float("nan") if self.training else 1.0)

        with pytest.raises(ValueError, match=r"became nan by step 8, after 3 rollbacks.*--lr"):
            go(tmp_path, Hopeless([]))


class TestMemory:
    def test_half_the_batch_once(self, tmp_path, capsys):
        calls: list[int] = []
        run = go(tmp_path, Moody(calls, out_of_memory=8), batch="auto", progress="lines",
                 recipe=page(16))  # fmt: skip
        assert set(calls) == {8}
        assert "Memory ran out with a batch of 16; going on with 8" in capsys.readouterr().err
        assert (run.recipe.batch, run.recipe.retried, run.recipe.automatic) == (8, 16, ())
        assert run.recipe.steps == 32
        assert events(run) == [{"event": "memory ran out", "step": 0, "batch": 16, "next": 8}]

    def test_only_once(self, tmp_path):
        with pytest.raises(ValueError, match=r"batch of 8, as it did with 16; .*--batch 4"):
            go(tmp_path, Moody([], out_of_memory=4), batch="auto", recipe=page(16))

    def test_not_where_the_batch_was_given(self, tmp_path):
        with pytest.raises(ValueError, match=r"memory ran out with a batch of 16; .*--batch 8"):
            go(tmp_path, Moody([], out_of_memory=8), batch=16)

    def test_in_the_middle_it_goes_on_where_it_was(self, tmp_path):
        class Later(Moody):
            def forward(self, x):
                self.most = 8 if len(self.calls) >= 6 else 16  # in the second epoch of four
                return super().forward(x)

        calls: list[int] = []
        run = go(tmp_path, Later(calls), batch="auto", recipe=page(16),
                 rhythm=Rhythm(save_steps=1))  # fmt: skip
        assert calls == [16] * 6 + [8] * (32 - 12)
        (event,) = events(run)
        assert event == {"event": "memory ran out", "step": 12, "batch": 16, "next": 8}
        assert [row["step"] for row in run.results] == [4, 16, 24, 32]

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
    def test_of_a_real_process(self, tmp_path):
        """The kernel gives no more than so much: the framework's own allocator fails."""
        script = ["-m", "tests.verbs.short_of_memory", str(tmp_path)]
        said = subprocess.run([sys.executable, *script], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        assert "Memory ran out with a batch of 16; going on with 8" in said.stderr
        recipe = Run.open(tmp_path / "classify" / "run").recipe
        assert (recipe.batch, recipe.retried) == (8, 16)

    def test_errors_that_are_others(self):
        assert ran_out(torch.OutOfMemoryError("CUDA out of memory"))
        assert ran_out(MemoryError())
        assert not ran_out(RuntimeError("shapes do not fit"))
        with pytest.raises(RuntimeError) as caught:
            torch.empty(2**60)
        assert ran_out(caught.value)


class TestAutomaticBatch:
    """Of the recipe's own batch, halved until it fits."""

    def trainer(self, recipe):
        task = Classify(("l", "r"), recipe.seen, cross_entropy)
        return Trainer(recipe, task, Tiny(), Squares(64, 0), Squares(8, 1))

    recipe = Recipe(
        preprocess=Preprocess((16, 16)), batch=32, automatic=("batch", "lr"), steps=10, threads=1,
        optimizer={"name": "sgd", "lr": 0.4},
    )  # fmt: skip

    def test_at_most_a_quarter_of_the_pictures_and_the_rate_with_it(self):
        made = settled(self.recipe, self.trainer, 64).recipe
        assert (made.batch, made.steps, made.optimizer["lr"]) == (16, 20, 0.2)

    def test_what_was_given_is_used(self):
        assert settled(self.recipe.replace(automatic=()), self.trainer, 64).recipe.batch == 32

    def test_counted_on_a_processor(self, monkeypatch):
        trainer = self.trainer(self.recipe)
        assert fitting(trainer) == 32
        # Outputs: 4 x 7 x 7 twice (the convolution, the ReLU) and 2; parameters: 112 + 394.
        needed = 4 * (2 * (4 * 49 + 2) * 32 + 5 * 506)
        monkeypatch.setattr("hubel.training.memory.free_memory", lambda: int(needed / 0.8))
        assert not counts(trainer, 32)
        assert fitting(trainer) < 32

    def test_tried_on_a_gpu(self):
        trainer = self.trainer(self.recipe)
        trainer.model = trainer.task.model(Moody([], out_of_memory=9))
        weights = [p.clone() for p in trainer.model.parameters()]
        drawn = torch.get_rng_state()
        assert not passes(trainer, 16)
        assert passes(trainer, 8)
        assert torch.equal(drawn, torch.get_rng_state())
        assert all(map(torch.equal, weights, trainer.model.parameters()))

    def test_who_says_nothing_left_both_open(self, tmp_path):
        assert choose("digits", None, None, None, False, {}).automatic == ("batch", "lr")
        assert choose("digits", None, None, None, False, {"lr": 0.1}).automatic == ("batch",)
        assert choose("digits", None, None, None, False, {"batch": 8}).automatic == ("lr",)
        assert choose("digits", None, "digits", None, False, {}).automatic == ()
        chosen = choose("digits", None, "digits", None, False, {"batch": "auto"})
        assert (chosen.batch, chosen.automatic) == (32, ("batch",))


def test_patience_ends_a_run_that_gets_no_better(tmp_path, capsys):
    words = {"epochs": 50, "patience": 2, "lr": 1e-30, "progress": "lines"}
    run = go(tmp_path, Tiny(), **words)
    assert len(run.results) == 3
    (event,) = events(run)
    assert (event["event"], event["step"], event["epochs"]) == ("early stop", 24, 2)
    assert "Stopped early: no better val_top1" in capsys.readouterr().err
    assert run.finished


class TestRestarts:
    """A torchrun that starts its processes anew goes on with the run it began."""

    @pytest.fixture(autouse=True)
    def _torchrun(self, monkeypatch):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/logs/none_x1/attempt_0/0/error.json")

    def begin(self, runs) -> Run:
        run = Run.create(runs, Recipe(), "r")
        note_job(run, Processes())
        return run

    def test_the_first_time_it_begins(self, tmp_path):
        self.begin(tmp_path)
        assert begun(tmp_path, False) is None

    def test_restarted_it_goes_on(self, tmp_path, monkeypatch):
        Run.create(tmp_path, Recipe(), "other")
        run = self.begin(tmp_path)
        monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/logs/none_x1/attempt_1/0/error.json")
        assert begun(tmp_path, False) == run
        monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", "/logs/none_x2/attempt_1/0/error.json")
        assert begun(tmp_path, False) is None  # another torchrun of the same number

    def test_without_torchrun_nothing_is_noted(self, tmp_path, monkeypatch):
        monkeypatch.delenv("TORCHELASTIC_RUN_ID")
        assert not (self.begin(tmp_path).path / JOB).exists()
