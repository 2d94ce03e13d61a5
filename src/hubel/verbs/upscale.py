"""Score a bundle that enlarges pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hubel.runtime.decode.upscale import VIEWS
from hubel.runtime.names import unknown
from hubel.runtime.predictor import Predictor

if TYPE_CHECKING:
    from hubel.verbs.scenes import SceneScores


def score_enlarged(predictor: Predictor, data: Any, part: str, views: str) -> SceneScores:
    """PSNR and SSIM of a part of the pictures, val or test, in the bundle's own engine.

    Where the data has no validation part, all pictures are scored, but of those the bundle was
    trained on only what was held out. ValueError for data and words that make no sense.
    """
    from hubel.data import Data
    from hubel.data.pairs import decode_pairs, open_pictures
    from hubel.tasks.enlarged import Enlarged
    from hubel.tasks.upscale import Upscale, scored
    from hubel.verbs.scenes import SceneScores
    from hubel.verbs.val import whole_or_held

    bundle = predictor.bundle
    if views not in VIEWS:
        raise unknown("views", views, VIEWS)
    if part not in ("val", "test"):
        raise unknown("part", part, ("val", "test"))
    opened = data if isinstance(data, Data) else whole_or_held(open_pictures, data, bundle)
    source, split = (opened.val, opened.split) if part == "val" else (opened.test, "the test part")
    if source is None:
        raise ValueError(f"{opened.where} has no test part; leave out --part to score on all")
    task = Upscale(bundle.classes, bundle.preprocess, head=bundle.network.get("head", {}))
    pairs, findings = decode_pairs(source, scale=task.scale, filter=bundle.preprocess.filter)
    run = VIEWS[views](lambda seen: predictor.engine(seen)[0])
    margin = bundle.settings.get("margin", 0)
    rows = scored(run, pairs, range(len(pairs)), bundle.preprocess, margin)
    outcome = Enlarged.of(pairs.names, list(rows), task.scale, margin)
    left_out = (f"left out: {finding.name} {finding.message}" for finding in findings)
    told = (outcome.score, *outcome.told(bundle.classes), *left_out)
    named = dict(zip(task.scores, outcome.scores))
    words = split if views == "plain" else f"{split}; views {views}"
    return SceneScores(
        bundle=str(bundle.folder),
        data=str(opened.where),
        split=words,
        pictures=len(pairs),
        best=named[task.better],
        per_class={},
        scores=named,
        told=told,
    )
