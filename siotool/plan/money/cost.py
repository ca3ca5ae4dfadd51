"""What a fleet costs a month, and which shape of server does the work for the least.

A month has 730.5 hours. Costs follow the servers that are there, spares included, and the
bytes that are sent on average: pass the mean egress, not the peak a fleet is sized for.
"""

import math
import re
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from siotool.errors import InputError
from siotool.plan.model import Fleet, FleetCost, ShapeComparison, ShapeCost
from siotool.plan.money.prices import HOURS_PER_MONTH, PriceFile, Shape, UnitName
from siotool.plan.numbers import maximum
from siotool.units import parse_count

SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600


class CapacityUnit(msgspec.Struct, frozen=True):
    """What one billed unit of a balancer holds; the largest of a balancer's shares is billed."""

    new_connections_per_s: float
    active_connections: float
    bytes_per_hour: float


#: https://aws.amazon.com/elasticloadbalancing/pricing/ (LCU and NLCU dimensions). An ALB's
#: rule evaluations are left out: the first ten rules of a request are free. A connection through an
#: NLB that ends TLS counts as TLS.
CAPACITY_UNITS = MappingProxyType[UnitName, CapacityUnit](
    {
        "alb": CapacityUnit(25, 3_000, 1e9),
        "nlb": CapacityUnit(800, 100_000, 1e9),
        "nlb-tls": CapacityUnit(50, 3_000, 1e9),
    }
)


def capacity_units(
    unit: CapacityUnit,
    new_connections_per_s: float,
    active_connections: float,
    bytes_per_s: float,
) -> float:
    """Return the units a balancer uses, a fraction: the dimension that needs most of them decides.

    ``bytes_per_s`` counts both directions. A million idle connections through an ALB are
    333.3 LCU, 334 in whole ones.
    """
    return maximum(
        new_connections_per_s / unit.new_connections_per_s,
        active_connections / unit.active_connections,
        bytes_per_s * 3600 / unit.bytes_per_hour,
    )


class PaidTraffic(msgspec.Struct, frozen=True):
    """What costs besides servers: means over the month, connections at once, number of nodes."""

    egress_bytes_per_s: float = 0.0
    ingress_bytes_per_s: float = 0.0
    connections: float = 0.0
    new_connections_per_s: float = 0.0
    balancers: float = 0.0
    adapter_nodes: float = 0.0


def fleet_cost(
    prices: PriceFile, shape: str, servers: int, connections: float, traffic: PaidTraffic
) -> FleetCost:
    """Price ``servers`` of a shape, for so many connections, and what goes with them.

    Raises InputError when the file has no such shape or no price for it.
    """
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
    total = compute + egress + balancer + adapter
    return FleetCost(
        currency=prices.currency,
        shape=shape,
        servers=servers,
        per_month=total,
        servers_per_month=compute,
        egress_per_month=egress,
        load_balancer_per_month=balancer,
        adapter_per_month=adapter,
        per_thousand_connections=1000 * total / connections if connections > 0 else None,
        unpriced=unpriced,
    )


def _balancer_cost(prices: PriceFile, traffic: PaidTraffic) -> float:
    price = prices.load_balancer
    if price is None or not traffic.balancers:
        return 0.0
    cost = traffic.balancers * price.per_month
    if price.unit is None:
        return cost
    units = capacity_units(
        CAPACITY_UNITS[price.unit],
        traffic.new_connections_per_s,
        traffic.connections,
        traffic.egress_bytes_per_s + traffic.ingress_bytes_per_s,
    )
    return cost + units * price.per_unit_hour * HOURS_PER_MONTH


class SizedShape(NamedTuple):
    """A fleet of one shape, spares included, and what makes it so large; ``adapter_nodes`` that go with it.

    None: as many as go with the plan's own.
    """

    fleet: Fleet
    redundancy: str
    adapter_nodes: float | None = None


def compare_shapes(
    prices: PriceFile,
    sized: Callable[[Shape], SizedShape],
    connections: float,
    traffic: PaidTraffic,
) -> ShapeComparison:
    """Size a fleet of each shape that has a price; order them by cost, then fewer servers, then name.

    ``sized`` returns a shape's fleet; it raises InputError where a server of that shape cannot be.
    Raises InputError when there is nothing to compare.
    """
    names = [name for name in prices.shapes if name in prices.prices]
    if not names:
        raise InputError(f"{prices.source}: no shape has a price", "add [prices.NAME] with per_hour")
    rows, unpriced = [], []
    for name in names:
        try:
            fleet, redundancy, nodes = sized(prices.shape(name))
            impossible = "no number of these servers is enough" if fleet.p95 is None else ""
        except InputError as error:
            fleet, redundancy, nodes, impossible = Fleet(None, None, None), "", None, error.message
        if fleet.p95 is None:
            rows.append(ShapeCost(name, None, None, None, redundancy, None, None, impossible))
            continue
        paid = traffic if nodes is None else msgspec.structs.replace(traffic, adapter_nodes=nodes)
        cost = fleet_cost(prices, name, fleet.p95, connections, paid)
        unpriced = cost.unpriced
        rows.append(
            ShapeCost(
                shape=name,
                servers_p50=fleet.p50,
                servers_p90=fleet.p90,
                servers_p95=fleet.p95,
                redundancy=redundancy,
                per_month=cost.per_month,
                per_thousand_connections=cost.per_thousand_connections,
            )
        )
    rows.sort(key=lambda row: (_last(row.per_month), _last(row.servers_p95), row.shape))
    return ShapeComparison(
        currency=prices.currency,
        quantile="p95",
        rows=rows,
        without_price=[name for name in prices.shapes if name not in prices.prices],
        unpriced=unpriced,
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
            f"{what}: {text!r} is not an amount in {currency} a month",
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
