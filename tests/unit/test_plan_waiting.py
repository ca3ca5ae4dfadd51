"""Waits at an event loop, held against a simulation of one: every job by itself, first come, first served."""

import math

import numpy as np
import pytest

from siotool.plan.constraints.waiting import Job, Loop, mean_wait, share_later, wait_within

#: A job of so many seconds, and its part of all the work.
FORTY = ((1.3e-3, 1.0),)
HALF_LONG = ((10e-3, 0.5), (1e-3, 0.5))
FEW_LONG = ((60e-3, 0.15), (3e-3, 0.85))
THREE = ((40e-3, 0.3), (5e-3, 0.4), (2e-3, 0.3))
MIXES = {"one kind": FORTY, "half of it long": HALF_LONG, "little of it long": FEW_LONG, "three kinds": THREE}


def loop_of(mix, rho):
    return Loop(tuple(Job(rho * part / length_s, length_s) for length_s, part in mix))


def simulated(loop, count, seed):
    """The wait of each of so many jobs, by D. V. Lindley's recursion (1952)."""
    random = np.random.Generator(np.random.PCG64(seed))
    rates = np.array([job.per_s for job in loop.jobs])
    lengths = np.array([job.length_s for job in loop.jobs])
    work = lengths[np.searchsorted(np.cumsum(rates / rates.sum()), random.random(count))]
    steps = np.concatenate([[0.0], np.cumsum(work[:-1] - random.exponential(1 / rates.sum(), count - 1))])
    return steps - np.minimum.accumulate(steps)


@pytest.mark.parametrize("rho", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("mix", MIXES.values(), ids=MIXES)
def test_waits_are_those_of_a_simulated_loop(mix, rho):
    """The mean, and what one message in a hundred waits longer than: an exponential tail was 3 times off."""
    loop = loop_of(mix, rho)
    waits = simulated(loop, 1_000_000 if rho < 0.8 else 4_000_000, seed=5)
    assert mean_wait(loop) == pytest.approx(waits.mean(), rel=0.05)
    for share in (0.9, 0.99):
        seen = np.quantile(waits, share)
        # within 5 %, or within a tenth of the shortest job where almost nobody waits
        assert wait_within(loop, share) == pytest.approx(seen, rel=0.05, abs=0.1 * mix[-1][0])
        assert wait_within(loop, share) + mix[0][0] == pytest.approx(seen + mix[0][0], rel=0.05)
    twice = waits + np.roll(waits, len(waits) // 2)  # two that were long apart know nothing of each other
    assert wait_within(loop, 0.99, 1.0) == pytest.approx(np.quantile(twice, 0.99), rel=0.05)


def test_one_kind_of_job_is_the_queue_of_the_textbooks():
    """M/D/1 at one half: half a job on average; P[W ≤ t] = (1 − ρ) Σ (λ(kS − t))^k/k! exp(λ(t − kS))."""
    loop = loop_of(((1.0, 1.0),), 0.5)
    assert mean_wait(loop) == pytest.approx(0.5)
    for t in (0.3, 0.95, 1.6, 2.4, 3.7):
        terms = (
            (0.5 * (k - t)) ** k / math.factorial(k) * math.exp(0.5 * (t - k)) for k in range(int(t) + 1)
        )
        assert share_later(loop, t) == pytest.approx(1 - 0.5 * sum(terms), abs=1e-3)


def test_who_waits_at_all():
    loop = loop_of(HALF_LONG, 0.3)
    assert share_later(loop, 0.0) == pytest.approx(0.3)
    assert share_later(loop, 0.0, 1.0) == pytest.approx(1 - 0.7**2)
    assert share_later(loop, -1e-9) == 1
    assert wait_within(loop_of(FORTY, 0.009), 0.99) == 0, "fewer than one in a hundred"


def test_an_idle_loop_keeps_nobody_waiting():
    loop = Loop(())
    assert (loop.utilization, mean_wait(loop), share_later(loop, 0.0), wait_within(loop, 0.99)) == (
        0,
        0,
        0,
        0,
    )


def test_a_loop_that_is_never_done():
    loop = loop_of(FORTY, 1.0)
    assert mean_wait(loop) == wait_within(loop, 0.99) == math.inf
    assert share_later(loop, 1e9) == 1


def test_work_in_short_pieces_delays_as_many_tiny_jobs_do():
    fluid = Loop((Job(50.0, 10e-3),), 0.3)
    tiny = Loop((Job(50.0, 10e-3), Job(0.3 / 1e-7, 1e-7)))
    assert mean_wait(fluid) == pytest.approx(mean_wait(tiny), rel=1e-4)
    assert wait_within(fluid, 0.99) == pytest.approx(wait_within(tiny, 0.99), rel=1e-4)


def test_draws_agree_with_single_figures():
    lengths, rates = np.array([1e-3, 0.02, 1.5, 0.01]), np.array([100.0, 30.0, 0.9, 0.0])
    times, waits = np.array([5e-3, 0.0, 1.0, -1.0]), np.array([0.0, 1.0, 1.0, 0.0])
    drawn = Loop((Job(rates, lengths), Job(100.0, 2e-3)), 0.1)
    later, mean = share_later(drawn, times, waits), mean_wait(drawn)
    for i in range(4):
        one = Loop((Job(float(rates[i]), float(lengths[i])), Job(100.0, 2e-3)), 0.1)
        assert mean[i] == pytest.approx(mean_wait(one), rel=1e-12)
        assert later[i] == pytest.approx(share_later(one, float(times[i]), float(waits[i])), rel=1e-9)
