"""What a plan's document says of money, time and storage."""

from collections.abc import Sequence

from siotool.document.document import Chart, Row, Section, Sentence, Table, Tone, columns
from siotool.plan.model import FleetCost, Forecast, ShapeComparison, Storage
from siotool.plan.money.cost import money
from siotool.units import format_byte_rate, format_count, format_duration, format_share, format_size

#: Months between the lines of a forecast.
_EVERY = 6


def cost(known: FleetCost) -> Section:
    """Return what the fleet costs a month, part by part."""
    parts = (
        (f"{known.servers:,} × {known.shape}", known.servers_per_month),
        ("egress", known.egress_per_month),
        ("load balancer", known.load_balancer_per_month),
        ("adapter", known.adapter_per_month),
    )
    rows = [Row([name, money(amount, known.currency)]) for name, amount in parts if amount]
    rows.append(Row(["total", money(known.per_month, known.currency)], "strong"))
    said = []
    if known.per_thousand_connections is not None:
        said.append(f"{money(known.per_thousand_connections, known.currency)} per 1,000 connections.")
    if known.unpriced:
        said.append(f"Left out, as it has no price: {', '.join(known.unpriced)}.")
    table = Table(columns("cost", "a month>"), rows)
    return Section("cost", "Cost", [*map(Sentence, said), table])


def shapes(compared: ShapeComparison) -> Section:
    """Return what the plan takes of each shape of servers, the cheapest first."""
    rows: list[Row] = []
    for row in compared.rows:
        tone: Tone = "" if rows else "strong"
        if row.per_month is None:
            rows.append(Row([row.shape, "none", "", row.impossible], tone))
            continue
        counts = [f"{n:,.0f}" for n in (row.servers_p50, row.servers_p95) if n is not None]
        shown = counts[0] if len(set(counts)) == 1 else " to ".join(counts)
        rows.append(Row([row.shape, shown, money(row.per_month, compared.currency), row.redundancy], tone))
    left_out = f"Not compared, as it has no price: {', '.join(compared.without_price)}."
    said = [Sentence(left_out)] if compared.without_price else []
    return Section(
        "shapes", "Shapes", [*said, Table(columns("shape", "servers>", "a month>", "worst day"), rows)]
    )


def forecast(known: Forecast, charts: Sequence[Chart], *, certain: bool) -> Section:
    """Return how long the fleet suffices; ``certain`` where nothing of it is a range."""
    rows = []
    for point in known.points[::_EVERY]:
        holds = "any number" if point.limit >= 1e15 else format_count(round(point.limit))
        demand = [format_count(round(n)) for n in ((point.p50,) if certain else (point.p50, point.p95))]
        short = [] if certain else [format_share(round(point.short, 3))]
        rows.append(Row([str(point.day), *demand, holds, *short]))
    ranges = ("connections P50>", "P95>", "the fleet holds>", "too small>")
    table = Table(columns("day", *(("connections>", "the fleet holds>") if certain else ranges)), rows)
    return Section("forecast", "Forecast", [*map(Sentence, known.sentences), *charts, table])


def storage(known: Storage) -> Section:
    """Return the backlog of users that are offline, in each kind of store."""
    drawn = any(store.all_bytes != store.all_bytes_p95 for store in known.stores)
    rows = []
    for store in known.stores:
        writes = [format_count(round(n)) for n in (store.record_writes_per_s, store.index_writes_per_s)]
        cells = [
            f"{store.name}{' (chosen)' if store.chosen else ''}",
            format_size(store.record_bytes + store.index_bytes + store.dead_bytes),
            format_size(store.all_bytes),
            *([format_size(store.all_bytes_p95)] if drawn else []),
            " + ".join(writes),
            format_byte_rate(store.drain_bytes_per_s),
        ]
        rows.append(Row(cells, "strong" if store.chosen else ""))
    said = [
        f"{format_count(round(known.users))} users are offline. "
        f"{format_count(round(known.messages))} messages of {format_size(known.payload_bytes)} are kept for "
        f"{format_duration(known.retention_s)}, {format_count(known.copies)} copies of each; "
        f"{format_count(round(known.messages_per_s))} arrive per second.",
        "If all of them come back after an outage, the backlog is read within "
        f"{format_duration(known.drain_window_s)}, at "
        f"{format_count(round(known.drain_messages_per_s))} messages/s."
        + ("" if known.drain_s is None else f" The servers take {format_duration(known.drain_s)} for it."),
        known.sentence,
    ]
    disk = ("on disk>", "P95>") if drawn else ("on disk>",)
    names = columns("backlog in", "a message>", *disk, "writes/s, record + index>", "drain>")
    return Section("storage", "Storage", [*map(Sentence, said), Table(names, rows)])
