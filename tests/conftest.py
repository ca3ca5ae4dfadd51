"""What every test may use: golden files, tools that must be there, and one profile for hypothesis."""

import difflib
import gc
import inspect
import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, settings

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)

TESTS = Path(__file__).parent

# A loaded machine is no bug: no deadline, and examples may be slow to make.
# On CI the examples are the same every time.
settings.register_profile(
    "siotool",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,
    print_blob=True,
)
settings.register_profile("brief", settings.get_profile("siotool"), max_examples=25)
settings.load_profile("siotool")

# typer reads these when it is imported, and on GitHub every help page would be in colours.
for _name in ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
    os.environ.pop(_name, None)

# Bytecode is kept, whatever the environment says of it: without, each worker makes that of all tests
# anew, and each command that a test starts that of siotool.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Five thousand tests, their syntax trees and every library are no garbage: to look for some among
# them took one part in twenty of the suite's time.
gc.set_threshold(20_000, 20, 20)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the tests produce to tests/golden; look at the difference before committing it",
    )


def pytest_configure() -> None:
    """Let Ctrl-C reach what the tests start: in the background of a shell it is ignored, by children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the fast tests first."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)


def pytest_collection_finish() -> None:
    """What is loaded by now stays for good: garbage is looked for among what the tests make."""
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Let what a slow test forgot to close be its own failure, and not that of a later one."""
    if item.get_closest_marker("slow"):
        gc.collect()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests marked ``node`` where Node.js or its installed target is missing."""
    if item.get_closest_marker("node"):
        if shutil.which("node") is None:
            pytest.skip("node is not installed")
        if not (TESTS / "targets/node/node_modules").is_dir():
            pytest.skip("tests/targets/node is not installed: run make node")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is required (CI), a skipped test is a failed one."""
    return _required((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Do the same for modules that skip themselves."""
    return _required((yield))


def _required(report: Report) -> Report:
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("SIOTOOL_REQUIRE_ALL"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason} (SIOTOOL_REQUIRE_ALL allows no skipped test)"
    return report


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/NAME``: ``golden(name, text)``."""
    update = request.config.getoption("--update-golden")

    def compare(name: str, text: str) -> None:
        path = TESTS / "golden" / name
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        if not path.exists():
            pytest.fail(f"{path} is missing: run pytest --update-golden, and look at it", pytrace=False)
        expected = path.read_text(encoding="utf-8")
        if text != expected:
            lines = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), "golden", "now", lineterm=""
            )
            pytest.fail(
                "\n".join(lines) + f"\n{path} differs: if that is intended, run pytest --update-golden",
                pytrace=False,
            )

    return compare


@pytest.fixture
def require_tool() -> Callable[..., str]:
    """Path of a program that a test needs, by any of its names; skips when it is missing."""

    def find(*names: str) -> str:
        found = next((path for name in names if (path := shutil.which(name))), None)
        if found is None:
            pytest.skip(f"{' or '.join(names)} is not installed")
        return found

    return find


@pytest.fixture(scope="session")
def schema_of() -> Callable[[Any, str], dict[str, Any]]:
    """Return the JSON Schema of a type, with a title, the same under every Python."""

    def make(kind: Any, title: str) -> dict[str, Any]:
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": title,
            **_dedented(msgspec.json.schema(kind)),
        }

    return make


def _dedented(schema: Any) -> Any:
    """Python 3.13 takes the indentation off docstrings, earlier ones leave it."""
    if isinstance(schema, list):
        return [_dedented(part) for part in schema]
    if isinstance(schema, dict):
        return {
            key: inspect.cleandoc(part) if key == "description" and isinstance(part, str) else _dedented(part)
            for key, part in schema.items()
        }
    return schema
