"""``hear`` takes events in the connections' thread, and leaves no server waiting."""

from types import SimpleNamespace
from typing import Any

from siotool.swarm.user import SocketIOUser


def heard(function: Any) -> tuple[list[Any], list[Any]]:
    """What a server that waits for an acknowledgement gets, and what was raised."""
    replies: list[Any] = []
    raised: list[Any] = []
    loop = SimpleNamespace(
        pool=SimpleNamespace(parser=SimpleNamespace(encode=lambda arguments: arguments)),
        to_hub=lambda _function, error: raised.append(error),
    )
    user: Any = SimpleNamespace(
        _handlers={}, _main_namespace="/", _engine=SimpleNamespace(loop=loop), _report_error=None
    )
    SocketIOUser.hear(user, "news", function)
    user._handlers["/", "news"](["x"], replies.append)
    user._handlers["/", "news"](["x"], None)
    return replies, raised


def test_an_event_that_waits_for_an_acknowledgement_gets_an_empty_one() -> None:
    """A server that resends what is not acknowledged delivered everything twice."""
    seen: list[str] = []
    assert heard(seen.append) == ([()], [])
    assert seen == ["x", "x"]


def test_it_gets_one_also_where_the_scenario_raises() -> None:
    replies, raised = heard(lambda _text: 1 / 0)
    assert replies == [()]
    assert len(raised) == 2
