import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import InputError
from siotool.formula import Figures
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.sizing import sizing
from siotool.plan.uncertainty import worlds
from siotool.units import parse_byte_rate, parse_duration, parse_share

ARTICLE = Figures(1_000_000, 2_000, 1_800, 86_400, 100_000_000, 0.7)

plausible = st.builds(
    Figures,
    connections=st.floats(0, 1e7),
    consumption_rate_bytes_per_s=st.floats(0, 1e5),
    downtime_s=st.floats(0, 8 * 3600),
    workday_s=st.floats(9 * 3600, 86_400),
    capacity_bytes_per_s=st.floats(1e7, 1e10),
    utilization=st.floats(0.1, 1),
)


def inputs(figures, target=0.999):
    keys = {
        "workload.connections": figures.connections,
        "workload.consumption_rate": figures.consumption_rate_bytes_per_s,
        "goals.downtime": figures.downtime_s,
        "goals.workday": figures.workday_s,
        "server.capacity": figures.capacity_bytes_per_s,
        "server.utilization": figures.utilization,
        "goals.availability": target,
    }
    typed = Provenance("typed")
    return compose.complete(Inputs({key: Figure(value, typed) for key, value in keys.items()}))


def plan(figures, target=0.999):
    return sizing.size(inputs(figures, target))


def test_the_example_that_must_hold():
    result = plan(ARTICLE)
    assert result.document.servers == 28
    assert math.floor(result.document.servers_exact * 1000) == 27_976
    assert result.constraints[0].servers_p50 == result.constraints[0].servers_p95 == 29
    assert result.binding == "bandwidth"
    # 2 GB/s over 70 MB/s each is 28.57; of 33 servers up 97.92 % of the time, 29 are up 99.9 %
    assert result.corrected.servers == 33
    assert result.corrected.availability == pytest.approx(1 - 0.5 / 24)
    assert (result.servers.p50, result.servers.p90, result.servers.p95) == (33, 33, 33)


def test_without_downtime_every_count_is_the_same():
    result = plan(msgspec.structs.replace(ARTICLE, downtime_s=0.0))
    assert result.document.servers == result.corrected.servers == result.servers.p95 == 29
    assert result.corrected.availability == 1


def test_no_demand_needs_no_server():
    result = plan(msgspec.structs.replace(ARTICLE, connections=0.0))
    assert result.document.servers == result.corrected.servers == 0
    assert result.warnings == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param({}, "28 servers would run at 71.4 % of capacity", id="the formula's count is too small"),
        pytest.param({"connections": 35_500}, "the formula's 1 server would run at", id="one server"),
        pytest.param({"downtime_s": 0.0}, "downtime is 0", id="nothing set aside for downtime"),
        pytest.param({"utilization": 1.0}, "nothing is left for a peak", id="no headroom"),
        pytest.param(
            {"consumption_rate_bytes_per_s": 8e7}, "cannot be split", id="a session larger than a server"
        ),
    ],
)
def test_warns(change, words):
    assert any(words in text for text in plan(msgspec.structs.replace(ARTICLE, **change)).warnings)


def test_figures_without_a_catch_need_no_warning():
    # 15 servers either way: the downtime is a second
    assert plan(Figures(1_000_000, 1_000, 1, 86_400, 100e6, 0.7)).warnings == []


@pytest.mark.parametrize("target", [0, 1, -0.5, 99.9, math.nan, math.inf])
def test_an_availability_target_out_of_range_is_refused(target):
    with pytest.raises(InputError, match=r"availability target is .* expected more than 0 and less than 1"):
        plan(ARTICLE, target)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"connections": 1e300, "consumption_rate_bytes_per_s": 1e300}, id="demand overflows"),
        pytest.param({"capacity_bytes_per_s": 5e-324, "utilization": 0.1}, id="capacity underflows"),
        pytest.param({"capacity_bytes_per_s": 1.0}, id="a capacity of one byte per second"),
    ],
)
def test_figures_that_make_an_absurd_fleet_are_refused(change):
    with pytest.raises(InputError, match="more than 100,000,000 servers") as caught:
        plan(msgspec.structs.replace(ARTICLE, **change))
    assert "units" in caught.value.hint


def test_a_server_that_is_never_up_is_refused():
    with pytest.raises(InputError):
        plan(msgspec.structs.replace(ARTICLE, downtime_s=math.nextafter(86_400, 0)))


@given(plausible)
def test_the_same_figures_make_the_same_plan(figures):
    assert plan(figures) == plan(figures)


@given(plausible, st.floats(1, 10))
def test_more_demand_never_needs_fewer_servers(figures, factor):
    more = msgspec.structs.replace(figures, connections=figures.connections * factor)
    assert plan(more).servers.p95 >= plan(figures).servers.p95
    assert plan(more).document.servers >= plan(figures).document.servers


@given(plausible, st.floats(1, 10))
def test_more_capacity_never_needs_more_servers(figures, factor):
    more = msgspec.structs.replace(figures, capacity_bytes_per_s=figures.capacity_bytes_per_s * factor)
    assert plan(more).servers.p95 <= plan(figures).servers.p95
    assert plan(more).document.servers <= plan(figures).document.servers


@given(plausible, st.floats(0, 8))
def test_more_downtime_lowers_the_formula_and_raises_the_corrected_count(figures, hours):
    less, more = sorted((figures.downtime_s, hours * 3600))
    short, long = (plan(msgspec.structs.replace(figures, downtime_s=seconds)) for seconds in (less, more))
    assert long.document.servers <= short.document.servers
    assert long.corrected.servers >= short.corrected.servers


@given(plausible, st.floats(0.5, 0.9999), st.floats(0.5, 0.9999))
def test_a_higher_target_never_needs_fewer_servers(figures, one, other):
    low, high = sorted((one, other))
    assert plan(figures, high).servers.p95 >= plan(figures, low).servers.p95


@given(
    rate=st.integers(1, 10_000),
    minutes=st.integers(0, 400),
    capacity=st.integers(1, 10_000),
    percent=st.integers(1, 100),
)
def test_units_change_nothing(rate, minutes, capacity, percent):
    one = Figures(
        50_000,
        parse_byte_rate(f"{rate}B/s"),
        parse_duration(f"{minutes}min"),
        parse_duration("8h"),
        parse_byte_rate(f"{capacity}MB/s"),
        parse_share(f"{percent}%"),
    )
    other = Figures(
        50_000,
        parse_byte_rate(f"{8 * rate}bps"),
        parse_duration(f"{60 * minutes}s"),
        parse_duration("28800000ms"),
        parse_byte_rate(f"{8 * capacity}Mbit/s"),
        parse_share(f"{percent / 100}"),
    )
    assert plan(one) == plan(other)


def _passes(kinds: int, monkeypatch) -> int:
    """How often the model is run for a plan of so many kinds of messages, all their figures ranges."""
    tables = "".join(
        f'[workload.messages.m{n}]\nkind = "room"\nrate = "1/min..2/min"\nsize = "90B..300B"\n'
        'room_size = "5..10"\n'
        for n in range(kinds)
    )
    text = f'[workload]\nconnections = "100k..200k"\n{tables}[server]\ncapacity = "1Gbit/s"\n'
    count = 0

    def counted(*arguments):
        nonlocal count
        count += 1
        return evaluate(*arguments)

    monkeypatch.setattr(worlds, "evaluate", counted)
    sizing.size(compose.complete(planfile.decode(text, "x")), draws=100)
    return count


def test_twice_as_many_kinds_of_messages_take_as_many_passes_of_twice_the_work(monkeypatch):
    """Every range had two passes of its own: thirty kinds cost 2.6 times fifteen, and sixty ten times."""
    assert _passes(30, monkeypatch) == _passes(15, monkeypatch)
