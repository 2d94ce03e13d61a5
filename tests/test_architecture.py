"""The order of the rooms, held against every import in the package."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import hubel

# A room imports from itself and from rooms above it in docs/architecture.md.
ROOMS = [
    *("pictures", "runtime", "ops", "blocks", "weights", "networks", "data", "tasks", "training"),
    *("recipes", "analysis", "explain", "export", "report", "serve", "verbs", "cli"),
]
WITHOUT_TORCH = ("pictures", "runtime", "serve", "cli")
TORCH = {"torch", "safetensors.torch", "torchvision", "timm"}
NEVER = {"torchvision", "timm", "albumentations", "ultralytics"}

PACKAGE = Path(hubel.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path, *, inside_functions: bool = True) -> list[tuple[int, str]]:
    """(line, module) of every import; of `from a import b` both a and a.b, as b may be a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[tuple[int, str]] = []

    def visit(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and not inside_functions:
                continue
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                found.extend((child.lineno, alias.name) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path}:{child.lineno}: imports are absolute"
                found.append((child.lineno, child.module or ""))
                found.extend((child.lineno, f"{child.module}.{a.name}") for a in child.names)
            visit(child)

    visit(tree)
    return found


def test_there_are_files():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_imports(path):
    here = room(path)
    wrong = []
    for line, name in imports(path):
        top, _, rest = name.partition(".")
        if top in NEVER:
            wrong.append(f"{path.name}:{line}: {name} is never imported by the package")
        there = rest.partition(".")[0]
        if top != "hubel" or there not in ROOMS or here in ("__init__", "__main__"):
            continue
        if here not in ROOMS:
            wrong.append(f"{path.name}:{line}: {here} is no room of docs/architecture.md")
        elif ROOMS.index(there) > ROOMS.index(here):
            wrong.append(f"{path.name}:{line}: {here}/ stands above {there}/ and may not import it")
    if here in WITHOUT_TORCH:
        for line, name in imports(path, inside_functions=False):
            if name in TORCH or name.startswith("torch."):
                wrong.append(f"{path.name}:{line}: {here}/ imports no {name} when it is loaded")
    assert not wrong, "\n".join(wrong)


def test_no_room_is_called_by_a_word_that_says_nothing():
    names = {part.removesuffix(".py") for path in FILES for part in path.relative_to(PACKAGE).parts}
    assert not names & {"utils", "helpers", "common", "misc"}


def test_the_networks_can_be_read_in_an_afternoon():
    rooms = [path for path in FILES if room(path) in ("networks", "blocks")]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in rooms) <= 3000


def test_a_family_imports_no_other_family():
    from hubel.networks import FAMILIES

    pages = {page.__name__: Path(page.__file__) for page in FAMILIES}
    wrong = [
        f"{path.name}:{line}: {name}"
        for page, path in pages.items()
        for line, name in imports(path)
        if name in pages and name != page
    ]
    assert not wrong, "\n".join(wrong)


def test_the_document_names_the_rooms_in_this_order():
    document = PACKAGE.parents[1] / "docs" / "architecture.md"
    if not document.is_file():
        pytest.skip("an installed package has no docs/ beside it")
    lines = document.read_text(encoding="utf-8").splitlines()
    named = [line.split("`")[1].rstrip("/") for line in lines if line.startswith("| `")]
    assert named == ROOMS
