"""The command as a whole: its help, its version, and how each kind of error ends it."""

import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

import pytest

from siotool.cli import app as application
from siotool.cli import commands
from siotool.errors import ExitCode, GateError, SiotoolError, TargetError

COMMANDS = list(commands.COMMANDS)


Run = Callable[..., subprocess.CompletedProcess[str]]


def test_help_lists_every_command_and_what_it_is_for(siotool: Run) -> None:
    done = siotool("--help", COLUMNS="100")
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        line = next(line for line in done.stdout.splitlines() if line.startswith(f"│ {command} "))
        assert len(line.strip("│ ").removeprefix(command).strip()) > 10
    assert "\x1b" not in done.stdout


def test_short_help_is_the_same(siotool: Run) -> None:
    assert siotool("-h").stdout == siotool("--help").stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(siotool: Run, command: str) -> None:
    done = siotool(command, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"siotool {command}" in done.stdout


def test_version_is_that_of_the_package() -> None:
    """By the module, as a process."""
    version_of_it = [sys.executable, "-m", "siotool", "--version"]
    done = subprocess.run(version_of_it, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"siotool {version('siotool')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["no-such-command"], "No such command 'no-such-command'", id="an unknown command"),
        pytest.param(["--no-such-option"], "No such option: --no-such-option", id="an unknown option"),
    ],
)
def test_bad_usage_says_so_on_stderr(siotool: Run, arguments: list[str], said: str) -> None:
    done = siotool(*arguments)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr


def test_no_command_at_all_shows_the_help(siotool: Run) -> None:
    done = siotool()
    assert done.returncode == ExitCode.USAGE
    assert "plan" in done.stdout + done.stderr


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException, *arguments: str) -> int:
    """Exit code of a command that raises ``error``."""

    def command() -> None:
        raise error

    monkeypatch.setattr(application, "app", command)
    monkeypatch.setattr(sys, "argv", ["siotool", *arguments])
    with pytest.raises(SystemExit) as caught:
        application.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


@pytest.mark.parametrize(
    "error", [GateError("x is no gate", "write lost > 0"), TargetError("nobody", "start it")]
)
def test_an_error_becomes_a_message_a_remedy_and_its_code(
    error: SiotoolError, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, error) == error.exit_code
    assert capsys.readouterr() == ("", f"siotool: {error.message}\n  {error.hint}\n")


def test_a_bug_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, KeyError("surprise")) == ExitCode.BUG
    out, words = capsys.readouterr()
    assert out == ""
    assert words.startswith("siotool: bug in siotool: KeyError: 'surprise'\n")
    assert "--debug" in words


@pytest.mark.parametrize("error", [TargetError("nobody", "start it"), KeyError("surprise")])
def test_debug_adds_the_traceback_and_keeps_the_code(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = ended(monkeypatch, error, "--debug")
    assert code == getattr(error, "exit_code", ExitCode.BUG)
    words = capsys.readouterr().err
    assert "Traceback (most recent call last):" in words
    assert "raise error" in words


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(monkeypatch, KeyboardInterrupt()) == ExitCode.INTERRUPTED
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        pytest.param(
            PermissionError(13, "Permission denied", "/root/past.sqlite"),
            ExitCode.USAGE,
            "/root/past.sqlite: Permission denied",
            id="a place that may not be looked at",
        ),
        pytest.param(
            OSError(36, "File name too long", "aaaa"),
            ExitCode.USAGE,
            "aaaa: File name too long",
            id="a name that no file can have",
        ),
        pytest.param(
            PermissionError(1, "Operation not permitted"), ExitCode.BUG, "bug in siotool", id="of no place"
        ),
    ],
)
def test_a_place_that_may_not_be_looked_at_is_no_bug(
    siotool, monkeypatch: pytest.MonkeyPatch, error: OSError, code: ExitCode, said: str
) -> None:
    def refuse() -> None:
        raise error

    monkeypatch.setattr(application, "app", refuse)
    done = siotool("history")
    assert done.returncode == code
    assert said in done.stderr
