"""Can the target be connected to, and does an HTTP server answer for itself?"""

from types import MappingProxyType
from typing import Any

from siotool.printable import one_line
from siotool.probe.finding import Check, Finding
from siotool.probe.known import Known
from siotool.probe.refusal import DOWN, FAILING, THROTTLED, cause
from siotool.units import format_duration

_UNREACHABLE = MappingProxyType(
    {
        "dns": ("the host's name has no address", "check the host's name"),
        "refused": ("nothing listens on this port", "is the server running, and on this port?"),
        "timeout": (
            "nothing answers: a firewall drops the packets, or the host is off",
            "check the address, the firewall and the security group",
        ),
        "unreachable": ("there is no way to this host", "check the network"),
        "tls": (
            "the port is open, but it does not speak TLS with us",
            "is it a port of plain HTTP? then use http://; else check the TLS versions it accepts",
        ),
    }
)
_REFUSING = MappingProxyType(
    {
        DOWN: (
            "a proxy answers and has no server to pass the request to",
            "are the servers running, and does the proxy know their addresses and health checks?",
        ),
        FAILING: (
            "the server, or a proxy in front of it, fails",
            "look at its log",
        ),
        THROTTLED: (
            "something in front limits requests",
            "raise the limit for this address, or wait; a load test would measure the limit",
        ),
    }
)


def _judge(known: Known, _: Any) -> Finding:
    if known.reached.failure:
        return _unreachable(known)
    if known.elsewhere or (known.opening is None and known.redirected):
        return _led_away(known)
    if known.wants_tls or "HTTPS port" in (known.refusals[0].words if known.refusals else ""):
        return Finding(
            "reachable",
            "error",
            f"port {known.settings.port} speaks TLS, and was asked without",
            "requests in plain HTTP are not answered there",
            f"use https://{known.settings.address}",
        )
    refused = known.refusals[0] if known.opening is None and known.refusals else None
    if refused is not None and (kind := cause(refused)) in _REFUSING:
        means, do = _REFUSING[kind]
        server = f" (Server: {one_line(refused.header('Server'), 60)})" if refused.header("Server") else ""
        return Finding("reachable", "error", f"HTTP {refused.said}{server}", means, do)
    return _reached(known)


def _unreachable(known: Known) -> Finding:
    reached, settings = known.reached, known.settings
    means, do = _UNREACHABLE[reached.failure]
    at = f"{settings.host} port {settings.port}"
    if known.hops:
        at = f"a redirect leads to {one_line(known.hops[-1])}; {at}"
    return Finding("reachable", "error", f"{at}: {reached.failure} ({one_line(reached.detail)})", means, do)


def _led_away(known: Known) -> Finding:
    """A redirect that is not followed: to another host, from TLS to none, or one of too many."""
    status = known.polled[4].reply.status
    if not known.elsewhere:
        return Finding(
            "reachable",
            "error",
            f"redirects without end: {' → '.join(map(one_line, known.hops))} answers {status} again",
            "each address sends to the next one",
            "look at the redirects of the proxy, and at the path",
        )
    return Finding(
        "reachable",
        "error",
        f"{known.settings.target.url} answers {status}, a redirect to {one_line(known.elsewhere)}",
        "a redirect is followed on the same host, and from TLS only to TLS",
        "give the address it redirects to",
    )


def _reached(known: Known) -> Finding:
    where = ", ".join(known.reached.addresses[:4])
    took = format_duration(known.reached.seconds)
    seen = f"connected to {where} port {known.settings.port} in {took}"
    if not known.hops:
        return Finding("reachable", "ok", seen)
    return Finding(
        "reachable",
        "warning",
        f"{seen}, by redirects over {' → '.join(map(one_line, known.hops))}",
        "browsers follow a redirect for long polling and never for WebSocket: clients lose the upgrade",
        f"give clients the last address: {one_line(known.hops[-1])}"
        + ("" if known.settings.slash else " (addTrailingSlash: false keeps the path as it is)"),
    )


CHECKS = [Check("reachable", "the host's name, its port, redirects, proxies without a server", _judge)]
