"""``siotool preflight`` and ``siotool worker``: what they say before anything is opened."""

import json
import resource
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from siotool.cli.preflight_command import Preflight

SCHEMA = Path(__file__).parents[2] / "siotool/schemas/preflight.json"
Run = Callable[..., CompletedProcess[str]]

URL = "http://127.0.0.1:3000"


def test_a_small_load_has_room(siotool: Run) -> None:
    done = siotool("preflight", URL, "--users", "20", "--processes", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert "20 users in 2 processes: enough" in done.stdout
    assert "open files of a process" in done.stdout


def test_what_is_too_low_is_told_with_what_mends_it(siotool: Run) -> None:
    done = siotool("preflight", URL, "--users", "10M", "--processes", "1")
    assert done.returncode == 2
    assert "10,000,000 users in 1 processes" in done.stdout
    assert "limits are too low" in done.stdout
    assert 'sysctl -w net.ipv4.ip_local_port_range="1024 65535"' in " ".join(done.stdout.split())


def test_more_addresses_and_targets_make_more_ports(siotool: Run) -> None:
    def available(*more: str) -> int:
        done = siotool("preflight", "--users", "10", "--format", "json", *more)
        (found,) = [
            one for one in json.loads(done.stdout)["checks"] if one["what"] == "local ports to the target"
        ]
        count: int = found["available"]
        return count

    one = available(URL)
    assert available(URL, "--source-ip", "127.0.0.1-127.0.0.4") == 4 * one
    assert available(URL, "http://127.0.0.1:3001") == 2 * one
    assert available(URL, URL) == one
    assert available(URL, "--source-ip", "::1", "--source-ip", "127.0.0.2") == one


def test_an_address_from_which_the_target_is_not_reached_is_refused(siotool: Run) -> None:
    done = siotool("preflight", URL, "--source-ip", "::1")
    assert done.returncode == 2
    assert "no connection from ::1 reaches 127.0.0.1" in done.stderr


def test_users_that_poll_have_two_sockets(siotool: Run) -> None:
    def needed(*more: str) -> list[int]:
        done = siotool("preflight", URL, "--users", "100", "--processes", "1", "--format", "json", *more)
        found = {one["what"]: one["needed"] for one in json.loads(done.stdout)["checks"]}
        return [found[name] for name in ("open files of a process", "local ports to the target")]

    assert needed() == needed("--transport", "websocket") == [130, 100]
    assert needed("--transport", "polling") == needed("--transport", "jsonp") == [230, 200]
    assert needed("--transport-mix", "upgrade=75,polling=25") == [155, 125]
    done = siotool("preflight", URL, "--transport", "polling", "--format", "text")
    assert "2 sockets for each user" in done.stdout


def test_its_json_has_what_was_asked_and_what_is_there(siotool: Run) -> None:
    done = siotool("preflight", "--users", "50", "--processes", "3", "--format", "json")
    found = json.loads(done.stdout)
    assert found["wanted"] == {"users": 50, "processes": 3, "sources": 1, "places": 1, "sockets": 1.0}
    assert (found["version"], found["enough"]) == (1, True)
    assert {one["enough"] for one in found["checks"]} == {True}
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(found)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert found["limits"]["files"] == (None if hard == resource.RLIM_INFINITY else hard)


def test_its_schema_is_its_type(golden: Callable[[str, str], None], schema_of: Callable[..., Any]) -> None:
    schema = schema_of(Preflight, "siotool preflight --format json")
    Draft202012Validator.check_schema(schema)
    golden("../../siotool/schemas/preflight.json", json.dumps(schema, indent=2) + "\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param(("preflight", "localhost:3000"), "did you mean http://localhost:3000?", id="no URL"),
        pytest.param(("preflight", "--users", "many"), "--users", id="no number"),
        pytest.param(
            ("preflight", "--source-ip", "192.0.2.7"), "no address of this machine", id="somebody's address"
        ),
        pytest.param(("worker",), "there is no run to join", id="a worker of no run"),
        pytest.param(("worker", "--join", "a:b"), "--join a:b is no address", id="no port"),
        pytest.param(
            ("worker", "--join", "127.0.0.1", "--token-file", "nowhere"), "no token in nowhere", id="no token"
        ),
        pytest.param(
            ("loadtest", URL, "--distributed"), "how many workers to wait for", id="a run of no number"
        ),
        pytest.param(
            ("loadtest", URL, "--expect-workers", "2"), "give --distributed too", id="a number of no run"
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(siotool: Run, tmp_path, arguments, message) -> None:
    done = siotool(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_lab_has_no_url_yet(siotool: Run) -> None:
    """It was asked for as http://lab:chat.toml."""
    done = siotool("preflight", "lab:chat.toml")
    assert done.returncode == 2
    assert "lab:chat.toml has no URL before it is started" in done.stderr
