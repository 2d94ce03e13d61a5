"""Short trainings of several networks on the same data, begun again where they were left."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from hubel.networks import Spec
from hubel.training.loop import Stopped
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.train import train

GRACE = 60.0  # seconds that a training has for its checkpoint when the process that began it dies


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

    waiting = {}
    for name, given in trials.items():
        if jobs == 1 or (runs / "classify" / name / "report.html").exists():
            ended(name, trained(data, name, given, runs, progress))
        else:
            waiting[name] = given
    if not waiting:
        return found
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(waiting)), spawn, _watch) as pool:
        began = {
            pool.submit(trained, data, name, given, runs, "quiet"): name
            for name, given in waiting.items()
        }
        try:
            for future in as_completed(began):
                ended(began[future], future.result())
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)
            raise Stopped(str(runs)) from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return found


def _watch() -> None:
    """In the process of a trial: stop with the process that began it, saved.

    Ctrl-C reaches both; between two trainings it is the other one's to act on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def follow() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(GRACE)
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
