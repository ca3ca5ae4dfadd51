"""docs/architecture.md: its pictures are those of the imports, and no room is without its paragraph."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

TESTS = Path(__file__).parent
PAPER = TESTS.parent / "docs/architecture.md"


@pytest.fixture(scope="module")
def map_of() -> ModuleType:
    """The script that ``make architecture`` runs."""
    spec = importlib.util.spec_from_file_location("architecture_map", TESTS / "architecture_map.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(root: Path, **files: str) -> Path:
    """A package ``siotool`` of these files: ``plan__storm="from siotool import units"``."""
    for name, text in files.items():
        path = root / "siotool" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root / "siotool"


def test_the_map_is_that_of_the_imports(map_of: ModuleType) -> None:
    text = PAPER.read_text(encoding="utf-8")
    assert map_of.drawn(text) == text, "run make architecture, and look whether the words still fit"


def test_every_part_and_every_room_has_its_paragraph(map_of: ModuleType) -> None:
    told = {
        name
        for names in re.findall(r"^- \*\*(.*?)\*\*: ", PAPER.read_text(encoding="utf-8"), re.MULTILINE)
        for name in re.findall(r"`(\w+)`", names)
    }
    there = {part for name in map_of.PACKAGES for part, _ in map_of.modules(TESTS.parent / name)} - {
        "__main__"
    }
    assert (there - told, told - there) == (set(), set())


def test_every_file_and_test_that_the_map_names_is_there() -> None:
    named = re.findall(
        r"`((?:siotool|tests|docs|scenarios|cli|swarm|report|plan)/[\w/.*]+)`", PAPER.read_text("utf-8")
    )
    assert len(named) > 20
    missing = [
        name
        for name in named
        if not any(list(root.glob(name.rstrip("/"))) for root in (TESTS.parent, TESTS.parent / "siotool"))
    ]
    assert missing == []


def test_an_import_is_an_arrow_wherever_it_stands(map_of: ModuleType, tmp_path: Path) -> None:
    made = package(
        tmp_path,
        units="",
        formula="from siotool.units import parse",
        plan__storm="def simulate():\n    import siotool.formula",
        cli__app="from siotool import plan, units",
    )
    assert map_of.graph(made, tmp_path) == {
        "units": set(),
        "formula": {"units"},
        "plan": {"formula"},
        "cli": {"plan", "units"},
    }


def test_what_a_longer_way_implies_is_left_out(map_of: ModuleType) -> None:
    edges = {"cli": {"plan", "units"}, "plan": {"formula", "units"}, "formula": {"units"}, "units": set()}
    assert map_of.reduced(edges) == {
        "cli": {"plan"},
        "plan": {"formula"},
        "formula": {"units"},
        "units": set(),
    }


def test_a_circle_is_refused_with_its_names(map_of: ModuleType) -> None:
    with pytest.raises(ValueError, match="storm → constraints → storm"):
        map_of.reduced({"storm": {"constraints"}, "constraints": {"storm"}})


def test_a_new_import_makes_the_map_out_of_date(map_of: ModuleType, tmp_path: Path) -> None:
    package(tmp_path, units="", formula="import siotool.units", plan__storm="", plan__wire="")
    paper = "\n".join(f"<!-- imports of {name} -->\n\n<!-- end -->" for name in map_of.PACKAGES)
    before = map_of.drawn(paper, tmp_path)
    assert "    formula --> units" in before
    package(tmp_path, plan__wire="from siotool.plan.storm import waits")
    assert map_of.drawn(before, tmp_path) == before.replace("    wire\n", "    wire\n    wire --> storm\n")


def test_a_paper_without_its_marks_is_refused(map_of: ModuleType, tmp_path: Path) -> None:
    package(tmp_path, units="", plan__storm="")
    with pytest.raises(ValueError, match="0 places for the picture of siotool"):
        map_of.drawn("# The map", tmp_path)
