"""Draws the map in docs/architecture.md from the imports: ``make architecture``.

Two pictures in Mermaid's language, which GitHub draws: the parts of siotool, and the rooms of plan.
An arrow says "imports". An import that a longer way through the picture implies is left out.
"""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PAPER = REPOSITORY / "docs/architecture.md"
#: Of each picture, the package whose parts it shows.
PACKAGES = ("siotool", "siotool/plan")

Graph = Mapping[str, set[str]]


def modules(package: Path) -> Iterator[tuple[str, Path]]:
    """Each file of a package with the part that it is in; the package's own docstring is in none."""
    for path in sorted(package.rglob("*.py")):
        part = path.relative_to(package).parts[0].removesuffix(".py")
        if part != "__init__":
            yield part, path


def imported(path: Path) -> Iterator[str]:
    """Every module, or name of one, that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph(package: Path, root: Path) -> dict[str, set[str]]:
    """What each part of a package imports of the other parts."""
    prefix = ".".join(package.relative_to(root).parts) + "."
    found: dict[str, set[str]] = {}
    for part, path in modules(package):
        others = {
            name.removeprefix(prefix).split(".")[0] for name in imported(path) if name.startswith(prefix)
        }
        found.setdefault(part, set()).update(others - {part})
    return found


def reduced(edges: Graph) -> dict[str, set[str]]:
    """The same without what a longer way implies. Raises ``ValueError`` when there is a circle."""
    reach: dict[str, set[str]] = {}

    def visit(part: str, way: tuple[str, ...]) -> set[str]:
        if part in way:
            raise ValueError(f"imports go in a circle: {' → '.join((*way[way.index(part) :], part))}")
        if part not in reach:
            below = edges.get(part, set())
            reach[part] = below.union(*(visit(other, (*way, part)) for other in sorted(below)))
        return reach[part]

    for part in edges:
        visit(part, ())
    return {
        part: {other for other in below if not any(other in reach[via] for via in below)}
        for part, below in edges.items()
    }


def picture(package: Path, root: Path) -> str:
    """A flow chart in Mermaid's language; who imports stands above what it imports."""
    edges = reduced(graph(package, root))
    lines = [f"    {part}" for part in sorted(edges)]
    lines += [f"    {part} --> {other}" for part in sorted(edges) for other in sorted(edges[part])]
    return "\n".join(("```mermaid", "flowchart TD", *lines, "```"))


def drawn(text: str, root: Path = REPOSITORY) -> str:
    """The paper with its pictures as the code is now; its words stay as they are."""
    for name in PACKAGES:
        block = re.compile(rf"(<!-- imports of {re.escape(name)} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        made = picture(root / name, root)
        text, count = block.subn(lambda found, made=made: found[1] + made + found[2], text)
        if count != 1:
            raise ValueError(f"{count} places for the picture of {name}")
    return text


if __name__ == "__main__":
    before = PAPER.read_text(encoding="utf-8")
    PAPER.write_text(drawn(before), encoding="utf-8")
    sys.stdout.write(
        f"{PAPER.relative_to(REPOSITORY)} {'changed' if drawn(before) != before else 'is up to date'}\n"
    )
