"""The timetable of a calibration, and the program that follows it, with a made-up clock and server."""

import subprocess
import sys
from pathlib import Path
from random import Random
from types import SimpleNamespace

import msgspec
import pytest

from siotool.calibration.design import LEVELS, PING_S, Able, Experiment, climb, designed, own, rounds_within
from siotool.calibration.phase import Phase, Timetable, decode, encode
from siotool.cli.calibration import Calibrating, Wish
from siotool.histogram import Histogram
from siotool.measured_servers import MeasuredServer, ServerUse
from siotool.plan.evidence.calibrated import WantedInterval
from siotool.runfile import Bytes, Connections, Delivery, Interval, Operation, UserClass, WorkerHealth
from siotool.runs import reading
from siotool.swarm.calibration_program import CalibrationProgram
from siotool.swarm.program import Seen, seen
from tests.unit.synthetic_server import made_run


def second(end: float, cores: float, *workers: float, turns: int = 800) -> Seen:
    generator = [WorkerHealth(at, used, 1, 0.0, 0.0, 1, 9) for at, used in enumerate(workers)]
    interval = Interval(
        t_s=end, duration_s=1.0, stage=0, connections=Connections(), operations=[], delivery=Delivery(),
        bytes=Bytes(), generator=generator, servers={"server": ServerUse(cores, 1, 1, 1)},
        user_classes=[UserClass("Calibration", issued=turns)],
    )  # fmt: skip
    return seen(interval, 0.0, [])


def test_a_timetable_survives_the_settings() -> None:
    phases = designed(100, 2, Random(1).shuffle).phases
    assert decode(encode(phases)) == phases


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        pytest.param(0.0, 0, id="the begin"),
        pytest.param(2.999, 0, id="just before a change"),
        pytest.param(3.0, 1, id="a change belongs to the phase that begins"),
        pytest.param(99.0, 1, id="after the end"),
    ],
)
def test_the_phase_of_a_moment(moment: float, number: int) -> None:
    table = Timetable([Phase("idle", 1, 3.0), Phase("call", 1, 4.0)])
    assert table.number_at(moment) == number


def test_every_round_has_every_kind_of_work_once_in_an_order_of_its_own() -> None:
    found = designed(100, 3, Random(1).shuffle)
    rounds = [
        [one.work for one in found.phases[begin:end] if not one.pilot]
        for begin, end in zip(found.rounds, found.rounds[1:], strict=False)
    ]
    assert len(rounds) == 3
    assert all(sorted(each) == sorted(rounds[0]) for each in rounds)
    assert rounds[0] != rounds[1]
    assert all(each[-1][0] == "connect" for each in rounds), "connections are opened besides at its end"
    first = [one.kind for one in found.phases].index("connect")
    assert first == found.rounds[1] - 2, "before that, a whole round shows what a server keeps of its work"
    levels = {
        one.level for one in found.phases if one.level and not (one.pilot or one.transport or one.growth)
    }
    assert levels == set(LEVELS)
    assert designed(100, 3, Random(1).shuffle) == found
    assert designed(100, 3, Random(2).shuffle) != found


def test_connections_that_do_nothing_are_watched_for_a_whole_ping_interval() -> None:
    """Pings are 25 s apart, and of users that connected together they come together: in four seconds there
    were none or many of them, and idle connections were said to cost nothing.
    """
    phases = designed(100, 2, Random(1).shuffle).phases
    idle = [one for one in phases if one.kind == "idle" and not one.pilot]
    assert len(idle) == 2
    assert {one.duration_s - one.settle_s for one in idle} == {PING_S}


@pytest.mark.parametrize(
    ("transport", "others"),
    [
        pytest.param("upgrade", ["websocket", "polling"], id="the default"),
        pytest.param("websocket", ["upgrade", "polling"], id="websocket"),
        pytest.param("polling", ["websocket", "upgrade"], id="polling"),
        pytest.param("polling=5%,upgrade=95%", ["websocket", "upgrade", "polling"], id="a mix is none"),
    ],
)
def test_connections_are_opened_in_all_ways_at_last(transport: str, others: list[str]) -> None:
    """By upgrade, the default, they were opened by upgrade twice, and never by WebSocket."""
    found = designed(100, 2, Random(1).shuffle, transport=transport)
    first, after = found.climbs
    assert [one.kind for one in found.phases[found.closing : first]] == ["idle"]
    ways = [(one.kind, one.transport) for one in found.phases[after:]]
    assert ways == [("connect", other) for other in others]
    assert {one.transport for one in found.phases[: found.rounds[-1]]} == {""}


@pytest.mark.parametrize("known_at", [1, 2, 3])
def test_what_is_known_early_leaves_out_rounds_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, known_at: int
) -> None:
    """A wish that came true cost the idle phase and the connects by other transports."""
    found = designed(100, 3, Random(1).shuffle)
    ends: list[float] = []

    def profile(calibrating: Calibrating, run: object) -> SimpleNamespace:
        """The interval is narrow from a round on; just narrow enough is not left to the last phases."""
        width = 0.044 if len(ends) >= found.rounds[known_at] else 0.049
        return SimpleNamespace(wanted=[WantedInterval("delivery", 0.05, width, True, "")])

    monkeypatch.setattr(reading, "read", lambda path: path)
    monkeypatch.setattr(Calibrating, "_profile", profile)
    (program,), *_ = Calibrating(found, [Wish("delivery", 0.05)], 1, 1).programs(tmp_path)
    stages, at = [], 0.0
    while (wanted := program.tick(at, [])) is not None:
        stages.append(wanted.stage)
        ends.append(at := wanted.until_s)
    last = found.rounds[known_at]
    first, after = found.climbs
    assert [one for one in stages if not first <= one < after] == [
        *range(last),
        *range(found.closing, first),
        *range(after, len(found.phases)),
    ]
    had = found.as_run(stages)
    assert had.phases == tuple(found.phases[number] for number in stages)
    assert (had.rounds, had.seconds) == (found.rounds[: known_at + 1], at)
    assert [one.transport for one in had.phases[had.climbs[1] :]] == ["websocket", "polling"]


def test_what_looks_whether_enough_is_known_is_ready_before_the_load() -> None:
    """It was imported at the first look, in the parent: the phase that followed was late by a second."""
    code = (
        "import sys\nfrom pathlib import Path\nfrom random import Random\n"
        "from siotool.calibration.design import designed\n"
        "from siotool.cli.calibration import Calibrating, Wish\n"
        "wishes = [Wish('delivery', 0.05)]\n"
        "Calibrating(designed(9, 2, Random(1).shuffle), wishes, 1, 1).programs(Path('run'))\n"
        "print('siotool.plan.evidence.calibrate' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_workers_hear_from_which_moment_of_the_timetable_they_go_on() -> None:
    phases = [Phase("call", 10, 3.0, rate=1.0)] * 4 + [Phase("idle", 20, 2.0)]
    program = CalibrationProgram(Timetable(phases), 1, enough=lambda number: number == 1, closing=4)
    first, then = program.tick(0.0, []), program.tick(3.0, [])
    assert first is not None
    assert then is not None
    assert (first.skipped_s, first.until_s) == (0.0, 3.0)
    assert (then.skipped_s, then.until_s, then.users, then.stage) == (9.0, 5.0, 20, 4)
    assert then.note == "enough is known, so phases 2 to 4 are left out; phase 5 of 5: idle, 20 users"
    assert program.tick(5.0, []) is None


def test_a_run_that_ended_within_its_rounds_has_those_that_it_came_to() -> None:
    found = designed(100, 3, Random(1).shuffle)
    assert found.as_run(range(found.rounds[1] + 2)).rounds == found.rounds[:3]
    assert found.as_run(range(len(found.phases))) == found
    first, after = found.climbs
    assert found.as_run(()).phases == (*found.phases[:first], *found.phases[after:])


def test_a_phase_that_could_not_be_measured_is_not_taken_for_a_round_that_was_left_out() -> None:
    """A machine was suspended over the first phase of a round: what followed was read at wrong times."""
    found = designed(100, 3, Random(1).shuffle)
    assert found.as_run({*range(len(found.phases))} - {found.rounds[1], found.rounds[1] + 1}) == found


@pytest.mark.parametrize("missing", [(0,), (3,), (6,), (7,), (0, 1)])
def test_a_phase_of_a_climb_that_could_not_be_measured_is_not_taken_for_one_that_was_left_out(
    missing: tuple[int, ...],
) -> None:
    """All that followed was read some seconds early, as another phase."""
    found = designed(100, 3, Random(1).shuffle)
    first = found.climbs[0]
    assert found.as_run({*range(len(found.phases))} - {first + number for number in missing}) == found


def test_the_profile_of_a_run_without_its_last_rounds_has_what_other_ways_cost() -> None:
    """Phases were told by the time that was planned: connects by polling passed for other work."""
    found = designed(100, 3, Random(1).shuffle)
    stages = [*range(found.rounds[2]), *range(found.closing, len(found.phases))]
    had = [found.phases[number] for number in stages]
    run, table = made_run(had), Timetable(had)
    run.intervals[:] = [
        msgspec.structs.replace(one, stage=stages[table.number_at(one.t_s - 0.5)]) for one in run.intervals
    ]
    profile = Calibrating(found, [Wish("delivery", 1e-6)], 1, 1)._profile(run)
    assert [one.transport for one in profile.other_ways] == ["websocket", "polling"]
    assert [one.words for one in profile.phases] == [one.words for one in had if not one.pilot]
    assert "after 2 rounds" in profile.wanted[0].sentence


def test_a_server_without_an_event_has_no_phase_of_it() -> None:
    kinds = {
        one.kind
        for one in designed(100, 1, Random(1).shuffle, Able(emits=False, to_all=False, rooms=False)).phases
    }
    assert kinds == {"idle", "mixed", "call", "connect"}


def test_a_scenario_of_ones_own_varies_users_and_rate() -> None:
    phases = own(80, 2.0, 2, Random(1).shuffle).phases
    assert {one.users for one in phases} == {80, 40, 20}
    assert {one.rate for one in phases} == {2.0, 1.0, 0.5}
    without = own(80, None, 1, Random(1).shuffle).phases
    assert {one.rate for one in without} == {0.0}


@pytest.mark.parametrize(
    ("seconds", "rounds"), [(10.0, 0), (241.0, 0), (242.0, 1), (301.0, 1), (302.0, 2), (422.0, 4)]
)
def test_rounds_that_fit_into_a_time(seconds: float, rounds: int) -> None:
    assert rounds_within(seconds, lambda count: designed(100, count, Random(1).shuffle)) == rounds


def test_rates_follow_from_what_the_pilot_cost() -> None:
    """100 users at 8 calls a second took 0.08 cores: 0.4 cores are 4,000 calls."""
    pilot = Phase("call", 100, 3.0, 1.0, rate=8.0, pilot=True)
    program = CalibrationProgram(Timetable([pilot, Phase("call", 100, 6.0, 1.0, level=0.4)]), 1)
    first = program.tick(0.0, [])
    assert first is not None
    assert (first.rate, first.users, first.until_s) == (8.0, 100, 3.0)
    then = program.tick(3.0, [second(1.0, 0.9), second(2.0, 0.08), second(3.0, 0.08)])
    assert then is not None
    assert then.rate == pytest.approx(40.0)
    assert program.tick(9.0, []) is None


@pytest.mark.parametrize("turns", [0, 4, 400])
def test_a_cost_is_that_of_the_turns_that_were_there(turns: int) -> None:
    """Users that were to do little did nothing in a phase: taken for cheap, the next filled the server."""
    pilot = Phase("call", 100, 3.0, 1.0, rate=8.0, pilot=True)
    slow = Phase("call", 100, 3.0, 1.0, rate=8.0)
    program = CalibrationProgram(Timetable([pilot, slow, Phase("call", 100, 6.0, 1.0, level=0.4)]), 1)
    program.tick(0.0, [])
    program.tick(3.0, [second(2.0, 0.08), second(3.0, 0.08)])
    then = program.tick(6.0, [second(5.0, 0.08, turns=turns), second(6.0, 0.08, turns=turns)])
    assert then is not None
    assert then.rate == pytest.approx(20.0 if turns == 400 else 40.0)


def test_a_server_at_rest_is_no_cost_of_a_message() -> None:
    idle = Phase("idle", 100, 3.0, 1.0, rate=0.5)
    pilot = Phase("call", 100, 3.0, 1.0, rate=8.0, pilot=True)
    program = CalibrationProgram(Timetable([idle, pilot, Phase("call", 100, 6.0, 1.0, level=0.3)]), 1)
    program.tick(0.0, [])
    program.tick(3.0, [second(2.0, 0.1), second(3.0, 0.1)])
    then = program.tick(6.0, [second(5.0, 0.18), second(6.0, 0.18)])
    assert then is not None
    assert then.rate == pytest.approx(20.0)


def test_no_phase_takes_more_than_its_share_of_the_busiest_generator() -> None:
    """800 calls a second took 0.1 of the busier of two: 65 % of it are 5,200."""
    pilot = Phase("call", 100, 3.0, 1.0, rate=8.0, pilot=True)
    program = CalibrationProgram(Timetable([pilot, Phase("call", 100, 6.0, 1.0, level=0.6)]), 2)
    program.tick(0.0, [])
    then = program.tick(3.0, [second(2.0, 0.04, 0.1, 0.05), second(3.0, 0.04, 0.06, 0.1)])
    assert then is not None
    assert then.rate == pytest.approx(52.0)


def test_no_phase_asks_for_more_than_any_generator_can() -> None:
    fast = Phase("all", 100, 3.0, 1.0, rate=1.0, pilot=True)
    program = CalibrationProgram(Timetable([fast, Phase("all", 100, 6.0, 1.0, level=0.5)]), 1)
    program.tick(0.0, [])
    then = program.tick(3.0, [second(2.0, 0.001, turns=100), second(3.0, 0.001, turns=100)])
    assert then is not None
    assert then.rate == pytest.approx(10.0)  # 100,000 deliveries a second


def test_a_scenario_of_ones_own_keeps_its_rate_where_none_is_given() -> None:
    program = CalibrationProgram(Timetable([Phase("own", 10, 3.0), Phase("own", 10, 3.0, rate=2.0)]), 1)
    first, then = program.tick(0.0, []), program.tick(3.0, [])
    assert first is not None
    assert first.rate is None
    assert then is not None
    assert then.rate == 2.0


def test_it_ends_once_enough_is_known() -> None:
    phases = [Phase("call", 10, 3.0, rate=1.0)] * 3
    program = CalibrationProgram(Timetable(phases), 1, enough=lambda number: number == 2)
    assert program.tick(0.0, []) is not None
    assert program.tick(3.0, []) is not None
    assert program.tick(6.0, []) is None


@pytest.mark.parametrize(("cores", "rate"), [(0.5, 20.0), (1.0, 40.0), (4.0, 40.0)])
def test_a_level_is_of_what_a_server_may_fill_where_that_is_less_than_a_core(
    cores: float, rate: float
) -> None:
    """Under a quota of half a core a level of 0.85 was more than the server has: it did not keep up."""
    server = [MeasuredServer("server", [1], "pid 1", cores)]
    pilot = Phase("call", 100, 3.0, 1.0, rate=8.0, pilot=True)
    program = CalibrationProgram(Timetable([pilot, Phase("call", 100, 6.0, 1.0, level=0.4)]), 1)
    program.tick(0.0, [])
    told = [seen(second(end, 0.08).interval, 0.0, [], server) for end in (2.0, 3.0)]
    then = program.tick(3.0, told)
    assert then is not None
    assert then.rate == pytest.approx(rate)


def of_a_climb(end: float, *times_s: float, generator: float = 0.1, turns: int = 800) -> Seen:
    """A second of a full server, with the times of what was delivered."""
    heard = Histogram()
    heard.record(times_s)
    interval = msgspec.structs.replace(
        second(end, 1.0, generator, turns=turns).interval,
        operations=[Operation("deliver", "say", len(times_s), response=heard.sparse())],
    )
    return seen(interval, 0.0, [])


SOON, LATE = (0.01,) * 100, (0.01,) * 98 + (0.4,) * 2
#: 100 messages a second take a whole core in the first phase.
PILOT = Phase("all", 100, 3.0, 1.0, rate=1.0, pilot=True)
CLIMB = [PILOT, *climb("all", 100)]


@pytest.mark.parametrize(
    ("steps", "stages", "rates", "note"),
    [
        pytest.param(
            [SOON, SOON, LATE],
            [1, 2, 3, 7, 8, 9],
            [1.0, 1.2, 1.44, 1.2 * 1.2**0.5],
            "the server does not keep up, so phases 5 to 7 are left out; ",
            id="the step after the one with which it does not keep up is between the last two",
        ),
        pytest.param(
            [LATE], [1, 7, 8, 9], [1.0, 1.2**-0.5],
            "the server does not keep up, so phases 3 to 7 are left out; ",
            id="it does not keep up with the first",
        ),
        pytest.param(
            [SOON] * 4 + [LATE], [1, 2, 3, 4, 5, 7, 8, 9], [1.2**n for n in range(5)] + [1.2**3.5],
            "the server does not keep up, so phase 7 is left out; ",
            id="it does not keep up with the last but one",
        ),
        pytest.param(
            [SOON] * 6, list(range(1, 10)), [1.2**n for n in range(6)] + [1.2**4.5], "",
            id="it keeps up with all",
        ),
    ],
)  # fmt: skip
def test_a_climb_ends_with_what_the_server_does_not_keep_up_with(
    steps: list[tuple[float, ...]], stages: list[int], rates: list[float], note: str
) -> None:
    program = CalibrationProgram(Timetable(CLIMB), 1)
    assert program.tick(0.0, []) is not None
    at, told, found, notes = 3.0, [of_a_climb(2.0, turns=100), of_a_climb(3.0, turns=100)], [], ""
    while (wanted := program.tick(at, told)) is not None:
        found.append(wanted)
        notes += wanted.note.rpartition("phase ")[0]
        times = steps[wanted.stage - 1] if wanted.stage <= len(steps) else SOON
        told += [of_a_climb(end, *times) for end in range(int(at) + 1, int(wanted.until_s) + 1)]
        at = wanted.until_s
    assert [one.stage for one in found] == stages
    climbed = [one.rate or 0.0 for one in found if CLIMB[one.stage].growth]
    assert climbed[0] == pytest.approx(0.9)
    assert [rate / climbed[0] for rate in climbed] == pytest.approx(rates)
    assert note in notes
    had = Experiment(tuple(CLIMB), (1,), (1, len(CLIMB))).as_run(stages)
    assert had.phases == (PILOT, *(CLIMB[number] for number in stages))


def test_a_climb_ends_with_the_most_that_the_generator_can_make() -> None:
    """90 messages a second took 0.6 of it: it can make no more than 97, and no step between is needed."""
    phases = [*CLIMB, *climb("call", 100)]
    program = CalibrationProgram(Timetable(phases), 1)
    program.tick(0.0, [])
    told = [of_a_climb(2.0, turns=100), of_a_climb(3.0, turns=100)]
    stages = []
    for at, share in ((3.0, 0.6), (7.0, 0.65), (11.0, 0.65)):
        wanted = program.tick(at, told)
        assert wanted is not None
        stages.append(wanted.stage)
        turns = round(100 * (wanted.rate or 0.0))
        told += [of_a_climb(at + second, *SOON, generator=share, turns=turns) for second in (2.0, 3.0, 4.0)]
    assert stages == [1, 2, len(CLIMB)]
    assert "siotool can load it with no more, so phases 4 to 10 are left out; " in wanted.note


@pytest.mark.parametrize(
    "times", [pytest.param(SOON, id="the generator makes no more"), pytest.param(LATE, id="it is late")]
)
@pytest.mark.parametrize(
    ("after", "stage"),
    [
        pytest.param([], None, id="nothing"),
        pytest.param([Phase("call", 100, 4.0, 1.0, rate=1.0)], 4, id="a phase at a rate"),
        pytest.param(climb("call", 100)[:2], 4, id="another climb, without a rest"),
    ],
)
def test_what_follows_a_climb_of_a_timetable_of_ones_own_is_not_left_out(
    times: tuple[float, ...], after: list[Phase], stage: int | None
) -> None:
    """A climb that nothing followed ended the run with a bug, and a phase at a rate was left out with it."""
    program = CalibrationProgram(Timetable([PILOT, *climb("all", 100)[:3], *after]), 1)
    program.tick(0.0, [])
    told = [of_a_climb(2.0, turns=100), of_a_climb(3.0, turns=100)]
    first = program.tick(3.0, told)
    assert first is not None
    turns = round(100 * (first.rate or 0.0))
    told += [of_a_climb(end, *times, generator=0.65, turns=turns) for end in (5.0, 6.0, 7.0)]
    then = program.tick(7.0, told)
    assert (then and then.stage) == stage


def test_a_phase_without_users_asks_for_no_rate_of_theirs() -> None:
    program = CalibrationProgram(Timetable([Phase("call", 0, 3.0, level=0.5)]), 1)
    assert program.tick(0.0, []) is not None
