"""Every definition of siotool is reached from a command or a scenario, and every default is overridden once.

What only tests reach is no part of the tool: use it or delete it. Where this is wrong, because a
framework or a scenario's author calls it, say so in CALLED or FOR_AUTHORS.
"""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

from siotool.cli.commands import COMMANDS
from tests.unit.reachability import Package, parse, reached, unpassed, unreached

HOUSE = Path(__file__).parents[2]

#: Called by who knows it by its name: picows, prometheus_client, asyncio, httptools, Locust, click, io,
#: python-socketio.
CALLED = {
    "_engineio_client_class",
    "_engineio_server_class",
    "_get",
    "_get_socket",
    "_handle_ack",
    "_handle_connect",
    "_handle_disconnect",
    "_handle_eio_connect",
    "_handle_eio_disconnect",
    "_handle_eio_message",
    "_handle_event",
    "_put",
    "_read_loop_polling",
    "_receive_packet",
    "_send_packet",
    "connection_lost",
    "connection_made",
    "create_queue",
    "data_received",
    "on_body",
    "on_header",
    "on_headers_complete",
    "on_message_complete",
    "dumps",
    "_discard",
    "_state",
    "_taskset_instance",
    "buffer_updated",
    "collect",
    "eof_received",
    "execute_next_task",
    "find_module",
    "format_help",
    "resolve_command",
    "get_buffer",
    "handle_get_request",
    "handle_message",
    "invoke",
    "load_package",
    "on_ws_connected",
    "on_ws_disconnected",
    "on_ws_frame",
    "pause_writing",
    "resume_writing",
    "spawn_users",
    "writable",
}
#: What a scenario's author calls, overrides or sets; and what a program of load may read.
FOR_AUTHORS = {"SocketIOUser", "Seen", "RunFrames"}
#: Defaults that tests set to what they meet: a client or a network of theirs, a port that is taken,
#: less patience, fewer draws.
OF_TESTS = (
    "*.framing:Client(*",
    "*.framing:Framing(*",
    "*.messages:ack(answered)",
    "*:EngineSettings(drain_timeout_s)",
    "*:measure(draws)",
)
#: What others send: read whole, whatever is made of it.
OF_OTHERS = {"Handshake"}


def sources() -> dict[str, str]:
    """Every module of the tool, and the scenarios, by name."""
    paths = [*(HOUSE / "siotool").rglob("*.py"), *(HOUSE / "scenarios").rglob("*.py")]
    found = {}
    for path in sorted(paths):
        parts = path.relative_to(HOUSE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(encoding="utf-8")
    return found


def named_in_templates() -> set[str]:
    templates = (HOUSE / "siotool").rglob("*.jinja")
    return {name for path in templates for name in re.findall(r"\.(\w+)", path.read_text(encoding="utf-8"))}


def roots(package: Package) -> set[str]:
    commands = {f"{listed.module}:{name}" for name, listed in COMMANDS.items()}
    return {"siotool.__main__:", "siotool.cli.app:main", "siotool.runs:load", *commands} | {
        key
        for key, unit in package.units.items()
        if unit.module.startswith("scenarios")
        or unit.own in CALLED
        or unit.owner in OF_OTHERS
        or (unit.owner in FOR_AUTHORS and not unit.own.startswith("_"))
    }


@pytest.fixture(scope="module")
def package() -> Package:
    return parse(sources())


@pytest.fixture(scope="module")
def found(package: Package) -> set[str]:
    return reached(package, roots(package), named_in_templates())


def test_a_command_or_a_scenario_reaches_everything(package: Package, found: set[str]) -> None:
    assert unreached(package, found) == []


def test_every_default_is_overridden_somewhere(package: Package, found: set[str]) -> None:
    names = unpassed(package, found, roots(package))
    assert [name for name in names if not any(fnmatch(name, pattern) for pattern in OF_TESTS)] == []


TOOL = {
    "tool": """
from tool import units
from tool.part import Record, Shape as Form
import json

LIMIT = 3

@register
def command():
    record = Record(1, second=2)
    match record:
        case Record(first):
            print(first, units.used(record.third), LIMIT)
    return Form().area(), helper(1)

def helper(x, scale=1):
    return x * scale
""",
    "tool.units": """
def used(value, unused_option=None):
    return _inner(value)

def _inner(value):
    return value

def forgotten():
    return only_by_the_forgotten()

def only_by_the_forgotten():
    return 1
""",
    "tool.part": """
class Record(Struct):
    first: int
    second: int = 0
    third: int = 0
    fourth: int = 0

class Promised(Struct, forbid_unknown_fields=True):
    told: int

class Shape:
    def __init__(self):
        self._sides = 4
        self._colour = "red"

    def area(self):
        return self._sides

    def circumference(self):
        return 0

def make() -> Promised: ...
""",
    "tool.alone": "X = 1",
}


def test_a_planted_function_and_what_only_it_reaches_are_found() -> None:
    package = parse(TOOL)
    assert unreached(package, reached(package, {"tool:command"})) == [
        "tool.units:forgotten",
        "tool.units:only_by_the_forgotten",
        "tool.part:Record.second",
        "tool.part:Record.fourth",
        "tool.part:Promised",
        "tool.part:Shape._colour",
        "tool.part:Shape.circumference",
        "tool.part:make",
        "tool.alone:",
        "tool.alone:X",
    ]


def test_a_planted_default_that_nobody_overrides_is_found() -> None:
    package = parse(TOOL)
    assert unpassed(package, reached(package, {"tool:command"})) == [
        "tool:helper(scale)",
        "tool.units:used(unused_option)",
        "tool.part:Record(third)",
        "tool.part:Record(fourth)",
    ]


def test_a_record_of_a_format_is_reached_with_all_its_fields() -> None:
    package = parse(TOOL)
    assert "tool.part:Promised.told" in reached(package, {"tool.part:make"})


def test_a_module_that_is_run_or_handed_on_is_reached() -> None:
    package = parse({"tool": 'run("-m", "tool.one")', "tool.one": "f()", "tool.two": "def g(): ..."})
    assert unreached(package, reached(package, {"tool:"})) == ["tool.two:", "tool.two:g"]
    package = parse({"tool": "from tool import two\nserve(two)", "tool.two": "def g(): ..."})
    assert unreached(package, reached(package, {"tool:"})) == []
