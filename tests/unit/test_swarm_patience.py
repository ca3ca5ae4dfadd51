from siotool.swarm.patience import HELD_UP_S, Patience

BEGIN = 100.0
SILENT_S = 5.0


def looked_at(*moments):
    patience = Patience(BEGIN)
    for moment in moments:
        held_up = patience.look(BEGIN + moment)
    return patience, held_up


def every_twentieth(until):
    return [n / 20 for n in range(int(until * 20) + 1)]


def test_a_worker_is_silent_when_a_second_is_long_over():
    patience, _ = looked_at(*every_twentieth(10))
    assert not patience.silent(3, BEGIN + 4 + SILENT_S, SILENT_S)
    assert patience.silent(3, BEGIN + 4.01 + SILENT_S, SILENT_S)
    assert not patience.silent(4, BEGIN + 4.01 + SILENT_S, SILENT_S)


def test_a_parent_that_stood_still_says_how_long_and_blames_nobody():
    """A suspended machine, or all its processes stopped together: nobody was silent."""
    patience, held_up = looked_at(*every_twentieth(3), 18.0)
    assert held_up == 15.0
    assert not patience.silent(3, BEGIN + 18.0, SILENT_S)
    assert not patience.silent(3, BEGIN + 18.0 + SILENT_S, SILENT_S)
    # but what is not told then, with the parent listening, is not coming
    assert patience.silent(3, BEGIN + 18.1 + SILENT_S, SILENT_S)


def test_a_little_late_is_not_standing_still():
    _, held_up = looked_at(*every_twentieth(3), 3 + HELD_UP_S * 0.9)
    assert held_up == 0.0
