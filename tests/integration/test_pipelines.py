"""The GitHub Action and the GitLab template: their very commands, run by bash against a real service."""

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from tests.held_ports import held_port

pytestmark = pytest.mark.slow

HOUSE = Path(__file__).parents[2]
ACTION, GITLAB = HOUSE / "action.yml", HOUSE / "ci/gitlab.yml"
#: What gh answers: the comments of the pull request, one of which an earlier run has written.
GH = """#!/bin/bash
printf '%s\\n' "$*" >>"$GH_CALLS"
case "$*" in *--paginate*) printf '%s\\n' "$GH_KNOWN";; esac
"""


def blocks(path: Path) -> list[str]:
    """The scripts of a pipeline, in their order: every literal block of ``run:`` or of a list."""
    lines = path.read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines):
        if line.strip() in ("run: |", "- |"):
            depth = len(line) - len(line.lstrip())
            body = []
            for later in lines[number + 1 :]:
                if later.strip() and len(later) - len(later.lstrip()) <= depth:
                    break
                body.append(later)
            found.append(textwrap.dedent("\n".join(body)))
    return found


def run(script: str, folder: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    (tools / "siotool").write_text(f'#!/bin/bash\nexec {sys.executable} -m siotool "$@"\n')
    (tools / "gh").write_text(GH)
    for tool in tools.iterdir():
        tool.chmod(0o755)
    plain = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "PYTHONPATH": str(HOUSE)}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env=plain | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.fixture
def port() -> Iterator[int]:
    """That of the service, which a pipeline is told before it starts it."""
    with held_port() as held:
        yield held


def service(port: int) -> dict[str, str]:
    """What a job says of its service."""
    return {
        "TARGET": f"http://127.0.0.1:{port}",
        # as people write it: a folder, a variable, and what is left running besides
        "COMMAND": f"cd / && sleep 300 & HERE=1 {sys.executable} -m siotool target --port {port}",
        "WAIT": "30",
        "OUT": "out",
        "BASELINE": "",
    }


LOAD = "--scenario echo --users 4 --run-time 2s --processes 1"


def refuses(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) != 0


def test_the_action_loads_a_service_it_started_and_keeps_one_comment(
    tmp_path: Path, port: int, until: Callable[..., Any]
) -> None:
    _, load, comment = blocks_of_action()
    args = f"{LOAD}\n--fail-if 'p99:ack:echo > 1us'\n"
    done = run(load, tmp_path, **service(port), ARGS=args, GITHUB_STEP_SUMMARY=str(tmp_path / "summary"))
    assert done.returncode in (4, 5), done.stderr  # 5: a machine too busy to measure
    assert done.stderr.splitlines()[-1].startswith(f"siotool: exit {done.returncode}: ")
    (suite,) = JUnitXml.fromfile(str(tmp_path / "out/results.xml"))
    assert "p99:ack:echo > 1us" in {case.name for case in suite if case.is_failure}
    assert (tmp_path / "out/run/report.html").exists()
    assert "p99:ack:echo" in (tmp_path / "summary").read_text()
    report = json.loads((tmp_path / "out/run/report.json").read_text())
    assert report["server"]["cpu_cores_mean"] is not None  # the pid is that of the service, not of a shell
    until(lambda: refuses(port), what="the service is stopped with the step")
    calls = tmp_path / "calls"
    variables = {"OUT": "out", "GH_CALLS": str(calls), "REPOSITORY": "o/r", "NUMBER": "7"}
    for known, said in (
        ("", "POST repos/o/r/issues/7/comments"),
        ("42", "PATCH repos/o/r/issues/comments/42"),
    ):
        assert run(comment, tmp_path, **variables, GH_KNOWN=known).returncode == 0
        last = calls.read_text().splitlines()[-1]
        assert said in last
        assert "body=@out/comment.md" in last
    assert (tmp_path / "out/comment.md").read_text().startswith("<!-- siotool -->")


@pytest.mark.parametrize("pipeline", ["action", "gitlab"])
def test_a_service_that_ended_changes_no_exit_code(pipeline: str, tmp_path: Path, port: int) -> None:
    """The trap that ends it failed, and siotool's 3 became 1: a bug of siotool's, says the documentation."""
    script = blocks_of_action()[1] if pipeline == "action" else blocks(GITLAB)[0]
    variables = service(port) | {"COMMAND": "false", "WAIT": "1", "ARGS": LOAD, "BASELINE": "base"}
    done = run(script, tmp_path, **variables)
    assert done.returncode == 3, done.stderr
    assert "does not answer" in done.stderr


@pytest.mark.parametrize("pipeline", ["action", "gitlab"])
def test_what_the_load_refuses_is_said_at_once(pipeline: str, tmp_path: Path) -> None:
    """Trap: whatever the probe found was waited for, and then the service "does not answer"."""
    script = blocks_of_action()[1] if pipeline == "action" else blocks(GITLAB)[0]
    given = {"TARGET": "http://127.0.0.1:1/chat", "COMMAND": "", "WAIT": "60", "ARGS": LOAD, "OUT": "out"}
    done = run(script, tmp_path, **given, BASELINE="none")
    assert done.returncode == 2
    assert "has a path" in done.stderr


def test_the_action_installs_what_its_lock_says_and_the_template_a_version() -> None:
    install, *_ = blocks_of_action()
    assert '--require-hashes -r "$GITHUB_ACTION_PATH/requirements.lock"' in install
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f'INSTALL: "siotool=={project["version"]}"' in GITLAB.read_text(encoding="utf-8")


def blocks_of_action() -> list[str]:
    found = blocks(ACTION)
    assert len(found) == 3
    return found


def test_the_gitlab_job_writes_its_results_and_keeps_a_baseline_of_the_main_branch(
    tmp_path: Path, port: int
) -> None:
    (script,) = blocks(GITLAB)
    branch = {"CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main"}
    given = service(port) | {"BASELINE": "before"}
    done = run(script, tmp_path, **given, ARGS=LOAD, **branch)
    assert done.returncode in (0, 5), done.stderr
    assert JUnitXml.fromfile(str(tmp_path / "out/results.xml"))
    assert (tmp_path / "before/run.jsonl").exists() == (done.returncode == 0)
    assert "operations failed" in (tmp_path / "out/summary.md").read_text()


@pytest.mark.parametrize("pipeline", ["action", "gitlab"])
def test_a_branch_is_compared_with_the_run_that_is_kept(pipeline: str, tmp_path: Path, port: int) -> None:
    """Trap: no test had a baseline, and without one a pipeline passes all the same."""
    script = blocks_of_action()[1] if pipeline == "action" else blocks(GITLAB)[0]
    branch = {"CI_COMMIT_BRANCH": "feature", "CI_DEFAULT_BRANCH": "main"}
    given = service(port) | branch | {"BASELINE": "baseline", "ARGS": LOAD}

    def report(out: str) -> dict[str, Any]:
        done = run(script, tmp_path, **given | {"OUT": out})
        assert done.returncode in (0, 4, 5), done.stderr  # of two runs that short, one may seem worse
        found: dict[str, Any] = json.loads((tmp_path / out / "run/report.json").read_text())
        return found

    first = report("siotool-out")
    assert first["comparison"] is None
    (keep,) = re.findall(r"- run: (mkdir .*)", (HOUSE / "docs/ci.md").read_text(encoding="utf-8"))
    assert run(keep, tmp_path).returncode == 0
    compared = report("again")["comparison"]
    assert compared is not None
    assert (compared["source"], compared["baseline"]) == ("runs", [first["runs"][0]["run"]])


@pytest.mark.parametrize("script", [pytest.param(1, id="action"), pytest.param(-1, id="gitlab")])
def test_a_service_that_does_not_answer_fails_the_job_and_says_so(
    tmp_path: Path, script: int, port: int
) -> None:
    text = blocks(GITLAB)[0] if script == -1 else blocks_of_action()[script]
    given = service(port) | {"COMMAND": "sleep 60", "WAIT": "1"}
    done = run(text, tmp_path, **given, ARGS=LOAD)
    assert done.returncode == 3
    assert done.stderr.splitlines()[-1].startswith("the service does not answer at http://127.0.0.1:")
