"""The backlog of users that are offline, as a plan describes it: both stores, side by side."""

from collections.abc import Mapping
from typing import Literal

from siotool.errors import InputError
from siotool.plan.growth.counting import values_of
from siotool.plan.inputs.figure import Inputs, middle
from siotool.plan.model import Storage, StoreOption
from siotool.plan.numbers import N, Number, is_array, single
from siotool.plan.storage.backlog import (
    Backlog,
    Store,
    backlog,
    compare,
    document_store,
    drain,
    relational_store,
)

#: Within so long everybody has fetched a backlog, where no goals.reconnect_time says otherwise.
DRAIN_S = 3600.0

_NEEDED = ("storage.offline_users", "storage.messages")


def storage(inputs: Inputs, *, draws: int, seed: int) -> Storage | None:
    """Return what the plan's backlog needs in each kind of store; None for a plan without one.

    Single figures are those of the middle of every range; ``all_bytes_p95`` knows the ranges.
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
    values = {key: middle(figure.value) for key, figure in inputs.numbers()}
    rows, documents = _stores(values)
    drawn = _stores(values_of(inputs, draws, seed)) if inputs.uncertain() else (rows, documents)
    chosen = inputs.choice("storage.kind") if "storage.kind" in inputs else None
    window = values.get("goals.reconnect_time", DRAIN_S)
    kept = _kept(values)
    both: tuple[tuple[Literal["relational", "document"], Store[float], Store[Number]], ...] = (
        ("relational", rows, drawn[0]),
        ("document", documents, drawn[1]),
    )
    options = []
    for kind, store, spread in both:
        drained = drain(1.0, kept.messages, store.read_bytes, window, read_per_s=float("inf"))
        options.append(
            StoreOption(
                kind=kind,
                name=store.name,
                chosen=kind == chosen,
                record_bytes=store.record_bytes,
                index_bytes=store.index_bytes,
                bytes=store.bytes,
                all_bytes=store.all_bytes,
                all_bytes_p95=_p95(spread.all_bytes),
                record_writes_per_s=store.record_writes_per_s,
                index_writes_per_s=store.index_writes_per_s,
                drain_bytes=drained.bytes,
                drain_bytes_per_s=drained.bytes_per_s,
            )
        )
    return Storage(
        users=values["storage.offline_users"],
        messages=kept.messages,
        messages_per_s=kept.messages_per_s,
        payload_bytes=kept.payload_bytes,
        retention_s=values["storage.retention"],
        copies=values["storage.replicas"],
        drain_window_s=window,
        drain_messages_per_s=kept.messages / window,
        stores=options,
        sentence=compare(rows, documents).sentence,
    )


def _kept(values: Mapping[str, N]) -> Backlog[N]:
    return backlog(
        values["storage.offline_users"],
        values["storage.messages"],
        values["storage.retention"],
        values["storage.message_size"],
    )


def _stores(values: Mapping[str, N]) -> tuple[Store[N], Store[N]]:
    kept, copies = _kept(values), values["storage.replicas"]
    return relational_store(kept, copies=copies), document_store(kept, copies=copies)


def _p95(drawn: Number) -> float:
    if not is_array(drawn):
        return single(drawn)
    from siotool.plan.uncertainty import outcomes  # noqa: PLC0415  (an array is here, so numpy is)

    return outcomes.quantiles(drawn, 0.95)[0]
