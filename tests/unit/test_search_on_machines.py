"""How far a search for capacity goes: what this machine can do, or a bound where others make the load."""

import json
import subprocess
import sys
from typing import Any

import pytest

from siotool.cli import search_options
from siotool.cli.search_options import SearchAsked
from siotool.client.choices import TransportShares, sockets_kept, sockets_opened
from siotool.searched import SearchAxis
from siotool.swarm.load_limits import MachineLimits, WantedLoad, most_connects_per_s

WEBSOCKET: TransportShares = (("websocket", 1.0),)
#: 28,232 ports: as many as Linux gives without being told otherwise.
PORTS = MachineLimits(ports=28_232)


def asked(axis: SearchAxis = "users", most: float | None = None, users: int = 10) -> SearchAsked:
    return SearchAsked(axis, users, most, [], None)


#: What searches are made of options, in a process of its own: a scenario is looked at, and Locust patches.
CODE = """
import json, resource
from types import SimpleNamespace

from siotool.cli import searching
from siotool.cli.load_targets import Aimed
from siotool.cli.search_options import SearchAsked
from siotool.errors import InputError

LOADED = SimpleNamespace(shape=None, name="echo", user_classes=[SimpleNamespace(fixed_count=0, rate=1.0)])


def searched(axis, most=None, users=10, elsewhere=None):
    "The number of workers, and the most users; or what is wrong, and what to do."
    try:
        _, _, _, *found = searching.programs_of(
            SearchAsked(axis, users, most, [], None),
            LOADED,
            {"size": 64},
            {},
            2,
            Aimed(["http://127.0.0.1:3000"], [1], []),
            ([], None, {}, None),
            elsewhere=elsewhere,
            sources=(),
            transports=(("websocket", 1.0),),
        )
    except InputError as error:
        return [error.message, error.hint]
    return found


resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))
print(json.dumps({
    "users": [searched("users", 900.0, elsewhere=there) for there in (None, 4)],
    "connects": [searched("connects", 300.0, elsewhere=there) for there in (None, 4)],
    "size": [searched("size", 1e4, 70, there) for there in (None, 4)],
    "no bound": [searched("size", None, 70, there) for there in (None, 4)],
    "users elsewhere": searched("users", elsewhere=4),
    "connects elsewhere": searched("connects", elsewhere=4),
    "too many": [searched("users", 1941.0, elsewhere=there) for there in (None, 2)],
}))
"""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("search", "most_users"),
    [
        pytest.param("users", 900, id="users, up to the bound"),
        pytest.param("connects", 300, id="connects, each of whom stays for a second"),
        pytest.param("size", 70, id="a size, with the users there are"),
        pytest.param("no bound", 70, id="without a bound too"),
    ],
)
def test_a_search_says_how_many_users_there_are_at_most(
    told: dict[str, Any], search: str, most_users: int
) -> None:
    """It was 0: machines with no room for them were let in, and a manifest gave workers next to no memory."""
    assert told[search] == [[2, most_users], [4, most_users]]


@pytest.mark.parametrize(("axis", "option"), [("users", "--max-users"), ("connects", "--max-load")])
def test_what_other_machines_can_do_is_to_be_said(told: dict[str, Any], axis: str, option: str) -> None:
    """It was what this machine can do, times the number of workers elsewhere."""
    message, hint = told[f"{axis} elsewhere"]
    assert "does not know how much load the other machines can make" in message
    assert option in hint


def test_more_users_than_files_are_refused_on_this_machine_alone(told: dict[str, Any]) -> None:
    (message, _), elsewhere = told["too many"]
    assert message.startswith("971 users in one generator process need 1,001 open files")
    assert elsewhere == [2, 1941]


@pytest.mark.parametrize(
    ("limits", "here", "most"),
    [
        pytest.param(PORTS, WantedLoad(10, 8), 25_408, id="nine tenths of the ports"),
        pytest.param(PORTS, WantedLoad(10, 8, sources=2), 50_817, id="of each source address"),
        pytest.param(PORTS, WantedLoad(10, 8, sockets=2.0), 12_704, id="with two for each user that polls"),
        pytest.param(MachineLimits(files=1030), WantedLoad(10, 2), 1800, id="of the files of each process"),
        pytest.param(
            MachineLimits(ports=28_232, memory_bytes=1_200_000_000),
            WantedLoad(10, 2),
            10_000,
            id="half of the memory",
        ),
        pytest.param(
            PORTS, WantedLoad(90_000, 2), 90_000, id="what it begins with, which the run then refuses"
        ),
        pytest.param(MachineLimits(), WantedLoad(10, 2), 2_000_000, id="no limit is known"),
    ],
)
def test_users_are_searched_up_to_what_fits_here(limits: MachineLimits, here: WantedLoad, most: int) -> None:
    """Local ports were left out: the search went on past them, and took what failed for the server's edge."""
    assert search_options.own_most(asked(users=here.users), here, limits, 1e9) == most


@pytest.mark.parametrize(
    ("limits", "loopback", "per_s"),
    [
        pytest.param(PORTS, False, 28_232 / 61, id="a closed port rests for a minute"),
        pytest.param(MachineLimits(ports=28_232, reuse=1), False, 28_232 / 2, id="for a second if told so"),
        pytest.param(MachineLimits(ports=28_232, reuse=2), True, 28_232 / 2, id="and so to loopback"),
        pytest.param(MachineLimits(ports=28_232, reuse=2), False, 28_232 / 61, id="but to no other place"),
        pytest.param(MachineLimits(), False, float("inf"), id="no limit is known"),
    ],
)
def test_connects_per_second_are_bounded_by_ports(
    limits: MachineLimits, loopback: bool, per_s: float
) -> None:
    here = WantedLoad(10, 8)
    found = most_connects_per_s(here, limits, 1.0, 1.0, loopback=loopback)
    assert found == pytest.approx(per_s)
    most = search_options.own_most(asked("connects"), here, limits, found)
    assert most == pytest.approx(min(8 * 500.0, 0.9 * per_s))


@pytest.mark.parametrize(
    ("shares", "kept", "opened"),
    [
        pytest.param(WEBSOCKET, 1, 1, id="websocket"),
        pytest.param((("upgrade", 1.0),), 1, 3, id="upgrade: two lanes until there is a WebSocket"),
        pytest.param((("polling", 1.0),), 2, 2, id="polling: one waits, one sends"),
        pytest.param((("jsonp", 1.0),), 2, 2, id="jsonp"),
        pytest.param((("upgrade", 60.0), ("polling", 20.0)), 1.25, 2.75, id="a mix, in any unit"),
    ],
)
def test_a_transport_takes_so_many_sockets(shares: TransportShares, kept: float, opened: float) -> None:
    assert (sockets_kept(shares), sockets_opened(shares)) == (kept, opened)
