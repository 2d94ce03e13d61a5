"""The frame of every page that Hubel writes: one file that loads nothing and works offline."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template

from hubel.report.html import facts, text


def frame(
    title: str,
    headline: str,
    lead: str,
    figures: Iterable[tuple[str, str]],
    parts: Mapping[str, str],
) -> str:
    """A page from texts, the figures below the headline, and sections by name, which are HTML."""
    ids = {name: name.lower().replace(" ", "-") for name in parts}
    script = _part("page.js")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return Template(_part("page.html")).substitute(
        title=text(title),
        style=_part("page.css"),
        script=script,
        script_hash=f"sha256-{digest}",
        headline=text(headline),
        lead=text(lead),
        figures=facts(figures, "figures"),
        contents="".join(f'<a href="#{ids[name]}">{name}</a>' for name in parts),
        sections="\n".join(
            f'<section id="{ids[name]}" aria-labelledby="{ids[name]}-title">'
            f'<h2 id="{ids[name]}-title">{name}</h2>\n{body}</section>'
            for name, body in parts.items()
        ),
    )


def _part(name: str) -> str:
    return files("hubel.report").joinpath(name).read_text(encoding="utf-8")
