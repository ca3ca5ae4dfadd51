"""The options that name servers: which belong together, and what is refused."""

from typing import Any

import pytest

from siotool.cli import server_options
from siotool.cli.secret_options import redacted
from siotool.errors import InputError
from siotool.report.gates import parse
from siotool.swarm.servers.asked_server import AskedServer, AskedServers
from siotool.swarm.servers.secret_url import secrets_in, shown

PAGE, OTHER = "http://h:1/metrics", "http://h:2/metrics"


def read(**given: Any) -> AskedServers:
    usual: dict[str, Any] = dict.fromkeys(("pids", "named", "metrics", "admin", "names"), ())
    usual |= {"cores": None, "bandwidth": None, "header": None}
    return server_options.read(**usual | given, embedded=False)


@pytest.mark.parametrize(
    ("given", "servers"),
    [
        pytest.param({"pids": [7]}, [AskedServer("server", (7,))], id="one process"),
        pytest.param(
            {"pids": [7, 8]},
            [AskedServer("server-1", (7,)), AskedServer("server-2", (8,))],
            id="two processes",
        ),
        pytest.param({"named": ["web=7,8"]}, [AskedServer("web", (7, 8))], id="one server of two processes"),
        pytest.param(
            {"named": ["a=cgroup:/x", "b=cgroup:7"]},
            [AskedServer("a", cgroup="/x"), AskedServer("b", cgroup="7")],
            id="control groups",
        ),
        pytest.param(
            {"pids": [7], "metrics": [PAGE]},
            [AskedServer("server", (7,), metrics=(PAGE,))],
            id="one server, seen in two ways",
        ),
        pytest.param(
            {"pids": [7, 8], "metrics": [PAGE, OTHER]},
            [AskedServer("server-1", (7,), metrics=(PAGE,)), AskedServer("server-2", (8,), metrics=(OTHER,))],
            id="in their order",
        ),
        pytest.param(
            {"named": ["a=7"], "metrics": [f"a={PAGE}", f"b={OTHER}"], "admin": [f"b={PAGE}"]},
            [AskedServer("a", (7,), metrics=(PAGE,)), AskedServer("b", metrics=(OTHER,), admin=PAGE)],
            id="by name",
        ),
        pytest.param(
            {"named": ["a=7"], "pids": [8]},
            [AskedServer("a", (7,)), AskedServer("server-1", (8,))],
            id="both",
        ),
    ],
)
def test_servers_are_named_or_numbered(given: dict[str, Any], servers: list[AskedServer]) -> None:
    assert read(**given).servers == tuple(servers)


def test_an_admin_ui_without_a_name_is_of_all_servers() -> None:
    found = read(pids=[7], admin=["http://me:pw@h/admin"])
    assert (found.servers, found.admin) == ((AskedServer("server", (7,)),), "http://me:pw@h/admin")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param({"pids": [7, 8], "metrics": [PAGE]}, "which belong together", id="one URL for two pids"),
        pytest.param({"pids": [7, 7]}, "process 7 is named twice", id="one process twice"),
        pytest.param({"named": ["a=7"], "pids": [7]}, "process 7 is named twice", id="in two ways"),
        pytest.param({"named": ["a=7", "a=8"]}, "a is given twice", id="one name twice"),
        pytest.param({"named": ["7"]}, "'7' has no name", id="no name"),
        pytest.param({"named": ["=7"]}, "has no name", id="an empty name"),
        pytest.param({"named": ["a="]}, "expected process ids", id="no process"),
        pytest.param({"named": ["a=7,x"]}, "expected process ids", id="no number"),
        pytest.param({"named": ["a=-7"]}, "expected process ids", id="a negative one"),
        pytest.param({"named": ["a=cgroup:/"]}, "no control group", id="the whole machine"),
        pytest.param({"named": ["server-1=7"], "pids": [8]}, "unnamed servers are called so", id="taken"),
        pytest.param({"metrics": ["h:1/metrics"]}, "--server-metrics: not a URL", id="no scheme"),
        pytest.param({"metrics": ["ftp://me:pw@h/x"]}, "--server-metrics: not a URL", id="another scheme"),
        pytest.param({"metrics": [PAGE, PAGE]}, "given twice", id="one URL twice"),
        pytest.param({"admin": [PAGE, OTHER]}, "2 times without a name", id="two admin UIs"),
        pytest.param({"admin": [f"a={PAGE}", f"a={OTHER}"]}, "twice for a", id="two of one server"),
        pytest.param({"cores": 2.0}, "--server-cores has no server", id="cores of nothing"),
        pytest.param({"bandwidth": "1Gbit/s"}, "--server-bandwidth has no server", id="bandwidth of nothing"),
        pytest.param({"pids": [7], "bandwidth": "fast"}, "--server-bandwidth", id="no bandwidth"),
        pytest.param({"pids": [7], "bandwidth": "0bit/s"}, "expected more than 0", id="none at all"),
    ],
)
def test_what_is_wrong_is_refused_and_repeats_no_secret(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        read(**given)
    assert "pw" not in f"{caught.value.message} {caught.value.hint}"


def test_what_the_network_carries_is_read_in_bits_and_kept_in_bytes() -> None:
    assert read(pids=[7], bandwidth="1Gbit/s").bandwidth_bytes_per_s == 125e6


def test_the_embedded_target_is_sampled_when_nothing_else_is() -> None:
    assert server_options.or_process(AskedServers(), 7).servers == (AskedServer("server", (7,)),)
    given = read(pids=[8])
    assert server_options.or_process(given, 7) is given


def test_a_url_is_shown_without_its_secrets() -> None:
    url = "https://me:se%3Acret@host:9/metrics?token=hidden"
    assert shown(url) == "https://***@host:9/metrics?***"
    assert {"se%3Acret", "se:cret", "hidden"} <= set(secrets_in(url))
    command = [
        "loadtest",
        "http://h",
        f"--server-metrics=a={url}",
        "--server-admin",
        "http://me:pass@h/admin",
    ]
    assert redacted(command) == [
        "loadtest",
        "http://h",
        "--server-metrics=a=https://***@host:9/metrics?***",
        "--server-admin",
        "http://***@h/admin",
    ]


def test_a_header_that_names_servers_is_one_that_can_be_sent() -> None:
    assert read(header="X-Served-By").header == "X-Served-By"
    assert read().header == ""
    for wrong in ("", "X Served By", "X-Served-By: web"):
        with pytest.raises(InputError, match="is no name of a header") as raised:
            read(header=wrong)
        assert raised.value.hint == "write it --server-header X-Served-By"


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"pids": [7]}, id="a process"),
        pytest.param({"named": ["a=7,8"], "metrics": [PAGE]}, id="one server by its process alone"),
    ],
)
def test_a_restart_is_refused_where_a_gate_is_on_a_server_known_by_its_process(given: dict[str, Any]) -> None:
    """The process is gone after the restart, and the gate judged nothing."""
    with pytest.raises(InputError, match="another process than 7") as refused:
        read(**given, restarted_for=[parse("server_cpu > 80%")])
    assert "--server-metrics" in refused.value.hint


@pytest.mark.parametrize(
    ("given", "gate"),
    [
        pytest.param({"pids": [7]}, "p99:ack > 1s", id="no gate on the server"),
        pytest.param({"pids": [7], "metrics": [PAGE]}, "server_cpu > 80%", id="its metrics stay"),
        pytest.param({"named": ["a=cgroup:/x"]}, "server_rss > 1GB", id="its control group stays"),
        pytest.param({"pids": [7], "admin": [PAGE]}, "server_cpu > 80%", id="the admin UI stays"),
    ],
)
def test_other_restarts_are_not_refused(given: dict[str, Any], gate: str) -> None:
    assert read(**given, restarted_for=[parse(gate)]).any
