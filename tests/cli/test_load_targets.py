"""Targets as they are typed: URLs, weights, and the embedded one."""

import subprocess
import sys

import pytest

from siotool.cli import load_targets
from siotool.cli.own_targets import ticks_of
from siotool.errors import InputError
from siotool.lab.lab import Lab
from siotool.swarm.settings import EngineSettings
from siotool.workload import Target, turns

A, B = "http://a.example:3000", "https://b.example"


@pytest.mark.parametrize(
    ("typed", "urls", "weights", "query"),
    [
        pytest.param([A], [A], [1], [], id="one"),
        pytest.param(["demo"], ["demo"], [1], [], id="the embedded one"),
        pytest.param([A, B], [A, B], [1, 1], [], id="two take turns"),
        pytest.param(["lab:chat.toml"], ["lab:chat.toml"], [1], [], id="a lab"),
        pytest.param([f"{A}@3", B], [A, B], [3, 1], [], id="one has a weight"),
        pytest.param([f"{A}@1000", f"{B}@1"], [A, B], [1000, 1], [], id="both have"),
        pytest.param(["http://[::1]:3000@2", A], ["http://[::1]:3000", A], [2, 1], [], id="an IPv6 address"),
        pytest.param([f"{A}/?b=c"], [A], [1], ["b=c"], id="one with a query"),
        pytest.param([f"{A}@2"], [A], [2], [], id="a weight of a single one is no harm"),
    ],
)
def test_targets_are_read(typed, urls, weights, query):
    assert load_targets.read(typed) == (urls, weights, query)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        pytest.param([], "no target", id="none"),
        pytest.param(["demo", A], "demo beside another target", id="the embedded one is alone"),
        pytest.param(["demo@2"], "'demo@2' is not the URL of", id="the embedded one has no weight"),
        pytest.param([A, A], f"{A} is named twice", id="one twice"),
        pytest.param([f"{A}@2", f"{A}@3"], f"{A} is named twice", id="twice with other weights"),
        pytest.param(
            [f"{A}@0", B], f"the weight of {A} is 0; expected a whole number from 1 to 1,000", id="0"
        ),
        pytest.param([f"{A}@-1", B], "is -1; expected", id="less than 0"),
        pytest.param([f"{A}@1.5", B], "is 1.5; expected", id="no whole number"),
        pytest.param([f"{A}@1001", B], "is 1001; expected", id="too heavy"),
        pytest.param([f"{A}@heavy", B], "has credentials in it", id="no number at all"),
        pytest.param(["http://bob:hunter2@a.example", B], "has credentials in it", id="credentials"),
        pytest.param([f"{A}/?b=c", B], "has a query, and is not the only target", id="a query of one of two"),
        pytest.param([f"{A}#frag"], "has a fragment", id="a fragment, which is never sent"),
        pytest.param([A, "b.example"], "did you mean http://b.example?", id="no scheme"),
    ],
)
def test_targets_that_make_no_sense_are_refused(typed, said):
    with pytest.raises(InputError) as caught:
        load_targets.read(typed)
    assert said in caught.value.message + caught.value.hint


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
def test_a_users_target_depends_on_its_number_alone(workers):
    """Whatever the number of workers, each starting its users in turn."""
    settings = EngineSettings(Target(A), (), 1, turns=tuple(turns([3, 1])))
    numbers = [place * workers + worker + 1 for worker in range(workers) for place in range(24 // workers)]
    found = {number: settings.target_of(number) for number in numbers}
    assert [found[number] for number in range(1, 9)] == [0, 0, 1, 0, 0, 0, 1, 0]
    assert list(found.values()).count(0) == 18


def test_a_config_file_names_one_target_or_several(siotool, tmp_path):
    for text in ('target = "ftp://x"', 'target = ["http://127.0.0.1", "ftp://x"]'):
        (tmp_path / "load.toml").write_text(text)
        done = siotool("loadtest", "--config", "load.toml", cwd=tmp_path)
        assert done.returncode == 2
        assert "'ftp://x' is not the URL of a Socket.IO server" in done.stderr


def test_every_public_target_is_asked_for(siotool, tmp_path):
    done = siotool("loadtest", "http://127.0.0.1:1", "http://192.0.2.1", "http://192.0.2.2", cwd=tmp_path)
    assert done.returncode == 2
    assert "192.0.2.1, 192.0.2.2 are on the public internet" in done.stderr


@pytest.mark.parametrize(
    ("target", "lab", "typed", "scenario", "ticks"),
    [
        pytest.param("demo", None, None, "echo", 0.0, id="nobody listens"),
        pytest.param("demo", None, None, "listen", 1.0, id="somebody does"),
        pytest.param("demo", None, 5.0, "listen", 5.0, id="typed"),
        pytest.param("lab:x.toml", 2.0, None, "listen", 2.0, id="a lab's own"),
        pytest.param("lab:x.toml", 0.0, None, "listen", 1.0, id="a lab without any"),
        pytest.param("lab:x.toml", 2.0, 50.0, "echo", 50.0, id="typed for a lab that has its own"),
        pytest.param("lab:x.toml", 2.0, 0.0, "echo", 0.0, id="none for a lab that has its own"),
        pytest.param(A, None, 0.0, "echo", 0.0, id="none of somebody else, as of a shared --config"),
    ],
)
def test_ticks_of_what_siotool_starts(target, lab, typed, scenario, ticks):
    """A rate that was typed for a lab was dropped where its file had one."""
    known = None if lab is None else Lab(tick_rate=lab)
    assert ticks_of(load_targets.read([target]), known, typed, scenario) == ticks


@pytest.mark.parametrize(
    ("target", "rate", "said"),
    [
        pytest.param("http://127.0.0.1:1", "5", "http://127.0.0.1:1 send nothing", id="of somebody else"),
        pytest.param("demo", "nan", "tick rate nan is out of range", id="no number"),
        pytest.param("demo", "10001", "tick rate 10001 is out of range", id="too many"),
    ],
)
def test_a_tick_rate_that_no_server_takes_is_refused(tmp_path, target, rate, said):
    """Trap: somebody else's server never heard of it; the embedded one ended, as if it were unreachable."""
    arguments = ("--tick-rate", rate, "--users", "1", "--run-time", "1s")
    # a process of its own: what reads a scenario loads gevent
    command = [sys.executable, "-m", "siotool", "loadtest", target, *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
