"""What a lab is asked to be: how many servers, what joins them, and what stands in front."""

from typing import Literal

import msgspec

from siotool.errors import InputError

Runtime = Literal["node", "python"]
AdapterName = Literal["none", "cluster", "redis", "redis-sharded", "redis-streams", "postgres", "mongo"]
StoreName = Literal["none", "postgres", "couchdb", "mongo"]
#: What a client that comes back gets of what is kept: what it has not; by mistake nothing, or everything.
Replay = Literal["missed", "nothing", "everything"]
BalancerName = Literal["none", "nginx", "haproxy"]
Stickiness = Literal["cookie", "address", "table", "none"]
#: What a process is in a lab: a server holds clients, the others only carry what is theirs.
Role = Literal["server", "primary", "balancer", "backend", "proxy"]

#: The response header in which a server of a lab says its name, as it opens a session.
SERVED_BY = "X-Served-By"
#: How many connections wait to be accepted at a URL, if nobody says so.
ACCEPT_QUEUE = 4096
#: The most servers: each is a process that takes 50 MB.
MOST_SERVERS = 64


class Lab(msgspec.Struct, frozen=True, kw_only=True):
    """The fleet; ``recovery_s`` 0: no connection state recovery; ``port`` 0: any free one.

    ``sticky`` is how the balancer keeps a session on one server. ``tick_rate`` is how many ticks a second
    each server sends to its clients. ``store`` is where conversations are kept, ``replay`` what of them
    clients get that come back. ``replica``: Redis has one, which can take its place. The last ``behind``
    servers run Socket.IO 2, which no adapter joins. ``idle_timeout_s`` is after how long without traffic
    the balancer closes a connection, 0: 60 s, and an hour for a WebSocket at HAProxy. ``accept_queue`` is
    how many connections wait to be accepted at a URL. ``witness``: each server writes down what it sends.
    ``toxics``: Toxiproxy stands in front of each part that others connect to.
    """

    servers: int = 1
    runtime: Runtime = "node"
    adapter: AdapterName = "none"
    balancer: BalancerName = "none"
    sticky: Stickiness = "cookie"
    tls: bool = False
    recovery_s: float = 0.0
    port: int = 0
    tick_rate: float = 0.0
    store: StoreName = "none"
    replay: Replay = "missed"
    replica: bool = False
    behind: int = 0
    idle_timeout_s: float = 0.0
    accept_queue: int = ACCEPT_QUEUE
    witness: bool = False
    toxics: bool = False

    @property
    def doors(self) -> int:
        """How many URLs it has."""
        return self.servers if self.balancer == "none" and self.adapter != "cluster" else 1

    @property
    def backends(self) -> list[str]:
        """The names of what carries messages between its servers, and of what keeps them."""
        carrier = "redis" if self.adapter.startswith("redis") else self.adapter
        pair = ("redis-2", "redis-door") if self.replica else ()
        return [
            name for name in dict.fromkeys((carrier, *pair, self.store)) if name not in ("none", "cluster")
        ]

    @property
    def proxied(self) -> list[str]:
        """The names of what others connect to: with ``toxics``, Toxiproxy is in front of each."""
        servers = [f"server-{number}" for number in range(1, self.servers + 1)]
        carrier = "redis-door" if self.replica else next(iter(self.backends), "")
        return [
            *(["primary"] if self.adapter == "cluster" else servers),
            *([self.balancer] if self.balancer != "none" else []),
            *(name for name in dict.fromkeys((carrier, self.store)) if name not in ("", "none")),
        ]

    @property
    def planned_adapter(self) -> str:
        """What ``siotool plan`` calls its adapter: that of servers in Python has laws of its own."""
        return "python-redis" if (self.runtime, self.adapter) == ("python", "redis") else self.adapter

    @property
    def words(self) -> str:
        """What it is, whatever its ports are: runs of labs with the same words are of one service."""
        parts = [f"{self.servers} {self.runtime}", f"adapter {self.adapter}"]
        if self.balancer != "none":
            parts.append(f"balancer {self.balancer}, sticky {self.sticky}")
        parts += [f"store {self.store}"] if self.store != "none" else []
        parts += [f"replay {self.replay}"] if self.replay != "missed" else []
        parts += ["replica"] if self.replica else []
        parts += ["witness"] if self.witness else []
        parts += ["toxics"] if self.toxics else []
        parts += [f"{self.behind} behind"] if self.behind else []
        parts += [f"idle timeout {self.idle_timeout_s:g} s"] if self.idle_timeout_s else []
        parts += [f"accept queue {self.accept_queue}"] if self.accept_queue != ACCEPT_QUEUE else []
        parts += ["tls"] if self.tls else []
        parts += [f"recovery {self.recovery_s:g} s"] if self.recovery_s else []
        return f"lab of {', '.join(parts)}"


def check(lab: Lab, *, sticky_given: bool) -> None:
    """Raise InputError for what does not go together; ``sticky_given``: somebody asked for it."""
    if not 1 <= lab.servers <= MOST_SERVERS:
        raise InputError(f"servers is {lab.servers}; expected 1 to {MOST_SERVERS}")
    if not 0 <= lab.port <= 65535:
        raise InputError(f"port {lab.port} does not exist", "use 0 (any free port) to 65535")
    if sticky_given and lab.balancer == "none":
        raise InputError(
            "sticky is of a balancer, and balancer is none",
            "set balancer to nginx or haproxy, or leave sticky out",
        )
    if lab.port and lab.doors > 1:
        raise InputError(
            f"port {lab.port} is for one URL, and {lab.servers} servers without a balancer have one each",
            "leave port out, or set balancer to nginx or haproxy",
        )
    if lab.tls and lab.adapter == "cluster" and lab.balancer == "none":
        raise InputError(
            "tls with adapter cluster: its primary must read requests, and cannot read TLS",
            "set balancer to nginx or haproxy, which ends TLS in front of it",
        )
    if lab.recovery_s < 0 or lab.recovery_s > 86_400:
        raise InputError(f"recovery of {lab.recovery_s:g} s is out of range", "use up to 24h")
    if lab.replay != "missed" and lab.store == "none":
        raise InputError(
            "replay is of a store, and store is none",
            "set store to postgres, couchdb or mongo, or leave replay out",
        )
    _check_bad_days(lab)
    check_toxics(lab)
    if lab.runtime == "python":
        _check_python(lab)


def _check_bad_days(lab: Lab) -> None:
    """What is wrong with a lab on purpose, and cannot be."""
    if lab.sticky == "table" and lab.balancer != "haproxy":
        raise InputError("sticky table is of HAProxy: nginx keeps no table", "set balancer to haproxy")
    if lab.idle_timeout_s and lab.balancer == "none":
        raise InputError(
            "idle-timeout is of a balancer, and balancer is none", "set balancer to nginx or haproxy"
        )
    if lab.idle_timeout_s < 0 or lab.idle_timeout_s > 86_400:
        raise InputError(f"idle-timeout of {lab.idle_timeout_s:g} s is out of range", "use up to 24h")
    if lab.replica and not lab.adapter.startswith("redis"):
        raise InputError("replica is of Redis", "set adapter to redis, redis-sharded or redis-streams")
    if not 1 <= lab.accept_queue <= 65_535:
        raise InputError(f"accept-queue is {lab.accept_queue}; expected 1 to 65535")
    if lab.behind and (lab.adapter == "cluster" or lab.runtime == "python" or lab.store != "none"):
        raise InputError("behind is of servers of their own on Node.js, without a store", "leave one out")
    if lab.behind and lab.witness:
        raise InputError("witness with behind: Socket.IO 2 does not tell what it sends", "leave one out")
    if not 0 <= lab.behind <= lab.servers:
        raise InputError(f"behind is {lab.behind}; there are {lab.servers} servers")


def check_toxics(lab: Lab) -> None:
    """Raise InputError for what Toxiproxy, which is a machine of its own to the parts behind, would hide."""
    if not lab.toxics:
        return
    if lab.sticky == "address" and lab.balancer != "none":
        raise InputError(
            "sticky address with toxics: to the balancer all clients have the address of Toxiproxy",
            "set sticky to cookie or none, or leave toxics out",
        )
    if lab.accept_queue != ACCEPT_QUEUE:
        raise InputError(
            "accept-queue with toxics: clients wait in the queue of Toxiproxy, which is another",
            "leave one out",
        )


def _check_python(lab: Lab) -> None:
    hint = "use runtime node, or leave it out"
    if lab.adapter not in ("none", "redis"):
        raise InputError(
            f"runtime python has no adapter {lab.adapter}: python-socketio is joined by Redis here",
            "set adapter to redis (socketio.AsyncRedisManager), or runtime to node",
        )
    if lab.store != "none":
        raise InputError("runtime python keeps no messages here", hint)
    if lab.recovery_s:
        raise InputError("python-socketio has no connection state recovery", hint)
    if lab.witness:
        raise InputError("runtime python writes down nothing of what it sends", hint)
    if lab.sticky == "table" and lab.balancer == "haproxy":
        raise InputError("sticky table is of the cookie io, which runtime python does not set", hint)
    if lab.accept_queue != ACCEPT_QUEUE and lab.balancer == "none":
        raise InputError(
            "runtime python has an accept queue of its own",
            "set balancer to nginx or haproxy, which have one",
        )
    if lab.tls and lab.balancer == "none":
        raise InputError("runtime python has no TLS of its own here", "set balancer to nginx or haproxy")
