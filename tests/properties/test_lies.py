"""5,000 mutated run files, plans and plan files: a report of sane figures, or a refusal that says why."""

import json
import math
import random
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from siotool.cli.counts import Counting, Intent
from siotool.cli.outcome import rendered
from siotool.cli.plan import refuse_missing
from siotool.errors import InputError
from siotool.plan.inputs import compose, planfile
from siotool.plan.sizing import replan
from siotool.plan.sizing.sizing import size
from siotool.report.contents import Report
from siotool.report.join import summarize
from siotool.report.planned import Planned
from siotool.runs import reading

GOLDEN = Path(__file__).parents[1] / "golden"
RUN = "".join((GOLDEN / "report/chat.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:6])
PLAN = (GOLDEN / "plan.json").read_text(encoding="utf-8")
FILE = """
[workload]
connections = "10k..20k"
[workload.messages.chat]
kind = "room"
rate = "1/min"
size = "200B"
room_size = "50"
[server]
capacity = "1Gbit/s"
processes = "4"
memory = "8GiB"
[topology]
adapter = "redis"
zones = "3"
[goals]
downtime = "30min"
"""
EXTREMES = [
    *("0", "-1", "1e300", "1e999", "-0.0", "NaN", "Infinity", "null", "true", '"x"', "[]", "{}", "9" * 5000),
    *(str(2**53), str(2**63), str(2**64), "1e-300", "4.9e-324", "3.5", "[[" * 500, '"\\u001b[2J\\u202e"'),
]


def mutate(text: str, chance: random.Random) -> str:
    """One to three changes of a kind that people, disks and merges make."""
    for _ in range(chance.randint(1, 3)):
        text = chance.choice(_CHANGES)(text, chance)
    return text


def _number(text: str, chance: random.Random) -> str:
    """Another number, or something else, where a number was."""
    starts = [i for i, char in enumerate(text) if char.isdigit() and not text[i - 1 : i].isalnum()]
    if not starts:
        return text
    start = chance.choice(starts)
    end = start
    while end < len(text) and (text[end].isalnum() or text[end] in ".+-"):
        end += 1
    return text[:start] + chance.choice(EXTREMES) + text[end:]


def _byte(text: str, chance: random.Random) -> str:
    at = chance.randrange(max(1, len(text)))
    return text[:at] + chr(chance.randrange(256)) + text[at + 1 :]


def _cut(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text) + 1)]


def _lines(text: str, chance: random.Random) -> str:
    """A line goes, comes twice, or changes its place."""
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            del lines[at]
        case 1:
            lines.insert(to, lines[at])
        case _:
            lines[at], lines[to] = lines[to], lines[at]
    return "".join(lines)


def _word(text: str, chance: random.Random) -> str:
    """A key is gone, or is called something else."""
    quotes = [i for i, char in enumerate(text) if char == '"']
    if not quotes:
        return text
    at = chance.choice(quotes)
    return text[: at + 1] + chance.choice(["x", "", "version", "kind", "open"]) + text[at + 2 :]


_CHANGES = (_number, _number, _number, _byte, _cut, _lines, _lines, _word)


def sane(value: Any, path: str = "") -> None:
    """No figure is negative or not finite; what is left out is null."""
    if isinstance(value, dict):
        for key, item in value.items():
            sane(item, f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            sane(item, path)
    elif isinstance(value, float | int) and not isinstance(value, bool) and ".settings." not in path:
        assert math.isfinite(value), path
        assert value >= 0 or path.endswith(".seed"), (path, value)


def read_run(text: str, folder: Path) -> None:
    path = folder / "run.jsonl"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    runs = [reading.read(path)]
    intent = Intent(compose.from_flags({"workload.connections": ("--connections", "1k")}))
    report = summarize(runs, intent.planned, counts=Counting(runs, intent), default_gates=True)
    for form in ("json", "text", "md"):
        rendered(report, form)
    sane(msgspec.to_builtins(report))


def read_plan(text: str, folder: Path) -> None:
    intent = Intent(plan=replan.decode(text.encode("utf-8", "surrogatepass"), "plan.json"))
    sane(msgspec.to_builtins(intent.planned))
    sane(msgspec.to_builtins(size(compose.complete(intent.inputs), draws=50, sensitivities=False)))


def read_planfile(text: str, folder: Path) -> None:
    inputs = planfile.decode(text, "plan.toml")
    refuse_missing(inputs)
    inputs = compose.complete(inputs)
    sane(msgspec.to_builtins(size(inputs, draws=50, sensitivities=False)))


def hold(kind: str, seeds: range, folder: Path) -> None:
    text, read = {"run": (RUN, read_run), "plan": (PLAN, read_plan), "file": (FILE, read_planfile)}[kind]
    for seed in seeds:
        mutated = mutate(text, random.Random(f"{kind}/{seed}"))
        try:
            read(mutated, folder)
        except InputError as refusal:
            assert refusal.message, seed
        except Exception as error:
            raise AssertionError(f"{kind} {seed}: {type(error).__name__}: {error}") from error


FEW = {"run": 60, "plan": 300, "file": 60}


@pytest.mark.parametrize("kind", FEW)
def test_some_mutations_are_a_report_or_a_refusal(kind: str, tmp_path: Path) -> None:
    hold(kind, range(FEW[kind]), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", FEW)
@pytest.mark.parametrize("part", range(4))
def test_5000_mutations_are_a_report_or_a_refusal(kind: str, part: int, tmp_path: Path) -> None:
    each = 5000 // len(FEW) // 4 + 1
    hold(kind, range(FEW[kind] + part * each, FEW[kind] + (part + 1) * each), tmp_path)


def report_of(lines: list[str], folder: Path) -> Report:
    (folder / "run.jsonl").write_text("".join(lines))
    return summarize([reading.read(folder / "run.jsonl")], Planned())


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The lines of a run that is not doubted, and that says how many intervals it has."""
    lines = (GOLDEN / "report/echo.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    intervals = sum('"kind":"interval"' in line for line in lines)
    lines[-1] = json.dumps(json.loads(lines[-1]) | {"intervals": intervals}) + "\n"
    assert report_of(lines, tmp_path_factory.mktemp("whole")).valid == "yes"
    return lines


@pytest.mark.parametrize("seed", range(60))
def test_an_interval_that_is_gone_twice_or_elsewhere_is_always_noticed(
    seed: int, whole_run: list[str], tmp_path: Path
) -> None:
    chance = random.Random(seed)
    lines = whole_run
    whole = [number for number, line in enumerate(lines) if '"kind":"interval"' in line]
    at, to = chance.sample(whole, 2)
    moved = list(lines)
    match seed % 3:
        case 0:
            del moved[at]
        case 1:
            moved.insert(to, lines[at])
        case _:
            moved[at], moved[to] = moved[to], moved[at]
    assert report_of(moved, tmp_path).valid == "suspect"


def test_the_plan_file_that_is_mutated_is_one() -> None:
    tomllib.loads(FILE)
    for kind, read in (("run", read_run), ("plan", read_plan), ("file", read_planfile)):
        assert kind in FEW
        assert callable(read)
