"""Which clients can connect, and how: as the documentation of each has its options."""

import shlex
from typing import Any

import pytest

from siotool.cli.commands import Loaded
from siotool.probe.joins import Joins
from siotool.probe.known import Known, Tls
from siotool.probe.which_clients import rows
from tests.unit.probe_facts import URL, joined, known, refused

JS_4, JS_3, JS_2 = "socket.io-client 4", "socket.io-client 3", "socket.io-client 2"
JAVA, SWIFT, PYTHON = "socket.io-client-java 2", "socket.io-client-swift 16", "python-socketio 5"
OWN = "siotool"
DISTRUSTED = Tls("TLSv1.3", distrust="self-signed certificate", self_signed=True)
TURNED_AWAY = refused("who are you?")


def table(facts: Known, joins: Joins | None = None, sticky: bool = True) -> dict[str, tuple[bool, str]]:
    return {row.name: (row.connects, row.how) for row in rows(facts, joins or joined(), sticky)}


@pytest.mark.parametrize(
    ("facts", "joins", "sticky", "expected"),
    [
        pytest.param(
            known(), None, True, {JS_4: (True, "as it is"), JAVA: (True, "as it is")}, id="nothing special"
        ),
        pytest.param(
            known(), None, True, {JS_2: (False, "it speaks Engine.IO 3 only")}, id="revision 4 alone"
        ),
        pytest.param(
            known(polls=(3,), upgrades=(3,)),
            None,
            True,
            {
                JS_4: (False, "it speaks Engine.IO 4 only"),
                JS_3: (False, "it speaks Engine.IO 4 only"),
                PYTHON: (False, "it speaks Engine.IO 4 only"),
                JS_2: (True, "as it is"),
                SWIFT: (True, ".version(.two)"),
                OWN: (True, f"siotool loadtest {URL} --eio 3"),
            },
            id="revision 3 alone",
        ),
        pytest.param(
            known(),
            None,
            False,
            {
                JS_4: (True, 'transports: ["websocket"]'),
                SWIFT: (True, ".forceWebsockets(true)"),
                PYTHON: (True, 'connect(url, transports=["websocket"])'),
                OWN: (True, f"siotool loadtest {URL} --transport websocket"),
            },
            id="sessions do not survive",
        ),
        pytest.param(
            known(slash=False),
            None,
            True,
            {
                JS_4: (True, "addTrailingSlash: false"),
                JS_3: (False, "it asks with a slash at the end of the path, which is redirected"),
                PYTHON: (False, "it asks with a slash at the end of the path, which is redirected"),
            },
            id="a redirect takes the slash away, which most follow at no or some of their requests",
        ),
        pytest.param(
            known(upgrades=()),
            None,
            False,
            {JS_4: (False, "sessions do not survive several connections, and WebSocket does not open")},
            id="nor is there WebSocket",
        ),
        pytest.param(
            known(upgrades=()),
            None,
            True,
            {JS_4: (True, "as it is"), OWN: (True, f"siotool loadtest {URL} --transport polling")},
            id="long polling alone",
        ),
        pytest.param(
            known(),
            joined(parser="msgpack"),
            True,
            {
                JS_4: (True, 'parser: require("socket.io-msgpack-parser")'),
                SWIFT: (False, "it has no parser for MessagePack"),
                OWN: (True, f"siotool loadtest {URL} --parser msgpack"),
            },
            id="MessagePack",
        ),
        pytest.param(
            known(url="https://chat.example.org", tls=DISTRUSTED),
            None,
            True,
            {
                JS_4: (False, "it does not trust the certificate"),
                OWN: (True, "siotool loadtest https://chat.example.org --insecure"),
            },
            id="a certificate that nobody trusts",
        ),
        pytest.param(
            known(),
            TURNED_AWAY,
            True,
            {
                JS_4: (False, "refused; with credentials: auth: {…}"),
                JS_2: (False, "it speaks Engine.IO 3 only"),
                OWN: (False, f"siotool loadtest {URL} --auth @auth.json"),
            },
            id="credentials are needed",
        ),
        pytest.param(
            known(polls=(3,), upgrades=(3,)),
            TURNED_AWAY,
            True,
            {
                JS_2: (False, "refused; with credentials: query: {…}"),
                OWN: (False, f"siotool loadtest {URL} --eio 3 --query 'token=…'"),
            },
            id="credentials are needed, and there is no auth payload",
        ),
        pytest.param(
            known(
                path="/app/",
                auth={"token": "s3cret"},
                query=(("key", "s3cret"),),
                headers=(("Authorization", "s3cret"),),
            ),
            None,
            True,
            {
                JS_4: (True, "path /app/, auth: {…}"),
                OWN: (
                    True,
                    f"siotool loadtest {URL} --path /app/ --auth @auth.json --header 'Authorization: …' "
                    "--query 'key=…'",
                ),
            },
            id="what was given, without what is secret",
        ),
        pytest.param(
            known(polls=(), upgrades=()), None, True, {JS_4: (False, "no session opens")}, id="nothing"
        ),
    ],
)
def test_a_client_connects_or_the_reason_is_said(
    facts: Known, joins: Joins | None, sticky: bool, expected: dict[str, tuple[bool, str]]
) -> None:
    found = table(facts, joins, sticky)
    assert {name: found[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("facts", "joins"),
    [
        (known(polls=(3,), upgrades=()), joined(parser="msgpack")),
        (known(path="/a/", namespaces=("/chat", "/news"), query=(("a", "b"),)), refused("no", "/chat")),
        (known(url="https://x.org", tls=DISTRUSTED), joined()),
        (known(url="https://x.org", ca_file="ca.pem"), joined()),
    ],
)
def test_the_command_line_has_only_options_that_a_load_test_has(facts: Known, joins: Any) -> None:
    words = shlex.split(table(facts, joins)[OWN][1])
    command = Loaded().get("loadtest")
    options = {name for parameter in command.params for name in parameter.opts}
    assert words[:2] == ["siotool", "loadtest"]
    assert {word for word in words if word.startswith("--")} <= options
