import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.plan.model import Fleet
from siotool.plan.money.cost import (
    CAPACITY_UNITS,
    PaidTraffic,
    SizedShape,
    capacity_units,
    compare_shapes,
    fleet_cost,
    money,
    over_budget,
    parse_budget,
)
from siotool.plan.money.prices import HOURS_PER_MONTH, read_prices

SHAPES = """
[shapes.small]
cores = 2
memory = "4GiB"
bandwidth = "5Gbit/s"
connections = "20k"

[shapes.large]
cores = 8
memory = "16GiB"
bandwidth = "10Gbit/s"
"""

FILE = (
    """
currency = "USD"
egress_per_gb = 0.05
"""
    + SHAPES
    + """
[prices.small]
per_hour = 0.10

[prices.large]
per_month = 200

[load_balancer]
per_hour = 0.0225
unit = "alb"
per_unit_hour = 0.008

[adapter_node]
per_hour = 0.2
"""
)


def test_a_price_file_in_si_units():
    prices = read_prices(FILE, "prices.toml")
    small, large = prices.shape("small"), prices.shape("large")
    assert (small.cores, small.memory_bytes, small.bandwidth_bytes_per_s) == (2, 4 * 2**30, 5e9 / 8)
    assert (small.connections, large.connections) == (20_000, None)
    assert prices.price("small") == pytest.approx(73.05)
    assert prices.price("large") == 200
    assert prices.egress_per_byte == pytest.approx(0.05e-9)
    assert prices.load_balancer.per_month == pytest.approx(0.0225 * 730.5)
    assert (prices.load_balancer.unit, prices.load_balancer.per_unit_hour) == ("alb", 0.008)
    assert prices.adapter_node_per_month == pytest.approx(146.1)
    assert prices.currency == "USD"


def test_prices_need_nothing_but_a_shape_and_its_price():
    prices = read_prices('currency = "EUR"\n' + SHAPES + "[prices.small]\nper_month = 0\n", "p.toml")
    assert prices.price("small") == 0
    assert (prices.egress_per_byte, prices.load_balancer, prices.adapter_node_per_month) == (None, None, None)


@pytest.mark.parametrize(
    ("old", "new", "said", "hint"),
    [
        pytest.param("per_hour = 0.10", "per_hor = 0.10", "unknown key prices.small.per_hor", "per_hour"),
        pytest.param("cores = 2", "core = 2", "unknown key shapes.small.core", "did you mean cores?"),
        pytest.param("egress_per_gb", "egres_per_gb", "unknown key egres_per_gb", "egress_per_gb"),
        pytest.param("[adapter_node]", "[adapter_nodes]", "unknown key adapter_nodes", "adapter_node?"),
        pytest.param(
            "[prices.large]", "[prices.lage]", "prices.lage is the price of an unknown shape", "large?"
        ),
        pytest.param(
            "per_hour = 0.10", "per_hour = -0.10", "prices.small.per_hour is -0.1", "", id="negative"
        ),
        pytest.param("per_hour = 0.10", "per_hour = inf", "prices.small.per_hour is inf", "", id="endless"),
        pytest.param("per_hour = 0.10", "per_hour = 1e308", "is 1e+308; a price is 0", "at most", id="huge"),
        pytest.param("egress_per_gb = 0.05", "egress_per_gb = -1", "egress_per_gb is -1", "", id="egress"),
        pytest.param("per_unit_hour = 0.008", "per_unit_hour = nan", "load_balancer.per_unit_hour", ""),
        pytest.param(
            "per_hour = 0.10", "per_hour = 1\nper_month = 1", "prices.small has both", "keep one", id="both"
        ),
        pytest.param(
            "per_hour = 0.10", "", "prices.small has no price", "per_hour or per_month", id="neither"
        ),
        pytest.param("per_unit_hour = 0.008", "", "load_balancer.per_unit_hour is missing", "alb, nlb"),
        pytest.param('unit = "alb"', "", "load_balancer.unit is missing", "alb, nlb", id="no unit"),
        pytest.param('unit = "alb"', 'unit = "clb"', "load_balancer.unit: invalid enum value 'clb'", "alb"),
        pytest.param("per_hour = 0.10", 'per_hour = "0.10"', "prices.small.per_hour: expected `float", ""),
        pytest.param('memory = "4GiB"', "memory = 4", "shapes.small.memory: expected `str`", '"8GiB"'),
        pytest.param('memory = "4GiB"', 'memory = "4GiB/s"', "shapes.small.memory: '4GiB/s'", "GiB"),
        pytest.param('memory = "4GiB"', "", "shapes.small has no memory", '"8GiB"', id="no memory"),
        pytest.param('"5Gbit/s"', '"5Gb/s"', "shapes.small.bandwidth: '5Gb/s'", "lone b is ambiguous"),
        pytest.param("cores = 2", "cores = 0", "shapes.small.cores is 0", "", id="no cores"),
        pytest.param('"20k"', '"0"', "shapes.small.connections is 0", "", id="no connections"),
        pytest.param('"20k"', '"20 kB"', "shapes.small.connections: '20 kB'", "", id="connections in bytes"),
        pytest.param('currency = "USD"', "", "it has no currency", '"USD"', id="no currency"),
        pytest.param('"USD"', '" "', "currency is empty", '"USD"', id="an empty currency"),
        pytest.param(SHAPES, "[shapes]\n", "shapes is empty", "[shapes.NAME]", id="no shapes"),
        pytest.param(SHAPES, "", "it has no shapes", "[shapes.NAME]", id="no table of shapes"),
        pytest.param("[prices.small]", "[prices.small", "not a TOML file", "per_hour = 0.17", id="no TOML"),
        pytest.param("[shapes.small]", "[shapes]\nsmall = 1\n[shapes.x]", "shapes", "", id="no table"),
    ],
)
def test_what_does_not_fit_is_refused_with_file_and_key(old, new, said, hint):
    assert old in FILE
    with pytest.raises(InputError) as error:
        read_prices(FILE.replace(old, new), "prices.toml")
    assert error.value.message.startswith("prices.toml: ")
    assert said in error.value.message
    assert hint in error.value.hint


def test_a_shape_without_a_price_is_refused_only_when_it_is_asked_for():
    prices = read_prices(FILE.replace("[prices.large]\nper_month = 200", ""), "prices.toml")
    assert prices.shape("large").cores == 8
    with pytest.raises(InputError, match=r"shapes\.large has no price"):
        prices.price("large")
    with pytest.raises(InputError) as error:
        prices.price("smal")
    assert error.value.hint == "did you mean small?"
    rows = compare_shapes(prices, lambda _: SizedShape(Fleet(1, 1, 1), ""), 1000, PaidTraffic())
    assert ([row.shape for row in rows.rows], rows.without_price) == (["small"], ["large"])


def test_a_name_that_is_no_bare_key_is_quoted_in_the_hint():
    prices = read_prices(
        FILE.replace("shapes.small", 'shapes."m7.large"')
        .replace("prices.small", 'prices."m7.large"')
        .replace('[prices."m7.large"]\nper_hour = 0.10', ""),
        "p",
    )
    with pytest.raises(InputError) as error:
        prices.price("m7.large")
    assert error.value.hint == 'add [prices."m7.large"] with per_hour or per_month'


@pytest.mark.parametrize(
    ("unit", "new", "active", "bytes_per_s", "units"),
    [
        # https://aws.amazon.com/elasticloadbalancing/pricing/
        pytest.param("alb", 0, 1e6, 0, 334, id="a million idle sockets through an ALB"),
        pytest.param("alb", 25, 3000, 1e9 / 3600, 1, id="one LCU, full to the brim in all three"),
        pytest.param("alb", 100, 3000, 0, 4, id="new connections decide"),
        pytest.param("alb", 0, 0, 1e6, 4, id="3.6 GB an hour"),
        pytest.param("nlb", 0, 1e6, 0, 10, id="the same sockets through an NLB"),
        pytest.param("nlb-tls", 0, 1e6, 0, 334, id="an NLB that ends TLS counts like an ALB"),
        pytest.param("nlb-tls", 500, 0, 0, 10, id="50 handshakes a second each"),
    ],
)
def test_capacity_units_of_a_balancer(unit, new, active, bytes_per_s, units):
    used = capacity_units(CAPACITY_UNITS[unit], new, active, bytes_per_s)
    assert math.ceil(used - 1e-9) == units


def test_a_month_of_a_fleet_by_hand():
    prices = read_prices(FILE, "prices.toml")
    traffic = PaidTraffic(
        egress_bytes_per_s=1e6, connections=1e6, new_connections_per_s=100, balancers=2, adapter_nodes=3
    )
    cost = fleet_cost(prices, "small", 10, 1e5, traffic)
    assert cost.servers_per_month == pytest.approx(10 * 0.10 * 730.5)
    assert cost.egress_per_month == pytest.approx(1e-3 * 3600 * 730.5 * 0.05)  # GB a second × seconds × price
    assert cost.load_balancer_per_month == pytest.approx(2 * 0.0225 * 730.5 + 1e6 / 3000 * 0.008 * 730.5)
    assert cost.adapter_per_month == pytest.approx(3 * 0.2 * 730.5)
    assert cost.per_thousand_connections == cost.per_month / 100
    assert cost.per_month == pytest.approx(730.5 + 131.49 + 1980.8725 + 438.3, abs=0.01)
    assert (cost.currency, cost.unpriced) == ("USD", [])
    assert HOURS_PER_MONTH * 12 == 365.25 * 24


def test_what_has_no_price_is_named_and_not_guessed():
    prices = read_prices('currency = "EUR"\n' + SHAPES + "[prices.small]\nper_month = 10\n", "p")
    cost = fleet_cost(
        prices, "small", 2, 0.0, PaidTraffic(egress_bytes_per_s=1, balancers=1, adapter_nodes=1)
    )
    assert cost.per_thousand_connections is None
    assert cost.per_month == 20
    assert cost.unpriced == ["egress", "load balancer", "adapter nodes"]
    assert fleet_cost(prices, "small", 2, 1.0, PaidTraffic()).unpriced == []


def test_a_balancer_without_capacity_units_costs_its_hours():
    text = FILE.replace('unit = "alb"\nper_unit_hour = 0.008', "")
    cost = fleet_cost(read_prices(text, "p"), "small", 0, 1e6, PaidTraffic(balancers=2, connections=1e6))
    assert cost.per_month == pytest.approx(2 * 0.0225 * 730.5)


def test_shapes_are_compared_by_what_the_whole_fleet_costs():
    prices = read_prices(
        FILE + '[shapes.tiny]\ncores=1\nmemory="1GB"\nbandwidth="1Gbit/s"\n[prices.tiny]\nper_month=1\n', "p"
    )
    counts = {"small": (Fleet(9, 10, 12), "N+2"), "large": (Fleet(3, 3, 4), "zone loss")}

    def sized(shape):
        if shape.name == "tiny":
            raise InputError("one delivery takes longer than the goal")
        return SizedShape(*counts[shape.name])

    table = compare_shapes(prices, sized, 100_000, PaidTraffic(adapter_nodes=1))
    assert [row.shape for row in table.rows] == ["large", "small", "tiny"]
    large, small, tiny = table.rows
    assert large.per_month == pytest.approx(4 * 200 + 146.1)
    assert large.per_thousand_connections == pytest.approx((4 * 200 + 146.1) / 100)
    assert (large.servers_p50, large.servers_p95, large.redundancy) == (3, 4, "zone loss")
    assert small.per_month == pytest.approx(12 * 73.05 + 146.1)
    assert (tiny.per_month, tiny.servers_p95, tiny.impossible) == (
        None,
        None,
        "one delivery takes longer than the goal",
    )
    assert (table.currency, table.quantile, table.unpriced) == ("USD", "p95", [])
    assert msgspec.json.decode(msgspec.json.encode(table), type=type(table)) == table


@given(st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=2, max_size=2))
def test_cheapest_first_fewer_servers_first_the_impossible_last(counts):
    prices = read_prices(
        FILE.replace("per_month = 200", "per_month = 0").replace("per_hour = 0.10", "per_month = 0"), "p"
    )
    fleets = {
        name: Fleet(count, count, None if endless else count)
        for name, (count, endless) in zip(("small", "large"), counts, strict=True)
    }
    rows = compare_shapes(prices, lambda shape: SizedShape(fleets[shape.name], ""), 0, PaidTraffic()).rows
    counted = {name: math.inf if fleet.p95 is None else fleet.p95 for name, fleet in fleets.items()}
    keys = [(counted[row.shape], row.shape) for row in rows]
    assert keys == sorted(keys)
    assert [row.per_month for row in rows] == [None if math.isinf(key[0]) else 0 for key in keys]
    assert all(row.per_thousand_connections is None for row in rows)


def test_nothing_to_compare():
    prices = read_prices('currency = "EUR"\nprices = {}\n' + SHAPES, "p.toml")
    with pytest.raises(InputError, match="no shape has a price"):
        compare_shapes(prices, lambda _: SizedShape(Fleet(1, 1, 1), ""), 1, PaidTraffic())


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("5000", 5000),
        ("5k", 5000),
        ("5k USD", 5000),
        ("5000USD/month", 5000),
        ("12.5 / month", 12.5),
        ("0", 0),
    ],
)
def test_a_budget_as_people_write_it(text, amount):
    assert parse_budget(text, "USD") == amount


@pytest.mark.parametrize("text", ["", "5000 EUR", "USD", "5k/year", "-1", "5,000"])
def test_a_budget_that_is_none(text):
    with pytest.raises(InputError):
        parse_budget(text, "USD", "--max-cost")


def test_the_gate_says_by_how_much_a_fleet_is_too_dear():
    assert over_budget(1000, 1000, "USD") is None
    assert over_budget(0.1 + 0.2, 0.3, "USD") is None
    assert over_budget(1250, 1000, "USD") == (
        "the fleet costs 1,250 USD a month, 250.00 USD more than the 1,000 USD allowed"
    )


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0.00 EUR"), (999.994, "999.99 EUR"), (1234.5678, "1,235 EUR"), (1e6, "1,000,000 EUR")],
)
def test_money(amount, text):
    assert money(amount, "EUR") == text
