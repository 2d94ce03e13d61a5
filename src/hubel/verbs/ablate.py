"""ablate: a network beside itself with one mechanism changed, trained alike over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hubel.networks import Spec, specification
from hubel.training.progress import watcher
from hubel.training.recipe import Recipe
from hubel.training.run import Run
from hubel.verbs.choose import choose
from hubel.verbs.compare import Compared, compare
from hubel.verbs.gather import opened
from hubel.verbs.show import titled
from hubel.verbs.train import train


def ablate(
    network: str,
    swaps: Sequence[Mapping[str, Any]],
    data: str | Path,
    *,
    words: Mapping[str, Any] | None = None,
    seeds: int = 3,
    recipe: str | Recipe | None = None,
    runs: str | Path = "runs/ablate",
    progress: str = "auto",
    **changes: Any,
) -> Compared:
    """Train the network and each of its swapped forms (`[{"skip": "none"}, {"se": 16}]`) with
    one recipe and budget, `seeds` times each, and compare every form with the network itself.

    `words` hold for all of them. `changes`: fields of the recipe, as for `train`. What was trained
    before under the same `runs` is used again, and what was interrupted goes on. ValueError for
    words that make no sense, before anything is trained.
    """
    if seeds < 1:
        raise ValueError(f"seeds={seeds}: at least one; three or more can tell recipes apart")
    if not swaps:
        raise ValueError("nothing to change; give at least one swap, such as skip=none")
    words = dict(words or {})
    forms = [words, *({**words, **swap} for swap in swaps)]
    tables = [_table(specification(network, **form)) for form in forms]
    for table, swap in zip(tables[1:], swaps):
        if table == tables[0]:
            raise ValueError(
                f"{titled(network, words)} has {titled('', swap).strip()} already; change it"
            )
    share = changes.get("val", Recipe.val)
    opened(data, changes.get("split", 0), share, False).one_each(
        "ablate takes data with one class a picture"
    )
    watching, found = watcher(progress), []
    for seed in range(seeds):  # seed by seed, so that there is something to compare early
        for form in forms:
            name = f"{titled(network, form)}-{Path(data).name}-{seed}".replace(" ", "-")
            given = {"network": network, "recipe": recipe, "words": form, "seed": seed, **changes}
            run = _trained(data, name.replace("=", "-"), Path(runs), progress, given)
            top1 = run.scores["val_top1"]
            watching.say(f"{titled(network, form)}, seed {seed}: {top1:.2%} in {run.path}")
            found.append(run)
    return compare(found, against=0)


def _table(spec: Spec) -> tuple[object, ...]:
    return (spec.stem, spec.stages, spec.head, spec.aux, spec.init, spec.size)


def _trained(data: str | Path, name: str, runs: Path, progress: str, given: dict[str, Any]) -> Run:
    """The finished run of that name, begun, gone on with or as it is.

    What was asked for is kept beside the runs, since a run decides what was left open.
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
