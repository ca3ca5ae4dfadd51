"""The backlog of users that are offline, as a plan describes it: both stores, side by side.

    reads = offline users × messages per second to each × retention
    messages = reads / users that one stored message is for
    bytes = messages × (record + index entries + dead ones) × copies
    drain time = reads / messages per second that the servers hand out

All users stay away for as long as messages are kept: the most that can be there. A service that keeps a
message once for each user has one reader of each; one that keeps a conversation has all its offline members.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from siotool.errors import InputError
from siotool.plan.growth.counting import values_of
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middles
from siotool.plan.model import Storage, StoreOption
from siotool.plan.numbers import N, Number, is_array, single
from siotool.plan.storage.stores import Store, document_store, measured_store, relational_store
from siotool.units import format_count, format_share, format_size

#: Time in which all users fetch their backlog, without a goals.reconnect_time.
DRAIN_S = 3600.0

#: What a message takes in the chosen store, where that was measured.
_STORED = "storage.stored_size"

_NEEDED = ("storage.offline_users", "storage.messages")


def storage(inputs: Inputs, *, draws: int, seed: int) -> Storage | None:
    """Return what the plan's backlog needs in each kind of store; None for a plan without one.

    Single figures are those of the middle of every range; ``all_bytes_p95`` takes the ranges into account.
    Raises InputError for a store without users or messages.
    """
    missing = [key for key in _NEEDED if key not in inputs]
    if len(missing) == len(_NEEDED) and "storage.kind" not in inputs:
        return None
    if missing:
        raise InputError(
            f"the plan's backlog has no {' and no '.join(missing)}",
            'in [storage], for example offline_users = "5M" and messages = "20/d"',
        )
    values = middles(inputs)
    chosen = inputs.choice("storage.kind") if "storage.kind" in inputs else None
    window = values.get("goals.reconnect_time", DRAIN_S)
    coming, size = messages_per_s(values), values["storage.message_size"]
    messages = coming * values["storage.retention"]
    reads = messages * values["storage.readers"]
    # each kind, for the middle and for the draws
    drawn: Mapping[str, Number] = values_of(inputs, draws, seed) if inputs.uncertain() else values
    payload = drawn["storage.message_size"]
    kinds: list[tuple[Literal["relational", "document"], Store[float], Store[Number]]] = [
        ("relational", relational_store(size), relational_store(payload)),
        ("document", document_store(size), document_store(payload)),
    ]
    if _STORED in values:
        if chosen is None:
            raise InputError(
                f"{_STORED} is a figure of one kind of store, and no kind is chosen",
                'add kind = "relational" or "document" to [storage]',
            )
        name = f"the {chosen} store as measured"
        kinds = [
            (kind, measured_store(name, store, values[_STORED]), measured_store(name, spread, drawn[_STORED]))
            if kind == chosen
            else (kind, store, spread)
            for kind, store, spread in kinds
        ]
    options = [
        StoreOption(
            kind=kind,
            name=store.name,
            chosen=kind == chosen,
            record_bytes=store.record_bytes,
            index_bytes=store.index_bytes,
            dead_bytes=store.dead_bytes,
            bytes=messages * (store.record_bytes + store.index_bytes + store.dead_bytes),
            all_bytes=all_bytes(store, values),
            all_bytes_p95=_p95(all_bytes(spread, drawn)),
            record_writes_per_s=coming * store.record_writes,
            index_writes_per_s=coming * store.index_writes,
            drain_bytes=reads * store.read_bytes,
            drain_bytes_per_s=reads / window * store.read_bytes,
        )
        for kind, store, spread in kinds
    ]
    return Storage(
        users=values["storage.offline_users"],
        messages=messages,
        messages_per_s=coming,
        payload_bytes=size,
        retention_s=values["storage.retention"],
        copies=values["storage.replicas"],
        drain_window_s=window,
        drain_messages_per_s=reads / window,
        drain_s=reads / values["storage.drain_rate"] if values.get("storage.drain_rate") else None,
        stores=options,
        sentence=_sentence(options[0], options[1], *(store.read_bytes for _, store, _ in kinds)),
    )


def messages_per_s(values: Mapping[str, N]) -> N:
    """Return the messages that are stored for users who are offline, each once for all its readers."""
    return values["storage.offline_users"] * values["storage.messages"] / values["storage.readers"]


def all_bytes(store: Store[N], values: Mapping[str, N]) -> N:
    """Return the bytes of a backlog over all copies."""
    each = store.record_bytes + store.index_bytes + store.dead_bytes
    return messages_per_s(values) * values["storage.retention"] * each * values["storage.replicas"]


def _p95(drawn: Number) -> float:
    if not is_array(drawn):
        return single(drawn)
    from siotool.plan.uncertainty import outcomes  # noqa: PLC0415  (an array is here, so numpy is)

    return outcomes.quantiles(drawn, 0.95)[0]


def _sentence(rows: StoreOption, documents: StoreOption, row_read: float, document_read: float) -> str:
    """Say which store needs less disk, fewer writes, and less to read."""
    written: tuple[tuple[str, float, float, Callable[[float], str]], ...] = (
        ("disk over all copies", rows.all_bytes, documents.all_bytes, format_size),
        ("index writes/s", rows.index_writes_per_s, documents.index_writes_per_s, format_count),
        ("to read per message of a drain", row_read, document_read, format_size),
    )
    clauses = []
    for what, first, second, write in written:
        less, more = sorted((first, second))
        if less == more:
            clauses.append(f"both need the same {what} ({write(less)})")
        else:
            name = rows.name if first < second else documents.name
            share = format_share(1 - less / more)
            clauses.append(f"{name} needs {share} less {what} ({write(less)} against {write(more)})")
    return "; ".join(clauses) + "."
