"""`hubel explain BUNDLE PICTURE...`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hubel.explain.explained import Explained


def explain(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="BUNDLE PICTURE...",
            help="A bundle or run, then pictures and folders. With --invariance: bundles. With "
            "--gradients: networks, words behind commas, as vgg11,act=sigmoid.",
        ),
    ],
    label: Annotated[
        str | None, typer.Option(help="The class to explain; by default each picture's answer.")
    ] = None,
    gradients: Annotated[
        bool, typer.Option("--gradients", help="Gradients and activations from layer to layer.")
    ] = False,
    invariance: Annotated[
        bool, typer.Option("--invariance", help="Answers under shift, rotation and scale.")
    ] = False,
    data: Annotated[
        str | None, typer.Option(help="Data for --gradients and --invariance, as for train.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="Training steps of --gradients.")] = 100,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where pages and pictures go; by default runs/explain."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")] = False,
) -> None:
    """Show what a network sees: heat maps, channels, feature maps, fields."""
    import json

    if gradients and invariance:
        raise typer.BadParameter("--gradients and --invariance are two questions; ask one")
    if gradients or invariance:
        if data is None:
            raise typer.BadParameter("this needs --data, a data set as for hubel train")
        page = (out or Path("runs", "explain")) / (
            "gradients.html" if gradients else "invariance.html"
        )
        if gradients:
            from hubel.verbs.gradients import gradients as measure

            courses = measure(what, data, steps=steps, out=page)
            answer = [course.to_dict() for course in courses]
            lines = [
                f"{c.network}: the gradient at the first layer is {c.fading:.2g} of that at the "
                f"last at the start; loss {c.losses[0]:.3f}, after {len(c.losses)} steps "
                f"{c.losses[-1]:.3f}"
                for c in courses
            ]
        else:
            from hubel.verbs.invariance import invariance as compare

            found = compare(what, data, out=page)
            answer = [one.to_dict() for one in found]
            lines = [
                f"{one.name} ({one.network}), {name} up to {curve[-1].amount:g}: "
                f"{curve[-1].same:.1%} the same, {curve[-1].right:.1%} right"
                for one in found
                for name, curve in one.curves.items()
            ]
        print(json.dumps(answer, indent=1) if as_json else "\n".join([*lines, f"Page  {page}"]))
        return
    from hubel.verbs.explain import explain as verb

    if len(what) < 2:
        raise typer.BadParameter("name pictures or folders behind the bundle")
    place = out or Path("runs", "explain", _stem(Path(what[0])))
    explained = verb(what[0], what[1:], label=label, out=place)
    print(json.dumps(explained.to_dict(), indent=1) if as_json else _text(explained))


def _stem(bundle: Path) -> str:
    folder = bundle.resolve()
    return folder.parent.name if folder.name == "bundle" else folder.name


def _text(found: Explained) -> str:
    lines = [f"{found.network}, explained at {found.layer}"]
    for p in found.pictures:
        row, column = p.to_dict()["hottest"]["gradcam"]
        lines.append(
            f"{p.name}: {p.label} {p.confidence:.1%}; Grad-CAM is hottest at pixel x {column}, "
            f"y {row}; covered where it hurts most, the probability falls by "
            f"{max(float(p.occlusion.max()), 0):.1%}"
        )
    seen = ", ".join(f"{f.layer} {f.effective:.0f} of {f.theoretical[0]:g}" for f in found.fields)
    lines.append(f"Receptive fields, effective of theoretical pixels: {seen}")
    lines.append(f"Page  {found.page}")
    return "\n".join(lines)
