"""Users that stay are none of the garbage collector's business until half of them have left."""

import gc

import pytest

from siotool.swarm.staying_users import StayingUsers


@pytest.fixture
def frozen():
    """Objects that the collector does not look at beyond those of before."""
    before = gc.get_freeze_count()
    yield lambda: gc.get_freeze_count() - before
    gc.unfreeze()


def test_what_users_hold_is_set_aside_as_they_become_more(frozen):
    users = StayingUsers()
    users.look(499)
    assert frozen() == 0
    users.look(500)
    assert frozen() > 0
    first, more = frozen(), [[] for _ in range(1000)]
    users.look(999)
    assert frozen() <= first
    users.look(1000)
    assert frozen() >= first + len(more) / 2


def test_what_is_left_of_users_is_looked_at_again_once_half_of_them_have_left(frozen):
    users = StayingUsers()
    users.look(1000)
    users.look(501)
    assert frozen() > 0
    users.look(500)
    assert gc.get_freeze_count() == 0
    users.look(500)
    users.look(999)
    assert gc.get_freeze_count() == 0, "set aside again before anything was looked at"
    users.look(1000)
    assert gc.get_freeze_count() > 0


def test_circles_of_users_that_have_left_are_collected():
    class Circle:
        left = 0

        def __init__(self):
            self.itself = self

        def __del__(self):
            Circle.left += 1

    users = StayingUsers()
    gc.collect()
    Circle()
    users.look(1000)
    gc.collect()
    assert Circle.left == 0
    users.look(0)
    gc.collect()
    assert Circle.left == 1
