"""When faults are done and undone: whatever the moments at which they are looked at."""

from hypothesis import given
from hypothesis import strategies as st

from siotool.faults.fault_clock import DueStep, FaultClock, StepDone
from siotool.faults.planned_fault import PlannedFault

times = st.floats(0, 100, allow_nan=False)
faults = st.lists(
    st.builds(
        PlannedFault,
        at_s=times,
        do=st.just("do"),
        for_s=st.none() | st.floats(0.1, 50),
        undo=st.sampled_from(["", "undo"]),
    ).map(lambda fault: fault if fault.undo or fault.for_s is None else PlannedFault(fault.at_s, "do")),
    max_size=5,
)
looks = st.lists(st.floats(0.01, 30), max_size=40)


@given(faults, looks, st.integers(0, 3))
def test_each_step_is_begun_once_in_its_turn_and_what_is_left_is_undone_at_the_end(planned, gaps, slowness):
    """Each ``do`` comes at its time, each ``undo`` after its ``do`` has ended, and none is forgotten."""
    clock = FaultClock(planned)
    begun: list[DueStep] = []
    waiting: list[tuple[int, DueStep]] = []
    ended: set[DueStep] = set()
    now = 0.0

    def end(all_of_them=False):
        for age, due in list(waiting):
            waiting.remove((age, due))
            if age >= slowness or all_of_them:
                line = clock.end(StepDone(due), [], now)
                assert (line.fault, line.step) == due
                assert 0 <= line.took_s <= now
                ended.add(due)
            else:
                waiting.append((age + 1, due))

    for gap in gaps:
        now += gap
        end()
        for due in clock.due(now):
            fault = planned[due.fault]
            assert due not in begun
            assert now >= fault.at_s
            if due.step == "undo":
                assert fault.undo
                assert DueStep(due.fault, "do") in ended
                assert now >= fault.at_s + fault.for_s
            begun.append(due)
            waiting.append((0, due))
        under_way = set(clock.under_way())
        assert under_way >= {due.fault for _, due in waiting if due.step == "undo"}
    while True:
        rest = clock.rest(now)
        begun += rest
        waiting += [(0, due) for due in rest]
        if not clock.waiting:
            break
        end(all_of_them=True)
    assert len(begun) == len(set(begun))
    done = {due.fault for due in begun if due.step == "do"}
    assert {due.fault for due in begun if due.step == "undo"} == {n for n in done if planned[n].undo}
    assert clock.under_way() == []


@given(faults)
def test_a_run_that_ends_before_its_faults_undoes_nothing(planned):
    assert FaultClock(planned).rest(0.0) == []
