"""MnasNet. Tan et al. 2018, "MnasNet: Platform-Aware Neural Architecture Search for Mobile".

arXiv 1807.11626: A1 (figure 7, with squeeze-and-excitation) and B1 (without).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hubel.blocks import ConvNorm, MBConv
from hubel.networks.spec import Spec, classifier, facts, one_of, rounded, row

# expansion, kernel, width, depth, stride, squeeze
B1 = (
    (1, 3, 16, 1, 1, 0),
    (3, 3, 24, 3, 2, 0),
    (3, 5, 40, 3, 2, 0),
    (6, 5, 80, 3, 2, 0),
    (6, 3, 96, 2, 1, 0),
    (6, 5, 192, 4, 2, 0),
    (6, 3, 320, 1, 1, 0),
)
A1 = (
    (1, 3, 16, 1, 1, 0),
    (6, 3, 24, 2, 2, 0),
    (3, 5, 40, 3, 2, 4),
    (6, 3, 80, 4, 2, 0),
    (6, 3, 112, 2, 1, 4),
    (6, 5, 160, 3, 2, 4),
    (6, 3, 320, 1, 1, 0),
)


def mnasnet(
    table: tuple[tuple[int, ...], ...], width: float, *, skip: str = "add", act: str = "relu", norm:
    str = "batch", head: str = "gap",
) -> Spec:  # fmt: skip
    """Figure 7, every width but the last times the multiplier."""
    one_of("skip", skip, ("add", "none"))
    both: dict[str, Any] = {"act": act, "norm": norm}
    return Spec(
        stem=(row(ConvNorm, rounded(32 * width), stride=2, kernel=3, **both),),
        stages=tuple(
            row(MBConv, rounded(c * width), n, s, expand=t, kernel=k, se=se, skip=skip, **both)
            for t, k, c, n, s, se in table
        ),
        head=(row(ConvNorm, 1280, **both), classifier(head, 1000, dropout=0.2)),
        facts=facts("MnasNet", "Tan et al.", 2018, "1807.11626"),
    )


VARIANTS: dict[str, Callable[..., Spec]] = {
    **{f"mnasnet{w}".replace(".", "_"): partial(mnasnet, B1, w) for w in (0.5, 0.75, 1.0, 1.3)},
    **{f"mnasnet_{round(100 * w):03}": partial(mnasnet, B1, w) for w in (0.5, 0.75, 1.0, 1.4)},
    **{f"semnasnet_{round(100 * w):03}": partial(mnasnet, A1, w) for w in (0.5, 0.75, 1.0, 1.4)},
}
