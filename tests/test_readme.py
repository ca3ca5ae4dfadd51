"""The commands that README.md and the help pages show, run as they are printed.

The convention for whoever writes them:

- In README.md, ``$`` lines of a ```` ```console ```` block are commands and the rest is output; every line of
  a ```` ```bash ```` block is a command. A backslash continues a line, ``#`` begins a comment.
- ``# exits 4`` behind a command says that it ends in another code than 0.
- A ```` ```python ```` block whose first line is ``# name.py`` is written to that file first.
- ``NOT_RUN`` lists the programs that are shown but not run. Anything else that is not siotool fails the test.
- In a help page, the lines after ``Example:`` or ``Examples:`` that begin with ``siotool`` are commands.

What is run is made short: two seconds, twenty users, and the embedded target in place of any URL.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from siotool.cli import commands
from siotool.errors import ExitCode
from tests.held_ports import held_port

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
COMMANDS = list(commands.COMMANDS)

NOT_RUN = {
    "cd": "there is nowhere to go",
    "docker": "needs a daemon",
    "git": "needs the network",
    "locust": "runs until it is stopped",
    "make": "runs this test",
    "node": "runs until it is stopped",
    "npm": "needs the network",
    "pip": "needs the network",
    "pipx": "needs the network",
    "uv": "needs the network",
}
#: These end in 5 on a machine too busy for them; that is no fault of the command as printed.
MEASURING = {"demo", "loadtest", "report"}
SECONDS, USERS = 2, 20
#: Of a target, not of an option.
URL = r"(?<!--origin )\b(?:https?|wss?)://[^\s'\"]+"


def joined(lines: list[str]) -> list[str]:
    """Lines with their continuations."""
    return re.sub(r"\s*\\\n\s*", " ", "\n".join(lines)).splitlines()


def blocks(markdown: str) -> list[tuple[str, list[str]]]:
    """Language and lines of each fenced block."""
    found = re.findall(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    return [(language, body.splitlines()) for language, body in found]


def commands_of_readme(markdown: str) -> list[str]:
    commands: list[str] = []
    for language, lines in blocks(markdown):
        if language == "console":
            marked = joined(lines)
            commands += [line.strip()[2:] for line in marked if line.strip().startswith("$ ")]
        elif language in ("bash", "sh", "shell"):
            commands += [line.strip() for line in joined(lines) if not line.strip().startswith("#")]
    return [command for command in commands if command]


def files_of_readme(markdown: str) -> dict[str, str]:
    files = {}
    for language, lines in blocks(markdown):
        if language == "python" and lines and (named := re.fullmatch(r"# (\w+\.py)", lines[0])):
            files[named[1]] = "\n".join(lines) + "\n"
    return files


def commands_of_help(page: str) -> list[str]:
    examples = "".join(re.split("Examples?:", page, maxsplit=1)[1:]).partition("╭")[0]
    lines = joined([line.rstrip() for line in examples.splitlines()])
    return [line.strip() for line in lines if line.strip().startswith("siotool ")]


def to_run(command: str) -> tuple[str, int] | None:
    """The command as this test runs it and the code it must end in; None when it is not to be run."""
    program, *words = command.split()
    if program in NOT_RUN or command.startswith("python3 -m venv "):
        return None
    if program != "siotool":
        raise ValueError(f"{command!r} is no siotool command, and {program!r} is not listed in NOT_RUN")
    said = re.search(r"#\s*exits (\d+)\s*$", command)
    code = int(said[1]) if said else ExitCode.OK
    command = re.sub(r"\s+#\s.*$", "", command)
    if words[:1] in (["loadtest"], ["demo"]):
        command = shortened(command, words[0])
    if words[:1] == ["probe"]:
        command = re.sub(URL, "demo", command)
    return command, code


def shortened(command: str, name: str) -> str:
    def fewer(match: re.Match[str]) -> str:
        return f"{match[1]}{min(USERS, int(match[2]))}"

    command = re.sub(URL, "demo", command)
    command = re.sub(r"\s--server-pid[ =](?:\$\([^)]*\)|\S+)", "", command)
    command = re.sub(r"((?:--users|--spawn-rate|-[ur])[ =])(\d+)", fewer, command)
    command = re.sub(r"(--stage[ =])[^:\s]+:(\d+)", lambda m: f"{m[1]}1s:{min(USERS, int(m[2]))}", command)
    command = re.sub(r"((?:--run-time|-t)[ =])\S+", rf"\g<1>{SECONDS}s", command)
    command = re.sub(r"(--max-users[ =])(\d+)", rf"\g<1>{USERS}", command)
    if not re.search(r" (?:--run-time|-t|--stage|--list|--help|--find-capacity)\b", command):
        command = command.replace(f"siotool {name}", f"siotool {name} --run-time {SECONDS}s", 1)
    return command


def environment() -> dict[str, str]:
    here = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }


def run(command: str, folder: Path) -> None:
    """Run one printed command in ``folder`` and check how it ends."""
    prepared = to_run(command)
    if prepared is None:
        return
    line, code = prepared
    name = line.split()[1]
    if name == "target" or line.startswith("siotool lab up "):
        serve_and_stop(line, folder)
        return
    if name == "worker":
        join_a_run(line, folder)
        return
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    allowed = {code, ExitCode.SUSPECT} if name in MEASURING else {code}
    told = f"{command}\nran as: {line}\nended in {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode in allowed, told


def join_a_run(line: str, folder: Path) -> None:
    """``siotool worker`` works for a run: start one that waits for as many workers as it brings."""
    with held_port() as port:
        _join(line, folder, port)
    shutil.rmtree(folder / "reports", ignore_errors=True)


def _join(line: str, folder: Path, port: int) -> None:
    token = folder / "token"
    token.write_text("t" * 40)
    there = re.search(r"--processes (\d+)", line)
    here = re.sub(r"--join \S+", f"--join 127.0.0.1:{port}", re.sub(r"--token-file \S+", "", line))
    load = f"siotool loadtest demo --users {USERS} --run-time {SECONDS}s --distributed --no-default-gates"
    options = f"--listen 127.0.0.1:{port} --token-file {token} --expect-workers {there[1] if there else 1}"
    with subprocess.Popen(["bash", "-c", f"exec {load} {options}"], cwd=folder, env=environment()) as test:
        command = ["bash", "-c", f"exec {here} --token-file {token}"]
        done = subprocess.run(command, cwd=folder, env=environment(), timeout=120, check=False)
        assert done.returncode == ExitCode.OK, line
        assert test.wait(timeout=60) in (ExitCode.OK, ExitCode.SUSPECT), line


def serve_and_stop(line: str, folder: Path) -> None:
    """``siotool target`` and ``siotool lab up`` serve until told to stop: wait for the URL, press Ctrl-C."""
    free = re.sub(r"(--port[ =])\d+", r"\g<1>0", line)
    words = folder / "stderr"
    with (
        words.open("w") as stderr,
        subprocess.Popen(
            ["bash", "-c", f"exec {free}"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        url = server.stdout.readline()
        server.send_signal(signal.SIGINT)
        server.wait(timeout=60)
    assert url.startswith("http://127.0.0.1:"), url + words.read_text()
    assert server.returncode in (ExitCode.OK, ExitCode.INTERRUPTED), words.read_text()


def test_the_readme_shows_the_whole_loop() -> None:
    commands = commands_of_readme(README.read_text(encoding="utf-8"))
    shown = {command.split()[1] for command in commands if command.startswith("siotool ")}
    assert {"plan", "loadtest", "report"} <= shown


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder that holds what a printed command may name: the committed example run, and scenarios."""
    for folder in ("reports/example", "scenarios"):
        if (REPOSITORY / folder).is_dir():
            shutil.copytree(REPOSITORY / folder, tmp_path / folder)
    return tmp_path


@pytest.mark.slow
def test_the_commands_of_the_readme_run_in_their_order(clone: Path) -> None:
    markdown = README.read_text(encoding="utf-8")
    for name, text in files_of_readme(markdown).items():
        (clone / name).write_text(text, encoding="utf-8")
    for command in commands_of_readme(markdown):
        run(command, clone)


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[] if name == "plan" else pytest.mark.slow) for name in COMMANDS]
)
def test_the_examples_of_a_help_page_run(command: str, clone: Path) -> None:
    page = subprocess.run(
        ["siotool", command, "--help"], env=environment(), capture_output=True, text=True, check=True
    )
    examples = commands_of_help(page.stdout)
    assert examples, f"siotool {command} --help shows no example"
    if any(example.startswith("siotool report") or "--from" in example for example in examples):
        run("siotool loadtest demo --users 5 --spawn-rate 5", clone)  # something to report on
    for example in examples:
        run(example, clone)


SHOWN = """
# Example

```console
$ git clone somewhere
$ siotool plan --connections 1M \\
    --capacity 100MB/s
servers  28
$ siotool report --max-servers 1   # exits 4
```

```python
# ten_lines.py
print("$ not a command")
```

```bash
# a comment
siotool loadtest http://localhost:3000 --scenario ten_lines.py

siotool loadtest wss://example.com --stage 30s:1000 --server-pid $(pgrep -f server.js) --fail-if 'lost > 0'
```
"""


def test_commands_are_found_where_the_convention_puts_them() -> None:
    assert commands_of_readme(SHOWN) == [
        "git clone somewhere",
        "siotool plan --connections 1M --capacity 100MB/s",
        "siotool report --max-servers 1   # exits 4",
        "siotool loadtest http://localhost:3000 --scenario ten_lines.py",
        "siotool loadtest wss://example.com --stage 30s:1000 --server-pid $(pgrep -f server.js)"
        " --fail-if 'lost > 0'",
    ]
    assert files_of_readme(SHOWN) == {"ten_lines.py": '# ten_lines.py\nprint("$ not a command")\n'}


def test_commands_are_made_short_and_local() -> None:
    assert [to_run(command) for command in commands_of_readme(SHOWN)] == [
        None,
        ("siotool plan --connections 1M --capacity 100MB/s", 0),
        ("siotool report --max-servers 1", 4),
        ("siotool loadtest --run-time 2s demo --scenario ten_lines.py", 0),
        ("siotool loadtest demo --stage 1s:20 --fail-if 'lost > 0'", 0),
    ]
    long = "siotool loadtest demo --users 500 --spawn-rate 100 --run-time 5min"
    assert to_run(long) == ("siotool loadtest demo --users 20 --spawn-rate 20 --run-time 2s", 0)
    short = "siotool loadtest demo -u 500 -r 7 -t 5min"
    assert to_run(short) == ("siotool loadtest demo -u 20 -r 7 -t 2s", 0)
    assert to_run("siotool loadtest --list") == ("siotool loadtest --list", 0)


@pytest.mark.parametrize("command", ["siotol plan", "curl http://localhost", "python server.py"])
def test_a_command_nobody_knows_fails(command: str) -> None:
    with pytest.raises(ValueError, match="NOT_RUN"):
        to_run(command)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("siotool no-such-command", id="a command that does not exist"),
        pytest.param("siotool plan --connection 1M", id="an option that does not exist"),
        pytest.param("siotool --version   # exits 4", id="a code it does not end in"),
        pytest.param("siotool --version | no-such-program", id="a broken pipeline"),
    ],
)
def test_a_printed_command_that_does_not_run_fails(command: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended in"):
        run(command, tmp_path)


def test_examples_are_found_in_a_help_page() -> None:
    page = (
        " Usage:\n siotool x\n\n Examples:\n\n siotool x --a 1 \\\n  --b 2\n\n siotool x | head\n╭─ siotool\n"
    )
    assert commands_of_help(page) == ["siotool x --a 1 --b 2", "siotool x | head"]
    assert commands_of_help(" Example: siotool x --a 1\n\n╭─ siotool\n") == ["siotool x --a 1"]
    assert commands_of_help(" Usage:\n siotool x\n╭─ siotool\n") == []
