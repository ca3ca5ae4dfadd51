"""Where the first connection before a run is led by a redirect."""

from typing import Any

import pytest

from siotool.client.address import Address
from siotool.client.failures import ClientFailure
from siotool.errors import InputError
from siotool.swarm import preflight
from siotool.swarm.settings import EngineSettings, ResolvedTarget
from siotool.workload import Target

HOST = "http://127.0.0.1:8080"
ADDRESS = Address(2, "127.0.0.1", 8080)


def settings(**more: Any) -> EngineSettings:
    return EngineSettings(target=Target(HOST), addresses=(ADDRESS,), run=1, **more)


@pytest.mark.parametrize(
    ("location", "url", "path", "slash"),
    [
        pytest.param(f"{HOST}/socket.io?EIO=4", HOST, "/socket.io", False, id="the slash is taken away"),
        pytest.param("/socket.io?EIO=4", HOST, "/socket.io", False, id="by a path alone"),
        pytest.param(f"{HOST}/app/socket.io/", HOST, "/app/socket.io/", True, id="another path"),
        pytest.param("https://127.0.0.1:443", "https://127.0.0.1:443", "/socket.io/", True, id="to TLS"),
    ],
)
def test_a_run_follows_a_redirect_and_keeps_its_path(location: str, url: str, path: str, slash: bool) -> None:
    failure = ClientFailure("http_308", f"to {location}")
    moved = preflight._redirected(settings(), failure)
    assert moved is not None
    assert (moved.target.url, moved.target.path, moved.slash) == (url, path, slash)
    assert [place.slash for place in moved.targets] == [slash]


@pytest.mark.parametrize(
    "location", ["", "http://elsewhere.invalid/socket.io/", "ftp://127.0.0.1/socket.io/"]
)
def test_a_run_does_not_follow_a_redirect_that_leads_away_or_nowhere(location: str) -> None:
    assert preflight._redirected(settings(), ClientFailure("http_302", f"to {location}")) is None


def test_each_of_several_targets_keeps_the_slash_of_its_own() -> None:
    both = settings(others=(ResolvedTarget(Target(HOST), (ADDRESS,), slash=False),))
    assert [preflight._alone(both, place).slash for place in both.targets] == [True, False]


def test_a_run_is_refused_whose_addresses_do_not_reach_the_target() -> None:
    """No connection came from them, and nothing said so."""
    with pytest.raises(InputError, match=r"no connection from ::1 reaches 127\.0\.0\.1"):
        preflight.check_room(10, 1, settings(sources=("::1",)))
    preflight.check_room(10, 1, settings(sources=("::1", "127.0.0.2")))
