"""Runs a coroutine beside gevent: on an asyncio loop of its own in a thread of the system."""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import gevent

from siotool.swarm.bridge import new_loop

T = TypeVar("T")


def run_natively(make: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run what ``make`` returns to its end; only the greenlet that asks waits. Raises what it raises."""

    def run() -> T:
        loop = new_loop()
        try:
            return loop.run_until_complete(make())
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    result: T = gevent.get_hub().threadpool.apply(run)
    return result
