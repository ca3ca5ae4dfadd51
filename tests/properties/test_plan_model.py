"""What must be true of any plan: of whole plans, made from generated plan files."""

import math

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from siotool import formula
from siotool.errors import InputError, SiotoolError
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.fields import ADAPTERS, FIELDS, MESSAGE_FIELDS, MESSAGE_FLAGS, SECTIONS
from siotool.plan.inputs.figure import KINDS, Figure
from siotool.plan.inputs.middles import at_middles, middle, middles
from siotool.plan.inputs.ranges import Range
from siotool.plan.sizing import sizing

whole_plans = settings(max_examples=60)


def figures(**strategies):
    """A dictionary of figures in SI units; those with a default of None may be missing."""
    return st.fixed_dictionaries({key.replace("__", "."): strategy for key, strategy in strategies.items()})


def between(low, high):
    return st.floats(math.log(low), math.log(high)).map(lambda x: float(f"{math.exp(x):.6g}"))


# no plan of these is refused as a slip of units, not even a broadcast of all to all, eight times over
WORKLOADS = figures(
    workload__connections=between(10, 1e5),
    workload__session_length=between(30, 86_400),
    workload__churn=between(0.01, 100),
    server__capacity=between(1e8, 1e9),
    server__bandwidth_out=between(1e8, 1e9),
    server__bandwidth_in=between(1e8, 1e9),
    server__utilization=st.floats(0.2, 0.9),
    server__memory=between(1e9, 1e11),
    server__heap=between(1e9, 1e10),
    server__open_files=between(2e3, 1e6),
    server__connections=between(1e3, 1e6),
    server__idle_cost=between(1e-6, 2e-5),
    server__inbound_cost=between(1e-5, 1e-4),
    server__encode_cost=between(1e-6, 3e-5),
    server__delivery_cost=between(5e-6, 1e-4),
    server__adapter_cost=between(1e-6, 5e-5),
    server__decode_cost=between(1e-6, 5e-5),
    server__connect_cost=between(1e-4, 5e-3),
    topology__balancer_ports=between(1e4, 6e4),
    topology__conntrack=between(1e4, 1e6),
    topology__balancer_connections=between(1e4, 1e6),
    goals__delivery_time=between(0.05, 5),
    goals__reconnect_time=between(10, 300),
    goals__spares=st.sampled_from([0, 1, 2]),
    goals__downtime=st.floats(0, 3600),
)
CHOICES = st.fixed_dictionaries(
    {
        "topology.adapter": st.sampled_from(ADAPTERS),
        "goals.storm": st.sampled_from(["server", "all"]),
        "transport.tls": st.sampled_from(["none", "1.2", "1.3"]),
        "transport.parser": st.sampled_from(["json", "msgpack"]),
    }
)
MESSAGES = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(KINDS),
        "rate": between(1e-5, 0.02),
        "size": between(1, 1e4),
        "room_size": between(1, 500),
    }
)
UNITS = {"rate": "/s", "byte_rate": "B/s", "size": "B", "duration": "s"}
KIND_OF = {field.key: field.kind for field in FIELDS}


def text_of(workload, choices, message):
    """The plan file of these figures."""
    sections = {}
    for key, value in (workload | choices).items():
        section, _, name = key.partition(".")
        shown = f"'{value}'" if isinstance(value, str) else f"'{value!r}{UNITS.get(KIND_OF[key], '')}'"
        sections.setdefault(section, []).append(f"{name} = {shown}")
    lines = [line for section, keys in sections.items() for line in (f"[{section}]", *keys)]
    lines += [
        "[workload.messages.x]",
        f"kind = '{message['kind']}'",
        f"room_size = '{message['room_size']!r}'",
    ]
    lines += [f"rate = '{message['rate']!r}/s'", f"size = '{message['size']!r}B'"]
    return "\n".join(lines)


def inputs_of(*parts):
    return compose.complete(planfile.decode(text_of(*parts), "plan.toml"))


def plan_of(*parts, **options):
    """The plan, its ranges (those of a profile) at their middle unless told otherwise."""
    inputs = inputs_of(*parts)
    if not options:
        inputs = at_middles(inputs)
    return sizing.size(inputs, **options)


def servers(plan):
    return math.inf if plan.servers.p95 is None else plan.servers.p95


PLANS = (WORKLOADS, CHOICES, MESSAGES)

#: More of any of these is more to do.
DEMANDS = (
    "workload.connections",
    "workload.churn",
    "workload.peak_factor",
    "workload.event_factor",
    "workload.messages.x.rate",
    "workload.messages.x.size",
    "workload.messages.x.room_size",
    "topology.imbalance",
    "goals.downtime",
    "goals.spares",
)
#: And of these, more to do it with.
CAPACITIES = (
    "server.capacity",
    "server.bandwidth_in",
    "server.bandwidth_out",
    "server.memory",
    "server.heap",
    "server.connections",
    "server.open_files",
    "topology.balancer_ports",
    "topology.conntrack",
    "goals.delivery_time",
    "goals.reconnect_time",
    "workload.session_length",
)
COSTS = tuple(field.key for field in FIELDS if field.key.endswith("_cost") and field.section == "server")


def scaled(inputs, key, factor):
    figure = inputs.figures[key]
    most = 0.99 if KIND_OF.get(key) == "share" else math.inf
    return inputs.replaced({key: Figure(min(most, middle(key, figure.value) * factor), figure.provenance)})


def fleet_of(inputs):
    values = middles(inputs)
    found = evaluate(inputs, values)
    return found.fleet


@whole_plans
@given(*PLANS)
def test_the_same_file_makes_the_same_plan(workload, choices, message):
    assert plan_of(workload, choices, message) == plan_of(workload, choices, message)


@whole_plans
@given(*PLANS, st.sampled_from(DEMANDS), st.floats(1, 8))
def test_more_to_do_never_needs_fewer_servers(workload, choices, message, key, factor):
    inputs = inputs_of(workload, choices, message)
    factor = round(factor) if key == "goals.spares" else factor
    try:
        less, more = fleet_of(inputs), fleet_of(scaled(inputs, key, factor))
    except InputError:
        assume(False)
    assert more >= less


@whole_plans
@given(*PLANS, st.sampled_from(CAPACITIES), st.floats(1, 8))
def test_more_to_do_it_with_never_needs_more(workload, choices, message, key, factor):
    inputs = inputs_of(workload, choices, message)
    assert fleet_of(scaled(inputs, key, factor)) <= fleet_of(inputs)


@whole_plans
@given(*PLANS, st.sampled_from(COSTS), st.floats(0.05, 1))
def test_cheaper_work_never_needs_more(workload, choices, message, key, factor):
    inputs = inputs_of(workload, choices, message)
    assume(key in inputs)
    assert fleet_of(scaled(inputs, key, factor)) <= fleet_of(inputs)


@settings(max_examples=25)
@given(*PLANS)
def test_units_change_nothing(workload, choices, message):
    text = text_of(workload, choices, message)
    # whole figures, so that another unit is the same number to the last bit
    numbers = {"memory": (8_000_000_000, "B", "8GB"), "session_length": (1800, "s", "30min")}
    numbers |= {"capacity": (100_000_000, "B/s", "800Mbit/s"), "delivery_time": (0.5, "s", "500ms")}
    plain, units = [], []
    for line in text.splitlines():
        name = line.partition(" = ")[0]
        value, unit, other = numbers.get(name, (None, "", ""))
        plain.append(line if value is None else f"{name} = '{value}{unit}'")
        units.append(line if value is None else f"{name} = '{other}'")
    one, two = (
        sizing.size(compose.complete(planfile.decode("\n".join(lines), "x")), draws=100, sensitivities=False)
        for lines in (plain, units)
    )
    assert one == two


@settings(max_examples=20)
@given(*PLANS, between(1.1, 5))
def test_quantiles_are_in_order_and_chances_add_up(workload, choices, message, width):
    text = text_of(workload, choices, message)
    low = workload["workload.connections"]
    text = text.replace(f"connections = '{low!r}'", f"connections = '{low!r}..{low * width!r}'", 1)
    found = sizing.size(compose.complete(planfile.decode(text, "x")), draws=500, sensitivities=False)
    quantiles = [
        math.inf if n is None else n for n in (found.servers.p50, found.servers.p90, found.servers.p95)
    ]
    assert quantiles == sorted(quantiles)
    assert sum(row.binding_probability for row in found.constraints) == pytest.approx(1)
    for row in found.constraints:
        assert (row.servers_p50 or math.inf) <= (row.servers_p95 or math.inf) or row.servers_p50 == 0
    assert 0 <= found.uncertainty.infeasible <= 1
    msgspec.json.encode(found)


# a storm's servers are whole numbers, which are passed over here
@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(*PLANS)
def test_a_single_figure_is_a_range_of_no_width(workload, choices, message):
    inputs = inputs_of(workload, choices, message)
    single = at_middles(inputs)
    value = single.figures["workload.connections"].value
    # so narrow that every draw is this figure to a part in a thousand million
    narrow = Range(value * (1 - 1e-10), None, value * (1 + 1e-10))
    almost = single.replaced(
        {"workload.connections": Figure(narrow, single.figures["server.memory"].provenance)}
    )
    alone = sizing.size(single)
    exact = max(row.servers_exact or 0.0 for row in alone.constraints if row.tier == "servers")
    assume(exact < 1e5 and abs(exact - round(exact)) > 1e-3)
    drawn = sizing.size(almost, draws=100, sensitivities=False)
    assert (drawn.servers.p50, drawn.servers.p95) == (alone.servers.p50, alone.servers.p95)


@given(
    connections=st.integers(0, 10**7),
    rate=st.integers(0, 10**5),
    minutes=st.integers(0, 8 * 60 - 1),
    capacity=st.integers(1, 10**4),
    percent=st.integers(1, 100),
)
def test_the_document_s_formula_alone_is_reproduced_exactly(connections, rate, minutes, capacity, percent):
    text = (
        f"[workload]\nconnections = {connections}\nconsumption_rate = '{rate}B/s'\n"
        f"[server]\ncapacity = '{capacity}MB/s'\nutilization = '{percent}%'\n"
        f"[goals]\ndowntime = '{minutes}min'\nworkday = '8h'\n"
    )
    try:
        found = sizing.size(compose.complete(planfile.decode(text, "x")))
    except InputError:
        assume(False)
    exact = formula.servers_exact(
        formula.Figures(connections, rate, minutes * 60, 28_800, capacity * 1e6, percent / 100)
    )
    assert found.document.servers_exact == exact
    assert exact == pytest.approx(
        connections * rate * (1 - minutes / 480) / (capacity * 1e6 * percent / 100), rel=1e-12
    )
    assert [row.name for row in found.constraints] == ["bandwidth"]


# what people type, and worse
scalars = st.one_of(
    st.integers(-3, 10**12),
    st.floats(),
    st.booleans(),
    st.sampled_from(
        [
            "",
            "0",
            "1",
            "70%",
            "100%",
            "1M",
            "2KB/s",
            "16GiB",
            "30s",
            "5/s",
            "1GB..2GB",
            "0%..50%",
            "1s..2s..9s",
        ]
    ),
    st.sampled_from(
        ["0B", "0s", "0/s", "0B/s", "1e15", "1e12/s", "1e18B", "1e9s", "1e-300", "5e-324s", "none"]
    ),
    st.sampled_from(["0..1M", "1..1e12", "0.1us..1s", "1%..99%", "0s..1ms", "redis", "true", "all", "zone"]),
    st.text(max_size=6),
)


@settings(max_examples=150)
@given(
    st.dictionaries(st.sampled_from([f.key for f in FIELDS]), scalars, max_size=8),
    st.dictionaries(
        st.sampled_from(["kind", *(f.key for f in MESSAGE_FIELDS), *MESSAGE_FLAGS]),
        scalars | st.sampled_from(KINDS),
        max_size=4,
    ),
)
def test_any_plan_file_makes_a_plan_or_says_why_not(keys, message):
    sections = {section: [] for section in SECTIONS}
    keys = {
        "workload.connections": "10k",
        "workload.consumption_rate": "2KB/s",
        "server.capacity": "1GB/s",
    } | keys
    for key, value in keys.items():
        section, _, name = key.partition(".")
        sections[section].append(f"{name} = {toml(value)}")
    lines = [line for section, found in sections.items() for line in (f"[{section}]", *found)]
    if message:
        table = {"kind": "room", "rate": "1/min", "room_size": "5"} | message
        lines += ["[workload.messages.x]", *(f"{key} = {toml(value)}" for key, value in table.items())]
    _plans("\n".join(lines))


def toml(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return msgspec.json.encode(value).decode()
    return repr(value)


@given(st.text(alphabet="[]=.\"'# \n{}workladservctins0123456789kMB%/", max_size=60))
def test_any_text_is_read_or_refused(text):
    try:
        planfile.decode(text, "plan.toml")
    except SiotoolError as error:
        assert error.message


def _plans(text):
    try:
        found = sizing.size(compose.complete(planfile.decode(text, "x")), draws=100)
    except SiotoolError as error:
        assert error.message
        return
    written = msgspec.json.encode(found)
    assert b"NaN" not in written
    # what a plan writes keeps its own types: no infinity became null where a number belongs
    msgspec.json.decode(written, type=type(found))
