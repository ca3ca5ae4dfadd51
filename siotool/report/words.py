"""A report in words: the headline that every renderer shows alike."""

from datetime import UTC, datetime

import msgspec

from siotool import units
from siotool.page.table import Tone
from siotool.report.contents import Report
from siotool.report.verdict import sentence

#: Where a Socket.IO server listens unless it is told otherwise.
DEFAULT_PATH = "/socket.io/"


class Headline(msgspec.Struct, frozen=True):
    """``verdict`` says what the run proved, ``servers`` how many, ``load`` what was asked.

    ``binding`` is empty when there is nothing to say.
    """

    verdict: str
    tone: Tone
    servers: str
    binding: str
    load: str


def headline(report: Report) -> Headline:
    """Return what a reader sees first."""
    return Headline(
        verdict=sentence(report),
        tone="good" if report.verdict == "passed" else "bad",
        servers=_servers(report),
        binding=_binding(report),
        load=_load(report),
    )


def label(op: str, name: str) -> str:
    """Name an operation: ``ack echo``; a name that only repeats the operation is left out."""
    return op if name in ("", op) else f"{op} {name}"


def _servers(report: Report) -> str:
    sizing = report.sizing
    planned, measured = sizing.servers_planned, sizing.servers_measured
    if planned is None and measured is None:
        return f"No number of servers: {sizing.servers_measured_how}."
    each = f"; a server is {sizing.server}" if sizing.server else ""
    at_most = "at most " if sizing.bound else ""
    said = []
    if planned is not None:
        said.append(f"{plural(planned, 'server')} planned{_formula(sizing.document_planned)}")
    if measured is not None:
        count = f"{measured:,}" if said else plural(measured, "server")
        said.append(f"{at_most}{count} from measurement{_formula(sizing.document_measured)}")
    else:
        said.append("none from measurement")
    sentence = ", ".join(said)
    return f"{sentence[0].upper()}{sentence[1:]}{each}."


def _formula(count: int | None) -> str:
    return "" if count is None else f" ({count:,} by the formula alone)"


def _binding(report: Report) -> str:
    sizing = report.sizing
    said = []
    if sizing.servers_planned is not None and sizing.servers_measured is None:
        said.append(f"None from measurement: {sizing.servers_measured_how}.")
    if sizing.binding is not None and sizing.servers_needed is not None:
        said.append(
            f"The binding constraint is {sizing.binding}: {plural(sizing.servers_needed, 'server')} needed."
        )
    if sizing.bound:
        said.append(f"The measured count is a bound: {sizing.bound}.")
    return " ".join(said)


def _load(report: Report) -> str:
    users = max(run.users_planned for run in report.runs) or report.connections.users_peak or 0
    duration = sum(run.duration_s or 0.0 for run in report.runs)
    runs = f", {len(report.runs)} runs" if len(report.runs) > 1 else ""
    target = report.target
    namespace = f" {target.namespace}" if target.namespace != "/" else ""
    path = target.path if target.path != DEFAULT_PATH else ""
    return (
        f"{report.scenario}: {plural(users, 'user')} for {units.format_duration(duration)}{runs} "
        f"at {target.url}{path}{namespace}, {_when(report)}"
    )


def _when(report: Report) -> str:
    """When the run began, or the first and the last of several."""
    first, *_, last = sorted({_moment(run.started_at) for run in report.runs}) * 2
    return f"begun {first}" if first == last else f"begun {first} to {last}"


def _moment(started_at: str) -> str:
    """An ISO time as people write it, to the minute: ``2026-01-01 00:00 UTC``; what is none, as it is."""
    try:
        return f"{datetime.fromisoformat(started_at).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return started_at


def plural(count: int, noun: str) -> str:
    """Write a count of things: ``1 server``, ``2 servers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
