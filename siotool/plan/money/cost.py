"""What a fleet costs a month, and which shape of server does the work for the least.

A month has 730.5 hours. Costs follow the servers that are there, spares included, and the
bytes that are sent on average: pass the mean egress, not the peak a fleet is sized for.
"""

import math
import re
from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.model import Comparison, ShapeCost
from siotool.plan.money.prices import HOURS_PER_MONTH, PriceFile, Shape, UnitName
from siotool.plan.numbers import maximum
from siotool.units import parse_count

SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600


class CapacityUnit(msgspec.Struct, frozen=True):
    """What one billed unit of a balancer holds; the largest of a balancer's shares is billed."""

    new_connections_per_s: float
    active_connections: float
    bytes_per_hour: float
    rule_evaluations_per_s: float = math.inf


#: https://aws.amazon.com/elasticloadbalancing/pricing/ (LCU and NLCU dimensions). Of an ALB's
#: rule evaluations the first ten rules of a request are free. A connection through an NLB
#: that ends TLS counts as TLS.
CAPACITY_UNITS = MappingProxyType[UnitName, CapacityUnit](
    {
        "alb": CapacityUnit(25, 3_000, 1e9, 1_000),
        "nlb": CapacityUnit(800, 100_000, 1e9),
        "nlb-tls": CapacityUnit(50, 3_000, 1e9),
    }
)


def capacity_units(
    unit: CapacityUnit,
    new_connections_per_s: float,
    active_connections: float,
    bytes_per_s: float,
    rule_evaluations_per_s: float = 0.0,
) -> float:
    """Return the units a balancer uses, a fraction: the dimension that needs most of them decides.

    ``bytes_per_s`` counts both directions. A million idle connections through an ALB are
    333.3 LCU, 334 in whole ones.
    """
    return maximum(
        new_connections_per_s / unit.new_connections_per_s,
        active_connections / unit.active_connections,
        bytes_per_s * 3600 / unit.bytes_per_hour,
        rule_evaluations_per_s / unit.rule_evaluations_per_s,
    )


class Traffic(msgspec.Struct, frozen=True):
    """What costs beside servers: means over the month, connections at once, nodes there are."""

    egress_bytes_per_s: float = 0.0
    ingress_bytes_per_s: float = 0.0
    connections: float = 0.0
    new_connections_per_s: float = 0.0
    rule_evaluations_per_s: float = 0.0
    balancers: float = 0.0
    adapter_nodes: float = 0.0


class MonthlyCost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Money per month, by what it is for; ``total`` is their sum.

    ``unpriced`` names what the plan has and the price file has no price for.
    """

    currency: str
    servers: float
    egress: float
    load_balancer: float
    adapter: float
    total: float
    unpriced: list[str]


def monthly_cost(
    prices: PriceFile, shape: str, servers: float, traffic: Traffic | None = None
) -> MonthlyCost:
    """Price ``servers`` of a shape and what goes with them.

    Raises InputError when the file has no such shape or no price for it.
    """
    traffic = traffic or Traffic()
    unpriced = []
    if traffic.egress_bytes_per_s and prices.egress_per_byte is None:
        unpriced.append("egress")
    if traffic.balancers and prices.load_balancer is None:
        unpriced.append("load balancer")
    if traffic.adapter_nodes and prices.adapter_node_per_month is None:
        unpriced.append("adapter nodes")
    compute = servers * prices.price(shape)
    egress = traffic.egress_bytes_per_s * SECONDS_PER_MONTH * (prices.egress_per_byte or 0.0)
    balancer = _balancer_cost(prices, traffic)
    adapter = traffic.adapter_nodes * (prices.adapter_node_per_month or 0.0)
    return MonthlyCost(
        currency=prices.currency,
        servers=compute,
        egress=egress,
        load_balancer=balancer,
        adapter=adapter,
        total=compute + egress + balancer + adapter,
        unpriced=unpriced,
    )


def _balancer_cost(prices: PriceFile, traffic: Traffic) -> float:
    price = prices.load_balancer
    if price is None or not traffic.balancers:
        return 0.0
    cost = traffic.balancers * price.per_month
    if price.unit is None:
        return cost
    units: float = capacity_units(
        CAPACITY_UNITS[price.unit],
        traffic.new_connections_per_s,
        traffic.connections,
        traffic.egress_bytes_per_s + traffic.ingress_bytes_per_s,
        traffic.rule_evaluations_per_s,
    )
    return cost + units * price.per_unit_hour * HOURS_PER_MONTH


class ShapeServers(msgspec.Struct, frozen=True):
    """Servers of one shape, spares included, at three quantiles; ``redundancy`` names why so many.

    ``impossible`` says why no number of this shape does it; the counts are then ignored.
    """

    p50: float
    p90: float
    p95: float
    redundancy: str = ""
    impossible: str = ""


Quantile = Literal["p50", "p90", "p95"]


def compare_shapes(
    prices: PriceFile,
    servers_for_shape: Callable[[Shape], ShapeServers],
    connections: float,
    *,
    traffic: Traffic | None = None,
    quantile: Quantile = "p95",
    shapes: Sequence[str] = (),
) -> Comparison:
    """Size a fleet of each shape and order them by cost, then by fewer servers, then by name.

    ``shapes`` are the ones asked for, each of which must have a price; left empty, all that
    have one. Raises InputError when there is nothing to compare.
    """
    names = list(dict.fromkeys(shapes)) or [name for name in prices.shapes if name in prices.prices]
    if not names:
        raise InputError(f"{prices.source}: no shape has a price", "add [prices.NAME] with per_hour")
    rows, unpriced = [], []
    for name in names:
        prices.price(name)
        servers = servers_for_shape(prices.shape(name))
        count = float(getattr(servers, quantile))
        if servers.impossible or not math.isfinite(count):
            rows.append(_impossible(name, servers))
            continue
        cost = monthly_cost(prices, name, count, traffic)
        unpriced = cost.unpriced
        rows.append(
            ShapeCost(
                shape=name,
                servers_p50=servers.p50,
                servers_p90=servers.p90,
                servers_p95=servers.p95,
                redundancy=servers.redundancy,
                per_month=cost.total,
                per_thousand_connections=1000 * cost.total / connections if connections > 0 else None,
            )
        )
    rows.sort(key=lambda row: (_last(row.per_month), _last(getattr(row, f"servers_{quantile}")), row.shape))
    return Comparison(
        currency=prices.currency,
        quantile=quantile,
        rows=rows,
        without_price=[] if shapes else [name for name in prices.shapes if name not in prices.prices],
        unpriced=unpriced,
    )


def _impossible(name: str, servers: ShapeServers) -> ShapeCost:
    return ShapeCost(
        shape=name,
        servers_p50=None,
        servers_p90=None,
        servers_p95=None,
        redundancy=servers.redundancy,
        per_month=None,
        per_thousand_connections=None,
        impossible=servers.impossible or "no number of these servers is enough",
    )


def _last(value: float | None) -> float:
    return math.inf if value is None else value


def parse_budget(text: str, currency: str, what: str = "cost") -> float:
    """Read money per month: ``5000``, ``5k``, ``5000 USD``, ``5k USD/month``.

    Raises InputError for a currency that is not the price file's, or less than nothing.
    """
    words = re.sub(r"\s*/\s*month\s*$", "", text).strip()
    amount = words.removesuffix(currency).strip()
    try:
        value = parse_count(amount, what)
    except InputError as error:
        raise InputError(
            f"{what}: {text!r} is no amount in {currency} a month",
            f"write it like 5000, 5k or '5000 {currency}/month'; the price file is in {currency}",
        ) from error
    if value < 0:
        raise InputError(f"{what} is {text}; expected 0 or more")
    return value


def over_budget(per_month: float, most: float, currency: str) -> str | None:
    """Return why the gate fails when a fleet costs more than ``most`` a month; None when it holds."""
    if per_month <= most * (1 + 1e-12):
        return None
    return (
        f"the fleet costs {money(per_month, currency)} a month, "
        f"{money(per_month - most, currency)} more than the {money(most, currency)} allowed"
    )


def money(amount: float, currency: str) -> str:
    """Write an amount of money: cents up to a thousand, whole units above."""
    return f"{amount:,.2f} {currency}" if abs(amount) < 1000 else f"{amount:,.0f} {currency}"
