import pytest

from siotool.runfile import Connections
from siotool.swarm.recorder import Reach

CONNECTED = Connections(open=10, users=10, attempted=10, established=10)
HELD = Connections(open=10, users=10)
DEAD = Connections(open=0, users=10, closed={"reset": 10})


def tried(**failed):
    count = sum(failed.values())
    return Connections(open=0, users=10, attempted=count, failed=failed)


@pytest.mark.parametrize(
    ("seconds", "lost"),
    [
        pytest.param([CONNECTED, HELD], False, id="all is well"),
        pytest.param([CONNECTED, DEAD, tried(refused=10)], True, id="it died, and refuses since"),
        pytest.param([tried(refused=10)], True, id="it died before the first user"),
        pytest.param([CONNECTED, DEAD], False, id="it closed all in the last second: nobody has tried"),
        pytest.param(
            [CONNECTED, DEAD, Connections(users=10, attempted=10)],
            False,
            id="it kicked everybody, who are about to come back",
        ),
        pytest.param(
            [CONNECTED, DEAD, Connections(users=10, attempted=10), Connections(users=10)],
            True,
            id="connects that have had no answer for more than a second: it hangs",
        ),
        pytest.param(
            [CONNECTED, DEAD, Connections(users=10, attempted=9, established=9, closed={"too_large": 9})],
            False,
            id="it lets all in and drops them: it is there",
        ),
        pytest.param(
            [CONNECTED, DEAD, tried(refused=10), CONNECTED],
            False,
            id="it came back",
        ),
        pytest.param([CONNECTED, DEAD, tried(connect_error=10)], False, id="it refuses users by name"),
        pytest.param([CONNECTED, DEAD, tried(http_403=10)], False, id="it forbids"),
        pytest.param([CONNECTED, DEAD, tried(http_502=10)], True, id="only its gateway answers"),
        pytest.param([CONNECTED, DEAD, tried(no_local_port=10)], False, id="the generator's own fault"),
        pytest.param([CONNECTED, Connections(open=1, users=10, attempted=9, failed={"refused": 9})], False,
                     id="one is still connected"),
    ],
)  # fmt: skip
def test_a_target_is_lost_when_nobody_can_connect_any_more(seconds, lost):
    reach = Reach()
    for second in seconds:
        reach.follow(second)
    assert reach.lost is lost
