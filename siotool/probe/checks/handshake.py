"""What does the open packet say: heartbeats, the largest message?"""

from typing import Any

from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.units import format_duration, format_size

#: Idle timeouts that balancers and proxies have by default: nginx, AWS, HAProxy's examples.
_IDLE_TIMEOUT_S = 60.0
_OFTEN_S = 5.0


def _judge_ping(known: Known, _: Any) -> Finding | None:
    if known.opening is None:
        return None
    handshake = known.opening.handshake
    interval, timeout = handshake.pingInterval / 1000, handshake.pingTimeout / 1000
    seen = f"a ping each {format_duration(interval)}, its answer within {format_duration(timeout)}"
    lost = f"a lost client is noticed after up to {format_duration(interval + timeout)}"
    if interval >= _IDLE_TIMEOUT_S:
        return Finding(
            "ping",
            "warning",
            seen,
            "proxies close connections that are silent for 60 s by default: idle clients lose theirs",
            "set pingInterval to 25000, or the proxies' idle timeouts above it; --patient tries it",
        )
    if interval < _OFTEN_S:
        return Finding("ping", "info", seen, f"{lost}; pings this often cost CPU with many idle clients", "")
    return Finding("ping", "ok", seen, lost)


def _judge_payload(known: Known, _: Any) -> Finding | None:
    if known.opening is None:
        return None
    largest = known.opening.handshake.maxPayload
    if largest is None:
        means = "the server does not say the largest message it takes; a larger one ends the connection"
        return Finding("max-payload", "info", "no maxPayload in the open packet", means)
    return Finding(
        "max-payload",
        "ok",
        f"{format_size(largest)} (maxPayload, {largest:,.0f} bytes)",
        "a larger message ends the connection",
    )


CHECKS = [
    Check("ping", "ping interval and timeout", _judge_ping),
    Check("max-payload", "the largest message the server takes", _judge_payload),
]
