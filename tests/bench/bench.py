"""Measure what a Socket.IO client costs: siotool beside the clients its peers are built on.

Run by hand on a quiet Linux machine: ``make bench``, or ``python tests/bench/bench.py -o bench.json``.
docs/bench.md says what is measured and how. Exit code 1 when a figure could not be measured.
"""

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import psutil
from clients import Client, every_client
from figures import Measurement, Summary, summaries
from harness import BenchError
from measure import Settings, call, delivery, memory
from rich.console import Console
from rich.table import Table

#: Figure → heading, unit, factor from SI, and what issue and README promise of siotool, in that unit.
FIGURES = {
    "delivery": ("CPU per delivery", "µs", 1e6, 12),
    "ack": ("CPU per acknowledged call", "µs", 1e6, 45),
    "memory": ("memory per idle connection", "kB", 1e-3, 40),
}


def _options(clients: list[Client]) -> argparse.Namespace:
    names = [client.name for client in clients]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clients", nargs="+", choices=names, default=names, metavar="NAME", help=str(names))
    parser.add_argument("--users", type=int, default=500)
    parser.add_argument("--few-users", type=int, default=10, help="the other end of the memory figure")
    parser.add_argument("--broadcasts", type=float, default=10, metavar="PER_S", help="messages to all users")
    parser.add_argument("--calls", type=float, default=1000, metavar="PER_S", help="calls of all users")
    parser.add_argument("--window", type=float, default=8, metavar="SECONDS", help="length of a measurement")
    parser.add_argument("--warm-up", type=float, default=5, metavar="SECONDS", help="load before it")
    parser.add_argument("--settle", type=float, default=2, metavar="SECONDS", help="quiet before it")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write everything as JSON")
    return parser.parse_args()


def _repetition(client: Client, settings: Settings) -> list[Measurement]:
    """Every figure of one client, once; a figure that cannot be measured becomes a void one."""
    result = []
    try:
        held, idle = memory(client, settings)
        result.append(held)
        result.append(delivery(client, settings))
        result.append(call(client, settings, idle))
    except BenchError as error:
        missing = FIGURES.keys() - {each.figure for each in result}
        result += [Measurement(client.name, figure, 0.0, doubts=[str(error)]) for figure in sorted(missing)]
    return result


def _run(clients: list[Client], settings: Settings, repeat: int) -> list[Measurement]:
    """Measure all clients in turn, ``repeat`` times, so that a change of the machine meets all of them."""
    result: list[Measurement] = []
    for number in range(repeat):
        for client in clients:
            print(f"{number + 1} of {repeat}: {client.name} …", file=sys.stderr, flush=True)
            for each in _repetition(client, settings):
                result.append(each)
                _, unit, factor, _ = FIGURES[each.figure]
                state = "void: " + "; ".join(each.doubts) if each.doubts else "ok"
                figure = f"{each.figure:9} {each.value * factor:8.2f} {unit}"
                cores = (
                    f"cores: client {each.client_cores:.2f}, server {each.server_cores:.2f}, "
                    f"others {each.other_cores:.2f}"
                )
                print(f"  {figure}  {cores}  {state}", file=sys.stderr, flush=True)
    return result


def _table(clients: list[Client], summed: list[Summary]) -> Table:
    table = Table(title="Median (least to greatest) of all processes of a tool, and what siotool promises")
    table.add_column("client", no_wrap=True)
    for heading, unit, _, _ in FIGURES.values():
        table.add_column(f"{heading}, {unit}", justify="right")
    found = {(each.client, each.figure): each for each in summed}
    for client in clients:
        cells = [_cell(found.get((client.name, figure)), FIGURES[figure][2]) for figure in FIGURES]
        table.add_row(client.name, *cells)
    table.add_section()
    table.add_row("siotool, at most", *(str(promise) for _, _, _, promise in FIGURES.values()))
    return table


def _cell(summary: Summary | None, factor: float) -> str:
    if summary is None:
        return "not measured"
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
    known = every_client()
    options = _options(known)
    clients = [client for client in known if client.name in options.clients]
    for client in clients:
        if reason := client.missing():
            print(f"{client.name} is left out: {reason}", file=sys.stderr)
    clients = [client for client in clients if not client.missing()]
    settings = Settings(
        users=options.users,
        few_users=options.few_users,
        broadcasts_per_s=options.broadcasts,
        calls_per_s=options.calls,
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
    console.print(_table(clients, summed))
    for client in clients:
        console.print(f"{client.name} {client.version()}", style="dim")
    return 0 if len(summed) == len(FIGURES) * len(options.clients) else 1


if __name__ == "__main__":
    sys.exit(main())
