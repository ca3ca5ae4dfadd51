"""Serves a running test to Prometheus: ``--metrics-port``, on loopback."""

from typing import Any

from gevent import socket
from gevent.pywsgi import WSGIServer
from prometheus_client import CollectorRegistry, make_wsgi_app

from siotool.errors import InputError
from siotool.runfile import Header
from siotool.swarm.open_metrics import RunCollector
from siotool.swarm.running_totals import RunningTotals

HOST = "127.0.0.1"


class MetricsPort:
    """A port that is taken before the run begins, so that a taken one is refused in time."""

    def __init__(self, port: int) -> None:
        """0 takes any free port. Raises InputError when it is taken."""
        self._listener: Any = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((HOST, port))
        except OSError as error:
            self._listener.close()
            raise InputError(
                f"port {port} is not free for metrics: {error.strerror}", "choose another --metrics-port"
            ) from error
        self._listener.listen(16)

    @property
    def url(self) -> str:
        """Where metrics are scraped."""
        return f"http://{HOST}:{self._listener.getsockname()[1]}/metrics"

    def serve(self, header: Header) -> "ServedTotals":
        """Return what serves a run; it begins with the run's display."""
        return ServedTotals(header, self._listener)


class ServedTotals(RunningTotals):
    """The totals of a run, served from its start to its end."""

    def __init__(self, header: Header, listener: Any) -> None:
        super().__init__(header)
        registry = CollectorRegistry()
        registry.register(RunCollector(self))
        self._server = WSGIServer(listener, make_wsgi_app(registry), log=None)

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.stop(timeout=1)
