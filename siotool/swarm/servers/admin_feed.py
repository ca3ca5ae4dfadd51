"""The statistics of @socket.io/admin-ui: an admin client on its namespace hears each server every 2 s.

A message ``server_stats`` has ``serverId``, ``hostname``, ``pid``, ``uptime``, ``clientsCount``,
``pollingClientsCount``, ``aggregatedEvents`` (counts since the message before) and ``namespaces``. Behind a
cluster's adapter, one namespace shows all servers.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import gevent
import gevent.event
from gevent import monkey

from siotool.client.address import hostname, resolve
from siotool.client.attempt import Attempt
from siotool.client.choices import TlsOptions
from siotool.client.connection import Connection
from siotool.client.endpoint import Endpoint
from siotool.client.failures import ClientFailure
from siotool.client.identity import Identity
from siotool.client.observer import ByteCounts
from siotool.client.opener import Opener
from siotool.client.parsers import parser_of
from siotool.client.pool import Pool
from siotool.errors import InputError
from siotool.printable import one_line
from siotool.protocol.socket_io import Packet
from siotool.swarm.bridge import Bridge
from siotool.swarm.servers.admin_stats import ServerStats, stats_of
from siotool.workload import Target

#: How long connecting may take, and how long after a loss it is tried again.
CONNECT_S, AGAIN_S = 5.0, 1.0
#: Servers send their statistics every 2 s.
PERIOD_S = 2.0
#: The feature of an admin UI that mirrors each event of each client to us.
_MIRRORS = "ALL_EVENTS"


class _AdminListener:
    """Observes the admin connection, in the loop's thread."""

    def __init__(
        self, on_event: Callable[[str, list[Any], float], None], on_end: Callable[[str], None]
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end

    def phase(self, name: str, took: float) -> None:
        """Do nothing, as for all that a run would count."""

    def opening_answer(self, header: Callable[[str], list[str]]) -> None:
        """Do nothing."""

    def upgraded(self, took: float) -> None:
        """Do nothing."""

    def upgrade_failed(self, kind: str, detail: str) -> None:
        """Do nothing: it goes on by long polling."""

    def namespace(self, name: str, took: float) -> None:
        """Do nothing."""

    def cookies(self, values: list[str]) -> None:
        """Do nothing."""

    def joined(self, now: float, recovered: bool) -> None:
        """Do nothing."""

    def left(self, namespace: str) -> None:
        """Do nothing: the connection ends then."""

    def event(self, name: str, arguments: list[Any], packet: Packet, payload: bytes, now: float) -> None:
        """Hand on what is of use."""
        if name in ("server_stats", "config"):
            self._on_event(name, arguments, now)

    def ended(self, reason: str) -> None:
        """Say that it is over."""
        self._on_end(reason)

    def remark(self, kind: str, text: str) -> None:
        """Do nothing: a connection that fails says why."""

    def bug(self, error: Exception) -> None:
        """Take a bug for an end."""
        self._on_end(repr(error))


class AdminFeed:
    """One admin connection, which is opened again when it is lost; for the hub's thread."""

    def __init__(self, target: Target, user: tuple[str, str] | None, tls: TlsOptions, namespace: str) -> None:
        """``user`` is a name and a password; ``namespace`` that of the admin UI. Nothing is opened yet."""
        self.namespace = namespace
        #: The host of the admin UI.
        self.host = hostname(target)
        auth = None if user is None else {"username": user[0], "password": user[1]}
        self._identity = Identity(auth=auth, namespaces=(namespace,))
        make_socket = monkey.get_original("socket", "socket")
        endpoint = Endpoint(target, resolve(target), tls, make_socket=make_socket)
        self._traffic = ByteCounts()
        self._opener = Opener(endpoint, self._traffic)
        self._bridge = Bridge()
        self._pool = Pool(self._traffic, parser_of("json", 4))
        self._connection: Connection[_AdminListener] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: By server id, its last statistics.
        self.servers: dict[str, ServerStats] = {}
        self.mirrors = False
        self.lost = ""

    def open(self) -> None:
        """Connect, and wait for the statistics of all servers. Raises InputError."""
        failure = self._connect()
        if failure is not None:
            refused = failure.kind == "connect_error"
            raise InputError(
                f"no admin client on the namespace {self.namespace}: {failure.kind} "
                f"({one_line(str(failure), 200)})",
                "give the user and the password in the URL, as http://USER:PASSWORD@HOST:PORT/admin"
                if refused
                else "check the URL of --server-admin",
            )
        gevent.sleep(PERIOD_S * 1.1)  # each server speaks once in this time
        if not self.servers:
            raise InputError(
                f"the namespace {self.namespace} sent no statistics within {PERIOD_S:g} s",
                "is it the namespace of @socket.io/admin-ui?",
            )

    def keep(self) -> None:
        """Connect again whenever the connection is lost, until the greenlet ends."""
        while True:
            gevent.sleep(AGAIN_S)
            if self.lost:
                self._connect()

    def close(self) -> None:
        """Leave."""
        self._bridge.to_loop(self._leave)
        gevent.sleep(0)
        self._bridge.stop()

    def _connect(self) -> ClientFailure | None:
        answer: Any = gevent.event.AsyncResult()
        self._bridge.to_loop(self._start, answer.set)
        failure: ClientFailure | None = answer.get()
        self.lost = "" if failure is None else failure.kind
        return failure

    # ── in the loop's thread ──────────────────────────────────────────────────────────

    def _start(self, answer: Callable[[ClientFailure | None], None]) -> None:
        task = self._bridge.loop.create_task(self._open(answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, answer: Callable[[ClientFailure | None], None]) -> None:
        listener = _AdminListener(self._heard, lambda reason: self._bridge.to_hub(self._ended, reason))
        self._connection = Connection(self._pool, listener, {}, self._identity)
        failure = await Attempt().run(self._connection, self._opener.by("upgrade"), CONNECT_S)
        self._bridge.to_hub(answer, failure)

    def _heard(self, name: str, arguments: list[Any], now: float) -> None:
        self._bridge.to_hub(self._take, name, arguments, now)

    def _leave(self) -> None:
        if self._connection is not None:
            self._connection.end("client")

    # ── in the hub's thread ───────────────────────────────────────────────────────────

    def _take(self, name: str, arguments: list[Any], now: float) -> None:
        if name == "config":
            self.mirrors = self.mirrors or _MIRRORS in repr(arguments)
            return
        found = stats_of(arguments, now, self.namespace)
        if found is not None:
            before = self.servers.get(found.server)
            self.servers[found.server] = found if before is None else found.after(before)

    def _ended(self, reason: str) -> None:
        self.lost = reason or "transport_close"
