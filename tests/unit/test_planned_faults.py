"""Faults as they are written, what an action of a lab means, and what is refused before anything starts."""

import json

import pytest

from siotool.cli.fault_options import read_faults
from siotool.errors import InputError
from siotool.faults.fault_clock import DueStep
from siotool.faults.planned_fault import PlannedFault, read_fault
from siotool.lab.lab import Lab
from siotool.lab.lab_action import LabAction, inverse, is_action, parts_of, read_action

JOINED = Lab(servers=3, adapter="redis", balancer="nginx")
RUN_S = 60.0


def refusal(text, lab=JOINED, length_s=RUN_S, beside=()):
    with pytest.raises(InputError) as caught:
        read_faults([text], lab, length_s, beside)
    return f"{caught.value.message} | {caught.value.hint}"


# ── the words ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        pytest.param("at=60s do=kill server-1", PlannedFault(60.0, "kill server-1"), id="shortest"),
        pytest.param(
            "at=1min for=10s do=kill node-2 undo=start node-2",
            PlannedFault(60.0, "kill node-2", 10.0, "start node-2"),
            id="whole",
        ),
        pytest.param(
            " at=500ms  do=sh -c 'a=1; b' undo= x ",
            PlannedFault(0.5, "sh -c 'a=1; b'", None, "x"),
            id="shell",
        ),
        pytest.param(
            json.dumps({"at": "1s", "do": "echo undo=1", "for": "2s", "undo": "true"}),
            PlannedFault(1.0, "echo undo=1", 2.0, "true"),
            id="JSON, as from a file",
        ),
    ],
)
def test_a_fault_is_read(text, fault):
    assert read_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("kill server-1", "is no fault | write it at=60s", id="no time"),
        pytest.param("at=60s", "is no fault", id="nothing to do"),
        pytest.param("at=60 do=x", "at: ", id="time without unit"),
        pytest.param("at=60s for=0s do=x", "for is 0", id="for no time"),
        pytest.param('{"at": "1s"}', "has no do", id="JSON without do"),
        pytest.param('{"at": "1s", "do": "x", "until": "2s"}', "until is not known", id="unknown key"),
        pytest.param('{"at": 1, "do": "x"}', "at is no text", id="a number"),
        pytest.param("{", "is not JSON", id="no JSON"),
    ],
)
def test_what_is_no_fault_is_refused(text, said):
    with pytest.raises(InputError) as caught:
        read_fault(text)
    assert said in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("kill server-2", LabAction(verb="kill", parts=("server-2",))),
        ("kill node-2 node-2", LabAction(verb="kill", parts=("server-2",))),
        ("stop servers", LabAction(verb="stop", parts=("server-1", "server-2", "server-3"))),
        ("continue backend", LabAction(verb="continue", parts=("redis",))),
        ("throttle redis to 20%", LabAction(verb="throttle", parts=("redis",), share=0.2)),
        ("unthrottle redis", LabAction(verb="unthrottle", parts=("redis",))),
        ("drain server-1", LabAction(verb="drain", parts=("server-1",), over_s=5.0)),
        ("drain server-1 over 1min", LabAction(verb="drain", parts=("server-1",), over_s=60.0)),
        ("restart nginx", LabAction(verb="restart", parts=("nginx",))),
        ("reload balancer", LabAction(verb="reload", parts=("nginx",))),
        ("rolling deploy", LabAction(verb="rolling", parts=("server-1", "server-2", "server-3"))),
        (
            "rolling deploy drained pause 2s",
            LabAction(
                verb="rolling",
                parts=("server-1", "server-2", "server-3"),
                over_s=5.0,
                pause_s=2.0,
                drained=True,
            ),
        ),
    ],
)
def test_an_action_of_a_lab_is_understood(text, action):
    assert is_action(text)
    assert read_action(text, JOINED, "here") == action


@pytest.mark.parametrize(
    ("text", "lab", "said"),
    [
        ("kil server-1", JOINED, "'kil server-1' is no action of a lab | did you mean kill?"),
        ("kill", JOINED, "names no part of the lab | it has server-1, server-2, server-3, nginx, redis"),
        ("kill server-4", JOINED, "the lab has no server-4"),
        ("kill mongo", JOINED, "the lab has no mongo"),
        ("kill balancer", Lab(), "the lab has no balancer | it has server-1"),
        ("kill server-1 to 20%", JOINED, "words too many: to 20%"),
        ("throttle redis", JOINED, "has no share"),
        ("throttle redis to 100%", JOINED, "between 0 and 100 %"),
        ("drain redis", JOINED, "only servers can be drained"),
        ("drain server-1", Lab(servers=2), "drain needs a balancer"),
        ("drain server-1", Lab(runtime="python", balancer="nginx"), "servers of runtime node"),
        ("drain server-1 over 2h", JOINED, "more than 10 min"),
        ("reload redis", JOINED, "only a balancer can be reloaded"),
        ("rolling stones", JOINED, "no action of a lab | write rolling deploy"),
        ("rolling deploy fast", JOINED, "fast is not known of a rolling deploy"),
        ("rolling deploy drained", Lab(servers=2), "drain needs a balancer"),
    ],
)
def test_an_action_that_a_lab_cannot_take_is_refused(text, lab, said):
    with pytest.raises(InputError) as caught:
        read_action(text, lab, "here")
    assert said in f"{caught.value.message} | {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "undo"),
    [
        ("kill server-1 server-2", "start server-1 server-2"),
        ("stop redis", "continue redis"),
        ("throttle redis to 10%", "unthrottle redis"),
        ("drain server-1 over 3s", "start server-1"),
        ("reload balancer", ""),
        ("", ""),
    ],
)
def test_what_ends_an_action(text, undo):
    assert inverse(text) == undo


def test_the_parts_of_labs():
    assert parts_of(Lab(servers=2, adapter="cluster")) == {
        "server-1": "server",
        "server-2": "server",
        "primary": "primary",
    }
    assert list(parts_of(Lab(adapter="redis-streams"))) == ["server-1", "redis"]
    assert list(parts_of(Lab(adapter="postgres", balancer="haproxy"))) == ["server-1", "haproxy", "postgres"]


# ── the options ───────────────────────────────────────────────────────────────────────


def test_faults_stand_in_the_order_of_their_begin_and_an_action_has_its_own_undo():
    asked = read_faults(
        [
            "at=20s do=logger hello",
            "at=10s for=5s do=kill node-2",
            "at=30s for=1s do=stop redis undo=kill redis",
        ],
        JOINED,
        RUN_S,
        (),
    )
    assert [fault.do for fault in asked.faults] == ["kill node-2", "logger hello", "stop redis"]
    assert asked.faults[0].undo == "start node-2"
    assert asked.actions == {
        DueStep(0, "do"): LabAction(verb="kill", parts=("server-2",)),
        DueStep(0, "undo"): LabAction(verb="start", parts=("server-2",), as_needed=True),
        DueStep(2, "do"): LabAction(verb="stop", parts=("redis",)),
        DueStep(2, "undo"): LabAction(verb="kill", parts=("redis",)),
    }


@pytest.mark.parametrize(
    ("do", "undo"),
    [
        ("kill server-1", "start server-1"),
        ("stop redis", "continue redis"),
        ("throttle redis to 20%", "unthrottle redis"),
        ("drain server-1", "start server-1"),
        ("rolling deploy", ""),
        ("restart redis", ""),
        ("true", ""),
    ],
)
def test_an_action_of_a_lab_without_a_time_is_undone_at_the_end_of_the_run(do, undo):
    """It was never undone, and was over at once in the report."""
    (fault,) = read_faults([f"at=1s do={do}"], JOINED, RUN_S, ()).faults
    assert (fault.undo, fault.for_s) == (undo, None)


@pytest.mark.parametrize(
    ("do", "ended"),
    [("kill server-1", "start server-1"), ("throttle server-1 to 20%", "unthrottle  server-1")],
)
def test_what_another_fault_ends_is_undone_when_that_comes_and_not_at_the_end_of_the_run(do, ended):
    """Everybody was back at once, and the run failed: by the start at its end nobody could be back again."""
    asked = read_faults([f"at=1s do={do}", f"at=5s do={ended}", f"at=8s do={ended}"], JOINED, RUN_S, ())
    assert (asked.faults[0].undo.split(), asked.faults[0].for_s) == (ended.split(), 4.0)
    assert asked.actions[DueStep(1, "do")].verb == ended.split()[0]


def test_what_another_fault_ended_before_is_undone_at_the_end_of_the_run():
    asked = read_faults(["at=5s do=kill server-1", "at=1s do=start server-1"], JOINED, RUN_S, ())
    assert asked.actions[DueStep(1, "undo")] == LabAction(verb="start", parts=("server-1",), as_needed=True)


@pytest.mark.parametrize(
    ("do", "said"),
    [
        ("kill server-1,server-2", "the lab has no server-1,server-2 | it has server-1, server-2, server-3"),
        ("kill node-1,node-2", "the lab has no node-1,node-2"),
        ("kill server-{1,2}", "the lab has no server-{1,2}"),
        ("kill servers,redis", "the lab has no servers,redis"),
        ("kill balancer;", "the lab has no balancer;"),
        ("kill -9 server-1", "names no part of the lab"),
        ("kill", "names no part of the lab"),
        ("kill redis, nginx", "the lab has no redis,"),
    ],
)
def test_an_action_that_is_written_wrongly_is_no_command_of_the_shell(do, said):
    """The shell has a kill of its own: it failed when the fault was made, in the middle of the run."""
    assert said in refusal(f"at=1s do={do}")
    assert said in refusal(f"at=1s for=1s do=true undo={do}")


@pytest.mark.parametrize(
    "do",
    [
        "kill -STOP 123",
        "kill -9 $(cat nginx.pid)",
        "kill $(pidof redis-server)",
        "timeout 5 redis-cli ping",
        "timeout 5 nginx -t",
        "echo server-1,server-2",
    ],
)
def test_commands_of_the_shell_are_commands_on_a_lab_too(do):
    asked = read_faults([f"at=1s do={do}"], JOINED, RUN_S, ())
    assert (asked.actions, asked.faults[0].do, asked.faults[0].undo) == ({}, do, "")


def test_on_other_targets_faults_are_commands():
    asked = read_faults(["at=1s for=1s do=kill -STOP 1 undo=kill -CONT 1"], None, RUN_S, ())
    assert asked.actions == {}
    assert asked.faults[0].words("undo") == "kill -CONT 1"


@pytest.mark.parametrize(
    ("text", "lab", "said"),
    [
        pytest.param(
            "at=1s do=kill server-1", None, "is an action of a lab, and the target is none", id="kill"
        ),
        pytest.param("at=1s do=drain server-1", None, "is an action of a lab", id="drain"),
        pytest.param(
            "at=1s do=no-such-program -x", None, "there is no program no-such-program", id="program"
        ),
        pytest.param("at=1s for=1s do=true", None, "nothing says how it ends | give undo", id="no undo"),
        pytest.param("at=1s for=1s do=true undo=no-such-program", None, "no program no-such", id="undo"),
        pytest.param("at=1s for=1s do=reload nginx", JOINED, "nothing says how it ends", id="no inverse"),
        pytest.param("at=60s do=kill redis", JOINED, "is over at 1 min, and the run at 1 min", id="late"),
        pytest.param("at=55s for=10s do=kill redis", JOINED, "is over at 1.08 min", id="too long"),
        pytest.param("at=1s do=kill redis undo=start server-9", JOINED, "no server-9", id="undo of nothing"),
    ],
)
def test_a_fault_that_cannot_be_carried_out_is_refused(text, lab, said):
    assert said in refusal(text, lab)


def test_a_run_whose_length_is_not_known_refuses_no_time():
    assert read_faults(["at=90s do=kill redis"], JOINED, 0.0, ()).faults[0].at_s == 90.0


def test_a_fault_goes_with_no_search():
    assert "--fault beside --find-capacity" in refusal("at=1s do=kill redis", beside=["--find-capacity"])


# ── what it ends, and how long it takes ───────────────────────────────────────────────


@pytest.mark.parametrize(
    ("do", "later", "for_s"),
    [
        ("kill node-2", "start server-2", 10.0),
        ("stop server-1", "continue servers", 10.0),
        ("stop servers", "continue server-1", None),
        ("kill server-2", "start server-1", None),
        ("latency redis 200ms", "heal backend from latency", 10.0),
        ("latency redis 200ms", "heal redis", 10.0),
        ("latency redis 200ms", "heal redis from bandwidth", None),
        ("kill server-2", "echo start server-2", None),
    ],
)
def test_a_later_fault_ends_one_whatever_its_part_is_called(do, later, for_s):
    """Its outage was taken for one that lasts to the end of the run."""
    lab = Lab(servers=3, adapter="redis", balancer="nginx", toxics=True)
    texts = [f"at=10s do={do}", f"at=20s do={later}"]
    assert read_faults(texts, lab, RUN_S, ()).faults[0].for_s == for_s


def test_a_part_that_the_lab_has_not_is_said_of_the_fault_that_names_it():
    """Trap: the later one was read first, and said to be wrong."""
    with pytest.raises(InputError, match=r"--fault at 5 s: the lab has no server-9"):
        read_faults(["at=5s do=kill server-9", "at=20s do=start server-1"], JOINED, RUN_S, ())


@pytest.mark.parametrize(
    "do", ["drain server-1 over 50s", "rolling deploy pause 25s", "rolling deploy drained pause 20s"]
)
def test_what_takes_longer_than_the_run_is_refused(do):
    assert "is over at" in refusal(f"at=10s do={do}")
    assert read_faults([f"at=1s do={do}"], JOINED, RUN_S, ()).faults


def test_a_share_that_is_forgotten_is_asked_for():
    assert "write throttle nginx to 20%" in refusal("at=1s do=throttle nginx 20%")


def test_faults_are_shown_without_the_secrets_of_their_urls():
    text = "at=1s do=curl https://u:pass-word@h/x?key=s3cret && true undo=curl https://u:pass-word@h/"
    (shown,) = read_faults([text], None, RUN_S, ()).shown
    assert (shown.do, shown.undo) == ("curl https://***@h/x?*** && true", "curl https://***@h/")
