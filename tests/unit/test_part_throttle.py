"""A throttled part keeps its share of the time, however long it takes to find its processes."""

import os
import signal
import subprocess
from random import Random

import pytest

from siotool.lab.part_throttle import PERIOD_S, PartThrottle
from siotool.lab.process_tree import trees_of

TIME_S = 120.0


def looked_at(share, took_s, late_s=lambda: 0.0):
    """When it ran, and how long it was stopped at most; each look takes so long, and begins so much late."""
    part = PartThrottle(share, 0.0)
    now = ran_s = longest_stop_s = 0.0
    turned_at, runs = 0.0, True
    while now < TIME_S:
        now = max(now, part.due_at) + late_s() + took_s
        if runs:
            ran_s += now - turned_at
        else:
            longest_stop_s = max(longest_stop_s, now - turned_at)
        turned_at, runs = now, part.turn(now)
    return ran_s / now, longest_stop_s


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.9])
@pytest.mark.parametrize("took_s", [0.0, 0.001, 0.02, 0.05, 0.2])
def test_a_part_runs_its_share_of_the_time_however_slow_the_look(share, took_s):
    """Its processes were stopped again in each period in which the look had outlasted its share: for good."""
    ran, longest_stop_s = looked_at(share, took_s)
    assert ran == pytest.approx(share, rel=0.1)
    assert longest_stop_s <= (PERIOD_S + took_s) / share


def test_it_keeps_its_share_where_some_looks_come_late():
    random = Random(1)
    ran, _ = looked_at(0.2, 0.005, lambda: random.choice([0.0, 0.0, 0.0, 0.08]))
    assert ran == pytest.approx(0.2, rel=0.1)


def test_a_prompt_look_makes_a_period_as_long_as_that_of_a_quota():
    part = PartThrottle(0.2, 10.0)
    turns = []
    for _ in range(4):
        turns.append((round(part.due_at, 6), part.turn(part.due_at)))
    assert turns == [(10.02, False), (10.1, True), (10.12, False), (10.2, True)]


def test_one_very_late_look_is_made_up_for_in_seconds():
    part = PartThrottle(0.2, 0.0)
    part.turn(60.0)  # a minute in which it ran
    assert part.due_at == pytest.approx(65.0, abs=PERIOD_S)


def test_the_processes_of_several_parts_are_found_in_one_look():
    process = subprocess.Popen(
        ["sh", "-c", "sleep 60 & echo; wait"], stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        found = trees_of([process.pid, os.getpid()])
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert found[process.pid][0] == process.pid
    assert len(found[process.pid]) == 2
    assert set(found[process.pid]) < set(found[os.getpid()])
    assert trees_of([process.pid]) == {process.pid: []}, "it has ended"
