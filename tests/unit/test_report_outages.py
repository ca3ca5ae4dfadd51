"""Outages out of seconds: which losses belong together, and who was back when."""

from types import SimpleNamespace

import msgspec
import pytest

from siotool.histogram import Histogram
from siotool.report import outage_tables
from siotool.report.gates import parse
from siotool.report.join import summarize
from siotool.report.judging import judge
from siotool.report.outages import sum_up_away, sum_up_outages
from siotool.report.planned import Planned
from siotool.runfile import Bytes, Connections, Delivery, Interval, Losses


def sparse(times):
    histogram = Histogram()
    histogram.record(times)
    return histogram.sparse()


def second(
    number,
    users,
    *,
    lost_ago=(),
    lost=0,
    kind="transport_close",
    away=0,
    back=(),
    stayed=0,
    attempted=0,
    **more,
):
    return Interval(
        t_s=float(number),
        duration_s=1.0,
        stage=0,
        connections=Connections(
            open=users - away - stayed,
            users=users,
            attempted=attempted,
            closed={kind: lost} if lost else {},
            stayed_away={"server_disconnect": stayed} if stayed else {},
        ),
        operations=[],
        delivery=Delivery(**more.pop("delivery", {})),
        bytes=Bytes(),
        generator=[],
        lost_ago=list(lost_ago),
        losses=Losses(away_now=away, back=len(back), away=sparse(back), **more),
    )


class OneRun:
    def __init__(self, *intervals):
        self.intervals = list(intervals)


def outages(*intervals):
    return sum_up_outages([OneRun(*intervals)])


def test_a_restart_is_one_outage_until_everybody_is_back():
    (found,) = outages(
        second(1, 10, attempted=10),
        second(2, 10, lost=10, away=10, attempted=4),
        second(3, 10, away=6, back=[1.0] * 4, attempted=9),
        second(4, 10, away=0, back=[1.0, 2.0, 2.0, 2.0, 2.0, 3.0], attempted=6),
        second(5, 10),
    )
    assert (found.t_s, found.until_s, found.lost, found.back) == (1, 4, 10, 10)
    assert found.reasons == {"transport_close": 10}
    assert found.back_p50_s == pytest.approx(1.0, rel=0.01)
    assert found.back_p90_s == pytest.approx(2.0, rel=0.01)
    assert found.back_p99_s == pytest.approx(3.0, rel=0.01)
    assert found.back_all_s == 3.0
    assert (found.attempts, found.attempts_peak_per_s) == (19, 9)


def test_lost_messages_are_those_that_were_sent_within_it_whenever_they_were_given_up():
    (found,) = outages(
        second(1, 10),
        second(2, 10, lost=10, away=10),
        second(3, 10, back=[1.0] * 10, lost_ago=[(0, 2), (1, 3), (2, 50)]),
        *(second(number, 10) for number in range(4, 31)),
        second(31, 10, lost_ago=[(28, 4), (29, 5), (30, 60)]),
    )
    # the seconds 2 and 3 are the outage; of 3: 2 at once and 4 later, of 2: 3 and 5
    assert (found.t_s, found.until_s) == (1, 3)
    assert found.messages_lost == 2 + 3 + 4 + 5


def test_percentiles_are_of_all_that_were_lost_and_unknown_where_so_many_never_came_back():
    (found,) = outages(second(1, 10), second(2, 10, lost=10, away=10), second(3, 10, away=4, back=[1.0] * 6))
    assert found.back_p50_s == pytest.approx(1.0, rel=0.01)
    assert (found.back_p90_s, found.back_all_s) == (None, None)


def test_everybody_back_and_a_second_without_losses_part_two_outages():
    found = outages(
        second(1, 10),
        second(2, 10, lost=5, back=[0.1] * 5),
        second(3, 10, lost=5, back=[0.1] * 5),
        second(4, 10),
        second(5, 10, lost=3, back=[0.1] * 3),
    )
    assert [(one.t_s, one.until_s, one.lost) for one in found] == [(1, 3, 10), (4, 5, 3)]


def test_single_losses_among_thousands_are_no_outage_and_do_not_join_two():
    quiet = [second(number, 10_000, lost=1, away=1, back=[1.0]) for number in range(2, 30)]
    storm = [
        second(30, 10_000, lost=5_000, away=5_001, back=[]),
        second(31, 10_000, lost=1, away=800, back=[1.0] * 4_202),
        second(32, 10_000, lost=1, away=1, back=[2.0] * 800),
    ]
    later = [second(number, 10_000, lost=1, away=1, back=[1.0]) for number in range(33, 60)]
    run = OneRun(second(1, 10_000), *quiet, *storm, *later)
    (found,) = sum_up_outages([run])
    assert (found.t_s, found.until_s, found.lost, found.back_all_s) == (29, 32, 5_002, 2.0)
    away = sum_up_away([run], [found])
    assert away.apart == 28 + 27


def test_users_that_the_server_sent_away_are_no_outage():
    run = OneRun(second(1, 10), second(2, 10, lost=10, kind="server_disconnect", stayed=10), second(3, 10))
    assert sum_up_outages([run]) == []
    assert sum_up_away([run], []) is None


def test_users_that_were_sent_away_are_not_waited_for_in_an_outage_of_others():
    run = [
        second(1, 10),
        second(2, 10, lost=4, kind="server_disconnect", stayed=4),
        second(3, 10, lost=2, back=[0.5] * 2),
    ]
    (found,) = outages(*run)
    assert (found.lost, found.back, found.back_all_s) == (6, 2, 0.5)


def test_a_run_file_that_does_not_say_who_was_away_has_no_outage():
    run = OneRun(second(1, 10), second(2, 10, lost=10), second(3, 10))
    assert sum_up_outages([run]) == []
    assert sum_up_away([run], []) is None


def test_what_was_missed_and_replayed_counts_where_it_happened():
    (found,) = outages(
        second(1, 10),
        second(2, 10, lost=10, away=10, delivery={"while_away": 30}),
        second(3, 10, back=[1.0] * 10, recovered=8, replayed=26, caught_up=24, delivery={"duplicate": 2}),
    )
    assert (found.recovered, found.replayed, found.missed, found.duplicate) == (8, 26, 6, 2)


def test_what_comes_out_of_a_store_after_the_return_was_not_missed():
    """It counted in the seconds of the outage alone: what came in the next ones was missed all the same."""
    first, second_one = outages(
        second(1, 10),
        second(2, 10, lost=10, away=10, delivery={"while_away": 30}),
        second(3, 10, back=[1.0] * 10),
        second(4, 10, caught_up=20, delivery={"duplicate": 1}),
        second(5, 10),
        second(6, 10, caught_up=4, replayed=3),
        second(7, 10, delivery={"duplicate": 5}),  # the store has sent everything: it is another matter
        second(8, 10, lost=5, back=[0.5] * 5, delivery={"while_away": 8}),
        msgspec.structs.replace(second(9, 10, caught_up=8), draining=True),
    )
    assert (first.missed, first.duplicate, first.replayed) == (6, 1, 3)
    assert (second_one.missed, second_one.duplicate) == (0, 0)


def test_what_single_users_miss_and_get_later_makes_up_for_no_outage():
    (found,) = outages(
        second(1, 1000),
        second(2, 1000, lost=500, away=500, delivery={"while_away": 30}),
        second(3, 1000, back=[1.0] * 500, caught_up=10),
        *(second(n, 1000, lost=1, back=[0.1], caught_up=2, delivery={"while_away": 2}) for n in range(4, 20)),
    )
    assert found.missed == 20


def test_messages_lost_in_an_interval_of_several_seconds_or_of_a_part_of_one_count_once():
    """A machine that was late has longer ones: what was sent in their first seconds was in no second."""
    long = msgspec.structs.replace(second(5, 10, away=10), duration_s=3.0)
    short = msgspec.structs.replace(second(5, 10, back=[1.0] * 10), t_s=5.3, duration_s=0.3)
    given_up = [(26, 1), (27, 2), (28, 4), (29, 8), (30, 16)]  # sent in the seconds 5, 4, 3, 2 and 1
    (found,) = outages(
        second(1, 10), second(2, 10, lost=10, away=10), long, short, second(31, 10, lost_ago=given_up)
    )
    assert (found.t_s, found.until_s) == (1, 5.3)
    assert found.messages_lost == 1 + 2 + 4 + 8


def outcome(run, text):
    result = judge(parse(text), summarize([run], Planned()))
    return result.outcome, result.value


def test_gates_on_the_time_away(make_run):
    def with_outage(back):
        seconds = {10.0: ({"closed": {"reset": 9}}, Losses(away_now=9))}
        seconds |= {float(t): ({}, Losses(away_now=9)) for t in (11, 12, 13)}
        seconds[14.0] = ({}, Losses(back=9, away=back))

        def change(interval):
            found = seconds.get(interval.t_s)
            if found is None:
                return interval
            connections = msgspec.structs.replace(interval.connections, **found[0])
            return msgspec.structs.replace(interval, connections=connections, losses=found[1])

        return make_run(change=change)

    run = with_outage(sparse([4.0] * 9))
    assert outcome(run, "p99:away > 10s")[0] == outcome(run, "back_all > 10s")[0] == "passed"
    assert outcome(run, "p50:away > 3s") == ("failed", pytest.approx(4.0, rel=0.01))
    assert outcome(run, "back_all > 3s") == ("failed", 4.0)
    never = with_outage(sparse([4.0] * 8))
    assert outcome(never, "p50:away > 10s")[0] == "passed"
    assert outcome(never, "back_all > 10s") == ("failed", None)
    assert outcome(make_run(), "p99:away > 10s") == ("passed", 0.0)
    assert outcome(make_run(), "back_all > 10s") == ("passed", 0.0)


# ── tables ────────────────────────────────────────────────────────────────────────────


def tables(*intervals, published=1):
    found = outages(*intervals)
    away = sum_up_away([OneRun(*intervals)], found)
    report = SimpleNamespace(outages=found, away=away, delivery=SimpleNamespace(published=published))
    return outage_tables.outages(report).blocks


def test_a_run_without_losses_has_no_table():
    assert tables(second(1, 10)) == []


def test_each_outage_is_a_row_that_says_what_became_of_messages():
    restart = (
        second(1, 10),
        second(2, 10, lost=10, away=10),
        second(3, 10, back=[1.0] * 10, lost_ago=[(1, 7)]),
    )
    [table] = tables(*restart)
    [row] = table.rows
    named = [column.name for column in table.columns]
    assert row.cells[named.index("lost messages")] == "7"
    assert len(row.cells) == len(named)
    [without] = tables(*restart, published=0)
    assert "lost messages" not in [column.name for column in without.columns]


def test_losses_one_by_one_are_a_sentence():
    single = (second(1, 1000), second(2, 1000, lost=1, away=1), second(3, 1000, back=[1.0]))
    [sentence] = tables(*single)
    assert "lost in no outage" in str(sentence)
    both = (*single, second(4, 1000, lost=900, away=900), second(5, 1000, back=[1.0] * 900))
    [table] = tables(*both)
    assert "lost in no outage" in table.note
