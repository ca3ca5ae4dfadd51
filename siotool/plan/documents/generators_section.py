"""What a plan's document says of the load test that would prove it."""

from siotool.document.document import Row, Section, Sentence, Table, columns
from siotool.plan.model import Generators
from siotool.units import format_byte_rate, format_count, format_size


def generators(known: Generators) -> Section:
    """Return the workers, addresses and memory that a load test of the whole plan takes."""
    rows = [
        Row(
            [
                row.name,
                f"{_amount(row.demand)} {row.unit}",
                _amount(row.capacity_per_worker),
                f"{row.workers:,}",
            ],
            "strong" if row.name == known.binding else "",
        )
        for row in known.rows
    ]
    workers = "worker" if known.workers == 1 else "workers"
    said = [
        f"A load test of {format_count(round(known.connections))} connections takes {known.workers:,} "
        f"{workers} of siotool, each a process with a core of its own. What decides: {known.binding}.",
        f"Together they need {format_size(known.memory_bytes)} of memory and "
        f"{format_byte_rate(known.network_bytes_per_s)} of network, and {known.addresses:,} source "
        f"{'address' if known.addresses == 1 else 'addresses'} for each address of the target "
        "(--source-ip, where a machine has several).",
    ]
    if not known.messages_known:
        said.append("The plan has no messages: the CPU is that of quiet connections.")
    users, rate = round(known.connections), round(known.spawn_rate_per_s)
    said.append(
        f"siotool loadtest URL --distributed --expect-workers {known.workers} --users {users} "
        f"--spawn-rate {rate}, and docs/distributed.md for the machines."
    )
    return Section(
        "generators",
        "Load generators",
        [*map(Sentence, said), Table(columns("resource", "asked for>", "of a worker>", "workers>"), rows)],
    )


def _amount(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
