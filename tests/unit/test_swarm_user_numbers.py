"""The numbers of a run's users, over all workers and those that take the place of lost ones."""

from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm.user_numbers import GivenNumbers, NumberLane


def test_workers_number_users_in_turn() -> None:
    lanes = [NumberLane(lane) for lane in range(3)]
    assert [lane.number(count, 3) for count in (1, 2) for lane in lanes] == [1, 2, 3, 4, 5, 6]


def test_who_takes_the_place_of_a_lost_worker_goes_on_in_its_numbers() -> None:
    """They began at 33 million, so that a target that users of a range of numbers have got none of them."""
    given_numbers = GivenNumbers(3)
    found = given_numbers.take_over(3, 1, {0: 50, 1: 40}, 5)
    assert found == NumberLane(1, after=45, started=40)
    assert [found.number(count, 3) for count in (1, 2)] == [45 * 3 + 2, 46 * 3 + 2]
    again = given_numbers.take_over(4, 3, {0: 60, 1: 40, 3: 10}, 5)
    assert again == NumberLane(1, after=60, started=50)


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 9), st.integers(0, 100)), max_size=12),
)
def test_no_number_is_given_twice(workers: int, losses: list[tuple[int, int, int]]) -> None:
    """Each loss: how many were started and reported, how many were not reported, and who is lost."""
    numbers = GivenNumbers(workers)
    lanes = {worker: NumberLane(worker) for worker in range(workers)}
    started: dict[int, int] = {}
    there, used = list(range(workers)), []
    for worker, (reported, unreported, chosen) in enumerate(losses, workers):
        lost = there.pop(chosen % len(there))
        started[lost] = reported
        used += [lanes[lost].number(count, workers) for count in range(1, reported + unreported + 1)]
        lanes[worker] = numbers.take_over(worker, lost, started, unreported)
        there.append(worker)
    used += [lanes[worker].number(count, workers) for worker in there for count in (1, 2)]
    assert len(used) == len(set(used))
