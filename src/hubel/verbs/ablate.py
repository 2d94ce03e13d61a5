"""ablate: a network beside itself with one mechanism changed, trained alike over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hubel.networks import specification
from hubel.training.progress import watcher
from hubel.training.recipe import Recipe
from hubel.verbs.compare import Compared, compare
from hubel.verbs.gather import opened
from hubel.verbs.show import titled
from hubel.verbs.trials import same_table, trained


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
    tables = [same_table(specification(network, **form)) for form in forms]
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
            run = trained(data, name.replace("=", "-"), given, Path(runs), progress)
            top1 = run.scores["val_top1"]
            watching.say(f"{titled(network, form)}, seed {seed}: {top1:.2%} in {run.path}")
            found.append(run)
    return compare(found, against=0)
