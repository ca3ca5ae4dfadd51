"""Servers in Python that Redis joins: which labs have them, how they start, and what they need."""

from importlib.metadata import PackageNotFoundError

import pytest

from siotool.cli import lab_options
from siotool.cli.fleet_loads import measurable
from siotool.errors import InputError
from siotool.lab import backends, needs, python_packages, tools
from siotool.lab.lab import Lab
from siotool.lab.lab_servers import server_programs
from siotool.plan.adapters.laws import adapter_named

JOINED = Lab(servers=2, runtime="python", adapter="redis", balancer="nginx")


def test_a_file_may_join_servers_in_python_by_redis(tmp_path):
    file = tmp_path / "chat.toml"
    file.write_text('[lab]\nservers = 2\nruntime = "python"\nadapter = "redis"\nbalancer = "nginx"\n')
    assert lab_options.read(str(file), {}) == JOINED
    flags = {"servers": 2, "runtime": "python", "adapter": "redis", "balancer": "nginx"}
    assert lab_options.read(None, flags) == JOINED
    assert lab_options.read(None, flags | {"replica": True}).backends == ["redis", "redis-2", "redis-door"]
    assert JOINED.words == "lab of 2 python, adapter redis, balancer nginx, sticky cookie"


@pytest.mark.parametrize("adapter", ["cluster", "redis-sharded", "redis-streams", "postgres", "mongo"])
@pytest.mark.parametrize("as_flag", [True, False], ids=["as a flag", "in a file"])
def test_what_joins_no_servers_in_python_is_refused_with_what_does(adapter, as_flag, tmp_path):
    file = tmp_path / "chat.toml"
    file.write_text('[lab]\nruntime = "python"\n' + ("" if as_flag else f'adapter = "{adapter}"\n'))
    with pytest.raises(InputError, match=f"runtime python has no adapter {adapter}: ") as caught:
        lab_options.read(str(file), {"adapter": adapter} if as_flag else {})
    assert "set adapter to redis (socketio.AsyncRedisManager), or runtime to node" in caught.value.hint


def test_they_are_told_where_redis_is_but_not_in_their_arguments(tmp_path, monkeypatch):
    monkeypatch.setattr(backends, "path_of", lambda _name: "/bin/redis-server")
    found = backends.backends_of(JOINED, tmp_path, tmp_path, (4001, 4002))
    programs = server_programs(JOINED, tmp_path, [4003, 4004], [4005, 4006], None, found)
    assert [one.name for one in programs] == ["server-1", "server-2"]
    for one, port in zip(programs, (4005, 4006), strict=True):
        assert one.environment == {"SIOTOOL_LAB_BACKEND": found.adapter.url}
        assert {"--adapter=redis", f"--metrics-port={port}"} <= set(one.command)
        assert "redis://" not in " ".join(one.command), "it holds a password"


@pytest.mark.parametrize(
    ("lab", "name"),
    [
        (JOINED, "python-redis"),
        (Lab(runtime="python"), "none"),
        (Lab(adapter="redis"), "redis"),
        (Lab(adapter="redis-streams"), "redis-streams"),
    ],
)
def test_plans_know_their_adapter_by_a_name_of_its_own(lab, name):
    assert lab.planned_adapter == name
    assert adapter_named(name).law == ("nobody" if name == "none" else "every")
    assert measurable(lab).planned_adapter == name


@pytest.fixture
def without_redis(monkeypatch):
    """A Python that has no client of Redis, and a machine that has every program."""

    def version(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(python_packages, "version", version)
    monkeypatch.setattr(tools, "path_of", lambda _name: "/bin/true")


def test_the_package_that_joins_them_is_named_with_the_way_to_it(without_redis):
    with pytest.raises(InputError, match=r"redis \(PyPI\) is not installed, and the lab needs it") as caught:
        needs.check_machine(JOINED)
    assert caught.value.hint == "pip install 'siotool[lab]'"
    assert "redis (PyPI)" in [one.name for one in needs.everything() if one.problem == "missing"]


@pytest.mark.parametrize("lab", [Lab(runtime="python"), Lab(runtime="python", balancer="nginx")])
def test_servers_that_nothing_joins_need_no_package(lab, without_redis):
    needs.check_machine(lab)


def test_the_package_is_looked_for_where_they_look_for_it(monkeypatch):
    monkeypatch.setattr(python_packages, "version", lambda _name: "8.1.0")
    found = python_packages.look_for_redis()
    assert (found.version, found.problem) == ("8.1.0", "")
