"""Short trainings of several networks on the same data, begun again where they were left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from hubel.networks import Spec
from hubel.training.loop import Stopped
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.train import train


def same_table(spec: Spec) -> tuple[object, ...]:
    """What is equal where two specs build the same network."""
    return (spec.stem, spec.stages, spec.head, spec.aux, spec.init, spec.size)


def trained(data: str | Path, name: str, given: dict[str, Any], runs: Path, progress: str) -> Run:
    """The finished run of that name, begun, gone on with or as it is.

    `given`: network, recipe, words, and fields of the recipe. What was asked for is kept beside the
    runs, since a run decides what was left open; ValueError where it was something else.
    """
    changes, asked = dict(given), runs / "asked" / f"{name}.yaml"
    words = {word: changes.pop(word) for word in ("network", "recipe", "words")}
    # Tuning would compute one of them in another precision than the next.
    changes = {"tune": False, **changes}
    wanted = choose(data, **words, download=False, changes=changes)
    path = runs / "classify" / name
    if not asked.exists():
        wanted.save(asked)
    elif Recipe.load(asked) != wanted:
        raise ValueError(
            f"{path} holds another training ({asked} differs); give another --runs folder"
        )
    if path.exists():
        return train(resume=path, runs=runs, progress=progress)
    return train(data, recipe=wanted, name=name, runs=runs, progress=progress)


def side_by_side(
    data: str | Path,
    trials: Mapping[str, dict[str, Any]],
    runs: Path,
    jobs: int,
    progress: str,
    told: Callable[[str, Run], None],
) -> dict[str, Run]:
    """The finished runs of several trials by name, up to `jobs` of them at once, each in a process
    of its own; with one, here. `told` hears of each as it ends.

    Stopped after Ctrl-C, when all of them have saved where they are.
    """
    found: dict[str, Run] = {}

    def ended(name: str, run: Run) -> None:
        found[name] = run
        told(name, run)

    waiting = []
    for name, given in trials.items():
        if jobs == 1 or (runs / "classify" / name / "report.html").exists():
            ended(name, trained(data, name, given, runs, progress))
        else:
            waiting.append((name, given))
    spawn = multiprocessing.get_context("spawn")
    running: dict[Any, tuple[str, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                name, given = waiting.pop(0)
                here, there = spawn.Pipe(duplex=False)
                process = spawn.Process(target=_apart, args=(there, data, name, given, runs))
                process.start()
                there.close()
                running[here] = name, process
            for ready in wait(list(running)):
                name, process = running[ready]
                ended(name, _answer(ready, name, process))
                del running[ready]
    except KeyboardInterrupt:
        raise Stopped(str(runs)) from None
    finally:
        for _, process in running.values():  # told by the same Ctrl-C, or on their own way
            process.join()
    return found


def _answer(here: Any, name: str, process: Any) -> Run:
    """The run that a trial ended with, or what it raised."""
    try:
        answer = here.recv()
    except EOFError:
        process.join()
        raise ValueError(
            f"the training {name} died (exit code {process.exitcode}); fewer --jobs need less "
            "memory, and the same command goes on"
        ) from None
    process.join()
    if isinstance(answer, Exception):
        raise answer
    run: Run = answer
    return run


def _apart(there: Any, data: str | Path, name: str, given: dict[str, Any], runs: Path) -> None:
    """A trial in its own process, which stops, saved, with the one that began it."""

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=follow, daemon=True).start()
    answer: Run | Exception
    try:
        answer = trained(data, name, given, runs, "quiet")
    except KeyboardInterrupt:
        answer = Stopped(str(runs))
    except Exception as error:
        answer = error
    there.send(answer)
