"""What a server says of itself, as Prometheus reads it, by the names of the lab's servers on Node.js."""

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from siotool.target.redis_join import CountingRedisManager
from siotool.target.socket_server import SocketServer


class ServerFigurePage(Collector):
    """The figures of one server; those of its adapter are 0 where it has none."""

    def __init__(self, sio: SocketServer, manager: CountingRedisManager | None) -> None:
        self._sio = sio
        self._manager = manager

    def collect(self) -> Iterator[Metric]:
        """Return what they are now."""
        manager = self._manager
        connected = sum(not session.closed for session in list(self._sio.eio.sockets.values()))
        yield GaugeMetricFamily("socket_io_connected", "Connected clients.", connected)
        counters = (
            ("socket_io_events_received", "Events of clients.", self._sio.events_received),
            (
                "socket_io_adapter_published",
                "Messages given to the adapter.",
                manager.published if manager is not None else 0,
            ),
            (
                "socket_io_adapter_received",
                "Messages received from the adapter.",
                manager.heard if manager is not None else 0,
            ),
        )
        for name, words, count in counters:
            yield CounterMetricFamily(name, words, count)


def metrics_app(sio: Any, manager: CountingRedisManager | None) -> web.Application:
    """Return what answers /metrics."""
    registry = CollectorRegistry()
    registry.register(ServerFigurePage(sio, manager))

    async def page(_request: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    app = web.Application()
    app.router.add_get("/metrics", page)
    return app
