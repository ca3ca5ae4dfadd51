"""Operations that wait for their moments."""

import asyncio
from collections import deque
from time import monotonic

from siotool.swarm.pacing import TICK_S
from siotool.swarm.send_queue import SendQueue


def test_what_is_due_is_done_at_once_and_the_rest_in_its_turn():
    done = []

    async def run():
        send_queue = SendQueue(asyncio.get_running_loop())
        base = round(monotonic() / TICK_S) + 10
        late = asyncio.get_running_loop().create_future()

        def note(name, moment):
            done.append(name)
            assert monotonic() >= moment - 0.0015  # what a loop's timers are exact to
            if name == "last":
                late.set_result(None)

        first, then = base * TICK_S, (base + 5) * TICK_S
        send_queue.put(
            deque(
                [
                    (then, note, ("c", then)),
                    (0.0, note, ("now", 0.0)),
                    (first, note, ("a", first)),
                    (first, note, ("b", first)),
                    (then, note, ("last", then)),
                ]
            )
        )
        assert done == ["now"]
        await late

    asyncio.run(run())
    assert done == ["now", "a", "b", "c", "last"]


def test_one_timer_serves_a_tick():
    async def run():
        loop = asyncio.get_running_loop()
        send_queue = SendQueue(loop)
        due = (round(monotonic() / TICK_S) + 10) * TICK_S
        finished = loop.create_future()
        requests = deque((due, list, ()) for _ in range(100))
        requests.append((due, finished.set_result, (None,)))
        send_queue.put(requests)
        assert not requests
        assert len(loop._scheduled) == 1
        await finished

    asyncio.run(run())
