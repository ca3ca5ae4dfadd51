"""A running test by OTLP: Locust's own export, and siotool's figures through the same providers.

Locust reads the variables of OpenTelemetry (``OTEL_EXPORTER_OTLP_ENDPOINT`` and others). It exports
what scenarios report through its request event. Operations of siotool's users do not go through that event:
one call a request would cost more than the request. They are exported as totals, once a period.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from locust.opentelemetry import setup_opentelemetry
from opentelemetry import metrics

from siotool.swarm.running_totals import RunningTotals

#: What is exported of the response times.
QUANTILES = (0.5, 0.95, 0.99)
OUTCOMES = ("expected", "received", "lost")
_LOGS = "OTEL_LOGS_EXPORTER"
#: How long the last export may take.
_FLUSH_MS = 5000


def set_up(scenario: str) -> None:
    """Let Locust set up its export in this process.

    Log records are left out unless the user asks for them: they would pass by what hides secrets.
    """
    os.environ.setdefault(_LOGS, "none")
    setup_opentelemetry(scenario, None)


class ExportedTotals(RunningTotals):
    """The totals of a run, exported from its start to its end."""

    def start(self) -> None:
        """Begin to export.

        Not before: the workers are forks until they run their own program, and in a fork the exporter's
        thread would begin anew and never let it get there.
        """
        set_up(self.header.workload.scenario)
        meter: Any = metrics.get_meter("siotool")

        def observed(values: Callable[[], Iterable[tuple[float, dict[str, str]]]]) -> list[Any]:
            return [lambda _: [metrics.Observation(value, labels) for value, labels in values()]]

        meter.create_observable_counter(
            "siotool.operations", observed(self._operations), "{operation}", "Operations that succeeded."
        )
        meter.create_observable_counter(
            "siotool.operation.errors", observed(self._failures), "{operation}", "Operations that failed."
        )
        meter.create_observable_gauge(
            "siotool.operation.duration", observed(self._times), "s", "Response times since the start."
        )
        meter.create_observable_gauge(
            "siotool.connections", observed(self._open), "{connection}", "Connections that are open."
        )
        meter.create_observable_gauge("siotool.users", observed(self._users), "{user}", "Users there are.")
        meter.create_observable_counter(
            "siotool.deliveries", observed(self._deliveries), "{delivery}", "Deliveries by outcome."
        )

    def stop(self) -> None:
        """Export what is left."""
        provider: Any = metrics.get_meter_provider()
        if hasattr(provider, "force_flush"):  # no exporter was asked for
            provider.force_flush(timeout_millis=_FLUSH_MS)
            provider.shutdown(timeout_millis=_FLUSH_MS)

    def _operations(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [(count, {"op": op, "name": name}) for (op, name), count in self.successes.items()]

    def _failures(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [
            (count, {"op": op, "name": name, "error.type": kind})
            for (op, name, kind), count in self.errors.items()
        ]

    def _times(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [
            (value, {"op": op, "name": name, "quantile": f"{quantile:g}"})
            for (op, name), histogram in self.response.items()
            for quantile in QUANTILES
            if (value := histogram.quantile(quantile)) is not None
        ]

    def _open(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [(self.connections.open, {})]

    def _users(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [(self.connections.users, {})]

    def _deliveries(self) -> Iterable[tuple[float, dict[str, str]]]:
        return [(getattr(self.delivery, name), {"outcome": name}) for name in OUTCOMES]
