"""What a report shows of the servers: all together, and a row for each where there are several."""

from siotool import units
from siotool.document.document import Row, Section, Table, columns
from siotool.document.groups import NONE
from siotool.report import ways
from siotool.report.contents import Report
from siotool.report.server_figures import ServerFigures
from siotool.report.sizing_tables import cell

_HOW = (ways.SAMPLES, ways.HOLD, ways.SLOPE)


def server(report: Report) -> Section:
    """Return what the server used, or all servers together and each."""
    known = report.server
    if known is None:
        return Section("server", "Server", [])
    if len(report.servers) < 2:
        named = columns("server", "measured>", "how measured")
        return Section("server", "Server", [Table(named, [*map(Row, _rows(known))], how=_HOW)])
    named = columns("all servers", "measured>", "how measured")
    several = sum(not one.beside for one in report.servers) > 1
    together = Table(named, [*map(Row, _rows(known))], _balance(known) if several else "", how=_HOW)
    return Section("server", "Servers", [together, _each(report.servers)])


def _rows(known: ServerFigures) -> list[list[str]]:
    share = known.cpu_share_mean
    of_cores = "" if share is None else f" ({units.format_share(share)} of {known.cores:g})"
    of_memory = f" of {units.format_size(known.memory_bytes)}" if known.memory_bytes else ""
    # the limit is that of one process
    of_files = f" of {known.files_limit:,}" if known.files_limit and (known.processes_max or 1) == 1 else ""
    idle = "where the slope begins"
    count, size = units.format_count, units.format_size
    rows = [
        ["CPU, mean of hold phase", _cores(known.cpu_cores_mean) + of_cores, ""],
        ["CPU, largest second", _cores(known.cpu_cores_max), ""],
    ]
    if known.loop_utilization_mean is not None or known.loop_utilization_max is not None:
        busy = cell(known.loop_utilization_mean, units.format_share)
        rows.append(["event loop busy, mean of hold phase", busy, "as the server measures it"])
        rows.append(["event loop busy, largest", cell(known.loop_utilization_max, units.format_share), ""])
    if known.loop_lag_max_s is not None:
        lag = units.format_duration(known.loop_lag_max_s)
        rows.append(["event loop lag, largest", lag, "as the server measures it"])
    rows += [
        ["memory (RSS), largest", cell(known.rss_bytes_max, size) + of_memory, ""],
        ["memory per connection", cell(known.rss_bytes_per_connection, size), known.rss_how],
        ["memory, idle server", cell(known.rss_bytes_base, size), idle],
        ["open files, largest", cell(known.files_open_max, count) + of_files, ""],
        ["open files per connection", cell(known.files_per_connection, count), known.files_how],
        ["open files, idle server", cell(known.files_base, count), idle],
        ["processes, most", cell(known.processes_max, count), ""],
    ]
    if known.connections_share is not None:
        held = cell(known.connections_max, count)
        rows.append(
            ["connections held, most", f"{held} ({_share(known.connections_share)})", known.connections_how]
        )
    if known.polling_max is not None:
        rows.append(["… by long polling, most", cell(known.polling_max, count), ""])
    for name, value in (
        ("events received per second", known.events_received_per_s),
        ("events sent per second", known.events_sent_per_s),
    ):
        if value is not None:
            rows.append([name, count(value), "as the server counts"])
    wire = cell(known.wire_bytes_per_s, units.format_byte_rate)
    rows.append(["bytes on the wire, hold phase", wire, "in and out, of all connections"])
    return rows


def _balance(known: ServerFigures) -> str:
    if known.imbalance is None:
        return "How the connections were spread over the servers is not known."
    return f"The fullest server held {known.imbalance:.2f} times the mean of all."


def _each(servers: list[ServerFigures]) -> Table:
    named = columns(
        "server", "connections>", "CPU, mean>", "largest>?", "event loop>?", "its lag>?", "memory>"
    )
    named += columns("files>?", "of its limit>", "not sampled>?", "source")
    rows = []
    for one in servers:
        held = "" if one.connections_share is None else f" ({_share(one.connections_share)})"
        rows.append(
            Row(
                [
                    f"{one.name} (beside)" if one.beside else one.name,
                    cell(one.connections_max, units.format_count) + held,
                    _cores(one.cpu_cores_mean),
                    _cores(one.cpu_cores_max),
                    cell(one.loop_utilization_mean, units.format_share),
                    cell(one.loop_lag_max_s, units.format_duration),
                    cell(one.rss_bytes_max, units.format_size),
                    cell(one.files_open_max, units.format_count),
                    cell(one.share_of_limit_mean, units.format_share),
                    units.format_duration(one.missed_s) if one.missed_s else NONE,
                    one.source,
                ]
            )
        )
    note = (
        "Connections: the most at once, and the share of all. CPU and event loop: means of the hold phase; "
        "its lag: the largest. "
        "Of its limit: of the event loop's time where the server shows it, else of the CPU of its cores."
    )
    if any(one.beside for one in servers):
        note += " Beside the servers stand a balancer or a backend, which are no part of all servers."
    return Table(named, rows, note, how=[ways.SAMPLES, ways.HOLD])


def _share(share: float) -> str:
    return units.format_share(min(share, 1.0))


def _cores(value: float | None) -> str:
    return cell(value, lambda known: f"{known:.2f} cores")
