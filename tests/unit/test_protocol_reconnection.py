"""When the official client comes back, and how often it tries: manager.js and socket.js of version 4.8."""

import pytest

from siotool.protocol.backoff import Backoff, delay_s
from siotool.protocol.reconnection import Reconnection, Tries, comes_back


@pytest.mark.parametrize(
    ("kind", "back"),
    [
        pytest.param("transport_close", True, id="the connection was closed: 'transport close'"),
        pytest.param("reset", True, id="it was reset: 'transport error'"),
        pytest.param("ping_timeout", True, id="the server went silent: 'ping timeout'"),
        pytest.param("protocol_error", True, id="a packet that cannot be read: 'parse error'"),
        pytest.param("too_large", True, id="the server closed it for a large message"),
        pytest.param("session_unknown", True, id="another server answered a poll"),
        pytest.param("refused", True, id="nobody listens: the engine could not open"),
        pytest.param("timeout", True, id="the engine did not open in time"),
        pytest.param("http_503", True, id="a proxy answered for a server that is not there"),
        pytest.param("http_403", True, id="the engine was refused: to the Manager that is any error"),
        pytest.param("not_websocket", True, id="something else answered"),
        pytest.param("server_disconnect", False, id="'io server disconnect': the socket is destroyed"),
        pytest.param("connect_error", False, id="CONNECT_ERROR: the socket is destroyed"),
        pytest.param("client", False, id="'io client disconnect'"),
    ],
)
def test_what_a_client_comes_back_after(kind, back):
    assert comes_back(kind) is back


def waits(rule, count):
    tries = Tries(rule)
    return [tries.wait_s(0.0) for _ in range(count)]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param(Reconnection(), [1, 2, 4, 5, 5], id="without a limit, twice as long each time, to 5 s"),
        pytest.param(Reconnection(attempts=2), [1, 2, None, None], id="as many tries as allowed"),
        pytest.param(Reconnection(enabled=False), [None, None], id="none where none is wanted"),
        pytest.param(
            Reconnection(backoff=Backoff(delay_s=0.1, delay_max_s=0.3)), [0.1, 0.2, 0.3, 0.3], id="own delays"
        ),
    ],
)
def test_the_waits_between_tries(rule, expected):
    assert waits(rule, len(expected)) == expected


def test_the_waits_begin_anew_once_a_session_was_open():
    tries = Tries(Reconnection(attempts=2))
    assert [tries.wait_s(0.0), tries.wait_s(0.0), tries.wait_s(0.0)] == [1, 2, None]
    tries.start_anew()
    assert tries.wait_s(0.55) == delay_s(0, 0.55, Backoff())


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Reconnection(), ""),
        (Reconnection(attempts=0), "attempts"),
        (Reconnection(backoff=Backoff(delay_s=0)), "delays"),
        (Reconnection(backoff=Backoff(delay_max_s=float("nan"))), "delays"),
        (Reconnection(backoff=Backoff(jitter=1.5)), "randomization factor"),
    ],
)
def test_options_that_cannot_be_are_named(rule, problem):
    assert problem in rule.problem
    assert bool(problem) == bool(rule.problem)
