"""What runs, reports and comparisons say where there is little to say."""

import msgspec
import pytest

from siotool.errors import ExitCode, RunFileError
from siotool.report.comparison.pairing import pair
from siotool.report.leak_figures import find_leak
from siotool.report.verdict import sentence, why
from siotool.runfile import FILE_NAME, AudienceDeliveries, Delivery
from siotool.runs import reading
from siotool.runs.measures import measures_of
from siotool.runs.seconds import seconds_of
from tests.unit.test_capacity_tables import FOUND

MB = 1_000_000


def written(folder, *lines):
    (folder / FILE_NAME).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return folder


def test_two_servers_of_one_name_are_in_no_run_file(make_run, tmp_path):
    header = make_run().header
    twice = msgspec.structs.replace(header, servers=[*header.servers, *header.servers])
    with pytest.raises(RunFileError, match="two servers of one name"):
        reading.read(written(tmp_path, twice))


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param({"expected": 3, "received": 1, "lost": 1}, "do not add up", id="one is nowhere"),
        pytest.param({"messages": 0}, "more times than messages", id="a time of no message"),
    ],
)
def test_audiences_that_contradict_themselves_are_refused(make_run, sparse, tmp_path, found, said):
    run = make_run()
    audience = AudienceDeliveries("room", 2, messages=1, expected=2, received=2, first=sparse([0.002]))
    last = msgspec.structs.replace(
        run.intervals[-1],
        delivery=Delivery(published=1, expected=2, received=2),
        audiences=[msgspec.structs.replace(audience, **found)],
    )
    with pytest.raises(RunFileError, match=said):
        reading.read(written(tmp_path, run.header, last))


def test_a_server_with_nothing_to_do_is_measured_by_its_connections(make_run):
    def idle(interval):
        users = [msgspec.structs.replace(one, sent=0, begun=0) for one in interval.user_classes]
        return msgspec.structs.replace(interval, operations=[], user_classes=users)

    names = {one.name for one in measures_of(make_run(change=idle)).amounts}
    assert "cpu_per_connection" in names
    assert "cpu_per_event" not in names


def test_a_run_without_samples_has_no_cost_and_one_beside_an_idle_generator_no_reference(make_run):
    names = {one.name for one in measures_of(make_run(server=None)).amounts}
    assert "bytes_per_connection" in names
    assert not names & {"cpu_per_event", "cpu_per_connection", "rss"}
    (cost,) = [one for one in measures_of(make_run(generator_cpu=0.01)).amounts if one.kind == "cost"]
    assert cost.reference == []


def test_a_run_that_held_nothing_has_no_rates(make_run):
    gone = measures_of(make_run(users=1, ramp_s=1, hold_s=0, server=None))
    assert all(sum(one.over) > 0 for one in gone.amounts)


def test_seconds_without_a_sample_of_memory_are_not_zero_bytes(make_run):
    """A metrics page that was missed once has none: a run that missed some looked smaller."""

    def missed(interval):
        if interval.t_s % 5 != 2:
            return interval
        use = msgspec.structs.replace(interval.servers["server"], rss_bytes=None)
        return msgspec.structs.replace(interval, servers={"server": use})

    def rss(run):
        (found,) = [one for one in measures_of(run).amounts if one.name == "rss"]
        return sum(found.amounts) / sum(found.over)

    assert rss(make_run(change=missed)) == pytest.approx(rss(make_run()), rel=1e-3)


def test_what_one_side_lacks_is_said_and_not_compared(make_run):
    full, bare = measures_of(make_run()), measures_of(make_run(server=None, name="bare"))
    without = msgspec.structs.replace(bare, times=bare.times[:1])
    found, absent = pair([full], [without], referred=False)
    assert "bytes_per_connection" in {one.name for one in found}
    assert any(one.startswith("cpu_per_event: not measured in") for one in absent)
    assert any(": not in " in one for one in absent)


def test_times_of_nothing_are_not_compared(make_run, sparse):
    def instant(interval):
        operations = [
            msgspec.structs.replace(one, response=sparse([0.0] * one.count)) for one in interval.operations
        ]
        return msgspec.structs.replace(interval, operations=operations)

    at_once = measures_of(make_run(change=instant))
    found, _ = pair([at_once], [at_once], referred=False)
    assert not any(one.name.startswith("p") for one in found)


def test_a_search_and_the_reason_of_a_code_are_told(make_run, reported):
    report = msgspec.structs.replace(reported(make_run(), {}), capacity=FOUND)
    assert "this server holds 18,400 connections" in sentence(report)
    assert "at the load that is judged" in sentence(report)
    assert why(report, ExitCode.GATE_FAILED) == sentence(report)
    assert why(report, ExitCode.INTERRUPTED) == "interrupted; what was measured is kept"
    assert "worker" in why(report, ExitCode.UNREACHABLE)


@pytest.mark.parametrize(
    ("each_hour", "memory", "said"),
    [
        pytest.param(60 * MB, 1000 * MB, "are full in", id="the machine's memory will be full"),
        pytest.param(60 * MB, None, "leaks", id="the machine's memory is not known"),
        pytest.param(2 * MB, 10**15, "last for more than ten years", id="it will never be"),
        pytest.param(-60 * MB, 1000 * MB, "no leak: its memory shrank", id="it shrinks"),
        pytest.param(0, 1000 * MB, "no leak shown: its memory did not change", id="it stays"),
    ],
)
def test_a_leak_is_told_with_how_far_it_reaches(make_run, each_hour, memory, said):
    def leaking(interval):
        (name,) = interval.servers
        rss = 400 * MB + round(each_hour * interval.t_s / 3600)
        use = msgspec.structs.replace(interval.servers[name], rss_bytes=rss)
        return msgspec.structs.replace(interval, servers={name: use})

    run = make_run(users=4, hold_s=1200, change=leaking)
    found = find_leak(seconds_of([run]), memory)
    assert not isinstance(found, str), found
    assert said in found.sentence
