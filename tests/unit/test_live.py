import io

import msgspec
import pytest
from rich.console import Console

from siotool.histogram import Histogram
from siotool.measured_servers import ServerUse
from siotool.runfile import (
    VERSION,
    Bytes,
    Connections,
    Delivery,
    GeneratorMachine,
    Header,
    Interval,
    Note,
    Operation,
    WorkerHealth,
)
from siotool.swarm.live import LiveView, PlainProgress, display, line
from siotool.swarm.live_view import view
from siotool.swarm.progress import Progress
from siotool.workload import Arrivals, Stage, Target, Workload

FOUR = (
    ("connect", "/"),
    ("ack", "echo"),
    ("deliver", "chat message"),
    ("ack", "a name [red]too long[/] to fit"),
)


STAGES = (Stage(10, 100), Stage(50, 200))
NO_DELIVERY = Delivery()


def header(stages=STAGES, url="http://127.0.0.1:3000"):
    return Header(
        version=VERSION,
        run="20260301T101500-chat",
        started_at="2026-03-01T10:15:00Z",
        siotool="0.1.0",
        libraries={},
        generators=[GeneratorMachine("localhost", 2, "Linux", 2, 8 << 30, "3.11", 0.0)],
        target=Target(url),
        workload=Workload("chat", {}, list(stages), 2, 1),
        bytes_source="TCP_INFO",
    )


def times(*seconds):
    histogram = Histogram()
    histogram.record(seconds)
    return histogram.sparse()


def worker(number=1, cpu=0.25, lag=0.002, late=0.004):
    return WorkerHealth(number, cpu, 80_000_000, lag, late, 500, 65_536)


def interval(t_s, operations=(), delivery=NO_DELIVERY, workers=2, **changes):
    return Interval(
        **{
            "t_s": t_s,
            "duration_s": 1.0,
            "stage": 0,
            "connections": Connections(open=98, users=99, attempted=10, established=9),
            "operations": list(operations),
            "delivery": delivery,
            "bytes": Bytes(10, 10, 1_500_000, 20_000),
            "generator": [worker(n + 1) for n in range(workers)],
            "servers": {"server": ServerUse(0.34, 120_000_000, 510, 1)},
        }
        | changes
    )


def after(*lines, **of_header):
    progress = Progress(header(**of_header))
    for line_ in lines:
        if isinstance(line_, Note):
            progress.notes.append(line_)
        else:
            progress.update(line_)
    return progress


def picture(progress, width=80, height=23):
    console = Console(file=io.StringIO(), width=width, height=height + 1, color_system=None)
    with console.capture() as capture:
        console.print(view(progress, height))
    return [row.rstrip() for row in capture.get().splitlines()]


def row(rows, start):
    return next(text for text in rows if text.strip().startswith(start))


def busy(t_s, kinds=FOUR, workers=2):
    operations = [Operation(op, name, 100, {"timeout": 1}, times(*[0.01] * 100)) for op, name in kinds]
    return interval(t_s, operations, Delivery(5, 500, 498, 2, pending=7), workers)


# what is shown


def test_a_run_that_leaves_stages_out_is_as_long_as_those_that_are_left():
    stages = [Stage(4, 10), Stage(4, 20), Stage(60, 30), Stage(5, 40)]
    begun = [interval(t_s, stage=stage) for t_s, stage in [(4, 0), (5, 1), (7, 1)]]
    progress = after(*begun, stages=stages)
    assert (progress.planned_s, progress.stage) == (73, 1)
    for t_s in (9, 10):
        progress.update(interval(t_s, stage=3))
    assert (progress.planned_s, progress.left_s, progress.stage) == (13, 3, 3)
    assert progress.users_wanted == 36
    assert " 0:10 of 0:13," in f" {line(progress)}"
    assert "stage 4 of 4, to 40 users" in "".join(picture(progress))


def test_a_stage_that_begins_within_a_second_is_not_early():
    stages = [Stage(2.4, 10), Stage(5, 20)]
    progress = after(interval(2), interval(3, stage=1), stages=stages)
    assert progress.planned_s == 7.4


def test_a_running_test_fits_80_columns_and_24_rows():
    notes = [Note(3, "info", "stage 2"), Note(5, "warning", "long " * 40), Note(6, "doubt", "saturated")]
    rows = picture(after(*map(busy, range(1, 13)), *notes))
    assert len(rows) <= 23
    assert max(map(len, rows)) <= 80


def test_figures_of_a_large_run_still_fit():
    large = interval(
        30,
        [Operation("deliver", "chat message", 98_765_432, {"timeout": 123_456}, times(59.9))],
        Delivery(9, 987_654_321, 987_650_000, 4_321, 123_456, pending=123_456),
        connections=Connections(open=999_999, users=999_999, attempted=999_999, failed={"timeout": 9_999}),
        bytes=Bytes(1, 1, 999_000_000_000, 999_000_000_000),
    )
    rows = picture(after(large, stages=(Stage(36_000, 999_999), Stage(3_600, 999_999))))
    assert max(map(len, rows)) <= 80
    assert [text for text in rows if text.endswith("…")] == []
    assert "988M of 988M received · 4,321 lost" in row(rows, "delivery")


def test_connections_open_users_and_wanted():
    rows = picture(
        after(interval(1), interval(5, connections=Connections(98, 99, 10, 7, {"refused": 3}, {"reset": 2})))
    )
    # half of the first stage's ramp to 100, and what is started for the second that begins
    assert row(rows, "connections").strip() == "connections 98 open · 99 of 60 users · 3 of 20 failed"


def test_rates_and_percentiles_are_of_the_last_five_seconds():
    slow = Operation("ack", "echo", 1_000, {}, times(*[1.0] * 1_000))
    fast = Operation("ack", "echo", 10, {}, times(*[0.010] * 9, 0.5))
    rows = picture(after(interval(1, [slow]), *(interval(t, [fast]) for t in range(2, 7))))
    total, rate, p50, p95, p99, errors = row(rows, "ack echo").replace(" ms", "ms").split()[2:]
    assert (total, rate, errors) == ("1,050", "10", "0")
    assert (p50, p95, p99) == ("10ms", "500ms", "500ms")


def test_an_operation_that_is_quiet_now_keeps_its_row():
    echo = Operation("ack", "echo", 10, {}, times(0.01))
    rows = picture(after(interval(1, [echo]), interval(60)))
    assert row(rows, "ack echo").split() == ["ack", "echo", "10", "0", "–", "–", "–", "0"]


def test_a_count_without_times_has_no_percentiles():
    rows = picture(after(interval(1, [Operation("deliver", "tick", 40)])))
    assert row(rows, "deliver tick").split() == ["deliver", "tick", "40", "40", "–", "–", "–", "0"]


def test_errors_by_class_most_frequent_first():
    failing = [
        Operation("connect", "/", 0, {"refused": 12}),
        Operation("ack", "echo", 5, {"timeout": 3}, times(0.01)),
    ]
    rows = picture(after(interval(1, failing, connections=Connections(1, 1, closed={"ping_timeout": 4}))))
    assert row(rows, "errors").strip() == (
        "errors      connect refused 12 · closed ping_timeout 4 · ack timeout 3"
    )
    assert row(rows, "connect /").endswith(" 12")


def test_what_is_overdue_is_shown_before_it_has_failed():
    """Else a target that hangs looks well until the first timeout."""
    hung = interval(12, overdue={"connect": 5, "ack": 120, "reconnect": 0})
    assert row(picture(after(hung)), "errors").strip() == "errors      overdue: ack 120, connect 5"
    failing = [Operation("ack", "echo", 5, {"timeout": 3}, times(0.01))]
    rows = picture(after(interval(11, failing), hung))
    assert row(rows, "errors").strip() == "errors      overdue: ack 120, connect 5 · ack timeout 3"
    assert "3 errors, 125 overdue, in" in line(after(interval(11, failing), hung))
    # it is a level: what has come meanwhile is not overdue any more
    assert row(picture(after(hung, interval(13))), "errors").split() == ["errors", "none"]


def test_pending_deliveries_are_in_the_plain_line():
    assert "2 lost, 7 pending, 0 errors" in line(
        after(interval(1, delivery=Delivery(5, 20, 18, 2, pending=7)))
    )


def test_no_errors_are_said_to_be_none():
    assert row(picture(after(interval(1))), "errors").split() == ["errors", "none"]


def test_delivery_adds_up_but_pending_does_not():
    rows = picture(
        after(
            interval(1, delivery=Delivery(2, 200, 190, 10, 1, pending=50)),
            interval(2, delivery=Delivery(2, 200, 200, 0, 0, pending=30)),
        )
    )
    assert "390 of 400 received · 10 lost · 30 pending · 1 duplicate" in row(rows, "delivery")


def test_no_broadcasts_no_delivery():
    assert not any("delivery" in text for text in picture(after(interval(1))))


def test_bandwidth_now_and_in_all():
    rows = picture(after(interval(1), interval(2, bytes=Bytes(0, 0, 500_000, 0))))
    assert "in 1 MB/s (2 MB) · out 10 kB/s (20 kB) · on the wire" in row(rows, "bandwidth")


def test_server_and_generators():
    rows = picture(after(interval(1, generator=[worker(1), worker(2, cpu=0.93, lag=0.25)])))
    assert row(rows, "server").split() == ["server", "34", "%", "120", "MB"]
    assert row(rows, "generator 1").split()[2:] == ["25", "%", "80", "MB", "2", "ms", "4", "ms"]
    assert row(rows, "generator 2").split()[2:] == ["93", "%", "80", "MB", "250", "ms", "4", "ms"]


def test_a_server_that_is_not_sampled():
    assert row(picture(after(interval(1, servers={}))), "server").strip() == "server, not sampled"


@pytest.mark.parametrize(
    ("t_s", "stage", "clock"),
    [
        pytest.param(4, "stage 1 of 2, to 100 users", "0:04  0:56 left", id="first stage"),
        pytest.param(10, "stage 2 of 2, to 200 users", "0:10  0:50 left", id="the second begins"),
        pytest.param(61.5, "stage 2 of 2, to 200 users", "1:01  finishing", id="after the plan"),
    ],
)
def test_stage_and_time_left(t_s, stage, clock):
    text = row(picture(after(interval(t_s))), "stage")
    assert text.strip().startswith(stage)
    assert text.endswith(clock)


def test_the_bar_grows():
    bars = [row(picture(after(interval(t))), "stage").count("━") for t in (6, 30, 60)]
    assert bars[0] < bars[1] < bars[2]


def test_a_run_without_stages_goes_on_until_stopped():
    assert row(picture(after(interval(75), stages=())), "1:15").strip() == "1:15, until it is stopped"
    progress = after(interval(75), stages=())
    searching = msgspec.structs.replace(progress.header.workload, search="users")
    progress.header = msgspec.structs.replace(progress.header, workload=searching)
    assert row(picture(progress), "1:15").strip() == "1:15, searching by users"


def test_a_run_of_arrivals_says_how_many_come_and_when_it_ends():
    arriving = header(stages=())
    workload = msgspec.structs.replace(arriving.workload, arrivals=Arrivals(2.5, 90))
    arriving = msgspec.structs.replace(arriving, workload=workload)
    stream = io.StringIO()
    PlainProgress(arriving, stream).start()
    assert "2.5 users arrive per second, 1:30" in stream.getvalue()
    progress = Progress(arriving)
    progress.update(interval(30))
    text = row(picture(progress), "2.5 users arrive per second")
    assert text.endswith("0:30  1:00 left")


def test_before_the_first_second():
    rows = picture(after())
    assert row(rows, "chat on http://127.0.0.1:3000").endswith("20260301T101500-chat")
    assert rows[-1].strip() == "connecting …"


def test_doubts_and_warnings_outlast_information():
    notes = [Note(1, "doubt", "saturated"), Note(2, "info", "one"), Note(3, "warning", "many files")]
    rows = picture(after(interval(4), *notes))
    assert [text.split(maxsplit=2) for text in rows[-2:]] == [
        ["0:01", "doubt", "saturated"],
        ["0:03", "warning", "many files"],
    ]


# what is left out when there is no room


def test_many_operations_are_cut_to_the_busiest_and_one_of_each_kind():
    kinds = [("ack", f"call {number:02}") for number in range(30)]
    calls = [Operation(op, name, 10 + n, {}, times(0.01)) for n, (op, name) in enumerate(kinds)]
    rows = picture(after(interval(1, [Operation("connect", "/", 1, {}, times(0.01)), *calls])))
    assert len(rows) <= 23
    assert row(rows, "connect /")
    assert row(rows, "ack call 29")
    assert not any("call 00" in text for text in rows)
    listed = sum(text.strip().startswith(("ack call", "connect /")) for text in rows)
    assert row(rows, "… and").strip() == f"… and {31 - listed} more"


def test_many_generators_are_shown_by_their_worst():
    workers = [worker(n + 1, cpu=0.04 * n, lag=0.001 * (16 - n)) for n in range(16)]
    rows = picture(after(interval(1, [Operation(*k, 1, {}, times(0.01)) for k in FOUR], generator=workers)))
    assert len(rows) <= 23
    worst = row(rows, "generator, worst of 16").split("16", 1)[1]
    assert worst.split() == ["60", "%", "80", "MB", "16", "ms", "4", "ms"]


def test_every_operation_is_shown_where_there_is_room():
    rows = picture(after(busy(1, [("ack", f"call {n}") for n in range(30)])), height=60)
    assert sum(text.strip().startswith("ack call") for text in rows) == 30


@pytest.mark.parametrize("width", [40, 60, 79, 120, 200])
def test_any_width_is_kept(width):
    rows = picture(
        after(*map(busy, range(1, 9)), url="http://a-rather-long-host-name.example.com:3000"), width
    )
    assert max(map(len, rows)) <= width


# the view on a terminal


def terminal():
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=24, _environ={"TERM": "xterm"})


def test_the_live_view_repaints_in_place_and_leaves_the_last_picture():
    console = terminal()
    live = LiveView(header(), console)
    live.start()
    assert "connecting" in console.file.getvalue()
    live.update(busy(1))
    painted = len(console.file.getvalue())
    live.note(Note(2, "warning", "something happened"))
    repaint = console.file.getvalue()[painted:]
    assert "something happened" in repaint
    assert "\x1b[1A" in repaint  # it moved up to paint over the picture before
    live.stop()
    assert console.file.getvalue().endswith("\x1b[?25h")  # the cursor is back
    assert "\x1b[?1049h" not in console.file.getvalue()  # never on another screen


def test_the_live_view_leaves_stdout_alone(capsys):
    live = LiveView(header(), terminal())
    live.start()
    print("a result")
    live.stop()
    assert capsys.readouterr().out == "a result\n"


# lines where there is no terminal


def test_one_plain_line_every_few_seconds():
    stream = io.StringIO()
    plain = PlainProgress(header(), stream)
    plain.start()
    for t in range(1, 12):
        plain.update(busy(float(t)))
    plain.note(Note(11.0, "doubt", "saturated"))
    plain.stop()
    first, *lines, last = stream.getvalue().splitlines()
    assert first == "siotool: chat on http://127.0.0.1:3000: 200 users at most, 1:00, 2 generator processes"
    assert [text.split(",")[0] for text in lines] == [
        "siotool: 0:01 of 1:00",
        "siotool: 0:05 of 1:00",
        "siotool: 0:10 of 1:00",
    ]
    assert last == "siotool: 0:11  doubt: saturated"
    assert "\x1b" not in stream.getvalue()


def test_a_gap_between_intervals_prints_once_not_for_each_missed_line():
    stream = io.StringIO()
    plain = PlainProgress(header(), stream)
    for t in (1.0, 23.0, 24.0, 25.0):
        plain.update(busy(t))
    assert [text.split()[1] for text in stream.getvalue().splitlines()] == ["0:01", "0:23", "0:25"]


def test_what_a_plain_line_says():
    echo = Operation("ack", "echo", 500, {"timeout": 1}, times(*[0.012] * 500))
    connect = Operation("connect", "/", 900, {}, times(0.002))
    progress = after(interval(30, [connect, echo], Delivery(1, 10, 8, 2)))
    assert line(progress) == (
        "0:30 of 1:00, 98 open, 99 of 142 users, ack echo 500/s p95 12 ms, 2 lost, 1 error, "
        "in 1.5 MB/s out 20 kB/s, server 34 %, generator 25 %"
    )


def test_plain_lines_of_a_run_without_stages():
    stream = io.StringIO()
    plain = PlainProgress(header(stages=()), stream)
    plain.start()
    plain.update(interval(30.0))
    first, second = stream.getvalue().splitlines()
    assert first.endswith("3000: until it is stopped, 2 generator processes")
    assert second.startswith("siotool: 0:30, 98 open")


def test_a_plain_line_before_anything_happened():
    assert line(after()) == "starting"


@pytest.mark.parametrize(
    ("terminal_", "variables", "kind"),
    [
        pytest.param(True, {"TERM": "xterm"}, LiveView, id="a terminal"),
        pytest.param(True, {"TERM": "dumb"}, PlainProgress, id="a terminal that cannot move the cursor"),
        pytest.param(
            False, {"TERM": "xterm", "FORCE_COLOR": "1"}, PlainProgress, id="a pipe, colours forced"
        ),
    ],
)
def test_the_view_suits_where_it_is_written(terminal_, variables, kind):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal_

    assert isinstance(display(header(), Console(file=Stream(), _environ=variables)), kind)
