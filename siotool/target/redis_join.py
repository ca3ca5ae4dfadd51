"""Joins the chat with others of its kind by Redis: python-socketio's own manager, waited for and counted.

It needs the package redis. Each ``emit`` is one message on one channel, which every server gets and decodes,
its publisher too (``socketio/async_pubsub_manager.py``).
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import socketio

#: A message of our own, which python-socketio passes over.
_HELLO = "siotool hello"
#: How long one may take to come back before the next one is sent.
_AGAIN_S = 0.2


class CountingRedisManager(socketio.AsyncRedisManager):  # type: ignore[misc]  # socketio has no types
    """``published`` are the broadcasts given to it for others, ``heard`` those that came, its own too."""

    def __init__(self, url: str) -> None:
        """Take the URL of Redis; connects to nothing."""
        super().__init__(url)
        self.published = 0
        self.heard = 0
        self._came_back = asyncio.Event()

    async def join(self, stop: asyncio.Event) -> None:
        """Subscribe, and wait until what this server publishes comes back to it, or it is to ``stop``.

        python-socketio subscribes when a server's first client connects. That client may miss what other
        servers publish until then.
        """
        self.server.manager_initialized = True
        self.initialize()
        while not self._came_back.is_set() and not stop.is_set():
            await self._publish({"method": _HELLO, "host_id": self.host_id})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._came_back.wait(), _AGAIN_S)

    async def _publish(self, data: dict[str, Any]) -> None:
        self.published += data["method"] == "emit"
        await super()._publish(data)

    async def _listen(self) -> AsyncIterator[Any]:
        async for message in super()._listen():
            read = message
            with contextlib.suppress(ValueError):  # a stranger's: python-socketio passes over it
                read = self.json.loads(message)
            if isinstance(read, dict):
                self.heard += read.get("method") == "emit"
                if read.get("method") == _HELLO and read.get("host_id") == self.host_id:
                    self._came_back.set()
            yield read
