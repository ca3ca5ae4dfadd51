"""The paths of requests."""

import pytest

from siotool.client.address import Address
from siotool.client.choices import TlsOptions
from siotool.client.endpoint import Endpoint
from siotool.client.identity import Identity
from siotool.workload import Target

HOST = "http://127.0.0.1:8080"
ADDRESS = Address(2, "127.0.0.1", 8080)


@pytest.mark.parametrize(
    ("path", "slash", "asked"),
    [
        pytest.param("/socket.io/", True, "/socket.io/?", id="as it is given"),
        pytest.param("socket.io", True, "/socket.io/?", id="with the slashes of the official client"),
        pytest.param("/socket.io", False, "/socket.io?", id="as a redirect without one gave it"),
        pytest.param("/", True, "/?", id="the root"),
        pytest.param("/", False, "/?", id="the root, which has one always"),
    ],
)
def test_a_slash_ends_the_path_unless_a_redirect_took_it_away(path: str, slash: bool, asked: str) -> None:
    endpoint = Endpoint(Target(HOST, path=path), [ADDRESS], TlsOptions(), slash=slash)
    assert endpoint.path("polling", Identity()) == f"{asked}EIO=4&transport=polling"
