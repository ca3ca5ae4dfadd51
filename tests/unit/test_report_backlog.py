"""The backlog of a report: what was missed and came, what the store took, and what the plan had said."""

from types import MappingProxyType

import msgspec
import pytest

from siotool.histogram import Histogram
from siotool.measured_servers import ServerUse
from siotool.report.backlog_figures import PlannedBacklog, PlannedStore, sum_up_backlog
from siotool.report.delivery_figures import DeliveryFigures
from siotool.report.report_document import as_document
from siotool.runfile import Losses
from tests.unit.conftest import make_run, reported

DELIVERY = DeliveryFigures(**dict.fromkeys(DeliveryFigures.__struct_fields__, 0))
PLANNED = PlannedBacklog(
    written_per_s=10.0,
    drain_s=4.0,
    stores=MappingProxyType({"postgres": PlannedStore("PostgreSQL", 300.0)}),
    chosen=None,
)


@pytest.fixture
def kept():
    """A run of six seconds: from the second to the fourth, users are away, and the store grows."""

    def make(*, name="postgres", caught_up=30, levels=(0, 10, 30, 50, 60, 60)):
        run = make_run(ramp_s=2, hold_s=4)
        drained = Histogram()
        drained.record([1.0, 2.0])
        for number, (interval, level) in enumerate(zip(run.intervals, levels, strict=True)):
            use = (
                {}
                if level is None
                else {name: ServerUse(store_messages=level, store_bytes=level * 330 + 9, beside=True)}
            )
            losses = Losses(
                away_now=5 * (number in (1, 2, 3)),
                caught_up=caught_up * (number == 4),
                drained=drained.sparse() if number == 5 else Losses().drained,
            )
            run.intervals[number] = msgspec.structs.replace(interval, servers=use, losses=losses)
        return run

    return make


def test_what_the_store_took_is_what_it_grew_by(kept):
    found = sum_up_backlog([kept()], DELIVERY, None)
    store = found.store
    assert (store.name, store.messages, store.bytes) == ("postgres", 60, 60 * 330)
    assert store.bytes_per_message == pytest.approx(330)
    assert store.written_per_s == pytest.approx(20), "while users were away at both ends of a second"
    assert store.written_peak_per_s == pytest.approx(20)


def test_a_store_that_tidies_up_has_not_grown_by_what_it_threw_away(kept):
    """Trap: LevelDB writes files anew and removes the old ones; only its growth was summed: 944 B for 572."""
    run = kept()
    for interval, size in zip(run.intervals, (0, 3000, 9000, 16000, 12000, 12000), strict=True):
        use = msgspec.structs.replace(interval.servers["postgres"], store_bytes=size)
        interval.servers["postgres"] = use
    store = sum_up_backlog([run], DELIVERY, None).store
    assert store.bytes == 12000


def test_what_a_message_takes_does_not_depend_on_the_last_second(kept):
    """A store that writes 900 bytes ahead for each message of 300, and tidies up now and then."""
    last = []
    for shift in range(8):
        run = kept(levels=range(0, 3000, 500))
        run.intervals *= 20
        for second, interval in enumerate(run.intervals):
            messages = 50 * second
            ahead = 600 * 50 * ((second + shift) % 8)
            use = ServerUse(store_messages=messages, store_bytes=300 * messages + ahead, beside=True)
            run.intervals[second] = msgspec.structs.replace(
                interval, t_s=second + 1.0, servers={"postgres": use}
            )
        store = sum_up_backlog([run], DELIVERY, None).store
        assert store.bytes_per_message == pytest.approx(300, rel=0.02)
        last.append(store.bytes / store.messages)
    assert max(last) - min(last) > 30


def test_a_second_in_which_the_store_did_not_answer_is_not_one_in_which_it_did_not_grow(kept):
    found = sum_up_backlog([kept(levels=(0, 10, None, 50, 60, 60))], DELIVERY, None)
    assert found.store.messages == 60
    assert found.store.written_per_s == pytest.approx(20)


def test_what_is_due_is_what_came_and_what_did_not(kept):
    delivery = msgspec.structs.replace(DELIVERY, missed_while_away=3, duplicate=2)
    found = sum_up_backlog([kept()], delivery, None)
    assert (found.due, found.replayed, found.missed, found.duplicate) == (33, 30, 3, 2)
    assert found.users == 2
    assert found.drain_max_s == pytest.approx(2.0, rel=0.01)
    assert found.drain_p50_s == pytest.approx(1.0, rel=0.01)
    assert found.replayed_peak_per_s == pytest.approx(30)


def test_planned_figures_stand_beside_the_measured_ones_of_the_same_store(kept):
    rows = {one.name: one for one in sum_up_backlog([kept()], DELIVERY, PLANNED).planned}
    assert list(rows) == ["a message in PostgreSQL", "messages written", "time to drain"]
    assert rows["a message in PostgreSQL"].difference == pytest.approx(0.1)
    assert rows["messages written"].difference == pytest.approx(1.0)
    assert rows["time to drain"].difference == pytest.approx(-0.5, rel=0.02)


def test_a_store_that_no_plan_knows_is_compared_with_the_one_that_was_chosen(kept):
    run = kept(name="couchdb")
    assert [one.name for one in sum_up_backlog([run], DELIVERY, PLANNED).planned] == [
        "messages written",
        "time to drain",
    ]
    chosen = msgspec.structs.replace(PLANNED, chosen=PlannedStore("MongoDB", 330.0))
    assert sum_up_backlog([run], DELIVERY, chosen).planned[0].difference == pytest.approx(0)


def test_a_run_without_a_store_has_a_backlog_when_something_came(kept):
    nothing = (None,) * 6
    assert sum_up_backlog([kept(levels=nothing, caught_up=0)], DELIVERY, PLANNED) is None
    found = sum_up_backlog([kept(levels=nothing)], DELIVERY, PLANNED)
    assert (found.store, found.replayed) == (None, 30)
    assert [one.name for one in found.planned] == ["time to drain"]


def test_a_store_that_nothing_was_written_to_has_no_bytes_for_a_message(kept):
    found = sum_up_backlog([kept(levels=(7,) * 6)], DELIVERY, PLANNED)
    assert (found.store.messages, found.store.bytes_per_message) == (0, None)
    assert [one.name for one in found.planned] == ["messages written", "time to drain"]


def shown(run, **planned):
    """The section as a page of text has it."""
    report = reported(run, {"workload.connections": "10", **planned})
    [section] = [one for one in as_document(report).sections if one.key == "backlog"]
    return [[row.cells for row in block.rows] for block in section.blocks], [
        [row.tone for row in block.rows] for block in section.blocks
    ]


def test_the_backlog_is_a_section_of_the_report(kept):
    tables, marks = shown(
        kept(),
        **{"storage.offline_users": "100", "storage.messages": "1/s", "storage.drain_rate": "1.3M/s"},
    )
    assert tables[0] == [["30", "30", "0", "0", "2", "1 s", "2 s", "2 s", "2 s", "30"]]
    assert tables[1] == [["postgres", "60", "19.8 kB", "330 B", "20", "20"]]
    assert [row[0] for row in tables[2]] == ["a message in PostgreSQL", "messages written", "time to drain"]
    assert tables[2][1] == ["messages written", "100/s", "20/s", "-80.0%"]
    assert marks[2][0] == ""
    assert marks[2][1] == "bad", "off by more than 15 %"


def test_what_no_store_keeps_and_no_plan_knows_is_left_out(kept):
    tables, marks = shown(kept(levels=(None,) * 6))
    assert (len(tables), marks[0]) == (1, [""])


def test_a_run_without_a_backlog_has_no_section(kept):
    report = reported(kept(levels=(None,) * 6, caught_up=0))
    assert report.backlog is None
    assert "backlog" not in [one.key for one in as_document(report).sections]
