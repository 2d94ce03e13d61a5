"""The fold: what one step does, by hand; position, averages and stopping."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from hubel.data import Loader
from hubel.training import checkpoint, loop
from hubel.training.loop import Rhythm, Stopped
from hubel.training.mixing import Mix, mixup
from hubel.training.optimizers import adamw, groups, sgd
from hubel.training.progress import Lines, Quiet, duration, watcher
from hubel.training.record import Record
from hubel.training.steps import Average, Clip, Gradients, Rate, State, Update


class Numbers(torch.utils.data.Dataset):
    """20 pictures of one pixel."""

    def __len__(self):
        return 20

    def __getitem__(self, i):
        return torch.full((1, 1, 1), i, dtype=torch.uint8), i % 2


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[0.5, -0.5]]))

    def forward(self, x):
        return x.float().flatten(1) / 20 @ self.w


def objective(model, pictures, targets):
    return nn.functional.cross_entropy(model(pictures).float(), targets)


def state(total=12, average=False, clip=None, factor=lambda t: 1.0, mix=False) -> State:
    model = Model()
    optimizer = sgd(groups(model, decay=0.0, decay_all=False), lr=0.1)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    steps = [Rate(factor), *([Mix(mixup, 2, seed=0)] if mix else []), Gradients(objective)]
    steps += [Clip(clip)] if clip else []
    steps += [Update()] + ([Average(model, 0.9)] if average else [])
    return State(model, optimizer, tuple(steps), total=total)


def go(made: State, folder, stop=lambda: False, watcher=None, rhythm=None) -> State:
    loader = Loader(Numbers(), batch=4, seed=0)
    scores = {"val_loss": 1.0, "val_top1": 0.5, "val_top5": 1.0}
    return loop.run(
        made, loader, validate=lambda m: dict(scores), better="val_top1", record=Record(folder),
        folder=folder / "checkpoints", watcher=watcher or Quiet(), stop=stop,
        rhythm=rhythm or Rhythm(log_steps=1),
    )  # fmt: skip


def test_a_run_ends_at_its_total_even_within_an_epoch(tmp_path):
    made = go(state(total=12), tmp_path)  # 5 steps an epoch
    rows = Record(tmp_path).rows()
    assert made.step == 12
    assert [r["step"] for r in rows] == [5, 10, 12]
    assert [r["epoch"] for r in rows] == [1, 2, 3]


def test_the_update_is_that_of_the_textbook(tmp_path):
    made, loader = state(total=1), Loader(Numbers(), batch=4, seed=0)
    batch = next(iter(loader.epoch(0)))
    w = made.model.w.detach().clone().requires_grad_()
    x = batch.pictures.float().flatten(1) / 20
    nn.functional.cross_entropy(x @ w, batch.targets).backward()
    go(made, tmp_path)
    assert torch.equal(made.model.w.detach(), w.detach() - 0.1 * w.grad)


def test_clipping_shortens_the_step(tmp_path):
    free, clipped = state(total=1), state(total=1, clip=1e-3)
    before = free.model.w.detach().clone()
    for name, made in (("free", free), ("clipped", clipped)):
        (tmp_path / name).mkdir()
        go(made, tmp_path / name)
    assert (clipped.model.w - before).norm().item() == pytest.approx(1e-4, rel=1e-3)
    assert (free.model.w - before).norm() > 1e-3


def test_parts_of_a_batch_give_the_gradient_of_the_whole():
    batch = next(iter(Loader(Numbers(), batch=10, seed=0).epoch(0)))
    grads = []
    for parts in (1, 2, 3):
        made = state()
        Gradients(objective, parts=parts)(made, batch)
        grads.append((made.model.w.grad, made.loss))
    for grad, loss in grads[1:]:
        assert torch.allclose(grad, grads[0][0], atol=1e-7)
        assert torch.allclose(loss, grads[0][1])


def test_bf16_is_near_float32():
    batch = next(iter(Loader(Numbers(), batch=10, seed=0).epoch(0)))
    losses = []
    for precision in (torch.float32, torch.bfloat16):
        made = state()
        Gradients(objective, precision=precision)(made, batch)
        assert made.model.w.grad.dtype == torch.float32
        losses.append(made.loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert losses[1] != losses[0]


def test_the_average_is_the_one_that_is_scored(tmp_path):
    made = state(total=1, average=True)
    before = made.model.w.detach().clone()
    go(made, tmp_path)
    d = 1 / 10  # (1 + 0) / (10 + 0)
    expected = d * before + (1 - d) * made.model.w.detach()
    assert made.scored is not made.model
    assert torch.allclose(made.scored.w, expected)


def test_the_rate_follows_the_schedule(tmp_path):
    made = state(total=4, factor=lambda t: 1 - t)
    go(made, tmp_path)
    assert made.lr == pytest.approx(0.1 * (1 - 3 / 4))


def test_decay_is_for_weights_unless_all_is_said():
    layer = nn.Linear(2, 2)
    assert [g["weight_decay"] for g in groups(layer, decay=0.1, decay_all=False)] == [0.1, 0.0]
    (group,) = groups(layer, decay=0.1, decay_all=True)
    assert len(group["params"]) == 2
    assert adamw(groups(layer, decay=0.1, decay_all=True), lr=1).defaults["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("at", range(1, 12))
def test_stopped_anywhere_and_resumed_it_is_the_same(tmp_path, at):
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    whole.mkdir()
    parted.mkdir()
    undisturbed = go(state(average=True, mix=True), whole)
    made = state(average=True, mix=True)
    with pytest.raises(Stopped):
        go(made, parted, stop=lambda: made.step >= at)
    assert made.step == at
    resumed = state(average=True, mix=True)
    checkpoint.restore(parted / "checkpoints" / "last.pt", resumed, Record(parted))
    go(resumed, parted)
    assert torch.equal(resumed.model.w, undisturbed.model.w)
    assert torch.equal(resumed.scored.w, undisturbed.scored.w)
    rows = [Record(folder).rows() for folder in (whole, parted)]
    for row in (*rows[0], *rows[1]):
        row.pop("seconds")
    assert rows[0] == rows[1]


def test_plain_lines_off_the_terminal(tmp_path, capsys):
    out = io.StringIO()
    go(state(total=10), tmp_path, watcher=Lines(out))
    first, second = out.getvalue().splitlines()
    assert first.startswith("epoch   1")
    assert "top1 50.00%" in first
    assert "left" in first
    assert "left" not in second
    assert "\x1b" not in out.getvalue()


def test_a_bar_on_a_terminal(tmp_path, capsys):
    bar = watcher("bar")
    bar.say("three [bold] words")  # a file name may look like markup
    go(state(total=10), tmp_path, watcher=bar)
    bar.close()
    shown = capsys.readouterr().err
    assert "three [bold] words" in shown
    assert shown.count("top1 50.00%") == 2


def test_durations_in_words():
    assert [duration(s) for s in (0.2, 40, 200, 7800)] == ["1 s", "40 s", "3 min", "2 h 10 min"]
