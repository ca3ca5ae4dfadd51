"""Measure what a Socket.IO client costs: siotool beside the clients its peers are built on.

Run by hand on a quiet Linux machine: ``make bench``, or ``python -m tests.bench.bench -o bench.json``.
docs/bench.md says what is measured and how. Exit code 1 when a figure could not be measured.
"""

import argparse
import json
import math
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from tests.bench.clients import Client, every_client
from tests.bench.figures import Measurement, Summary, summaries
from tests.bench.measure import (
    Settings,
    ack_figure,
    call,
    connect,
    connect_figure,
    delivery,
    delivery_figure,
    memory,
)
from tests.bench.server_process import BenchError

#: Heading, unit, factor from SI, and what is aimed at for siotool, in that unit; infinite: nothing.
Figure = tuple[str, str, float, float]
#: Bytes of text in the messages that are delivered.
SIZES = (64, 4096)
#: Transports of connects, and what is aimed at in µs.
CONNECTS = {"websocket": 250, "upgrade": math.inf, "polling": math.inf}


def _figures(calls_per_s: list[float]) -> dict[str, Figure]:
    """All figures in the order of the table."""
    return {
        delivery_figure(SIZES[0]): ("CPU per delivery", "µs", 1e6, 7.5),
        delivery_figure(SIZES[1]): (f"of {SIZES[1]:,} bytes", "µs", 1e6, math.inf),
        **{
            ack_figure(rate): (f"CPU per acknowledged call at {rate:,.0f}/s", "µs", 1e6, 30)
            for rate in calls_per_s
        },
        **{
            connect_figure(name): (f"CPU per connect by {name}", "µs", 1e6, promised)
            for name, promised in CONNECTS.items()
        },
        "memory": ("memory per idle connection", "kB", 1e-3, 20),
    }


def _options(clients: list[Client]) -> argparse.Namespace:
    names = [client.name for client in clients]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clients", nargs="+", choices=names, default=names, metavar="NAME", help=str(names))
    parser.add_argument(
        "--beside", type=Path, metavar="CHECKOUT", help="a checkout of siotool to compare this one with"
    )
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--few-users", type=int, default=10, help="the other end of the memory figure")
    parser.add_argument("--broadcasts", type=float, default=10, metavar="PER_S", help="messages to all users")
    parser.add_argument(
        "--calls",
        type=float,
        nargs="+",
        default=[1000, 4000, 8000],
        metavar="PER_S",
        help="of all users",
    )
    parser.add_argument("--connects", type=int, default=4000, help="users of a ramp")
    parser.add_argument(
        "--connects-per-s",
        type=float,
        default=1000,
        metavar="PER_S",
        help="its pace by websocket; a quarter of it by others",
    )
    parser.add_argument("--window", type=float, default=8, metavar="SECONDS", help="length of a measurement")
    parser.add_argument("--warm-up", type=float, default=5, metavar="SECONDS", help="load before it")
    parser.add_argument("--settle", type=float, default=2, metavar="SECONDS", help="quiet before it")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON")
    return parser.parse_args()


def _repetition(client: Client, settings: Settings) -> list[Measurement]:
    """Every figure of one client, once; a figure that cannot be measured becomes a void one."""
    result: list[Measurement] = []
    try:
        held, idle = memory(client, settings)
    except BenchError as error:
        return [_void(client, figure, error) for figure in _figures(settings.calls_per_s)]
    if not client.only_calls:
        result.append(held)
        for size in SIZES:
            try:
                result.append(delivery(client, settings, size))
            except BenchError as error:  # too much for this client
                result.append(_void(client, delivery_figure(size), error))
    for rate in settings.calls_per_s:
        try:
            result.append(call(client, settings, rate, idle))
        except BenchError as error:  # too much for this client
            result.append(_void(client, ack_figure(rate), error))
    for transport in client.transports:
        try:
            result.append(connect(client, settings, transport, idle))
        except BenchError as error:
            result.append(_void(client, connect_figure(transport), error))
    return result


def _void(client: Client, figure: str, error: BenchError) -> Measurement:
    return Measurement(client.name, figure, 0.0, doubts=[str(error)])


def _run(clients: list[Client], settings: Settings, repeat: int) -> list[Measurement]:
    """Measure all clients in turn, ``repeat`` times, so that a change of the machine meets all of them."""
    figures = _figures(settings.calls_per_s)
    result: list[Measurement] = []
    for number in range(repeat):
        for client in clients:
            print(f"{number + 1} of {repeat}: {client.name} …", file=sys.stderr, flush=True)
            for each in _repetition(client, settings):
                result.append(each)
                _, unit, factor, _ = figures[each.figure]
                state = "void: " + "; ".join(each.doubts) if each.doubts else "ok"
                figure = f"{each.figure:20} {each.value * factor:8.2f} {unit}"
                cores = (
                    f"cores: client {each.client_cores:.2f}, server {each.server_cores:.2f}, "
                    f"others {each.other_cores:.2f}"
                )
                print(f"  {figure}  {cores}  {state}", file=sys.stderr, flush=True)
    return result


def _table(
    clients: list[Client], figures: dict[str, Figure], measured: list[Measurement], summed: list[Summary]
) -> Table:
    table = Table(title="Median (least to greatest) of all processes of a tool, and what siotool promises")
    table.add_column("client", no_wrap=True)
    for heading, unit, _, _ in figures.values():
        table.add_column(f"{heading}, {unit}", justify="right")
    found = {(each.client, each.figure): each for each in summed}
    void = {(each.client, each.figure): "; ".join(each.doubts) for each in measured if each.doubts}
    for client in clients:
        cells = []
        for figure, (_, _, factor, _) in figures.items():
            key = client.name, figure
            cells.append(_cell(found[key], factor) if key in found else void.get(key, "not measured"))
        table.add_row(client.name, *cells)
    table.add_section()
    goals = ("–" if math.isinf(goal) else f"{goal:g}" for _, _, _, goal in figures.values())
    table.add_row("siotool, at most", *goals)
    return table


def _cell(summary: Summary, factor: float) -> str:
    least, middle, greatest = (value * factor for value in (summary.least, summary.median, summary.greatest))
    void = f", {summary.void} void" if summary.void else ""
    return f"{middle:.1f} ({least:.1f} to {greatest:.1f}{void})"


def _document(
    clients: list[Client], settings: Settings, measured: list[Measurement], summed: list[Summary]
) -> dict[str, object]:
    return {
        "version": 1,
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_bytes": psutil.virtual_memory().total,
            "python": platform.python_version(),
        },
        "clients": {client.name: client.version() for client in clients},
        "settings": asdict(settings),
        "summaries": [asdict(each) for each in summed],
        "measurements": [asdict(each) for each in measured],
    }


def main() -> int:
    options = _options(every_client())
    beside = options.beside and options.beside.resolve()
    names = {*options.clients, *(f"{name} of {beside.name}" for name in options.clients if beside)}
    known = every_client(beside)
    clients = [client for client in known if client.name in names]
    for client in clients:
        if reason := client.missing():
            print(f"{client.name} is left out: {reason}", file=sys.stderr)
    clients = [client for client in clients if not client.missing()]
    settings = Settings(
        users=options.users,
        few_users=options.few_users,
        broadcasts_per_s=options.broadcasts,
        calls_per_s=options.calls,
        connects=options.connects,
        connects_per_s=options.connects_per_s,
        window_s=options.window,
        warm_up_s=options.warm_up,
        settle_s=options.settle,
    )
    measured = _run(clients, settings, options.repeat)
    summed = summaries(measured)
    if options.output:
        text = json.dumps(_document(clients, settings, measured, summed), indent=2, ensure_ascii=False)
        options.output.write_text(text + "\n", encoding="utf-8")
    console = Console()
    figures = _figures(settings.calls_per_s)
    console.print(_table(clients, figures, measured, summed))
    for client in clients:
        console.print(f"{client.name} {client.version()}", style="dim")
    # that a client is too slow for a busier rate is a finding, everything else a failure
    found = {(each.client, each.figure) for each in summed}
    calls = [ack_figure(rate) for rate in settings.calls_per_s]
    first = {*figures} - {*calls[1:]} - {connect_figure(name) for name in CONNECTS}
    wanted = {
        (client.name, figure)
        for client in known
        if client.name in names
        for figure in first
        if figure in calls or not client.only_calls
    }
    return 0 if wanted <= found else 1


if __name__ == "__main__":
    sys.exit(main())
