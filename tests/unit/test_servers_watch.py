"""What is noted during a run: sources that are missing, and a process that is not the server."""

from typing import Any

import pytest

from siotool.measured_servers import ServerUse
from siotool.runfile import Bytes, Connections, Delivery, Interval, UserClass
from siotool.swarm.servers.server_watch import ServerWatch


def second(number: int, *, opened: int, sent: int = 0, use: ServerUse | None = None, **more: Any) -> Interval:
    return Interval(
        t_s=float(number),
        duration_s=1.0,
        stage=0,
        connections=Connections(open=opened),
        operations=[],
        delivery=Delivery(),
        bytes=Bytes(),
        generator=[],
        user_classes=[UserClass("Echo", sent=sent)],
        servers={} if use is None else {"server": use},
        **more,
    )


def notes(
    seconds: list[Interval], missing: list[dict[str, str]] | None = None, files_at_rest: int | None = 15
) -> list[tuple[int, str, str]]:
    """The notes and the seconds in which they were made."""
    watch = ServerWatch(files_at_rest)
    gone = missing if missing is not None else [{}] * len(seconds)
    return [
        (number, level, text)
        for number, (line, sources) in enumerate(zip(seconds, gone, strict=True), 1)
        for level, text in watch.follow(line, sources)
    ]


def ramp(cpu: float | None, files: int | None, per_connection: float, sent: int = 0) -> list[Interval]:
    return [
        second(
            number,
            opened=(opened := min(40, 10 * number)),
            sent=sent,
            use=ServerUse(cpu, 1, None if files is None else files + round(per_connection * opened), 1),
        )
        for number in range(1, 9)
    ]


@pytest.mark.parametrize(
    ("seconds", "at"),
    [
        pytest.param(ramp(0.2, 15, 1.0, sent=1000), None, id="the server"),
        pytest.param(ramp(0.0, 15, 1.0, sent=1000), 3, id="thousands of messages cost it no CPU"),
        pytest.param(ramp(0.0, 15, 1.0, sent=10), None, id="an idle run costs none"),
        pytest.param(ramp(0.2, 15, 0.0), 4, id="connections do not show among its files"),
        pytest.param(ramp(0.2, 15, 0.5), None, id="half of them do: one of two servers"),
        pytest.param(ramp(0.2, None, 0.0), None, id="its files are not known"),
        pytest.param(ramp(None, None, 0.0, sent=1000), None, id="nor its CPU"),
    ],
)
def test_a_process_that_is_not_the_server_is_a_doubt_as_soon_as_it_is_sure(
    seconds: list[Interval], at: int | None
) -> None:
    found = notes(seconds)
    assert [(number, level) for number, level, _ in found] == ([] if at is None else [(at, "doubt")])
    assert all("--server-pid" in text for _, _, text in found)


def test_open_files_prove_nothing_where_clients_poll() -> None:
    assert notes(ramp(0.2, 15, 0.0), files_at_rest=None) == []


def test_a_few_connections_prove_nothing() -> None:
    few = [second(n, opened=min(15, 5 * n), use=ServerUse(0.2, 1, 15, 1)) for n in range(1, 9)]
    assert notes(few) == []


GONE = {"web: pid 7": "no answer within 0.8 s"}


@pytest.mark.parametrize(
    ("opened", "missing", "found"),
    [
        pytest.param([9] * 4, [{}, GONE, {}, GONE], [], id="now and then"),
        pytest.param([9] * 5, [{}, GONE, GONE, GONE, GONE], [(4, "doubt")], id="while clients are served"),
        pytest.param([9, 0, 0, 0, 0], [{}, GONE, GONE, GONE, GONE], [(4, "warning")], id="the target"),
        pytest.param(
            [0, 0, 0, 9, 9, 9],
            [GONE] * 6,
            [(3, "warning"), (6, "doubt")],
            id="then others serve: it was started again",
        ),
        pytest.param([9] * 5, [GONE, GONE, GONE, {}, {}], [(3, "doubt"), (4, "info")], id="it answers again"),
    ],
)
def test_a_source_that_does_not_answer_is_noted_once(
    opened: list[int], missing: list[dict[str, str]], found: list[tuple[int, str]]
) -> None:
    said = notes([second(n, opened=count) for n, count in enumerate(opened, 1)], missing)
    assert [(number, level) for number, level, _ in said] == found
    assert all(text.startswith("web: pid 7") for _, _, text in said)


def test_a_process_that_has_ended_is_noted_at_once() -> None:
    ended = {"web: pid 7": "process 7 is gone"}
    assert notes([second(1, opened=9), second(2, opened=0)], [{}, ended]) == [
        (2, "warning", "web: pid 7 does not answer (process 7 is gone)")
    ]


def test_what_is_missing_after_the_load_is_no_doubt() -> None:
    ending = [second(n, opened=9, draining=True) for n in range(1, 6)]
    assert [level for _, level, _ in notes(ending, [GONE] * 5)] == ["warning"]
