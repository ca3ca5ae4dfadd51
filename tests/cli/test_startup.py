"""What a command may import before it works: heavy packages load inside the command that needs them."""

import json
import os
import subprocess
import sys

import pytest

FORMULA = ["plan", "--connections", "1M", "--consumption-rate", "2KB/s", "--capacity", "100MB/s"]
#: Packages that may be imported. Anything else costs every user its time at every start.
TYPER = {"annotated_doc", "click", "colorama", "rich", "shellingham", "typer"}
MSGSPEC = {"msgspec", "typing_extensions"}
RICH_MARKDOWN = {"attr", "markdown_it", "mdurl", "pygments"}
#: What Python itself brings in: start-up hooks of the environment, and a test's coverage.
ENVIRONMENT = {"_distutils_hack", "_virtualenv", "coverage", "sitecustomize", "usercustomize"}

SHOW = """
import json, sys
before = set(sys.modules)
from siotool.cli.app import main
sys.argv = ["siotool", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit:
    pass
print(json.dumps(sorted(set(sys.modules) - before)), file=sys.stderr)
"""


def imported(arguments: list[str]) -> set[str]:
    """Names of all modules that a command imported."""
    done = subprocess.run(
        [sys.executable, "-c", SHOW, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "80"},
    )
    modules: list[str] = json.loads(done.stderr.splitlines()[-1])
    return set(modules)


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        pytest.param(["--help"], TYPER, id="the overview needs only what prints it"),
        pytest.param(["--version"], TYPER, id="the version too"),
        pytest.param(FORMULA, TYPER | MSGSPEC, id="a plan of single figures needs no numbers library"),
        pytest.param(["plan", "--help"], TYPER | MSGSPEC | RICH_MARKDOWN, id="the help of a command"),
    ],
)
def test_a_command_imports_nothing_heavy(arguments: list[str], allowed: set[str]) -> None:
    packages = {name.partition(".")[0] for name in imported(arguments)}
    foreign = packages - set(sys.stdlib_module_names) - {"siotool"} - ENVIRONMENT
    assert foreign <= allowed


def test_the_overview_builds_no_command() -> None:
    """Their options cost more than all the rest of it."""
    parts = {name for name in imported(["--help"]) if name.startswith("siotool.cli.")}
    assert parts == {
        f"siotool.cli.{name}" for name in ("app", "commands", "overview", "secret_options", "streams")
    }


@pytest.mark.parametrize("arguments", ["plan -", "plan init -", "report -"])
def test_a_stdin_that_was_closed_is_empty(arguments: str) -> None:
    """It was a bug of siotool (exit 1)."""
    command = f"exec {sys.executable} -m siotool {arguments} <&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == (0 if "init" in arguments else 2), done.stderr
    assert "bug" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "wanted"),
    [
        pytest.param("2>&-", (0, True), id="no stderr: nothing of it is in the result"),
        pytest.param(">&-", (0, False), id="no stdout: no bug of siotool"),
    ],
)
def test_a_stream_that_was_closed_by_whoever_started_it(closed: str, wanted: tuple[int, bool]) -> None:
    """Messages went into the JSON, or it ended as a bug."""
    figures = "--connections 1k --consumption-rate 1kB/s --capacity 1MB/s --format json"
    command = f"exec {sys.executable} -m siotool plan {figures} {closed}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, bool(done.stdout)) == wanted, done.stderr
    assert "bug" not in done.stderr
    if done.stdout:
        json.loads(done.stdout)
