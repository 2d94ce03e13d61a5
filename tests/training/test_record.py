from __future__ import annotations

import json

from hubel.training.record import Record, read_results

ROW = {"seconds": 1.5, "lr": 0.1, "train_loss": 0.123456789, "val_loss": 2.0, "val_top1": 0.5}


def row(epoch: int) -> dict[str, float | int]:
    return {"epoch": epoch, "step": epoch * 10, **ROW, "val_top5": 1.0}


def test_columns_are_the_agreed_ones(tmp_path):
    Record(tmp_path)
    assert (tmp_path / "results.csv").read_text() == (
        "epoch,step,seconds,lr,train_loss,val_loss,val_top1,val_top5\n"
    )


def test_rows_and_lines(tmp_path):
    record = Record(tmp_path)
    record.line(event="step", step=5, loss=0.25)
    record.epoch(**row(1))
    assert read_results(tmp_path / "results.csv")[0]["train_loss"] == 0.1234568
    lines = [json.loads(s) for s in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[0] == {"event": "step", "step": 5, "loss": 0.25}
    assert lines[1]["event"] == "epoch"
    assert lines[1]["val_top1"] == 0.5


def test_cut_forgets_what_came_after_the_checkpoint(tmp_path):
    record = Record(tmp_path)
    record.epoch(**row(1))
    lengths, before = record.lengths(), (tmp_path / "results.csv").read_bytes()
    record.epoch(**row(2))
    again = Record(tmp_path)  # a new process finds the files and goes on with them
    again.cut(lengths)
    assert (tmp_path / "results.csv").read_bytes() == before
    assert len(again.rows()) == 1


def test_start_empties_what_a_kill_before_the_first_checkpoint_left(tmp_path):
    record = Record(tmp_path)
    record.epoch(**row(1))
    record.start()
    assert record.rows() == []
    assert (tmp_path / "metrics.jsonl").read_text() == ""
