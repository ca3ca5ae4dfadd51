"""The command ``siotool probe``: its options, formats and exit codes, against the embedded target."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from xml.etree import ElementTree

import pytest
from jsonschema import Draft202012Validator

from siotool.errors import ExitCode
from siotool.probe.catalogue import CHECKS
from siotool.probe.probe_result import ProbeResult
from siotool.target.process import TargetProcess

Run = Callable[..., CompletedProcess[str]]

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "siotool/schemas/probe.json"
#: The stable words of the contract.
IDS = [
    "reachable",
    "eio3",
    "eio4",
    "polling",
    "websocket",
    "upgrade",
    "sticky",
    "backends",
    "auth",
    "cors",
    "parser",
    "path",
    "namespace",
    "ping",
    "max-payload",
    "compression",
    "recovery",
    "idle-timeout",
    "tls",
    "admin-ui",
]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


def test_the_ids_are_those_of_the_contract_and_of_the_paper() -> None:
    ids = [check.id for check in CHECKS]
    assert sorted(ids) == sorted(IDS)
    paper = (ROOT / "docs/probe.md").read_text(encoding="utf-8")
    assert [line.split("`")[1] for line in paper.splitlines() if line.startswith("| `")][4:] == ids


def test_the_list_has_a_line_for_each_check(siotool: Run) -> None:
    done = siotool("probe", "--list")
    assert done.returncode == ExitCode.OK
    assert [line.split()[0] for line in done.stdout.splitlines()] == [check.id for check in CHECKS]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "no target", id="no target"),
        pytest.param(["localhost:3000"], "did you mean http://localhost:3000?", id="no scheme"),
        pytest.param(["http://127.0.0.1:1/chat"], "has a path", id="a path in the URL"),
        pytest.param(["http://127.0.0.1:1", "--only", "stickyness"], "no such check", id="an unknown check"),
        pytest.param(["http://127.0.0.1:1", "--origin", "example.org"], "is no origin", id="no origin"),
        pytest.param(["http://127.0.0.1:1", "--origin", "https://a.org/page"], "is no origin", id="a page"),
        pytest.param(["http://127.0.0.1:1", "--namespace", "chat"], "begins with /", id="no namespace"),
        pytest.param(
            ["http://127.0.0.1:1", "--query", "token"],
            "write it --query KEY=VALUE",
            id="a query without a value",
        ),
        pytest.param(["http://127.0.0.1:1", "--auth", "token"], "is not JSON", id="no JSON"),
        pytest.param(
            ["https://127.0.0.1:1", "--ca-file", "pyproject.toml"], "cannot read cert", id="no certificate"
        ),
        pytest.param(["http://127.0.0.1:1", "--ca-file", "nowhere.pem"], "cannot read cert", id="no file"),
        pytest.param(["http://127.0.0.1:1", "-o", "x.pdf"], ".pdf is not a known format", id="an ending"),
        pytest.param(["http://127.0.0.1:1", "--connect-timeout", "0s"], "more than 0s", id="no time"),
    ],
)
def test_bad_usage_is_refused_before_anything_is_connected_to(
    siotool: Run, arguments: list[str], said: str
) -> None:
    done = siotool("probe", *arguments, cwd=ROOT)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert said in done.stderr


def test_an_unreachable_target_is_a_result_and_exits_3(siotool: Run) -> None:
    url = f"http://127.0.0.1:{closed_port()}"
    done = siotool("probe", url, "--format", "json")
    assert (done.returncode, done.stderr) == (ExitCode.UNREACHABLE, "")
    document = json.loads(done.stdout)
    assert (document["version"], document["target"]) == (1, f"{url}/socket.io/")
    assert [check["id"] for check in document["checks"] if check["level"] == "error"] == ["reachable"]
    assert not any(client["connects"] for client in document["clients"])
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)


def test_the_schema_is_the_type(golden, schema_of) -> None:
    schema = schema_of(ProbeResult, "siotool probe --format json")
    Draft202012Validator.check_schema(schema)
    golden("../../siotool/schemas/probe.json", json.dumps(schema, indent=2) + "\n")


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with TargetProcess() as embedded:
        yield embedded.url


@pytest.mark.slow
def test_every_format_says_every_finding(siotool: Run, target: str, tmp_path: Path) -> None:
    """The embedded target has no fault; each form of the answer has each check."""
    done = siotool("probe", target, "--format", "json")
    document = json.loads(done.stdout)
    assert done.returncode == ExitCode.OK, done.stdout
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    assert [check["id"] for check in document["checks"]] == [check.id for check in CHECKS]
    assert [check["id"] for check in document["checks"] if check["level"] in ("warning", "error")] == []
    assert {client["name"] for client in document["clients"] if client["connects"]} > {"siotool"}
    for name in ("probe.txt", "probe.md", "probe.html", "probe.xml"):
        done = siotool("probe", target, "-o", tmp_path / name, "--quiet")
        assert (done.returncode, done.stdout, done.stderr) == (ExitCode.OK, "", "")
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert [one for one in IDS if one not in text] == [], name
    cases = list(ElementTree.parse(tmp_path / "probe.xml").iter("testcase"))
    assert [case.get("name") for case in cases] == [check.id for check in CHECKS]
    assert max(map(len, (tmp_path / "probe.txt").read_text().splitlines())) <= 80


@pytest.mark.slow
def test_an_error_is_exit_4_whatever_is_shown_and_a_failure_in_junit(siotool: Run, target: str) -> None:
    arguments = ["probe", target, "--namespace", "/nope"]
    done = siotool(*arguments, "--severity", "error", "--format", "junit")
    assert done.returncode == ExitCode.GATE_FAILED
    (case,) = ElementTree.fromstring(done.stdout).iter("testcase")
    assert case.get("name") == "namespace"
    assert case.find("failure") is not None
    assert siotool(*arguments, "--only", "ping").returncode == ExitCode.OK
    listed = json.loads(siotool(*arguments, "--only", "ping", "--only", "tls", "--format", "json").stdout)
    assert {check["id"] for check in listed["checks"]} == {"ping", "tls"}
    assert listed["clients"] == []


@pytest.mark.slow
def test_secrets_are_sent_and_never_shown(siotool: Run, target: str) -> None:
    done = siotool(
        *(
            "probe",
            target,
            "--auth",
            '{"token": "s3cret"}',
            "--header",
            "X-Key: s3cret",
            "--query",
            "k=s3cret",
        ),
        *("--format", "json"),
    )
    assert done.returncode == ExitCode.OK
    assert "s3cret" not in done.stdout + done.stderr
    assert "--auth @auth.json" in done.stdout


@pytest.mark.parametrize("only", ["sticky", "websocket", "ping"])
def test_a_target_that_is_down_is_no_success_whatever_was_asked_for(siotool: Run, only: str) -> None:
    """Checks that need a session had nothing to say, and a pipeline was green: "no findings: no errors"."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = siotool("probe", f"http://127.0.0.1:{port}", "--only", only, "--format", "json")
    assert done.returncode == ExitCode.UNREACHABLE
    assert [(found["id"], found["level"]) for found in json.loads(done.stdout)["checks"]] == [
        ("reachable", "error")
    ]
