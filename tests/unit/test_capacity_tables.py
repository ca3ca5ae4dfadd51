"""A search for capacity as a report tells it: the sentence, what ran out, the loads that were held."""

import msgspec
import pytest

from siotool.cli.outcome import rendered
from siotool.document.document import Sentence, Table
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.report.capacity_figures import CapacityFigures, HoldFigures, capacity_of
from siotool.report.capacity_tables import capacity, capacity_sentence
from siotool.report.limiting_resource import limiting_resource
from siotool.runfile import Bytes
from siotool.searched import LOWEST_FAILED, FoundCapacity, Hold

FOUND = CapacityFigures(
    search="users",
    value=18_400.0,
    low=17_900.0,
    high=18_900.0,
    at_least=False,
    confidence=0.95,
    unit="connections",
    gate="p99:ack > 200ms",
    limited_by="server: the event loop",
    seconds=240.0,
    complete=True,
    why="the interval is narrow enough",
    servers=1,
    servers_how="as many as were sampled",
    holds=[],
)
HOLD = HoldFigures(
    load=100.0,
    outcome="failed",
    gate="p99:ack > 200ms",
    missed=0.02,
    allowed=0.01,
    operations=2000,
    blocks=20,
    settling_s=1.0,
    from_s=10.0,
    to_s=30.0,
    restarts=0,
    doubts=[],
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param(
            {},
            "this server holds 18,400 connections of this workload, 17,900 to 18,900 with 95 % confidence; "
            "the event loop is what runs out",
            id="an interval, and what runs out",
        ),
        pytest.param(
            {"limited_by": ""}, "; 'p99:ack > 200ms' fails first", id="nothing was at its limit: the gate"
        ),
        pytest.param({"limited_by": "", "gate": ""}, "what runs out was not sampled", id="no gate"),
        pytest.param(
            {"limited_by": "server: nginx's core"}, "; nginx's core is what runs out", id="a full balancer"
        ),
        pytest.param(
            {"limited_by": "server: the cores of server-2"},
            "; the cores of server-2 are what runs out",
            id="several cores",
        ),
        pytest.param(
            {"value": None, "high": None, "limited_by": "generator"},
            "holds at least 17,900 connections of this workload, with 95 % confidence; the generator is what "
            "ran out, not the server",
            id="the generator's limit is never the server's",
        ),
        pytest.param(
            {"value": None, "high": None, "limited_by": "bound"},
            "no gate failed up to the load that the search was not to exceed",
            id="the bound was reached",
        ),
        pytest.param(
            {"value": None, "high": None, "limited_by": "", "complete": False},
            "with 95 % confidence (the search was ended early)",
            id="interrupted: what is known by then",
        ),
        pytest.param(
            {"low": 0.0, "value": None, "high": None},
            "the capacity is not known",
            id="nothing was held",
        ),
        pytest.param(
            {"low": 0.0, "value": None, "why": LOWEST_FAILED, "holds": [HOLD]},
            "the lowest load, 100 connections, failed 'p99:ack > 200ms' already",
            id="the lowest load fails",
        ),
        pytest.param(
            {"low": 0.0, "value": None},
            "this server holds less than 18,900 connections of this workload",
            id="only loads that failed",
        ),
        pytest.param(
            {"unit": "bytes", "search": "size", "value": 2000.0, "low": 1900.0, "high": 2100.0},
            "this server holds messages of 2 kB of this workload, 1.9 kB to 2.1 kB",
            id="sizes",
        ),
        pytest.param(
            {"servers": 4},
            "these 4 servers hold 18,400 connections of this workload, 17,900 to 18,900 with 95 % "
            "confidence, 4,600 each; the event loop is what runs out",
            id="a fleet, and what one of it holds",
        ),
        pytest.param(
            {"servers": 4, "value": None, "high": None, "limited_by": "bound"},
            "at least 17,900 connections of this workload, with 95 % confidence, 4,475 each;",
            id="a fleet, at least",
        ),
        pytest.param(
            {"servers": 4, "unit": "per_s", "search": "rate", "value": 8.0, "low": 7.0, "high": 9.0},
            "hold 8 operations/s of each user of this workload, 7 to 9 with 95 % confidence; the",
            id="what each user does is not shared out",
        ),
        pytest.param(
            {"servers": None, "servers_how": "2 addresses were loaded"},
            "runs out; how much one of them holds is not known: 2 addresses were loaded",
            id="servers that nobody counted",
        ),
    ],
)
def test_what_a_search_found_is_one_sentence(changes, said):
    assert said in capacity_sentence(msgspec.structs.replace(FOUND, **changes))


def test_the_loads_are_a_table_and_a_chart(make_run, reported):
    report = reported(make_run(), {})
    assert capacity(report).blocks == []
    holds = [
        msgspec.structs.replace(HOLD, load=50.0, outcome="passed", missed=0.0),
        HOLD,
        msgspec.structs.replace(HOLD, load=80.0, outcome="undecided", missed=0.01),
        msgspec.structs.replace(HOLD, load=200.0, outcome="generator", blocks=0, doubts=["no CPU was left"]),
        msgspec.structs.replace(HOLD, load=300.0, outcome="undecided", blocks=0),
    ]
    found = msgspec.structs.replace(FOUND, holds=holds)
    said, chart, table = capacity(msgspec.structs.replace(report, capacity=found)).blocks
    assert said.text.startswith("This server holds 18,400 connections")
    assert said.text.endswith("it ended because the interval is narrow enough.")
    assert [row.cells[1] for row in table.rows] == ["passed", "FAILED", "undecided", "shows nothing"]
    assert table.rows[3].cells[-1] == "no CPU was left"
    assert table.columns[0].name == "connections"
    assert [row.cells[0] for row in table.rows] == ["50", "100", "80", "200"]
    # only holds that counted something, as a multiple of what is allowed
    assert chart.curves[0].points == [(50.0, 0.0), (80.0, 1.0), (100.0, 2.0)]
    alone = msgspec.structs.replace(FOUND, holds=[HOLD], why="")
    said, table = capacity(msgspec.structs.replace(report, capacity=alone)).blocks
    assert said.text.endswith("The search took 4 min.")
    none = msgspec.structs.replace(FOUND, holds=[])
    assert len(capacity(msgspec.structs.replace(report, capacity=none)).blocks) == 1


def test_holds_that_showed_nothing_have_a_table_and_no_chart(make_run, reported):
    """Of two loads beyond the generator the report of a search ended in a bug."""
    nothing = msgspec.structs.replace(HOLD, outcome="generator", blocks=0, doubts=["no CPU was left"])
    for holds in ([nothing, nothing], [nothing, HOLD], [HOLD, msgspec.structs.replace(HOLD, allowed=0.0)]):
        found = msgspec.structs.replace(FOUND, low=0.0, value=None, high=None, holds=holds)
        report = msgspec.structs.replace(reported(make_run(), {}), capacity=found)
        assert [type(block) for block in capacity(report).blocks] == [Sentence, Table]
        assert "not known" in rendered(report, "html")


def searched(make_run, **use):
    """A run whose load failed in its last ten seconds, in which the server used so much."""
    found = FoundCapacity(
        30.0, "users", "connections", 90.0, 80.0, 100.0, 0.95, "p99:ack > 200ms", "server", 30.0, True
    )
    run = make_run()
    run.capacity = found
    run.holds = [Hold(30.0, 20.0, 100.0, "failed", "p99:ack > 200ms", 0.02, 0.01, 1000, 10, 1.0, 0.0)]
    server = ServerUse(cpu_cores=0.1, rss_bytes=1, files_open=1, processes=1)
    run.intervals[:] = [
        msgspec.structs.replace(one, servers={"server": msgspec.structs.replace(server, **use)})
        for one in run.intervals
    ]
    return run


@pytest.mark.parametrize(
    ("use", "cores", "resource"),
    [
        pytest.param({}, 1, "", id="nothing is at its limit"),
        pytest.param({"loop_utilization": 0.9}, 1, "the event loop", id="the event loop, where it is known"),
        pytest.param({"cpu_cores": 0.9}, 1, "the server's core", id="the only core"),
        pytest.param({"cpu_cores": 3.5}, 4, "the server's cores", id="several cores"),
        pytest.param({"rss_bytes": 950_000_000}, 1, "memory", id="memory"),
        pytest.param({"files_open": 1000}, 1, "open files", id="open files"),
        pytest.param(
            {"files_open": 4000, "files_most": 300},
            1,
            "",
            id="files of several processes, each with its limit",
        ),
        pytest.param({"cpu_cores": None, "rss_bytes": None}, 1, "", id="what was not sampled has no limit"),
    ],
)
def test_the_resource_at_its_limit_is_named(make_run, use, cores, resource):
    run = searched(make_run, **use)
    (server,) = run.header.servers
    servers = [msgspec.structs.replace(server, cores=cores)]
    run.header = msgspec.structs.replace(run.header, servers=servers)
    assert limiting_resource([run]) == resource


def fleet(run, **uses):
    """The run on two servers with a balancer and a backend beside them, each with a use of its own."""
    servers = [
        MeasuredServer(name, [number], f"pid {number}", cores, beside=beside)
        for number, (name, cores, beside) in enumerate(
            [("server-1", 1.0, False), ("server-2", 1.0, False), ("nginx", 1.0, True), ("redis", 4.0, True)],
            1,
        )
    ]
    idle = ServerUse(cpu_cores=0.1, rss_bytes=1, files_open=1, processes=1)
    used = {
        one.name: msgspec.structs.replace(idle, beside=one.beside, **uses.get(one.name.replace("-", "_"), {}))
        for one in servers
    }
    header = msgspec.structs.replace(run.header, servers=servers)
    intervals = [msgspec.structs.replace(one, servers=used) for one in run.intervals]
    return msgspec.structs.replace(run, header=header, intervals=intervals)


FULL, BUSY = {"cpu_cores": 0.9}, {"loop_utilization": 0.9}


@pytest.mark.parametrize(
    ("uses", "resource"),
    [
        pytest.param({}, "", id="nothing is full"),
        pytest.param({"nginx": FULL}, "nginx's core", id="a balancer"),
        pytest.param({"redis": {"cpu_cores": 3.5}}, "redis's cores", id="a backend with several cores"),
        pytest.param({"redis": FULL}, "", id="one of four cores is not all"),
        pytest.param({"nginx": {"cpu_cores": None}}, "", id="a balancer without samples"),
        pytest.param({"server_2": FULL}, "the core of server-2", id="one server of two"),
        pytest.param(
            {"server_1": {"loop_utilization": 0.1}, "server_2": BUSY},
            "the event loop of server-2",
            id="the loop of one server",
        ),
        pytest.param({"server_1": FULL, "server_2": FULL}, "the server's cores", id="all servers together"),
        pytest.param(
            {"server_1": FULL, "server_2": FULL, "nginx": FULL}, "the server's cores", id="all go first"
        ),
        pytest.param({"server_2": FULL, "nginx": FULL}, "the core of server-2", id="then one of them"),
    ],
)
def test_a_full_one_among_several_is_named_though_their_mean_is_not_full(make_run, uses, resource):
    """A search that a balancer ended named nothing: only all servers as one were looked at."""
    assert limiting_resource([fleet(searched(make_run), **uses)]) == resource


def test_a_balancer_beside_servers_that_were_not_sampled_is_named(make_run):
    run = fleet(searched(make_run), nginx=FULL)
    beside = [one for one in run.header.servers if one.beside]
    run.header = msgspec.structs.replace(run.header, servers=beside)
    assert limiting_resource([run]) == "nginx's core"
    assert capacity_of([run]).limited_by == "server: nginx's core"


@pytest.mark.parametrize(
    ("wire_in", "wire_out", "resource"),
    [
        pytest.param(95, 1, "bandwidth", id="to the clients"),
        pytest.param(1, 95, "bandwidth", id="to the server"),
        pytest.param(80, 80, "", id="both ways are counted each by itself"),
    ],
)
def test_a_network_that_is_full_is_named_where_its_bandwidth_is_known(make_run, wire_in, wire_out, resource):
    run = searched(make_run)
    (server,) = run.header.servers
    moved = Bytes(wire_in, wire_out, wire_in, wire_out)
    run.intervals[:] = [msgspec.structs.replace(one, bytes=moved) for one in run.intervals]
    assert limiting_resource([run]) == ""
    servers = [msgspec.structs.replace(server, bandwidth_bytes_per_s=100.0)]
    run.header = msgspec.structs.replace(run.header, servers=servers)
    assert limiting_resource([run]) == resource


def test_a_run_without_samples_names_no_resource(make_run):
    run = searched(make_run)
    run.intervals[:] = [msgspec.structs.replace(one, servers={}) for one in run.intervals]
    assert limiting_resource([run]) == ""


def test_searches_for_different_things_are_not_joined(make_run):
    one, other = searched(make_run), searched(make_run)
    other.capacity = msgspec.structs.replace(other.capacity, search="rate")
    assert capacity_of([one, other]) is None
    assert capacity_of([one, one]).low == 80.0
