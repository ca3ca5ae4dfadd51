"""Under which conditions a run was made, in words, and which differ between two sides."""

import msgspec
import pytest

from siotool.faults.planned_fault import PlannedFault
from siotool.runs.conditions import alike, conditions_of, differences
from siotool.workload import Arrivals


def header(make_run, **changes):
    return msgspec.structs.replace(make_run().header, **changes)


def workload(make_run, **changes):
    found = make_run().header
    return msgspec.structs.replace(found, workload=msgspec.structs.replace(found.workload, **changes))


@pytest.mark.parametrize(
    ("changes", "users"),
    [
        pytest.param(
            {"stages": [], "arrivals": Arrivals(5.0, 60.0, 40, "poisson")},
            "5/s for 1 min poisson, at most 40",
            id="users that arrive, with a limit",
        ),
        pytest.param(
            {"stages": [], "arrivals": Arrivals(5.0, 60.0)}, "5/s for 1 min constant", id="without a limit"
        ),
        pytest.param({"stages": [], "shape": "Wave"}, "Wave", id="a shape of the scenario's own"),
        pytest.param({"stages": [], "search": "rate"}, "search over rate", id="a search, and its axis"),
        pytest.param({"stages": []}, "none", id="nothing that decides it"),
    ],
)
def test_how_many_users_there_were_is_said(make_run, changes, users):
    assert conditions_of(workload(make_run, **changes)).others["users"] == users


def test_searches_over_different_axes_are_not_alike(make_run):
    """All of them had no users, and a history compared a search over users with one over messages."""
    users, size = (conditions_of(workload(make_run, stages=[], search=axis)) for axis in ("users", "size"))
    assert alike(users) != alike(size)
    assert differences([users], [size]) == ["users: search over size, in the baseline search over users"]


def test_what_differs_is_said_and_what_is_the_same_is_not(make_run):
    before = conditions_of(header(make_run, command=["loadtest", "--eio", "3"]))
    after = conditions_of(
        header(make_run, command=["loadtest", "--client=reference"], libraries={"locust": "2.47.0"})
    )
    assert differences([before], [before]) == []
    said = differences([before], [after])
    assert "client: client reference, in the baseline eio 3" in said
    assert any(one.startswith("libraries: locust 2.47.0, in the baseline locust") for one in said)


def on(make_run, **changes):
    """The conditions of a run on another machine."""
    found = make_run().header
    return conditions_of(
        msgspec.structs.replace(
            found, generators=[msgspec.structs.replace(one, **changes) for one in found.generators]
        )
    )


def test_a_machine_with_another_cpu_is_another_machine(make_run):
    """Two of a pipeline's machines with as many CPUs of other models were the same one."""
    before, after = on(make_run, cpu="AMD EPYC 7763"), on(make_run, cpu="Intel(R) Xeon(R) 8370C")
    assert before.others["generator"] == "AMD EPYC 7763, 8 CPUs, 16 GB, 1 processes"
    (said,) = differences([before], [after])
    assert said.startswith("generator: Intel(R) Xeon(R) 8370C, 8 CPUs")
    assert alike(before) != alike(after)
    assert alike(on(make_run, cpu="AMD EPYC 7763")) == alike(before)


def test_another_release_of_the_system_is_said_and_leaves_the_machine_comparable(make_run):
    """Trap: a new image of a pipeline's machines left its history without any comparable run."""
    before, after = (on(make_run, system=f"Linux 6.{minor} x86_64") for minor in (8, 11))
    assert differences([before], [after]) == ["system: Linux 6.11 x86_64, in the baseline Linux 6.8 x86_64"]
    assert alike(before) == alike(after)


def test_flags_that_change_what_users_do_or_what_cpus_cost_are_conditions(make_run):
    usual, changed = (
        conditions_of(header(make_run, command=["loadtest", "--eio", "3", *flags]))
        for flags in ([], ["--keep-awake", "--no-reconnection"])
    )
    assert differences([usual], [changed]) == [
        "client: eio 3, no-reconnection, keep-awake, in the baseline eio 3"
    ]
    assert alike(usual) != alike(changed)


def test_tags_and_settings_are_conditions(make_run):
    made = workload(make_run, tags=["a"], exclude_tags=["b", "c"], settings={"rate": 2.0, "event": "say"})
    assert conditions_of(made).others["settings"] == "event=say, rate=2.0, tags a, without tags b c"


def test_faults_are_conditions_and_runs_without_any_are_as_before(make_run):
    without = conditions_of(header(make_run))
    broken = [
        PlannedFault(8.0, "latency redis 200ms", 6.0, "heal redis from latency"),
        PlannedFault(20.0, "reload balancer"),
    ]
    found = conditions_of(header(make_run, faults=broken))
    told = "latency redis 200ms at 8 s for 6 s, then heal redis from latency; reload balancer at 20 s"
    assert differences([without], [found]) == [f"faults: {told}, in the baseline none"]
    assert differences([found], [without]) == [f"faults: none, in the baseline {told}"]
    assert "faults" not in without.others
    assert alike(without) != alike(found)
