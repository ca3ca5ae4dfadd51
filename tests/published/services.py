"""What services and benchmarks report of themselves: fan-out, CPU, memory and servers."""

from collections.abc import Iterator

from siotool.plan.adapters.laws import REDIS_DELIVERIES_PER_S, Adapter, adapter_named, backend_rate
from siotool.plan.demand.fanout import MessageKind, traffic
from siotool.plan.inputs.costs import priors
from siotool.plan.numbers import Number, divide, whole
from siotool.plan.storage.offline import messages_per_s
from tests.published.check import Check, Table
from tests.published.headroom import headroom
from tests.published.queues import largest_batch, last_written_s, occupancy

SUPABASE = Table("Supabase Realtime", "https://supabase.com/docs/guides/realtime/benchmarks")
ABLY = Table("Ably", "https://ably.com/docs/platform/pricing/limits")
CENTRIFUGO = Table("Centrifugo", "https://centrifugal.dev/blog (2020-02-10, 2026-06-29, 2026-08-17)")
ONE_CORE = Table(
    "Socket.IO on one core", "https://github.com/ezioda004/benchmark-socketio-uwebsockets (at 62432d2)"
)
HEAP = Table("Socket.IO heap", "https://socket.io/docs/v4/memory-usage/ (Node.js 20.3, chart read to ± 2 MB)")
WHATSAPP = Table("WhatsApp", "https://blog.whatsapp.com/1-million-is-so-2011")
DISCORD = Table(
    "Discord",
    "https://discord.com/blog/how-discord-scaled-elixir-to-5-000-000-concurrent-users, "
    "https://discord.com/blog/maxjourney-pushing-discords-limits-with-a-million-plus-online-users-in-a-single-server",
)
MATTERMOST = Table(
    "Mattermost",
    "https://docs.mattermost.com/administration-guide/scale/scaling-for-enterprise.html "
    "(mattermost/docs at 9dd1c71)",
)

MONTH_S = 365 / 12 * 86_400.0


def checks() -> Iterator[Check]:
    """Yield every cell that follows from something else the source says."""
    yield from supabase()
    yield from ably()
    yield from centrifugo()
    yield from socket_io()
    yield from messengers()
    yield from mattermost()


def _sent(*messages: MessageKind[float], connections: float) -> tuple[float, float]:
    """Messages and payload bytes delivered per second."""
    made = [traffic(message, connections) for message in messages]
    return sum(m.deliveries_per_s for m in made), sum(m.payload_out_bytes_per_s for m in made)


def _two_channels(rate_per_s: float, size_bytes: float) -> tuple[MessageKind[float], MessageKind[float]]:
    """A channel of one's own and one of six, each sent to at a rate."""
    return (
        MessageKind(name="own channel", kind="echo", size_bytes=size_bytes, rate_per_s=rate_per_s),
        MessageKind(name="six", kind="room", size_bytes=size_bytes, rate_per_s=rate_per_s, room_size=6.0),
    )


def presence(name: str, size_bytes: Number, members: Number, visits_per_s: Number) -> MessageKind:
    """Return the messages by which a room of ``members`` hears who enters and who leaves it.

    Each visit is two messages to the whole room, so the traffic of a full room grows with the
    square of its members. ``visits_per_s`` is how often one session enters and leaves. Source:
    https://ably.com/docs/platform/pricing/limits
    """
    return MessageKind(
        name=name, kind="room", size_bytes=size_bytes, rate_per_s=2.0 * visits_per_s, room_size=members
    )


def most_publishes(adapter: Adapter, shards: float = 1.0) -> Number:
    """Publishes per second, each for a room of 10 on 24 nodes, at which one Redis delivers its most."""
    return divide(REDIS_DELIVERIES_PER_S, backend_rate(adapter, 1.0, 10.0, 24.0, shards=shards))


def supabase() -> Iterator[Check]:
    """An own channel and one of six users: seven messages for each one sent to both."""
    out, _ = _sent(*_two_channels(1.0, 100.0), connections=32_000)
    yield SUPABASE.rounded("32,000 users, messages/s", 224_000, 0, out)
    out, _ = _sent(*_two_channels(2.0, 100.0), connections=32_000)
    yield SUPABASE.rounded(
        "32,000 users at the 2 messages/s to each channel that the text says, messages/s",
        224_000,
        0,
        out,
        stale="the printed throughput, and the bytes sent, are those of 1 message/s to each channel",
    )
    for users, size_bytes, printed, received_mb in (
        (4_000, 10e3, 28_000, 268.0),
        (4_000, 50e3, 28_000, 1284.0),
        (2_000, 50e3, 14_000, 644.0),
    ):
        out, out_bytes = _sent(*_two_channels(1.0, size_bytes), connections=users)
        where = f"{users:,} users, {size_bytes / 1e3:g} kB"
        yield SUPABASE.rounded(f"{where}, messages/s", printed, 0, out)
        yield SUPABASE.between(
            f"{where}, MB/s received",
            f"{received_mb:g}",
            0.0,
            received_mb,
            out_bytes / 1e6,
            stale="less than payload times messages: the mean over the test takes its ramps in",
        )
    hundred = MessageKind(name="100", kind="room", size_bytes=50.0, rate_per_s=2 / 60, room_size=100.0)
    for users, printed, next_one in ((250_000, 800_000, 900_000), (50_000, 150_000, 200_000)):
        out, _ = _sent(hundred, connections=users)
        yield SUPABASE.between(f"{users:,} users, messages/s", f">{printed:,}", printed, next_one, out)
    out, out_bytes = _sent(
        MessageKind(name="received", kind="push", size_bytes=211.0, rate_per_s=7.0), connections=32_000
    )
    yield SUPABASE.rounded("32,000 users, MB/s received at 211 B a message", 47.2, 0.2, out_bytes / 1e6)


def ably() -> Iterator[Check]:
    """200 members who all enter and leave once, each heard of by all."""
    made = traffic(presence("presence", 100.0, members=200.0, visits_per_s=1.0), 200.0)
    yield ABLY.rounded(
        "presence of 200 members, messages", 80_400, 0, made.inbound_per_s + made.deliveries_per_s
    )


def centrifugo() -> Iterator[Check]:
    """A million connections on 20 pods; idle connections; Redis in between."""
    made = traffic(MessageKind(name="m", kind="push", size_bytes=100.0, rate_per_s=0.5), 1e6)
    yield CENTRIFUGO.rounded("1M connections, messages/s", 500_000, 0, made.deliveries_per_s)
    cores = {"idle": occupancy(1e6, 10e-6), "deliveries": occupancy(made.deliveries_per_s, 60e-6)}
    yield CENTRIFUGO.rounded("1M idle connections at 10 µs/s, cores", 10, 1, cores["idle"])
    yield CENTRIFUGO.rounded("1M connections at 60 µs a delivery more, cores", 40, 1, sum(cores.values()))
    pods = headroom({"Mbit/s": made.deliveries_per_s * 750 * 8 / 1e6}, {"Mbit/s": 150.0})
    yield CENTRIFUGO.rounded("pods that send 150 Mbit/s at 750 B a delivery", 20, 0, 1 / pods.factor)
    yield CENTRIFUGO.rounded("memory, kB a connection", 30, 10, divide(27e9, 1e6) / 1e3)
    yield CENTRIFUGO.rounded("churn a minute, sessions of 5 min", 200_000, 0, 60 * 1e6 / 300)
    idle = priors("node-ws")["server.idle_cost"]
    yield CENTRIFUGO.rounded("200,000 idle connections, cores", 0.94, 0.01, occupancy(200e3, idle.low))
    most = most_publishes(adapter_named("redis"))
    yield CENTRIFUGO.rounded("publishes/s that 24 nodes get from one Redis, thousands", 27, 1, most / 1e3)
    sharded = adapter_named("redis-sharded")
    eight = most_publishes(sharded, 8.0) / most_publishes(sharded) * REDIS_DELIVERIES_PER_S
    yield CENTRIFUGO.rounded("deliveries/s of 8 shards, millions", 5, 1, eight / 1e6)


def socket_io() -> Iterator[Check]:
    """One core: 30,000 clients get 1 kB a second each; and what connections take of the heap."""
    ws, uws = (priors(name)["server.delivery_cost"] for name in ("node-ws", "node-uws"))
    push = MessageKind(name="1 kB", kind="push", size_bytes=1000.0, rate_per_s=1.0)
    for name, end, clients, share in (
        ("node-ws", ws.low, 30_000, 100),
        ("node-ws", ws.high, 20_000, 90),
        ("node-uws", uws.low, 120_000, 70),
    ):
        used = occupancy(traffic(push, float(clients)).deliveries_per_s, end)
        yield ONE_CORE.rounded(f"{name}, {clients:,} clients, % of a core", share, 2, 100 * used)
    most = headroom({"core": occupancy(1.0, uws.likely or 0.0)}, {"core": 1.0})
    yield ONE_CORE.rounded("node-uws, clients at most, thousands", 150, 10, most.factor / 1e3)
    all_at_once = last_written_s(30_000.0, ws.low)
    yield ONE_CORE.rounded("node-ws, last of 30,000 written to, s", 1, 0.1, all_at_once)
    yield ONE_CORE.rounded("node-ws, recipients in 200 ms", 6_060, 0, largest_batch(0.2, ws.low))
    for name, printed in (("node-ws", 98.0), ("node-eiows", 65.0), ("node-uws", 61.5)):
        heap = priors(name)["server.heap_per_connection"]
        used = 5.5 + occupancy(10_000.0, heap.low) / 1e6
        yield HEAP.rounded(f"{name}, 10,000 connections, MB", printed, 4, used)


def messengers() -> Iterator[Check]:
    """Memory of two million connections; relays of a million sessions; thirty thousand writes."""
    room = headroom({"memory": 45.2e3}, {"memory": 103_062_118_400.0})
    yield WHATSAPP.rounded("connections in 96 GiB at 45.2 kB", 2_277_845, 5_000, room.factor)
    yield DISCORD.rounded("relays of 15,000 sessions for a million", 67, 0, whole(divide(1e6, 15_000.0)))
    for write_s, printed in ((30e-6, 0.9), (70e-6, 2.1)):
        last = last_written_s(30_000.0, write_s)
        yield DISCORD.rounded(f"30,000 sends of {write_s * 1e6:g} µs, s", printed, 0.1, last)


#: Concurrent users, application nodes, vCPU of each, users a vCPU carries.
MATTERMOST_NODES = (
    (200, 1, 2, 100),
    (2_000, 2, 2, 500),
    (15_000, 2, 4, 1875),
    (30_000, 2, 8, 1875),
    (50_000, 5, 8, 1250),
    (80_000, 4, 16, 1250),
    (90_000, 5, 16, 1125),
    (100_000, 6, 16, 1042),
    (200_000, 14, 16, 893),
)

_STALE_STORAGE = "the example's own formula gives another figure: it was kept when the page's users changed"

#: Users, and the printed TB a year for 5 and for 25 MB per user and month, twice for safety.
MATTERMOST_STORAGE = (
    (30_000, 3.0, 15.0, _STALE_STORAGE),
    (50_000, 6.0, 30.0, ""),
    (90_000, 10.56, 52.8, _STALE_STORAGE),
    (100_000, 10.56, 52.8, _STALE_STORAGE),
    (200_000, 21.12, 105.6, _STALE_STORAGE),
)


def mattermost() -> Iterator[Check]:
    """Reference architectures: nodes, logins and storage."""
    for users, nodes, cores, per_core in MATTERMOST_NODES:
        room = headroom({"cores": divide(float(users), float(per_core))}, {"cores": float(cores)})
        yield MATTERMOST.rounded(f"{users:,} users, nodes of {cores} vCPU", nodes, 0, whole(1 / room.factor))
    yield MATTERMOST.rounded("150,000 logins in 1.5 h, per second", 30, 10, divide(150_000.0, 1.5 * 3600))
    for users, low_tb, high_tb, stale in MATTERMOST_STORAGE:
        for size_bytes, printed in ((5e6, low_tb), (25e6, high_tb)):
            figures = {"offline_users": float(users), "messages": 1 / MONTH_S, "readers": 1.0}
            coming = messages_per_s({f"storage.{key}": value for key, value in figures.items()})
            terabytes = 2 * coming * 12 * MONTH_S * size_bytes / 1e12
            what = f"{users:,} users at {size_bytes / 1e6:g} MB a month, TB a year"
            yield MATTERMOST.rounded(what, printed, 0, terabytes, stale)
