"""The types behind ``siotool plan --format json``.

Field names are the contract; units are SI and part of the names. A number of servers is
null where no number is enough.
"""

from datetime import date
from typing import Annotated, Literal

import msgspec

from siotool.plan.inputs.figure import MessageChoice
from siotool.plan.inputs.provenance import Provenance

Amount = Annotated[float, msgspec.Meta(ge=0)]
Servers = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class FormulaInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The formula's figures in SI units, and the availability goal.

    Of a range this is the middle; ``figures`` has it whole.
    """

    connections: Amount
    consumption_rate_bytes_per_s: Amount
    downtime_s: Amount
    workday_s: Amount
    capacity_bytes_per_s: Amount
    utilization: Share
    availability_target: Share


class InputFigure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One input by its key in the plan file: the middle of what is known, and its 5 % and 95 % quantiles.

    ``text`` is set for names and flags instead; ``fitted`` says what was made of a range.
    """

    key: str
    unit: str
    provenance: Provenance
    value: float | None = None
    p5: float | None = None
    p95: float | None = None
    text: str | None = None
    fitted: str | None = None


class FormulaServers(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The published formula's result: its exact quotient, and that in whole servers."""

    servers_exact: Amount
    servers: Servers


class Corrected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The count that holds through downtime.

    ``availability`` is the share of the workday one server is in service; ``servers`` the
    smallest fleet of which enough are in service with the availability asked for.
    """

    servers: Servers | None
    availability: Share
    method: str


class ConstraintRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One resource: demand of the whole service, and what one server may give of it.

    Both in ``unit`` and for the middle of every range, the latter null where it is unknown.
    ``servers_p50`` and ``servers_p95`` are the servers (or shards, or balancers: ``tier``) that
    must be in service at that quantile; ``binding_probability`` is how often it decides.
    """

    name: str
    demand: Amount
    capacity_per_server: Amount | None
    unit: str
    servers_p50: Servers | None
    servers_p95: Servers | None
    provenance: str
    tier: Literal["servers", "shards", "balancers"] = "servers"
    servers_exact: Amount | None = None
    binding_probability: Probability = 0.0
    sentence: str = ""


class BadDayRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A day the fleet is to survive, and the servers it takes for that."""

    name: str
    servers: Servers | None
    sentence: str


class Fleet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Servers to have, spares included, at three quantiles of what is uncertain."""

    p50: Servers | None
    p90: Servers | None
    p95: Servers | None


class Effect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one uncertain input does to the fleet: servers at its 10 % and at its 90 % quantile.

    ``first_order`` and ``total`` are Sobol indices of the variance, where they were computed.
    """

    key: str
    servers_p10: Amount | None
    servers_p90: Amount | None
    first_order: float | None = None
    total: float | None = None


class NextMeasurement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to measure next, and by how many servers that would shrink the gap from P50 to P95."""

    key: str
    servers: Amount
    sentence: str


class Uncertainty(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How sure the plan is. ``chances`` holds pairs of a fleet and the probability that it suffices."""

    effects: list[Effect]
    guessed_share: Probability | None
    guesswork: str
    next_measurement: NextMeasurement | None
    draws: int = 0
    seed: int = 0
    infeasible: Probability = 0.0
    chances: list[tuple[Servers, Probability]] = []


class MeasuredCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured figure, with its 90 % interval."""

    name: str
    unit: str
    value: float
    p5: float
    p95: float
    how: str


class Scaling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The Universal Scalability Law over runs at several numbers of nodes.

    ``gamma`` messages per second of one node, ``alpha`` contention, ``beta`` coherency;
    ``trusted_nodes`` is up to where the curve is trusted; None where measurements go beyond its peak.
    Of a measured adapter it is a check: ``processes`` do ``law_times`` the work of one by the law, and
    ``costs_times`` by the costs that the plan counts with; None where there is nothing to compare.
    """

    alpha: float
    beta: float
    gamma: float
    trusted_nodes: float | None
    sentence: str
    processes: int | None = None
    law_times: float | None = None
    costs_times: float | None = None


class Evidence(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What measured runs say, how well the fit explains them, and how far the plan goes beyond them.

    ``observed_cores`` and ``predicted_cores`` have one value for each second of the runs.
    ``extrapolation`` is the load of a planned server over the most that was measured. ``beyond`` are
    warnings: how far the plan goes beyond the runs, and where what was measured contradicts itself.
    """

    runs: list[str]
    costs: list[MeasuredCost]
    residual_sd_cores: float
    lag1: float
    explained: float
    observed_cores: list[float]
    predicted_cores: list[float]
    remarks: list[str]
    extrapolation: float | None = None
    beyond: list[str] = []
    scaling: Scaling | None = None


class FleetCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money per month for the fleet that is 95 % sure, spares included, each server of one shape.

    ``per_month`` is the sum of the parts; ``unpriced`` names what the price file has no price for.
    """

    currency: str
    shape: str
    servers: Servers
    per_month: Amount
    servers_per_month: Amount
    egress_per_month: Amount
    load_balancer_per_month: Amount
    adapter_per_month: Amount
    per_thousand_connections: Amount | None
    unpriced: list[str]


class ShapeCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One row of the comparison; None where no fleet is possible, with the reason in ``impossible``."""

    shape: str
    servers_p50: float | None
    servers_p90: float | None
    servers_p95: float | None
    redundancy: str
    per_month: float | None
    per_thousand_connections: float | None
    impossible: str = ""


class ShapeComparison(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Shapes by what the whole fleet costs a month, cheapest first, the impossible ones last.

    ``quantile`` says which count of servers is priced; ``without_price`` names the shapes
    that could not be compared, ``unpriced`` what is missing from every row's cost.
    """

    currency: str
    quantile: str
    rows: list[ShapeCost]
    without_price: list[str]
    unpriced: list[str]


class ForecastPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One month of a forecast, in connections.

    ``limit`` is the median of what the fleet holds safely; ``short`` the probability that
    demand is above what it holds.
    """

    day: date
    p50: float
    p95: float
    limit: float
    short: float


class Forecast(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long the fleet suffices.

    ``runs_out`` is the first day on which the fleet is more likely too small than not, however far
    ahead; ``at_risk`` the first day within the horizon on which the probability of that is above
    ``threshold``; ``act_by`` is ``lead_time_s`` before that: the last day to decide on more servers.
    None where there is no such day. ``sentences`` say it in words.
    """

    points: list[ForecastPoint]
    runs_out: date | None
    at_risk: date | None
    act_by: date | None
    threshold: float
    lead_time_s: float
    sentences: list[str]


class StoreOption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of store for the backlog; ``chosen`` is the plan's own.

    ``record_bytes`` and ``index_bytes`` per message, and ``dead_bytes`` of deleted ones beside it;
    ``bytes`` of one copy, ``all_bytes`` of all, for the middle of every range; writes per second of one copy;
    ``drain_bytes`` is what is read when all users come back.
    """

    kind: Literal["relational", "document"]
    name: str
    chosen: bool
    record_bytes: Amount
    index_bytes: Amount
    dead_bytes: Amount
    bytes: Amount
    all_bytes: Amount
    all_bytes_p95: Amount
    record_writes_per_s: Amount
    index_writes_per_s: Amount
    drain_bytes: Amount
    drain_bytes_per_s: Amount


class Storage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The backlog of users that are offline: what is kept at most, and the rate at which it is read.

    ``messages`` of ``payload_bytes`` each; all of them are fetched within ``drain_window_s``
    when all users come back after an outage. ``drain_s`` is how long that takes at the plan's drain
    rate, None where it has none.
    """

    users: Amount
    messages: Amount
    messages_per_s: Amount
    payload_bytes: Amount
    retention_s: Amount
    copies: Amount
    drain_window_s: Amount
    drain_messages_per_s: Amount
    drain_s: Amount | None
    stores: list[StoreOption]
    sentence: str


class GeneratorRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A resource of generators: what the load asks for, what one worker gives of it, and the workers."""

    name: str
    demand: Amount
    capacity_per_worker: Amount
    unit: str
    workers: Servers


class Generators(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a load test of the plan at its peak takes.

    ``workers`` are processes, with one core each. ``addresses`` are those of all machines together, for a
    target with one address. ``memory_bytes`` and ``network_bytes_per_s`` are those of all machines.
    ``messages_known`` is false for a plan without messages: the CPU is then that of quiet connections.
    """

    workers: Servers
    binding: str
    rows: list[GeneratorRow]
    addresses: Servers
    memory_bytes: Amount
    network_bytes_per_s: Amount
    spawn_rate_per_s: Amount
    connections: Amount
    messages_known: bool


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sized fleet, and how the size was found.

    ``servers`` is the answer. ``document`` is the published formula, ``corrected`` the count
    that keeps the binding constraint's servers in service through downtime. ``apart`` is the
    servers of the binding constraint over those of the next. ``server`` says what one server is;
    ``rests_on`` what was not given, and what was not considered.
    """

    version: Literal[1]
    inputs: FormulaInputs
    document: FormulaServers
    corrected: Corrected
    constraints: list[ConstraintRow]
    binding: str
    servers: Fleet
    warnings: list[str]
    server: str = ""
    figures: list[InputFigure] = []
    messages: list[MessageChoice] = []
    next_constraint: str | None = None
    apart: float | None = None
    bad_days: list[BadDayRow] = []
    worst_day: str = ""
    shards: Servers | None = None
    balancers: Servers | None = None
    uncertainty: Uncertainty | None = None
    remedy: str = ""
    evidence: Evidence | None = None
    cost: FleetCost | None = None
    shapes: ShapeComparison | None = None
    forecast: Forecast | None = None
    storage: Storage | None = None
    generators: Generators | None = None
    rests_on: list[str] = []
