"""What is done for a lost worker: others start whom it was to start, and a machine may take its place."""

from collections.abc import Callable
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.slow


def measured(done: Any) -> list[Any]:
    return [interval for interval in done.run.intervals if not interval.draining]


# ── users that arrive ─────────────────────────────────────────────────────────────────

RATE, SECONDS, LOST_AT = 24, 14, 4


@pytest.mark.parametrize(
    ("lose", "unknown_s"),
    [
        pytest.param(psutil.Process.kill, 1, id="a worker is killed"),
        pytest.param(psutil.Process.suspend, 7, id="a worker is stopped, and waited for"),
    ],
)
def test_users_arrive_at_the_rate_that_was_asked_for_when_a_worker_is_lost(
    start: Any, lose: Callable[[psutil.Process], object], unknown_s: int
) -> None:
    """Those that were to arrive at it between its last report and its end are offered, and do not come."""
    test = start(
        *("demo", "--arrival-rate", f"{RATE}/s", "--run-time", f"{SECONDS}s", "--processes", 3),
        "--no-default-gates",
    )
    test.reached(LOST_AT)
    lose(test.workers()[1])
    done = test.finish()
    (doubt,) = [note for note in done.run.notes if "generator worker 1" in note.text]
    visits = [interval.visits for interval in measured(done)]
    assert sum(one.offered for one in visits) == pytest.approx(RATE * SECONDS, abs=2)
    missed = sum(one.offered - one.arrived for one in visits)
    assert missed <= RATE / 3 * (unknown_s + 1) + 2
    assert missed == pytest.approx(RATE / 3 * (doubt.t_s - LOST_AT), abs=RATE / 3 + 2)
    # from the second after the one in which it was found out
    after = [one.visits.arrived for one in measured(done) if one.t_s - one.duration_s > doubt.t_s][:-1]
    assert len(after) >= 2
    assert after == pytest.approx([RATE] * len(after), abs=2)
    assert done.code == 5
