"""Rows on their way to users: each once, whoever asks for how many."""

from collections import Counter

import gevent
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.errors import ScenarioError
from siotool.swarm.row_desk import RowDesk, RowPool
from siotool.swarm.users_file import UsersFile


def rows(count: int) -> list[bytes]:
    return [b'{"n": %d}' % number for number in range(count)]


@given(st.integers(1, 30), st.lists(st.integers(0, 7), max_size=20))
def test_no_row_goes_out_twice(count: int, requests: list[int]) -> None:
    desk = RowDesk(UsersFile("u.csv", rows(count)))
    taken = [row for asked in requests for row in desk.take(asked)]
    assert taken == rows(count)[: sum(requests)]
    assert desk.refused == max(0, sum(requests) - count)


@given(st.integers(1, 10), st.lists(st.integers(0, 7), max_size=20))
def test_reused_rows_are_used_equally_often(count: int, requests: list[int]) -> None:
    desk = RowDesk(UsersFile("u.csv", rows(count), reuse=True))
    used = Counter(row for asked in requests for row in desk.take(asked))
    assert sum(used.values()) == sum(requests)
    assert max(used.values(), default=0) - min((used[row] for row in rows(count)), default=0) <= 1


def test_users_get_rows_without_asking_where_they_were_provided() -> None:
    asked: list[int] = []
    pool = RowPool(asked.append)
    waiting = gevent.spawn(pool.provide, 3)
    gevent.idle()
    pool.deliver(3, rows(3))
    assert waiting.get() == 3
    assert [pool.take() for _ in range(3)] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert asked == [3]


def test_rows_that_are_on_their_way_are_not_asked_for_again() -> None:
    """A greenlet that waited for them may have been killed meanwhile; the rows are not lost."""
    asked: list[int] = []
    pool = RowPool(asked.append)
    first = gevent.spawn(pool.provide, 3)
    gevent.idle()
    first.kill()
    second = gevent.spawn(pool.provide, 4)
    gevent.idle()
    assert asked == [3, 1]
    pool.deliver(3, rows(3))
    pool.deliver(1, rows(1))
    assert second.get() == 4


def test_a_pool_says_how_many_are_left() -> None:
    pool = RowPool.at(RowDesk(UsersFile("u.csv", rows(2))))
    assert pool.provide(5) == 2
    assert [pool.take(), pool.take()] == [{"n": 0}, {"n": 1}]
    with pytest.raises(ScenarioError, match="no row left"):
        pool.take()
