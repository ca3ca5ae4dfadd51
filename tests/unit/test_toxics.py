"""Faults in Toxiproxy's words: what they mean, what is refused, what is asked for, and what stands where."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import SimpleNamespace

import pytest

from siotool.cli import lab_options, own_targets
from siotool.cli.fault_options import read_faults
from siotool.cli.load_targets import read
from siotool.errors import InputError, TargetError
from siotool.faults.fault_clock import DueStep
from siotool.lab import backends, tools, toxiproxy
from siotool.lab.fleet_actions import FleetActions
from siotool.lab.lab import Lab
from siotool.lab.lab_action import LabAction, inverse, is_action, is_toxic, parts_of, read_action
from siotool.lab.toxic import Toxic
from siotool.lab.toxiproxy import Fronts, ToxiproxyApi, fronts_of

JOINED = Lab(servers=2, adapter="redis", balancer="nginx", toxics=True)
BOTH = ("upstream", "downstream")


# ── the words ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "parts", "toxic"),
    [
        ("latency redis 200ms", "redis", Toxic("latency", ("downstream",), {"latency": 200})),
        (
            "latency redis nginx 2s jitter 500ms",
            "redis nginx",
            Toxic("latency", ("downstream",), {"latency": 2000, "jitter": 500}),
        ),
        ("bandwidth balancer 100KB/s", "nginx", Toxic("bandwidth", BOTH, {"rate": 100})),
        ("bandwidth nginx 16kbit/s", "nginx", Toxic("bandwidth", BOTH, {"rate": 2})),
        ("reset node-1", "server-1", Toxic("reset_peer", BOTH, {"timeout": 0})),
        ("timeout backend", "redis", Toxic("timeout", BOTH, {"timeout": 0})),
        (
            "slice servers",
            "server-1 server-2",
            Toxic("slicer", BOTH, {"average_size": 64, "size_variation": 32, "delay": 0}),
        ),
        (
            "slice nginx to 10B delay 5ms",
            "nginx",
            Toxic("slicer", BOTH, {"average_size": 10, "size_variation": 5, "delay": 5000}),
        ),
    ],
)
def test_a_toxic_is_understood_and_has_its_opposite(text, parts, toxic):
    assert is_action(text)
    assert is_toxic(text)
    found = read_action(text, JOINED, "here")
    word = text.partition(" ")[0]
    assert found == LabAction(verb=word, parts=tuple(parts.split()), toxic=toxic)
    undo = inverse(text)
    assert is_action(undo)
    assert is_toxic(undo)
    assert read_action(undo, JOINED, "here") == LabAction(
        verb="heal", parts=tuple(parts.split()), healed=toxic.type
    )


def test_a_part_is_healed_from_everything():
    assert read_action("heal redis", JOINED, "here") == LabAction(verb="heal", parts=("redis",))
    assert inverse("latency redis nginx 200ms jitter 5ms") == "heal redis nginx from latency"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("latency redis", "here: latency redis is not understood | write latency redis 200ms"),
        ("latency redis 200", "'200' has no unit"),
        ("latency redis 0.5ms", "0.5ms; Toxiproxy counts whole ms"),
        ("latency redis 1.5ms", "1.5ms; Toxiproxy counts whole ms"),
        ("latency redis 20min", "latency of more than 10 min"),
        ("latency redis 10ms jitter 20ms", "a jitter of 20ms about 10ms"),
        ("latency redis 10ms wobble 20ms", "wobble 20ms is not understood"),
        ("latency 10ms", "names no part of the lab | it has server-1, server-2, nginx, redis"),
        ("latency toxiproxy 10ms", "the lab has no toxiproxy"),
        ("bandwidth redis", "write bandwidth nginx 100KB/s"),
        ("bandwidth redis 100KB", "has the unit 'KB'"),
        ("bandwidth redis 100B/s", "Toxiproxy counts whole kB/s"),
        ("reset redis 5s", "reset redis 5s is not understood | write reset server-1"),
        ("timeout redis 5s", "timeout redis 5s is not understood | write timeout redis"),
        ("slice nginx to", "write slice nginx, or"),
        ("slice nginx to 5B to 6B", "write slice nginx, or"),
        ("slice nginx delay 5ms jitter 6ms", "write slice nginx, or"),
        ("slice nginx delay 20min", "delay of more than 10 min"),
        ("heal redis from fever", "write heal PART from latency|bandwidth|reset|timeout|slice"),
        ("heal redis 5s", "heal redis 5s is not understood"),
    ],
)
def test_a_toxic_that_cannot_be_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        read_action(text, JOINED, "here")
    assert said in f"{caught.value.message} | {caught.value.hint}"


def test_workers_of_a_primary_and_replicas_have_nothing_in_front_of_them():
    cluster = Lab(servers=2, adapter="cluster", store="postgres", toxics=True)
    assert cluster.proxied == ["primary", "postgres"]
    with pytest.raises(InputError, match="the lab has no server-1"):
        read_action("latency server-1 5ms", cluster, "here")
    pair = Lab(adapter="redis", replica=True, balancer="haproxy", toxics=True)
    assert pair.proxied == ["server-1", "haproxy", "redis-door"]
    assert read_action("latency backend 5ms", pair, "here").parts == ("redis-door",)
    assert parts_of(pair)["toxiproxy"] == "proxy"
    assert "toxiproxy" not in parts_of(Lab())


def test_a_toxic_is_for_labs_and_a_program_of_that_name_is_a_command():
    with pytest.raises(InputError, match="is an action of a lab, and the target is none"):
        read_faults(["at=1s do=latency redis 200ms"], None, 60.0, ())
    assert read_faults(["at=1s do=timeout 5 true"], JOINED, 60.0, ()).actions == {}
    asked = read_faults(["at=1s for=5s do=latency redis 200ms"], JOINED, 60.0, ())
    assert asked.actions[DueStep(0, "undo")].verb == "heal"


# ── the lab ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('balancer = "nginx"\nsticky = "address"', "all clients have the address of Toxiproxy"),
        ("accept-queue = 16", "clients wait in the queue of Toxiproxy"),
    ],
)
def test_what_toxiproxy_would_hide_is_refused(keys, said, tmp_path):
    file = tmp_path / "chat.toml"
    file.write_text(f"[lab]\n{keys}\n")
    lab = lab_options.read(str(file), {})
    with pytest.raises(InputError, match=said):
        lab_options.with_toxics(lab)
    with pytest.raises(InputError, match=said):
        lab_options.read(str(file), {"toxics": True})


@pytest.mark.parametrize(
    ("text", "faults", "toxics"),
    [
        pytest.param("[lab]", [], False, id="none"),
        pytest.param("[lab]", ["at=1s do=kill server-1"], False, id="another fault"),
        pytest.param("[lab]", ["at=1s do=latency server-1 5ms"], True, id="an option"),
        pytest.param("[lab]", ["at=1s do=kill server-1 undo=reset server-1"], True, id="an undo"),
        pytest.param('[lab]\n[[fault]]\nat = "1s"\ndo = "reset server-1"', [], True, id="the file"),
        pytest.param("[lab]\ntoxics = true", [], True, id="a key"),
    ],
)
def test_a_lab_has_toxiproxy_where_a_fault_needs_it(text, faults, toxics, tmp_path, monkeypatch):
    file = tmp_path / "chat.toml"
    file.write_text(text.replace("[lab]", '[lab]\nruntime = "python"'))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_SYSTEM", "")
    aimed = read([f"lab:{file}"])
    if toxics:
        with pytest.raises(InputError, match="toxiproxy-server is not installed") as caught:
            own_targets.lab_of(aimed, [*own_targets.faults_of(aimed), *faults])
        assert "github.com/Shopify/toxiproxy/releases" in caught.value.hint
        program = tmp_path / "toxiproxy-server"
        program.write_text("#!/bin/sh\necho toxiproxy-server version 2.4.0\n")
        program.chmod(0o755)
    assert own_targets.lab_of(aimed, [*own_targets.faults_of(aimed), *faults]).toxics == toxics


def test_labs_with_toxiproxy_are_another_service():
    assert Lab(toxics=True).words == "lab of 1 node, adapter none, toxics"


# ── what stands in front of what ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lab", "servers", "proxies"),
    [
        pytest.param(
            JOINED,
            [11, 12, 20],
            {"server-1": (11, 91), "server-2": (12, 92), "nginx": (20, 93), "redis": (31, 94)},
            id="a balancer and a backend",
        ),
        pytest.param(
            Lab(servers=2, adapter="redis", store="postgres", toxics=True),
            [11, 12],
            {"server-1": (11, 91), "server-2": (12, 92), "redis": (31, 93), "postgres": (32, 94)},
            id="a backend and a store",
        ),
        pytest.param(
            Lab(adapter="postgres", store="postgres", toxics=True, port=3000),
            [11],
            {"server-1": (11, 3000), "postgres": (31, 92)},
            id="one for both, and a port",
        ),
        pytest.param(
            Lab(adapter="cluster", store="couchdb", toxics=True),
            [11],
            {"primary": (11, 91), "couchdb": (32, 92)},
            id="a store alone",
        ),
        pytest.param(
            Lab(balancer="haproxy", toxics=True, port=3000),
            [11, 20],
            {"server-1": (11, 91), "haproxy": (20, 3000)},
            id="the port of a balancer",
        ),
        pytest.param(Lab(servers=2), [11, 12], {}, id="no toxics"),
    ],
)
def test_each_part_that_others_connect_to_has_a_proxy(lab, servers, proxies):
    fronts = range(91, 91 + len(lab.proxied))
    assert fronts_of(lab, servers, (31, 32), fronts).proxies == proxies


def test_servers_find_backends_and_clients_the_lab_at_their_proxies():
    fronts = Fronts({"redis": 31031, "nginx": 20000}, (9101, 9102))
    assert fronts.port(20000) == 9102
    assert fronts.port(20001) == 20001
    assert fronts.url("redis://:a31031@127.0.0.1:31031") == "redis://:a31031@127.0.0.1:9101"
    assert fronts.url("http://127.0.0.1:20000/x") == "http://127.0.0.1:9102/x"
    assert fronts.url("http://127.0.0.1:4000") == "http://127.0.0.1:4000"


def test_the_servers_of_a_lab_are_given_the_proxys_urls(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "path_of", lambda _: "/bin/true")
    lab = Lab(adapter="redis", store="couchdb", toxics=True)
    found = backends.backends_of(lab, tmp_path, tmp_path, (31031, 32032))
    fronts = fronts_of(lab, [11], (31031, 32032), (9101, 9102, 9103))
    moved = found.at(fronts.url)
    assert moved.adapter.url == found.adapter.url.replace("31031", "9102")
    assert moved.store.url == "http://127.0.0.1:9103"
    assert moved.programs == found.programs, "they listen where they did"
    nothing = backends.Backends(None, None)
    assert nothing.at(fronts.url) == nothing


def test_toxiproxy_reads_which_proxies_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(toxiproxy, "path_of", lambda _: "/opt/toxiproxy-server")
    program = Fronts({"redis": 31031}, (9101,)).program(tmp_path, 8474)
    assert json.loads((tmp_path / "toxiproxy.json").read_text()) == [
        {"name": "redis", "listen": "127.0.0.1:9101", "upstream": "127.0.0.1:31031", "enabled": True}
    ]
    assert (program.name, program.role, program.port, program.folder) == (
        "toxiproxy",
        "proxy",
        8474,
        tmp_path,
    )
    assert program.command == [
        "/opt/toxiproxy-server",
        "-host=127.0.0.1",
        "-port=8474",
        "-config=toxiproxy.json",
    ]


# ── what it is asked for ──────────────────────────────────────────────────────────────


@pytest.fixture
def asked():
    """A server that writes down what it is asked for: its requests, and its answers by path."""
    found = SimpleNamespace(requests=[], answers={}, status=200)

    class Recorder(BaseHTTPRequestHandler):
        def answer(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            found.requests.append((self.command, self.path, json.loads(body) if body else None))
            said = json.dumps(found.answers.get(self.path, {})).encode() if self.command != "DELETE" else b""
            self.send_response(204 if self.command == "DELETE" else found.status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.api = ToxiproxyApi(server.server_port)
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def carried_out(asked, words):
    fleet = SimpleNamespace(toxiproxy=asked.api)
    for _ in FleetActions(fleet).carry_out(read_action(words, JOINED, "here")):
        pass
    return asked.requests


def test_an_action_is_asked_for_in_toxiproxys_words(asked):
    assert carried_out(asked, "latency redis server-1 200ms jitter 50ms") == [
        (
            "POST",
            f"/proxies/{name}/toxics",
            {"type": "latency", "stream": "downstream", "attributes": {"latency": 200, "jitter": 50}},
        )
        for name in ("redis", "server-1")
    ]


def test_both_directions_are_asked_for(asked):
    assert carried_out(asked, "timeout redis") == [
        ("POST", "/proxies/redis/toxics", {"type": "timeout", "stream": stream, "attributes": {"timeout": 0}})
        for stream in BOTH
    ]


@pytest.mark.parametrize(
    ("words", "deleted"),
    [
        ("heal redis from bandwidth", ["bandwidth_upstream", "bandwidth_downstream"]),
        ("heal redis", ["latency_downstream", "bandwidth_upstream", "bandwidth_downstream"]),
        ("heal redis from reset", []),
    ],
)
def test_what_heals_takes_only_its_own_toxics(words, deleted, asked):
    asked.answers["/proxies/redis/toxics"] = [
        {"name": name, "type": name.partition("_")[0]}
        for name in ("latency_downstream", "bandwidth_upstream", "bandwidth_downstream")
    ]
    assert carried_out(asked, words) == [
        ("GET", "/proxies/redis/toxics", None),
        *(("DELETE", f"/proxies/redis/toxics/{name}", None) for name in deleted),
    ]


def test_a_part_that_has_ended_is_connected_to_no_more_until_it_runs_again(asked):
    asked.api.settle({"redis": False, "nginx": True})
    asked.api.settle({"redis": False, "nginx": True})
    asked.api.settle({"redis": False, "nginx": False})
    refused, taken = (("POST", "/proxies/nginx", {"enabled": one}) for one in (False, True))
    assert asked.requests == [refused, taken]
    asked.api.settle({"nginx": True})
    asked.api.forget()
    asked.api.settle({"nginx": True})
    assert asked.requests[2:] == [refused, refused], "one that was started again refuses nothing"


def test_a_proxy_that_it_could_not_start_is_said(asked):
    asked.answers["/proxies"] = {"redis": {"enabled": True}, "nginx": {"enabled": False}}
    asked.api.check(["redis"])
    with pytest.raises(TargetError, match="toxiproxy has no proxy nginx, server-1"):
        asked.api.check(["redis", "nginx", "server-1"])


def test_what_it_refuses_is_quoted(asked):
    asked.status = 409
    asked.answers["/proxies/redis/toxics"] = {"error": "toxic already exists", "status": 409}
    with pytest.raises(TargetError, match=r"refuses POST /proxies/redis/toxics: 409 .*toxic already exists"):
        carried_out(asked, "latency redis 5ms")


def test_one_that_does_not_answer_is_said():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen
        with pytest.raises(TargetError, match=r"toxiproxy does not answer GET /proxies: .*refused"):
            ToxiproxyApi(nobody.getsockname()[1]).check(["redis"])
