"""Deadlines of one loop: who waits until the same moment shares a timer."""

import asyncio

from siotool.client.deadlines import TICK_S, Deadlines


def test_a_deadline_is_told_once_its_moment_has_come_unless_it_was_taken_out():
    async def expire():
        loop = asyncio.get_running_loop()
        deadlines, told, over = Deadlines(), [], loop.create_future()
        taken_out = deadlines.add(loop, loop.time(), lambda: told.append("never"))
        taken_out.clear()
        until = loop.time() + 0.01
        deadlines.add(loop, until, lambda: told.append(loop.time() - until))
        deadlines.add(loop, until + 2 * TICK_S, lambda: over.set_result(None))
        await over
        return told

    [late_s] = asyncio.run(expire())
    assert late_s >= -0.001  # a loop's clock has a resolution


def test_a_thousand_connects_of_a_moment_take_one_timer():
    async def timers():
        loop = asyncio.get_running_loop()
        deadlines, begin = Deadlines(), len(loop._scheduled)
        until = loop.time() + 100
        for _ in range(1000):
            deadlines.add(loop, until, object)
        return len(loop._scheduled) - begin

    assert asyncio.run(timers()) == 1
