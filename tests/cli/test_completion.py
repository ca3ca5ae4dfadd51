"""What a shell completes, asked in a real bash with the script that siotool makes for it."""

import os
import subprocess
import sys

import pytest

from siotool.cli.commands import COMMANDS
from siotool.swarm import scenario_paths

SCENARIOS = [path.stem for path in scenario_paths.built_in()]

#: What bash does when Tab is pressed behind the words given; prints one completion a line.
PRESS_TAB = """
eval "$(siotool --show-completion)"
COMP_WORDS=(siotool "$@"); COMP_CWORD=$#
"$(complete -p siotool | sed 's/.*-F \\([^ ]*\\).*/\\1/')" siotool
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def shell(tmp_path):
    """Run a script in bash, in a home of its own, where ``siotool`` is this one."""
    program = tmp_path / "bin/siotool"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom siotool.cli.app import main\nmain()\n")
    program.chmod(0o755)
    (tmp_path / "mine.py").touch()

    def run(script, *words):
        return subprocess.run(
            ["bash", "-c", script, "bash", *words],
            cwd=tmp_path,
            env={**os.environ, "HOME": str(tmp_path), "PATH": f"{program.parent}:{os.environ['PATH']}"},
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "completed"),
    [
        pytest.param([""], list(COMMANDS), id="commands"),
        pytest.param(["pl"], ["plan"], id="a command begun"),
        pytest.param(["plan", "s"], ["storm"], id="a command below a command"),
        pytest.param(["loadtest", "--run"], ["--run-time"], id="an option begun"),
        pytest.param(["loadtest", "demo", "--conf"], ["--config"], id="the one that every command has"),
        pytest.param(["loadtest", "--scenario", ""], SCENARIOS, id="scenarios"),
        pytest.param(["loadtest", "--scenario", "e"], ["echo"], id="a scenario begun"),
        pytest.param(["loadtest", "--scenario", "mi"], ["mine.py"], id="a scenario of one's own"),
        pytest.param(["loadtest", "--users", "5", "d"], ["demo"], id="the target that has a name"),
        pytest.param(["report", "--format", "m"], ["md"], id="a format"),
    ],
)
def test_bash_completes(shell, words, completed):
    done = shell(PRESS_TAB, *words)
    assert (done.stdout.split(), done.stderr) == (completed, "")


@pytest.mark.slow
def test_a_wrong_variable_is_no_hindrance(shell):
    done = shell(f"export SIOTOOL_LOADTEST_CONFIG=none.toml\n{PRESS_TAB}", "loadtest", "--run")
    assert (done.stdout.split(), done.stderr) == (["--run-time"], "")


@pytest.mark.slow
def test_it_is_installed_for_the_next_shell(shell):
    assert "bash completion installed" in shell("siotool --install-completion; true").stdout
    assert "_siotool_completion" in shell("source ~/.bashrc; complete -p siotool").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "begins"),
    [("bash", "_siotool_completion()"), ("zsh", "#compdef siotool"), ("fish", "complete --command")],
)
def test_each_shell_has_its_script_where_none_is_found(shell, name, begins):
    assert shell(f"_SIOTOOL_COMPLETE=source_{name} siotool").stdout.lstrip().startswith(begins)
