"""Which requests Locust's UI answers: those of its own pages and of programs, of no other site."""

import pytest

from siotool.swarm.web_guard import is_stranger

OWN = {"Host": "127.0.0.1:8089"}


@pytest.mark.parametrize(
    ("headers", "stranger"),
    [
        pytest.param(OWN, False, id="a program that says nothing of itself"),
        pytest.param({"Host": "localhost:8089"}, False, id="by its name"),
        pytest.param(OWN | {"Sec-Fetch-Site": "none"}, False, id="an address typed into a browser"),
        pytest.param(
            OWN | {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8089"},
            False,
            id="a page of its own",
        ),
        pytest.param({}, True, id="no host"),
        pytest.param({"Host": "127.0.0.1:8090"}, True, id="another port"),
        pytest.param({"Host": "evil.example:8089"}, True, id="a name that resolves to loopback"),
        pytest.param({"Host": "127.0.0.1.evil.example:8089"}, True, id="a name that begins like it"),
        pytest.param(OWN | {"Origin": "http://evil.example"}, True, id="a form of another site"),
        pytest.param(OWN | {"Origin": "null"}, True, id="a page without an origin"),
        pytest.param(OWN | {"Origin": "https://127.0.0.1:8089"}, True, id="the same place by TLS is another"),
        pytest.param(OWN | {"Sec-Fetch-Site": "cross-site"}, True, id="a picture on another site"),
        pytest.param(OWN | {"Sec-Fetch-Site": "same-site"}, True, id="another port of this machine"),
    ],
)
def test_requests_of_other_sites_are_strange(headers: dict[str, str], stranger: bool) -> None:
    assert is_stranger(headers, 8089) == stranger


def test_the_port_of_http_stands_in_no_host() -> None:
    assert not is_stranger({"Host": "localhost", "Origin": "http://localhost"}, 80)
