"""Typed figures that change nothing: each is tried with other values.

A figure is in use when some other value of it would change a constraint, a day to survive,
the backlog or a warning. Trying finds that out, so a new constraint needs no list of its keys.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from siotool.errors import InputError
from siotool.plan.evaluation import lints
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs import compose
from siotool.plan.inputs.fields import Field, field_of
from siotool.plan.inputs.figure import Figure, Inputs, Value
from siotool.plan.inputs.middles import at_middles, middle, middles
from siotool.plan.storage import offline

#: Gates, and what the forecast, the price of a balancer or another command uses.
_ELSEWHERE = frozenset(("goals.max_servers", "goals.budget", "workload.growth", "topology.balancer"))

#: What selects the cheapest shape.
_OF_A_SHAPE = frozenset(
    f"server.{name}" for name in ("processes", "memory", "capacity", "bandwidth_in", "bandwidth_out")
)

#: Why nothing rests on a figure, for those that are often given alone.
_NEEDS: Mapping[str, str] = MappingProxyType(
    {
        "server.memory": "it needs server.memory_per_connection, or a server.profile",
        "server.heap": "it needs server.heap_per_connection, or a server.profile",
        "server.processes": "it needs what a process does: messages, or a limit of each process",
        "server.bandwidth_in": "it needs messages",
        "server.bandwidth_out": "it needs messages",
        "server.open_files_reserved": "it needs server.open_files",
        "goals.availability": "goals.downtime is 0",
        "goals.workday": "goals.downtime is 0",
        "goals.storm": "it needs goals.reconnect_time",
        "goals.delivery_time": "it needs messages and server.delivery_cost",
        "goals.reconnect_time": "it needs server.accept_rate or server.connect_cost",
        "topology.zones": "it needs goals.survive_zone",
        "topology.fetch_rate": "it needs several processes and an adapter by which they ask each other",
        "topology.fetch_sessions": "it needs topology.fetch_rate, several processes and an adapter",
        "topology.own_response_channel": "it needs topology.fetch_rate and the adapter redis",
        "topology.sticky": "no session polls, or there is one process only",
        "topology.backend_rate": "it needs an adapter",
        "topology.backend_publish_cost": "it needs an adapter, and topology.backend_rate or "
        "topology.backend_delivery_cost",
        "topology.backend_delivery_cost": "it needs an adapter, and topology.backend_rate goes before it",
        "topology.adapter": "nothing is sent from one session to others",
        "workload.ahead": "it needs workload.growth",
        "workload.session_length": "it needs a cost of new connections",
        "workload.churn": "it needs a cost of new connections",
    }
)


def unused(given: Inputs, used: Inputs, *, priced: bool = False, scaled: bool = False) -> list[str]:
    """Return a warning for each figure that was typed and that nothing in the plan uses.

    ``given`` is what the user said, ``used`` what the plan was made from, before published
    costs and defaults. ``priced``: the plan has prices; ``scaled``: it is for an autoscaler.
    Both rest on more.
    """
    completed = compose.complete(used)
    before = _outcome(completed, demand=priced or scaled)
    if completed.figures["workload.connections"].value == 0 or before is None:
        return []
    elsewhere = _ELSEWHERE | _OF_A_SHAPE if priced else _ELSEWHERE
    said = []
    known: dict[object, bool] = {}  # kinds of messages that are alike need one trial
    for key, figure in given.figures.items():
        if figure.provenance.kind != "typed" or key in elsewhere:
            continue
        taken = used.figures.get(key)
        if taken is not figure:
            instead = "" if taken is None else f": {taken.provenance.detail} is used instead"
            said.append(f"{_named(key, figure)} is not used{instead}")
            continue
        like = _like(key, completed)
        if like not in known:
            known[like] = _matters(key, used, completed, before, demand=priced or scaled)
        if not known[like]:
            why = f": {_NEEDS[key]}" if key in _NEEDS else ", and leaving it out changes nothing"
            said.append(f"{_named(key, figure)} is not used in this plan{why}")
    return said


def _named(key: str, figure: Figure) -> str:
    where = figure.provenance.detail
    return f"{key} ({where})" if where else key


def _like(key: str, inputs: Inputs) -> object:
    """Return what decides whether a figure matters: of a message, its choices and whether it is sent."""
    place, _, name = key.rpartition(".")
    for message in inputs.messages:
        if place == f"workload.messages.{message.name}":
            sent = inputs.figures[f"{place}.rate"].value != 0
            return (name, message.kind, message.acknowledged, message.binary, message.to_sender, sent)
    return key


def _matters(key: str, used: Inputs, completed: Inputs, before: Any, *, demand: bool) -> bool:
    figure = completed.figures[key]
    # what other figures are filled in by
    fills = isinstance(figure.value, str) or key == "server.bandwidth_out"
    for value in _others(field_of(key), figure.value):
        change = {key: Figure(value, figure.provenance)}
        try:
            tried = compose.complete(used.replaced(change)) if fills else completed.replaced(change)
        except InputError:
            return True
        if _outcome(tried, demand=demand) != before:
            return True
    return False


def _others(field: Field, value: Value) -> Iterator[Value]:
    """Yield other values of a figure, within its bounds: near ones, far ones, and the bounds themselves."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield from (name for name in field.choices if name != value)
    else:
        here = middle(field.key, value)
        close = [here * 2, here / 2, here * 10, here / 10, here + 1, here + 0.1]
        ends = [(field.low + 3 * here) / 4, *([(field.high + here) / 2] if field.high < 1e6 else [])]
        for other in [*close, *ends, field.low, field.high if field.high < 1e6 else here * 1000]:
            whole = field.fixed and field.kind == "count"
            tried = float(round(other)) if whole else other
            low = tried <= field.low if field.above else tried < field.low
            high = tried >= field.high if field.below else tried > field.high
            if not (low or high) and tried != here:
                yield tried


def _outcome(inputs: Inputs, *, demand: bool) -> Any:
    """Return all that a plan says which may depend on a figure; None for figures that make no plan."""
    try:
        found = evaluate(inputs, middles(inputs))
        limits = [
            (bound.constraint.name, bound.limit.demand, bound.limit.capacity_per_server, bound.limit.servers)
            for bound in found.bounds
        ]
        days = [(day.name, day.servers) for day in found.days]
        backlog = offline.storage(at_middles(inputs), draws=1, seed=1)
        whole = found.world.demand if demand else None
        return limits, days, found.needed, found.fleet, lints.lint(found), backlog, whole
    except InputError:
        return None
