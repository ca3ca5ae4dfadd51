"""One measurement each: CPU per delivery, acknowledged call and connect, memory per idle connection."""

import os
import time
from dataclasses import dataclass

from tests.bench.clients import Client, Load
from tests.bench.figures import Measurement, Window, marginal_cpu_s, per_connection
from tests.bench.harness import Running, running, starting
from tests.bench.server_process import AnyServer, BenchError, NodeServer, Server

#: Above this share of its one core, the server is suspected to be the bottleneck.
SERVER_LIMIT = 0.7
#: Above this share of all cores in use, somebody waits for one, and the figures are of the waiting.
MACHINE_LIMIT = 0.9
#: A client that offers less than this share of the calls it was asked for is too slow for the figure.
LEAST_OFFERED = 0.95


@dataclass(frozen=True)
class Settings:
    """Users and rates of a bench run; durations in seconds.

    ``connects`` are opened at ``connects_per_s``, of which the middle ones count; a quarter as fast by long
    polling and upgrade.
    ``warm_up_s`` is load before a window, for compilers and caches; ``settle_s`` quiet before it.
    """

    users: int
    few_users: int
    broadcasts_per_s: float
    calls_per_s: list[float]
    connects: int
    connects_per_s: float
    window_s: float
    warm_up_s: float
    settle_s: float


def delivery_figure(size: int) -> str:
    """The name of the figure for messages of so many bytes."""
    return f"delivery of {size:,} B"


def delivery(client: Client, settings: Settings, size: int) -> Measurement:
    """CPU seconds per received message: a broadcast window against an idle one before it."""
    doubts = []
    with running(client, Load("listen", settings.users)) as (server, process):
        server.broadcast(settings.broadcasts_per_s, settings.warm_up_s, size)
        server.drain()
        idle = _idle_window(process, settings)
        before, server_before, begin = server.stats(), server.cpu_s(), process.read()
        after = server.broadcast(settings.broadcasts_per_s, settings.window_s, size)
        server.drain()
        time.sleep(settings.settle_s)  # what was read may wait inside the client
        loaded = begin.until(process.read())
        server_cores = (server.cpu_s() - server_before) / loaded.seconds
        operations = after["deliveries"] - before["deliveries"]
        doubts += _lost_users(server, settings.users)
        counts = process.finish()
    if counts.received != after["deliveries"]:
        doubts.append(f"received {counts.received} of {after['deliveries']} messages")
    return _measured(client, delivery_figure(size), loaded, idle, operations, server_cores, doubts)


def ack_figure(calls_per_s: float) -> str:
    """The name of the figure for calls at a rate of all users together."""
    return f"ack at {calls_per_s:,.0f}/s"


def call(client: Client, settings: Settings, calls_per_s: float, idle: Window) -> Measurement:
    """CPU seconds per acknowledged call at a fixed rate, against ``idle`` connections."""
    doubts = []
    load = Load("echo", settings.users, calls_per_s / settings.users)
    with running(client, load) as (server, process):
        time.sleep(settings.warm_up_s)
        before, server_before, begin = server.stats(), server.cpu_s(), process.read()
        time.sleep(settings.window_s)
        loaded = begin.until(process.read())
        after = server.stats()
        server_cores = (server.cpu_s() - server_before) / loaded.seconds
        doubts += _lost_users(server, settings.users)
        counts = process.finish()
        final = server.stats()
    operations = after["acks"] - before["acks"]
    if operations < LEAST_OFFERED * calls_per_s * loaded.seconds:
        doubts.append(f"only {operations / loaded.seconds:,.0f} calls/s")
    if not final["acks"] - settings.users <= counts.acked <= final["acks"]:  # one in flight per user
        doubts.append(f"counted {counts.acked} of {final['acks']} acknowledgements")
    return _measured(client, ack_figure(calls_per_s), loaded, idle, operations, server_cores, doubts)


def connect_figure(transport: str) -> str:
    """The name of the figure for connects by a transport."""
    return f"connect by {transport}"


def connect(client: Client, settings: Settings, transport: str, idle: Window) -> Measurement:
    """CPU seconds per connect, over the middle of a ramp, against ``idle`` connections."""
    doubts = []
    websocket = transport == "websocket"
    server: AnyServer = Server() if websocket else NodeServer()  # which takes no more than some hundreds
    per_s = settings.connects_per_s if websocket else settings.connects_per_s / 4
    load = Load("idle", settings.connects, spawn_rate=per_s, transport=transport)
    with starting(client, load, server) as process:
        first = process.await_users(server, round(0.2 * settings.connects))
        server_before, begin = server.cpu_s(), process.read()
        last = process.await_users(server, round(0.9 * settings.connects))
        loaded = begin.until(process.read())
        server_cores = (server.cpu_s() - server_before) / loaded.seconds
        process.await_users(server, settings.connects)
        process.finish()
    if (last - first) / loaded.seconds < LEAST_OFFERED * per_s:
        doubts.append(f"only {(last - first) / loaded.seconds:,.0f} connects/s")
    return _measured(client, connect_figure(transport), loaded, idle, last - first, server_cores, doubts)


def memory(client: Client, settings: Settings) -> tuple[Measurement, Window]:
    """Bytes per idle connection; and the CPU that these connections need for nothing."""
    few, _, _ = _idle(client, settings, settings.few_users)
    many, idle, doubts = _idle(client, settings, settings.users)
    value = per_connection(many, settings.users, few, settings.few_users)
    return Measurement(client.name, "memory", value, doubts=doubts), idle


def _idle(client: Client, settings: Settings, users: int) -> tuple[int, Window, list[str]]:
    with running(client, Load("idle", users)) as (server, process):
        window = _idle_window(process, settings)
        return process.memory_bytes(), window, _lost_users(server, users)


def _idle_window(process: Running, settings: Settings) -> Window:
    time.sleep(settings.settle_s)
    begin = process.read()
    time.sleep(settings.window_s)
    return begin.until(process.read())


def _lost_users(server: Server, users: int) -> list[str]:
    now = server.stats()["connected"]
    return [] if now == users else [f"{now} of {users} users connected at the end of the window"]


def _measured(
    client: Client,
    figure: str,
    loaded: Window,
    idle: Window,
    operations: int,
    server_cores: float,
    doubts: list[str],
) -> Measurement:
    if not operations:
        raise BenchError(f"{client.name}: no {figure} within the window")
    if server_cores > SERVER_LIMIT:
        doubts = [*doubts, f"the server used {server_cores:.0%} of its core"]
    machine_cores = loaded.machine_cpu_s / loaded.seconds
    other_cores = max(0.0, machine_cores - server_cores - loaded.cpu_s / loaded.seconds)
    if machine_cores > MACHINE_LIMIT * (os.cpu_count() or 1):
        doubts = [*doubts, f"other processes kept the machine busy ({other_cores:.1f} cores)"]
    return Measurement(
        client=client.name,
        figure=figure,
        value=marginal_cpu_s(loaded, idle, operations),
        operations=operations,
        client_cores=loaded.cpu_s / loaded.seconds,
        server_cores=server_cores,
        other_cores=other_cores,
        doubts=doubts,
    )
