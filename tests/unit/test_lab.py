"""What a lab may be, and the configuration files that are made of it."""

import os
import pwd
import re
import socket
import subprocess
from pathlib import Path

import pytest

from siotool.cli import lab_options
from siotool.cli.fleet_loads import left_out
from siotool.errors import InputError, OutputError
from siotool.lab import backends, needs, packages, tools
from siotool.lab.lab import Lab
from siotool.lab.lab_balancer import balancer_program
from siotool.lab.lab_certificate import LabCertificate
from siotool.lab.lab_process import LabProcess
from siotool.lab.lab_program import LabProgram
from siotool.lab.lab_servers import server_programs
from siotool.lab.ports import free_ports
from siotool.lab.running_program import RunningProgram
from siotool.yaml_template import filled


def written(folder, text):
    path = folder / "chat.toml"
    path.write_text(text)
    return str(path)


def refusal(folder, text, **flags):
    with pytest.raises(InputError) as caught:
        lab_options.read(written(folder, text), flags)
    return f"{caught.value.message} | {caught.value.hint}".replace(f"{folder}/", "")


# ── the file and the options ──────────────────────────────────────────────────────────


def test_a_file_has_each_key_and_an_option_goes_before_it(tmp_path):
    file = written(
        tmp_path,
        """# a chat
[lab]
servers = 3
runtime = "node"
adapter = "redis-streams"
balancer = "haproxy"
sticky = "address"
tls = true
recovery = "2min"
port = 3000
tick-rate = 0.5
store = "couchdb"
replay = "nothing"
""",
    )
    whole = Lab(
        servers=3,
        adapter="redis-streams",
        balancer="haproxy",
        sticky="address",
        tls=True,
        recovery_s=120.0,
        port=3000,
        tick_rate=0.5,
        store="couchdb",
        replay="nothing",
    )
    assert lab_options.read(file, {}) == whole
    changed = lab_options.read(file, {"servers": 5, "tls": False, "recovery": "0s", "sticky": None})
    assert (changed.servers, changed.tls, changed.recovery_s, changed.sticky) == (5, False, 0.0, "address")
    assert lab_options.read(None, {}) == Lab(servers=1, adapter="none", balancer="none", sticky="cookie")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            "[lab]\n\nadaptr = 1", "chat.toml, line 3: adaptr is not known | did you mean adapter?", id="key"
        ),
        pytest.param("[lb]", "chat.toml, line 1: lb is not known | did you mean lab?", id="table"),
        pytest.param("servers = 2", "chat.toml, line 1: servers is not known", id="outside of the table"),
        pytest.param("", "chat.toml has no table [lab]", id="nothing"),
        pytest.param("lab = 1", "chat.toml has no table [lab]", id="no table"),
        pytest.param("[lab", "chat.toml is not TOML", id="no TOML"),
        pytest.param(
            '[lab]\nadapter = "rediss"',
            "chat.toml, line 2: adapter is 'rediss'; expected one of none, cluster, redis,",
            id="adapter",
        ),
        pytest.param("[lab]\nadapter = 1", "line 2: adapter is a number; expected one of none", id="no word"),
        pytest.param('[lab]\nservers = "2"', "line 2: servers is text; expected a whole number", id="text"),
        pytest.param("[lab]\nservers = 0", "chat.toml: servers is 0; expected 1 to 64", id="none"),
        pytest.param("[lab]\nservers = 65", "chat.toml: servers is 65; expected 1 to 64", id="too many"),
        pytest.param("[lab]\nservers = true", "servers is true or false; expected a whole", id="true"),
        pytest.param("[lab]\nport = 70000", "port 70000 does not exist", id="port"),
        pytest.param("[lab]\ntls = 1", "line 2: tls is a number; expected true or false", id="tls"),
        pytest.param(
            "[lab]\nrecovery = 120", "recovery is a number; expected a time", id="time without unit"
        ),
        pytest.param(
            '[lab]\nbalancer = "nginx"\nidle-timeout = 5',
            "a number; expected a time | write idle-timeout =",
            id="idle",
        ),
        pytest.param(
            '[lab]\nbalancer = "nginx"\nidle-timeout = "0s"',
            "idle-timeout is 0s; expected 1 ms or more | leave it out",
            id="no time at all",
        ),
        pytest.param(
            "[lab]\nbehind = 1\nwitness = true", "Socket.IO 2 does not tell what it sends", id="behind"
        ),
        pytest.param('[lab]\nrecovery = "2kB"', "chat.toml, line 2: recovery", id="no time"),
        pytest.param('[lab]\nrecovery = "48h"', "recovery of 172800 s is out of range", id="too long"),
        pytest.param("[lab]\ntick-rate = -1", "tick-rate is out of range", id="rate"),
        pytest.param('[lab]\nsticky = "cookie"', "sticky is of a balancer", id="sticky without balancer"),
        pytest.param("[lab]\nservers = 2\nport = 3000", "port 3000 is for one URL", id="a port for two"),
        pytest.param(
            '[lab]\nadapter = "cluster"\ntls = true',
            "its primary must read requests",
            id="TLS before a primary",
        ),
        pytest.param(
            '[lab]\nruntime = "python"\nrecovery = "1s"', "python-socketio has no", id="python recovers"
        ),
        pytest.param(
            '[lab]\nstore = "sqlite"', "store is 'sqlite'; expected one of none, postgres", id="store"
        ),
        pytest.param('[lab]\nreplay = "nothing"', "replay is of a store, and store is none", id="replay"),
        pytest.param(
            '[lab]\nruntime = "python"\nstore = "postgres"', "python keeps no messages", id="python keeps"
        ),
        pytest.param(
            '[lab]\nruntime = "python"\ntls = true', "python has no TLS of its own", id="python TLS"
        ),
        pytest.param(
            '[lab]\nruntime = "python"\nwitness = true', "python writes down nothing", id="python witness"
        ),
        pytest.param(
            '[lab]\nruntime = "python"\nbalancer = "haproxy"\nsticky = "table"',
            "sticky table is of the cookie io",
            id="python in a table",
        ),
        pytest.param(
            '[lab]\nruntime = "python"\naccept-queue = 8',
            "python has an accept queue of its own",
            id="python's accept queue",
        ),
    ],
)
def test_what_makes_no_lab_is_refused_with_its_place(text, said, tmp_path):
    assert said in refusal(tmp_path, text)


def test_the_examples_are_labs():
    examples = Path(__file__).parents[2] / "scenarios"
    labs = {path.stem: lab_options.read(str(path), {}) for path in examples.glob("*.toml")}
    assert labs == {
        "single": Lab(),
        "cluster": Lab(servers=2, adapter="cluster"),
        "nginx-redis": Lab(servers=2, adapter="redis", balancer="nginx"),
        "chat-postgres": Lab(servers=2, adapter="redis", balancer="nginx", store="postgres"),
        "chat-couchdb": Lab(servers=2, adapter="redis", balancer="nginx", store="couchdb"),
    }


def test_the_file_in_the_documentation_is_a_lab(tmp_path):
    """What excludes another key stands there as a comment: as printed it was refused."""
    page = (Path(__file__).parents[2] / "docs/lab.md").read_text()
    (text,) = re.findall(r"## The file\n\n```toml\n(.*?)```", page, re.DOTALL)
    file = written(tmp_path, text)
    assert lab_options.read(file, {}).store == "postgres"
    keys = {line.removeprefix("# ").partition(" =")[0] for line in text.splitlines() if " = " in line}
    assert keys == set(lab_options._WORDS)


def test_labs_are_told_apart_by_all_but_their_ports():
    whole = Lab(servers=2, adapter="redis", balancer="nginx", tls=True, recovery_s=120.0, port=3000)
    words = "lab of 2 node, adapter redis, balancer nginx, sticky cookie, tls, recovery 120 s"
    assert whole.words == words
    assert Lab().words == "lab of 1 node, adapter none"
    kept = Lab(store="couchdb", replay="everything")
    assert kept.words == "lab of 1 node, adapter none, store couchdb, replay everything"


def test_a_flag_that_is_wrong_is_named():
    with pytest.raises(InputError, match="--recovery"):
        lab_options.read(None, {"recovery": "soon"})


def test_what_is_not_measured_with_an_adapter_is_said():
    """Only balancer and TLS were."""
    lab = Lab(
        adapter="redis",
        balancer="nginx",
        tls=True,
        store="couchdb",
        replica=True,
        toxics=True,
        witness=True,
        tick_rate=1.0,
    )
    words = ["balancer nginx", "tls", "store couchdb", "replica", "toxics", "witness", "tick-rate"]
    assert left_out(lab) == words
    assert left_out(Lab(adapter="redis", behind=1, accept_queue=8)) == ["behind", "accept-queue"]
    assert left_out(Lab(adapter="redis", recovery_s=1.0, servers=3)) == []


@pytest.mark.parametrize(
    ("adapter", "said"),
    [("none", False), ("redis-streams", False), ("mongo", False), ("redis", True), ("cluster", True)],
)
def test_an_adapter_that_recovers_nothing_is_remarked_upon(adapter, said):
    assert bool(lab_options.remarks(Lab(adapter=adapter, recovery_s=1.0))) == said
    assert not lab_options.remarks(Lab(adapter=adapter))


# ── the machine ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    """A machine without any program, and without packages."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(tools, "_SYSTEM", "")
    monkeypatch.setattr(tools, "_POSTGRES", ())


@pytest.fixture
def new_enough(tmp_path):
    """A program of a version that nobody finds too old."""
    path = tmp_path / "new"
    path.write_text("#!/bin/sh\necho 99.0\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("lab", "said"),
    [
        (Lab(), "node is not installed, and the lab needs it (the servers)"),
        (Lab(runtime="python", balancer="nginx"), "nginx is not installed"),
        (Lab(runtime="python", balancer="haproxy"), "haproxy is not installed"),
        (Lab(runtime="python", balancer="haproxy", tls=True), "haproxy is not installed"),
    ],
)
def test_a_program_that_is_missing_is_named_with_the_way_to_it(lab, said, nothing_here, tmp_path):
    with pytest.raises(InputError) as caught:
        needs.check_machine(lab)
    assert said in caught.value.message
    assert "apt install" in caught.value.hint


@pytest.mark.parametrize(
    ("lab", "program"),
    [
        (Lab(adapter="redis"), "redis-server"),
        (Lab(adapter="redis-sharded"), "redis-server"),
        (Lab(adapter="redis-streams"), "redis-server"),
        (Lab(adapter="postgres"), "postgres"),
        (Lab(adapter="mongo"), "mongod"),
        (Lab(adapter="redis", store="mongo"), "mongod"),
        (Lab(adapter="redis", store="postgres"), "postgres"),
        (Lab(adapter="postgres", store="postgres"), "postgres"),
        (Lab(tls=True), "openssl"),
    ],
)
def test_each_adapter_needs_its_backend(lab, program, nothing_here, new_enough, monkeypatch):
    monkeypatch.setattr(tools, "path_of", lambda name: "" if name == program else new_enough)
    with pytest.raises(InputError, match=f"{program} is not installed"):
        needs.check_machine(lab)


@pytest.mark.parametrize(
    ("lab", "names"),
    [
        (Lab(), []),
        (Lab(adapter="redis"), ["redis"]),
        (Lab(adapter="redis", store="couchdb"), ["redis", "couchdb"]),
        (Lab(store="couchdb"), ["couchdb"]),
        (Lab(adapter="mongo", store="mongo"), ["mongo"]),
        (Lab(adapter="cluster", store="mongo"), ["mongo"]),
    ],
)
def test_one_program_carries_and_keeps_where_it_can(lab, names, new_enough, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "path_of", lambda _: new_enough)
    found = backends.backends_of(lab, tmp_path, tmp_path, (4001, 4002))
    assert [one.name for one in found.programs] == names
    assert all(one.role == "backend" for one in found.programs)
    assert (found.store is not None) == (lab.store != "none")
    servers = server_programs(lab, tmp_path, [4003], [4004], None, found)
    assert ("SIOTOOL_LAB_STORE" in servers[0].environment) == (lab.store != "none")
    assert (f"--store={lab.store}" in servers[0].command) == (lab.store != "none")
    if lab.store == "couchdb":
        assert found.store.url == "http://127.0.0.1:4002"
        assert "4002" in " ".join(found.store.program.command)


def test_a_pair_of_redis_is_on_the_ports_that_were_set_aside_for_it(new_enough, tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "path_of", lambda _: new_enough)
    lab = Lab(adapter="redis", replica=True, store="couchdb")
    found = backends.backends_of(lab, tmp_path, tmp_path, (4001, 4002, 4003, 4004))
    ports = {one.name: one.port for one in found.programs}
    assert ports == {"redis": 4003, "redis-2": 4004, "redis-door": 4001, "couchdb": 4002}


def test_an_older_initdb_makes_the_cluster_of_databases(tmp_path, monkeypatch):
    """The option --no-instructions is of PostgreSQL 14: before it a lab did not start."""
    old = tmp_path / "initdb"
    known = "--pgdata|--username=*|--pwfile=*|--auth=*|--encoding=*|--no-locale|--no-sync|/*"
    old.write_text(
        f"""#!/bin/sh
for word; do
  case "$word" in {known}) ;; *) echo "unrecognized option $word" >&2; exit 1 ;; esac
done
mkdir "$2"
"""
    )
    old.chmod(0o755)
    monkeypatch.setattr(backends, "postgres_folder", lambda: tmp_path)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    found = backends.backends_of(Lab(adapter="postgres"), tmp_path, tmp_path, (4001, 4002))
    assert found.adapter.program.port == 4001


@pytest.mark.parametrize("keeps", [True, False])
def test_a_store_is_as_durable_as_in_service_and_what_carries_is_not(keeps):
    written = filled("siotool.lab", "postgresql.conf", {}, port=1, connections=2, keeps=keeps)
    assert ("fsync = off" in written) == (not keeps)


@pytest.mark.parametrize(
    ("lab", "version", "said"),
    [
        (Lab(), "v16.20.2", "node is too old: 18 or newer"),
        (Lab(), "v18.0.0", "the servers' npm packages"),
        (Lab(runtime="python", balancer="nginx"), "nothing", ""),
    ],
)
def test_a_program_that_is_too_old_is_refused(lab, version, said, nothing_here, tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.write_text(f"#!/bin/sh\necho {version}\n")
    old.chmod(0o755)
    monkeypatch.setattr(tools, "path_of", lambda _name: str(old))
    if not said:
        needs.check_machine(lab)
        return
    with pytest.raises(InputError, match=said):
        needs.check_machine(lab)


def test_sharded_publishing_needs_a_newer_redis_than_the_others():
    assert tools.least_of(Lab(adapter="redis-sharded"), "redis-server") == 7
    assert tools.least_of(Lab(adapter="redis"), "redis-server") == 0


def test_packages_that_are_missing_are_named_with_the_command(nothing_here, new_enough, monkeypatch):
    monkeypatch.setattr(tools, "path_of", lambda _name: new_enough)
    with pytest.raises(InputError) as caught:
        needs.check_machine(Lab())
    assert "socket.io" in caught.value.message
    assert "siotool lab doctor --install" in caught.value.hint


def test_packages_are_kept_below_the_cache_of_the_user(nothing_here, tmp_path):
    assert packages.node_modules().is_relative_to(tmp_path / "cache" / "siotool")
    assert {one.path for one in packages.look_for_packages()} == {""}


def test_installing_without_npm_says_so(nothing_here, tmp_path):
    with pytest.raises(InputError, match="npm is not installed"):
        packages.install()
    assert not (tmp_path / "cache").exists()


def test_an_npm_that_fails_leaves_nothing(nothing_here, tmp_path):
    fake = tmp_path / "npm"
    fake.write_text("#!/bin/sh\necho no registry >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(InputError, match="npm ci failed: no registry"):
        packages.install()
    assert list((tmp_path / "cache/siotool").iterdir()) == []


def test_a_port_in_use_is_said():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        lab = Lab(runtime="python", port=holder.getsockname()[1])
        with pytest.raises(InputError, match="cannot be used"):
            needs.check_machine(lab)
    needs.check_machine(lab)


def test_a_folder_in_use_is_said(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is not empty"):
        needs.check_folder(tmp_path)
    needs.check_folder(tmp_path / "none")


def test_a_file_is_no_folder_for_a_lab(tmp_path):
    """It ended as a bug of siotool."""
    file = tmp_path / "notes.txt"
    file.write_text("")
    with pytest.raises(OutputError, match=r"cannot write a lab's files to .*notes\.txt"):
        needs.check_folder(file)
    below = file / "lab"
    with pytest.raises(OutputError, match="cannot write a lab's files to"), LabProcess(Lab(), below):
        pytest.fail("it did not start")


def test_ports_are_free_and_differ():
    found = free_ports(50)
    assert len(set(found)) == 50
    assert all(1024 <= port < 65_536 for port in found)


def test_a_port_that_another_part_is_to_have_is_not_given_away():
    """A server got the port of the lab's one URL, and the pair of Redis that of a server."""
    others = set(free_ports(65_536))
    assert others
    assert others.isdisjoint(free_ports(65_536, others))


# ── configuration files ───────────────────────────────────────────────────────────────

SERVERS = [
    LabProgram(name=f"server-{n}", role="server", command=[], folder=Path(), port=20_000 + n) for n in (1, 2)
]


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("sticky", ["cookie", "address", "none"])
@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_the_configuration_of_a_balancer(balancer, sticky, tls, tmp_path, golden, monkeypatch):
    monkeypatch.setattr("resource.getrlimit", lambda _what: (20_000, 20_000))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lab = Lab(servers=2, balancer=balancer, sticky=sticky, tls=tls)
    program = balancer_program(lab, tmp_path, 20_000, SERVERS, LabCertificate() if tls else None)
    (file,) = (path for path in tmp_path.iterdir() if path.is_file())
    assert file.name in program.command
    if sticky == "cookie" or not tls:
        golden(f"lab/{file.stem}-{sticky}{'-tls' if tls else ''}{file.suffix}", file.read_text())
    assert str(tmp_path) not in file.read_text(), "it can be used in another folder"


@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_an_idle_timeout_may_be_shorter_than_a_second(balancer, tmp_path):
    """Trap: 400ms became 0 s, which is none."""
    lab = Lab(balancer=balancer, idle_timeout_s=0.4)
    balancer_program(lab, tmp_path, 20_000, SERVERS, None)
    written = "".join(file.read_text() for file in tmp_path.iterdir() if file.is_file())
    assert " 400ms" in written


@pytest.mark.parametrize("sticky", ["cookie", "address", "none"])
@pytest.mark.parametrize("balancer", ["nginx", "haproxy"])
def test_a_server_that_is_taken_out_keeps_its_sessions_and_gets_no_new_one(
    balancer, sticky, tmp_path, golden, monkeypatch
):
    """Its sessions over long polling went to another server at once, which does not know them."""
    monkeypatch.setattr("resource.getrlimit", lambda _what: (20_000, 20_000))
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    lab = Lab(servers=2, balancer=balancer, sticky=sticky)
    balancer_program(lab, tmp_path, 20_000, SERVERS, None, {"server-2"})
    (file,) = (path for path in tmp_path.iterdir() if path.is_file())
    text = file.read_text()
    assert "disabled" not in text
    if sticky == "cookie":
        golden(f"lab/{file.stem}-cookie-out{file.suffix}", text)


@pytest.mark.slow
@pytest.mark.parametrize("out", [(), ("server-2",), ("server-1", "server-2")])
@pytest.mark.parametrize(
    ("balancer", "sticky"),
    [
        *(("nginx", sticky) for sticky in ("cookie", "address", "none")),
        *(("haproxy", sticky) for sticky in ("cookie", "address", "table", "none")),
    ],
)
def test_a_balancer_takes_its_configuration(balancer, sticky, out, tmp_path):
    program = tools.path_of(balancer)
    if not program:
        pytest.skip(f"{balancer} is not installed")
    check = {"nginx": ("-t", "-p", ".", "-c"), "haproxy": ("-c", "-f")}[balancer]
    lab = Lab(servers=2, balancer=balancer, sticky=sticky)
    balancer_program(lab, tmp_path, free_ports(1)[0], SERVERS, None, out)
    (file,) = (path for path in tmp_path.iterdir() if path.is_file())
    done = subprocess.run([program, *check, file.name], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


# ── programs ──────────────────────────────────────────────────────────────────────────


@pytest.mark.xfail(os.geteuid() != 0, run=False, reason="only root starts programs as somebody else")
def test_a_program_runs_as_a_user_whose_group_has_another_name(tmp_path):
    """Trap: the group of nobody is nogroup on Debian; the lab ended with a KeyError."""
    program = LabProgram(
        name="who", role="backend", command=["id", "-g"], folder=tmp_path, port=0, user="nobody"
    )
    running = RunningProgram(program, tmp_path / "who.log")
    running.process.wait(20)
    running.ask_to_end()
    running.end(0.0)
    assert int((tmp_path / "who.log").read_text()) == pwd.getpwnam("nobody").pw_gid
