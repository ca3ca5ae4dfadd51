"""Two threads, one process: gevent's hub with the users, an asyncio loop with the sockets.

Calls cross in both directions through a queue, with at most one wake-up per batch. The loop runs in
a real thread (gevent's patched ones are greenlets) and is started after any fork.
"""

import _socket
import asyncio
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import Any

import gevent
from gevent import monkey

from siotool.swarm.send_queue import Request, SendQueue

_start_native_thread = monkey.get_original("_thread", "start_new_thread")
_NativeLock = monkey.get_original("_thread", "allocate_lock")

#: The loop and the hub share one interpreter lock; at Python's default of 5 ms a busy hub
#: would add up to that to every arrival time.
SWITCH_INTERVAL_S = 0.0005

#: The hub is woken at most this often, or less often where users allow it. Results are timed before
#: they cross, so a greenlet may get them a little later; a wake-up for each would cost more than
#: the result.
HUB_REST_S = 0.001


class Bridge:
    """Runs the asyncio loop, and carries calls to it and results back."""

    def __init__(self) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.loop = new_loop()
        self._requests: deque[Request] = deque()
        self._send_queue = SendQueue(self.loop)
        self._requests_announced = False
        self._results: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._results_announced = False
        self._rest = HUB_REST_S
        self._rest_known = False
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.async_()
        self._watcher.start(self._run_results)
        self._ended = _NativeLock()
        self._ended.acquire()
        _start_native_thread(self._run_loop, ())

    def to_loop(self, function: Callable[..., None], *args: Any) -> None:
        """Call ``function`` in the loop thread, soon; from the hub's thread only."""
        self.to_loop_at(0.0, function, *args)

    def to_loop_at(self, due: float, function: Callable[..., None], *args: Any) -> None:
        """Call ``function`` in the loop thread at ``due`` of the monotonic clock, or soon after."""
        self._requests.append((due, function, args))
        if not self._requests_announced:
            self._requests_announced = True
            # after the greenlets that are ready now, so that their requests share the wake-up
            self._hub.loop.run_callback(self._wake_loop)

    def let_results_wait(self, seconds: float) -> None:
        """Results may reach a user so many seconds late; the smallest value of all users counts."""
        self._rest = min(self._rest, seconds) if self._rest_known else seconds
        self._rest_known = True

    def to_hub(self, function: Callable[..., None], *args: Any) -> None:
        """Call ``function`` in the hub, soon; from the loop thread only. It must not block."""
        self._results.append((function, args))
        if not self._results_announced:
            self._results_announced = True
            # all bridges of a machine wait for the same moments, as do the users' schedules
            rest = self._rest
            self.loop.call_later(rest - monotonic() % rest, self._watcher.send)

    def stop(self) -> None:
        """End the loop and its thread; what is still queued for it is dropped."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        while not self._ended.acquire(False):
            gevent.sleep(0.002)
        self._watcher.stop()
        self._watcher.close()

    def _wake_loop(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            self.loop.call_soon_threadsafe(self._run_requests)

    def _run_requests(self) -> None:
        self._requests_announced = False
        self._send_queue.put(self._requests)

    def _run_results(self) -> None:
        self._results_announced = False
        results = self._results
        while results:
            function, args = results.popleft()
            try:
                function(*args)
            except Exception:  # others wait for their results too
                self._hub.handle_error(function, *sys.exc_info())
            except KeyboardInterrupt as interrupt:  # for the main greenlet, and no failure to print
                if results:
                    self._watcher.send()
                self._hub.handle_system_error(KeyboardInterrupt, interrupt)
                return

    def _run_loop(self) -> None:
        try:
            asyncio.set_event_loop(self.loop)
            self.loop.run_forever()
        finally:
            pending = asyncio.all_tasks(self.loop)
            for task in pending:
                task.cancel()
            self.loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
            self.loop.close()
            self._ended.release()


def new_loop() -> asyncio.AbstractEventLoop:
    """An asyncio loop, the fast one where there is one."""
    # uvloop keeps the class of sockets it finds, and makes several for each connection: gevent's would each
    # make watchers in a hub of this thread, and Python's costs more than the system call that it is for
    patched = socket.socket
    socket.socket = _socket.socket  # type: ignore[assignment,misc]
    try:
        import uvloop  # noqa: PLC0415  (absent on Windows)
    except ImportError:
        return asyncio.new_event_loop()
    finally:
        socket.socket = patched  # type: ignore[misc]
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
