"""The rules of the house, read from the code itself: who may import whom, and what stays pure."""

import ast
import json
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "siotool"
FILES = sorted(PACKAGE.rglob("*.py"))

#: Imports go downward only: from a later row to an earlier one, or within one package.
LAYERS = (
    {"errors", "printable", "searched", "stopped"},
    {"child_process", "terminal", "told_lines", "units", "yaml_template"},
    {"document", "faults", "formula", "histogram", "measured_servers", "workload"},
    {"deliveries_by_node"},
    {"calibration", "protocol", "runfile"},
    {"client", "runs", "runwriter"},
    {"search"},
    {"deployment", "history", "plan", "probe", "report", "swarm", "target"},
    {"lab"},
    {"cli"},
    {"__main__"},
)

#: The same among the rooms of the planner: from a later row to an earlier one, or within one room.
ROOMS_OF_PLAN = (
    {"numbers"},
    {"adapters", "redundancy", "wire"},
    {"inputs"},
    {"demand", "model"},
    {"constraints"},
    {"evaluation"},
    {"uncertainty"},
    {"evidence", "growth"},
    {"diff", "money", "storage", "storm"},
    {"sizing"},
    {"documents"},
)
#: A house, and the layers of what is in it.
HOUSES = {"siotool": LAYERS, "siotool.plan": ROOMS_OF_PLAN}

#: A heavy or opinionated package comes in by one door; a loop, by the door of each that runs one.
DOORS = {
    "aiohttp": "siotool.client.reference siotool.probe siotool.target",
    "engineio": "siotool.client.reference siotool.target",
    "gevent": "siotool.swarm",
    "jinja2": "siotool.document siotool.yaml_template",
    "junitparser": "siotool.document",
    "locust": "siotool.swarm",
    "pandas": "siotool.runs.frames",
    "picows": "siotool.client",
    "prometheus_client": "siotool.swarm siotool.target",
    "ruptures": "siotool.report",
    # its special functions: quantiles of Student and of the beta distribution
    "scipy": "siotool.plan siotool.report siotool.runs siotool.search",
    "socketio": "siotool.client.reference siotool.target",
    "typer": "siotool.cli",
    "uvloop": "siotool.swarm siotool.target",
    "vl_convert": "siotool.document",
}

PURE = {
    "calibration",
    "deployment",
    "document",
    "formula",
    "histogram",
    "plan",
    "printable",
    "protocol",
    "report",
    "runs",
    "search",
    "searched",
    "units",
    "workload",
}
IMPURE_MODULES = {
    "asyncio",
    "random",
    "secrets",
    "select",
    "signal",
    "socket",
    "subprocess",
    "threading",
    "time",
}
IMPURE_CALLS = {"datetime.now", "datetime.today", "datetime.utcnow", "date.today", "random.default_rng"}

#: Random numbers that repeat: a generator, and one made from a seed.
SEEDED = {"numpy.random.Generator", "numpy.random.PCG64"}

CONTAINERS = {"Counter", "OrderedDict", "bytearray", "defaultdict", "deque", "dict", "list", "set"}
CHANGES = {
    "add",
    "append",
    "clear",
    "discard",
    "extend",
    "insert",
    "pop",
    "popleft",
    "remove",
    "setdefault",
    "update",
}
HANDLERS = {"signal.signal", "logging.basicConfig", "atexit.register"}

#: The one package that offers a call of its own, ``siotool.runs.load``, and what its file may import: names
#: for types, and inside the call what makes the answer.
CALL = "siotool.runs"
OF_CALL = {"os", "typing.Any", "siotool.runs.frames.load_frames"}

LINES = 420  # four hundred, give or take


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module, or name of one, that is imported anywhere in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module or ''}.{alias.name}" for alias in node.names)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def part_of(module: str, house: str = "siotool") -> str:
    """``siotool.plan.sizing`` is in the part ``plan``; the package's own docstring is in none."""
    return module.removeprefix(house).removeprefix(".").partition(".")[0] if within(module, house) else ""


def breaches_of_layers(module: str, tree: ast.Module) -> Iterator[str]:
    for house, layers in HOUSES.items():
        layer = {part: number for number, parts in enumerate(layers) for part in parts}
        part = part_of(module, house)
        if part and part not in layer:
            yield f"{part} has no layer: give it one, here and in the design"
            continue
        for name in imported(tree):
            if within(name, house) and within(module, house) and (other := part_of(name, house)) != part:
                if not other:
                    yield f"imports the bare package {house}"
                elif layer.get(other, len(layers)) >= layer.get(part, -1):
                    yield f"{part} imports {other}: imports go downward only"


def breaches_of_doors(module: str, tree: ast.Module) -> Iterator[str]:
    for name in imported(tree):
        top = name.split(".")[0]
        if top in DOORS and not any(within(module, door) for door in DOORS[top].split()):
            yield f"imports {top}, whose door is {DOORS[top]}"


def dotted(node: ast.AST) -> str:
    """``numpy.random.default_rng`` as it is written; empty when it is no plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def breaches_of_purity(module: str, tree: ast.Module) -> Iterator[str]:
    if part_of(module) not in PURE:
        return
    for name in imported(tree):
        if name.split(".")[0] in IMPURE_MODULES:
            yield f"imports {name.split('.')[0]}, but {part_of(module)} is pure: pass it in"
        if within(name, "numpy.random") and name not in SEEDED:
            yield f"imports {name}: pass a seed or a seeded generator in"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            words = dotted(node.func).split(".")
            if ".".join(words[-2:]) in IMPURE_CALLS:
                yield f"calls {'.'.join(words)}, but {part_of(module)} is pure: pass it in"
            elif words[-1] == "PCG64" and not node.args:
                yield "calls PCG64 without a seed: pass one in"
            elif words[:2] in (["np", "random"], ["numpy", "random"]):
                yield f"calls {'.'.join(words)}: pass a seeded generator in"


def breaches_of_form(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield f"line {node.lineno}: a relative import"
        if isinstance(node, ast.Name | ast.Attribute) and dotted(node).split(".")[-1] == "TYPE_CHECKING":
            yield f"line {node.lineno}: TYPE_CHECKING: a misplaced type"
        if isinstance(node, ast.Global):
            yield f"line {node.lineno}: global {', '.join(node.names)}: module-level state"


def breaches_of_state(module: str, tree: ast.Module) -> Iterator[str]:
    """Best effort: containers at module level must be constants, and no function may change one."""
    containers = set()
    for node in tree.body:
        if (
            isinstance(node, ast.Assign | ast.AnnAssign)
            and node.value is not None
            and is_container(node.value)
        ):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in map(dotted, targets):
                containers.add(name)
                if name not in (name.upper(), "__all__"):
                    yield f"line {node.lineno}: {name} is mutable, at module level and not in capitals"
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = dotted(node.value.func)
            if called in HANDLERS or called.endswith(".addHandler"):
                yield f"line {node.lineno}: {called} when the module is imported"
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            changed = dotted(node.value)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGES
        ):
            changed = dotted(node.func.value)
        else:
            continue
        if changed in containers:
            yield f"line {node.lineno}: changes {changed}, which is at module level"


def is_container(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return dotted(value.func).split(".")[-1] in CONTAINERS
    return isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def breaches(module: str, source: str, *, is_init: bool = False) -> list[str]:
    """Every breach of the rules in one file, in words."""
    tree = ast.parse(source)
    found = [
        *breaches_of_layers(module, tree),
        *breaches_of_doors(module, tree),
        *breaches_of_purity(module, tree),
        *breaches_of_form(module, tree),
        *breaches_of_state(module, tree),
    ]
    if is_init and any(module != CALL or name not in OF_CALL for name in imported(tree)):
        found.append("an __init__ file imports something")
    if source.count("\n") > LINES:
        found.append(f"has {source.count(chr(10))} lines; that is more than one reason to exist")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_file_keeps_the_rules(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert breaches(module_name(path), source, is_init=path.name == "__init__.py") == []


@pytest.mark.parametrize(
    ("module", "source", "said"),
    [
        ("siotool.units", "from siotool.histogram import Histogram", "units imports histogram"),
        ("siotool.workload", "import siotool.runfile", "workload imports runfile"),
        ("siotool.runs.hold", "from siotool.report.contents import Report", "runs imports report"),
        ("siotool.runfile", "from siotool.protocol.socket_io import Packet", "runfile imports protocol"),
        ("siotool.plan.sizing", "from siotool.report.join import join", "plan imports report"),
        ("siotool.report.join", "def f():\n    from siotool.swarm import parent", "report imports swarm"),
        ("siotool.swarm.user", "from siotool import target", "swarm imports target"),
        ("siotool.target.chat", "from siotool.cli.app import app", "target imports cli"),
        ("siotool.cli.app", "import siotool.__main__", "cli imports __main__"),
        ("siotool.cli.app", "import siotool", "imports the bare package"),
        ("siotool.helpers", "", "helpers has no layer"),
        ("siotool.plan.helpers", "", "helpers has no layer"),
        ("siotool.plan.wire.packet_sizes", "import siotool.plan.helpers", "wire imports helpers"),
        ("siotool.plan.wire.packet_sizes", "from siotool.plan import storm", "wire imports storm"),
        ("siotool.plan.storm.page", "import siotool.plan", "imports the bare package siotool.plan"),
        ("siotool.plan.sizing", "from siotool.helpers import x", "plan imports helpers"),
        ("siotool.swarm.parent", "import typer", "imports typer, whose door is siotool.cli"),
        ("siotool.cli.loadtest", "def f():\n    from locust.env import Environment", "imports locust"),
        ("siotool.cli.loadtest", "import gevent.monkey", "imports gevent"),
        ("siotool.swarm.user", "import socketio", "imports socketio"),
        ("siotool.protocol.socket_io", "from engineio import packet", "imports engineio"),
        (
            "siotool.report.verdict",
            "import jinja2",
            "imports jinja2, whose door is siotool.document",
        ),
        ("siotool.document.text", "from siotool.report.words import label", "document imports report"),
        ("siotool.report.htmlish", "import vl_convert", "imports vl_convert"),
        ("siotool.histogram", "from scipy import stats", "imports scipy"),
        (
            "siotool.report.join",
            "import uvloop",
            "imports uvloop, whose door is siotool.swarm siotool.target",
        ),
        ("siotool.protocol.session", "import time", "imports time, but protocol is pure"),
        ("siotool.report.join", "from threading import Lock", "imports threading, but report is pure"),
        ("siotool.formula", "import random", "imports random, but formula is pure"),
        ("siotool.protocol.session", "async def f():\n    import asyncio", "imports asyncio"),
        (
            "siotool.report.verdict",
            "import datetime\nx = datetime.datetime.now()",
            "calls datetime.datetime.now",
        ),
        ("siotool.runs.seconds", "import pandas as pd", "imports pandas, whose door is siotool.runs.frames"),
        ("siotool.plan.sizing", "import numpy as np\nnp.random.normal()", "calls np.random.normal"),
        ("siotool.plan.sizing", "from numpy import random", "imports numpy.random"),
        ("siotool.plan.sizing", "from .terms import Term", "a relative import"),
        ("siotool.plan.sizing", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: pass", "TYPE_CHECKING"),
        ("siotool.plan.sizing", "import typing\nif typing.TYPE_CHECKING: pass", "TYPE_CHECKING"),
        ("siotool.swarm.user", "def f():\n    global n\n    n = 1", "global n"),
        ("siotool.swarm.user", "connections = []", "connections is mutable"),
        ("siotool.swarm.user", "seen: dict[str, int] = collections.defaultdict(int)", "seen is mutable"),
        ("siotool.swarm.user", "KNOWN = {}\ndef f(k):\n    KNOWN[k] = 1", "changes KNOWN"),
        ("siotool.swarm.user", "KNOWN = {}\ndef f(k):\n    del KNOWN[k]", "changes KNOWN"),
        ("siotool.swarm.user", "KNOWN = set()\ndef f(k):\n    KNOWN.add(k)", "changes KNOWN"),
        ("siotool.swarm.user", "import signal\nsignal.signal(2, print)", "signal.signal when the module"),
        ("siotool.cli.app", "log.addHandler(h)", "log.addHandler when the module"),
        ("siotool.swarm.user", "x = 1\n" * (LINES + 1), "more than one reason"),
    ],
)
def test_a_planted_breach_is_caught(module: str, source: str, said: str) -> None:
    found = breaches(module, source)
    assert any(said in breach for breach in found), found


#: Every room with each that is not below it; the topmost with what is above the planner.
UPWARD = [
    (f"siotool.plan.{room}", f"siotool.plan.{other}")
    for number, rooms in enumerate(ROOMS_OF_PLAN)
    for room in sorted(rooms)
    for other in sorted(set().union(*ROOMS_OF_PLAN[number:]) - {room})
] + [(f"siotool.plan.{room}", "siotool.cli") for rooms in ROOMS_OF_PLAN for room in sorted(rooms)]


@pytest.mark.parametrize(("room", "other"), UPWARD)
def test_a_breach_planted_in_a_room_of_the_planner_is_caught(room: str, other: str) -> None:
    for path in FILES:
        if within(module_name(path), room) and path.name != "__init__.py":
            planted = path.read_text(encoding="utf-8") + f"\n\ndef planted():\n    import {other}.it\n"
            assert any("downward only" in said for said in breaches(module_name(path), planted)), path
            return
    raise AssertionError(f"{room} has no files: strike it")


def test_every_room_of_the_planner_has_a_layer_and_is_there() -> None:
    rooms = {part_of(module_name(path), "siotool.plan") for path in FILES} - {""}
    assert rooms == set().union(*ROOMS_OF_PLAN)


def test_an_init_file_that_imports_is_caught() -> None:
    assert breaches("siotool.plan", '"""Doc."""\nimport math\n', is_init=True) == [
        "an __init__ file imports something"
    ]
    assert breaches(CALL, "import pandas\n", is_init=True) != []
    assert breaches("siotool.plan", "import os\n", is_init=True) != []
    late = "def load():\n    from siotool.runs.frames import load_frames\n"
    assert breaches(CALL, late, is_init=True) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("siotool", '"""Only words."""'),
        ("siotool.units", "from siotool.errors import UnitError"),
        (
            "siotool.plan.sizing",
            "from siotool.plan.model import Plan\nfrom siotool.units import parse_count",
        ),
        ("siotool.cli.report", "from siotool.report.join import join\nfrom siotool.plan.sizing import plan"),
        ("siotool.document.html", "import jinja2\nimport vl_convert"),
        ("siotool.swarm.worker", "import time, threading, random\nfrom locust import User"),
        (
            "siotool.plan.uncertainty.risk",
            "import numpy as np\nfrom numpy.random import Generator\ndef f(g: Generator): return g.normal()",
        ),
        ("siotool.report.verdict", "from datetime import datetime\nx = datetime.fromisoformat('2026-01-01')"),
        ("siotool.units", "_KNOWN = {'s': 1.0}\ndef f(u):\n    mine = []\n    mine.append(_KNOWN[u])"),
    ],
)
def test_what_the_rules_allow_is_no_breach(module: str, source: str) -> None:
    assert breaches(module, source) == []


def named_twice(sources: Mapping[str, str]) -> dict[str, list[str]]:
    """Class and file names that stand more than once among modules, by path; each with its places."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, source in sources.items():
        name = path.rpartition("/")[2]
        if name not in ("__init__.py", "__main__.py"):
            places[name].append(path)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(path)
    return {name: found for name, found in places.items() if len(found) > 1}


def test_one_name_means_one_class_or_one_file() -> None:
    sources = {str(path.relative_to(PACKAGE)): path.read_text(encoding="utf-8") for path in FILES}
    assert named_twice(sources) == {}


def test_a_planted_second_meaning_is_caught() -> None:
    files = {"plan/model.py": "class Row: ...", "report/model.py": "x = 1", "report/a.py": "class Row: ..."}
    assert named_twice(files | {"plan/__init__.py": "", "report/__init__.py": ""}) == {
        "model.py": ["plan/model.py", "report/model.py"],
        "Row": ["plan/model.py", "report/a.py"],
    }


#: What no help page and no plan may load; each costs more than the command itself.
HEAVY = {
    "aiohttp",
    "engineio",
    "gevent",
    "locust",
    "pandas",
    "picows",
    "socketio",
    "uvloop",
    "vl_convert",
}
NUMBERS = {"numpy", "scipy"}

LOADED = """
import json, sys
from siotool.cli.app import main
try:
    main()
finally:
    print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})), file=sys.stderr)
"""

PLAN = ["plan", "--connections", "1M", "--consumption-rate", "2KB/s", "--capacity", "100MB/s"]


@pytest.mark.parametrize(
    ("arguments", "forbidden", "budget_ms"),
    [
        pytest.param(["--help"], HEAVY | NUMBERS, 150, id="siotool --help"),
        pytest.param(["--version"], HEAVY | NUMBERS, None, id="siotool --version"),
        pytest.param(["plan", "--help"], HEAVY | NUMBERS, None, id="siotool plan --help"),
        pytest.param(["probe", "--help"], HEAVY | NUMBERS, None, id="siotool probe --help"),
        pytest.param(PLAN, HEAVY, 400, id="siotool plan"),
    ],
)
def test_a_light_command_loads_nothing_heavy(
    arguments: list[str], forbidden: set[str], budget_ms: int | None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stderr.splitlines()[-1]))
    assert loaded & forbidden == set()
    spent_ms = 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    with capsys.disabled():
        if budget_ms is not None:  # told, not held: the clock of a busy machine proves nothing
            print(f"\nsiotool {arguments[0]}: {spent_ms:.0f} ms of CPU, {budget_ms} ms allowed", end=" ")
