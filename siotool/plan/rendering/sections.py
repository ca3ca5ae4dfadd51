"""What a plan says of money, time and storage: tables and sentences that every renderer shows."""

from typing import NamedTuple

from siotool.plan.model import FleetCost, Plan, Storage
from siotool.plan.money.cost import money
from siotool.units import format_byte_rate, format_count, format_duration, format_share, format_size

#: Months between the lines of a forecast.
_EVERY = 6


class Section(NamedTuple):
    """One table and what is said below it; ``columns`` that end in ``>`` are aligned to the right.

    ``strong`` is the row that counts, if there is one.
    """

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]
    sentences: list[str]
    strong: int | None = None


def sections(plan: Plan) -> list[Section]:
    """Return the sections a plan has beyond servers: cost, shapes, forecast, storage."""
    found = []
    if plan.cost is not None:
        found.append(_cost(plan.cost))
    if plan.shapes is not None:
        found.append(_shapes(plan))
    if plan.forecast is not None:
        found.append(_forecast(plan))
    if plan.storage is not None:
        found.append(_storage(plan.storage))
    return found


def _cost(cost: FleetCost) -> Section:
    parts = (
        (f"{cost.servers:,} × {cost.shape}", cost.servers_per_month),
        ("egress", cost.egress_per_month),
        ("load balancer", cost.load_balancer_per_month),
        ("adapter", cost.adapter_per_month),
    )
    rows: list[tuple[str, ...]] = [(name, money(amount, cost.currency)) for name, amount in parts if amount]
    rows.append(("total", money(cost.per_month, cost.currency)))
    said = []
    if cost.per_thousand_connections is not None:
        said.append(f"{money(cost.per_thousand_connections, cost.currency)} per 1,000 connections.")
    if cost.unpriced:
        said.append(f"Without a price, and so left out: {', '.join(cost.unpriced)}.")
    return Section("Cost", ("cost", "a month>"), rows, said, strong=len(rows) - 1)


def _shapes(plan: Plan) -> Section:
    compared = plan.shapes
    assert compared is not None
    rows: list[tuple[str, ...]] = []
    for row in compared.rows:
        if row.per_month is None:
            rows.append((row.shape, "none", "", row.impossible))
            continue
        counts = [f"{n:,.0f}" for n in (row.servers_p50, row.servers_p95) if n is not None]
        shown = counts[0] if len(set(counts)) == 1 else " to ".join(counts)
        rows.append((row.shape, shown, money(row.per_month, compared.currency), row.redundancy))
    said = []
    if compared.without_price:
        said.append(f"Without a price, and so not compared: {', '.join(compared.without_price)}.")
    return Section("Shapes", ("shape", "servers>", "a month>", "worst day"), rows, said, strong=0)


def _forecast(plan: Plan) -> Section:
    forecast = plan.forecast
    assert forecast is not None
    certain = plan.uncertainty is None
    points = forecast.points[::_EVERY]
    rows: list[tuple[str, ...]]
    if certain:
        rows = [(str(p.day), format_count(round(p.p50)), _limit(p.limit)) for p in points]
        columns: tuple[str, ...] = ("day", "connections>", "the fleet holds>")
    else:
        rows = [
            (
                str(p.day),
                format_count(round(p.p50)),
                format_count(round(p.p95)),
                _limit(p.limit),
                format_share(round(p.short, 3)),
            )
            for p in points
        ]
        columns = ("day", "connections P50>", "P95>", "the fleet holds>", "too small>")
    return Section("Forecast", columns, rows, forecast.sentences)


def _limit(connections: float) -> str:
    return "any number" if connections >= 1e15 else format_count(round(connections))


def _storage(storage: Storage) -> Section:
    rows: list[tuple[str, ...]] = [
        (
            f"{store.name}{' (chosen)' if store.chosen else ''}",
            format_size(store.record_bytes + store.index_bytes),
            format_size(store.all_bytes),
            format_size(store.all_bytes_p95),
            f"{format_count(round(store.record_writes_per_s))} + "
            f"{format_count(round(store.index_writes_per_s))}",
            format_byte_rate(store.drain_bytes_per_s),
        )
        for store in storage.stores
    ]
    if all(store.all_bytes == store.all_bytes_p95 for store in storage.stores):
        rows = [(*row[:3], *row[4:]) for row in rows]
        disk: tuple[str, ...] = ("on disk>",)
    else:
        disk = ("on disk>", "P95>")
    said = [
        f"{format_count(round(storage.users))} users are offline and kept "
        f"{format_count(round(storage.messages))} messages of {format_size(storage.payload_bytes)} for "
        f"{format_duration(storage.retention_s)}, {format_count(storage.copies)} copies of each; "
        f"{format_count(round(storage.messages_per_s))} come in per second.",
        f"If all of them come back after an outage, {format_count(round(storage.drain_messages_per_s))} "
        f"messages/s are read to be done within {format_duration(storage.drain_window_s)}.",
        storage.sentence,
    ]
    strong = next((n for n, store in enumerate(storage.stores) if store.chosen), None)
    columns = ("backlog in", "a message>", *disk, "writes/s, record + index>", "drain>")
    return Section("Storage", columns, rows, said, strong=strong)
