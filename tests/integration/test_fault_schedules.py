"""Faults on schedule under load: labs that are broken, commands, and that what was done is undone."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.bench.adapter_faults import witness
from tests.integration.conftest import Finished
from tests.integration.labs import described

pytestmark = pytest.mark.slow

USERS = 20
ROOM = ("--scenario", "rooms", "--set", "rate=2", "--set", f"room_size={USERS}")
AT_ONCE = ("--users", USERS, "--spawn-rate", USERS)
ECHO = ("--scenario", "echo", "--set", "rate=2", "--users", 5, "--spawn-rate", 5)

FAULTS = """
[[fault]]
at = "4s"
for = "2s"
do = "kill node-2"

[[fault]]
at = "11s"
do = "restart backend"

[[fault]]
at = "13s"
do = "rolling deploy"
"""


@pytest.fixture(scope="module")
def broken(
    lab_programs: None, lasting_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Finished:
    """A lab with a bad day: a server is killed, Redis restarted, and all servers are deployed."""
    file = Path(described(tmp_path_factory.mktemp("bad"), adapter="redis", balancer="nginx", witness=True))
    file.write_text(file.read_text() + FAULTS)
    load = (*ROOM, *AT_ONCE, "--set", "acknowledged=yes", "--run-time", "24s")
    done: Finished = lasting_start(f"lab:{file}", *load).finish()
    return done


def test_each_fault_has_its_row_and_the_service_is_well_again(broken: Finished) -> None:
    assert broken.code in (0, 5), broken.stderr
    killed, restarted, deployed = broken.report["faults"]
    assert (killed["do"], killed["undo"], killed["parts"]) == ("kill node-2", "start node-2", ["server-2"])
    assert 6.0 <= killed["until_s"] <= 9.0
    assert 0 < killed["lost"] < USERS, "those of one server of two"
    assert killed["back"] == killed["lost"]
    assert killed["back_all_s"] > 0
    # who comes back waits 0.5 to 1.5 s: the planner's storm is one of so many clients
    assert killed["storm_peak_per_s"] >= killed["attempts_peak_per_s"] * 0.5
    assert (restarted["lost"], restarted["parts"]) == (0, ["redis"])
    assert deployed["lost"] >= USERS, "each server was ended"
    assert [one["failed"] for one in broken.report["faults"]] == ["", "", ""]
    assert all(one["well_s"] is not None for one in broken.report["faults"])


def test_what_each_fault_cost_in_messages_and_time_is_told(broken: Finished) -> None:
    killed, restarted, deployed = broken.report["faults"]
    assert killed["missed"] > 0, "the others went on"
    assert 0 < killed["back_p50_s"] <= killed["back_p90_s"] <= killed["back_p99_s"] <= killed["back_all_s"]
    # whether a restart loses some is a matter of milliseconds; where it does, they may have been acknowledged
    assert 0 <= restarted["acknowledged_lost"] <= restarted["messages_lost"]
    lost = sum(fault["messages_lost"] for fault in broken.report["faults"])
    assert lost == broken.report["delivery"]["lost"], "none was lost beside the faults"
    parts = ("before_s", "during_s", "after_s")
    (times,) = [one for one in killed["latencies"] if one["op"] == "deliver"]
    assert all(times[part] > 0 for part in parts)
    (times,) = [one for one in deployed["latencies"] if one["op"] == "deliver"]
    assert times["after_s"] > 0


def test_the_servers_own_log_agrees_with_what_was_counted(broken: Finished) -> None:
    """Nothing that is counted as lost was sent, and nothing that is counted as received was not."""
    seen = witness(broken.folder / "lab")
    came = broken.report["delivery"]["received"] + broken.report["delivery"]["duplicate"]
    assert 1000 < came <= seen.sent <= came + seen.on_its_way


def test_the_gates_judge_before_and_after(broken: Finished) -> None:
    judged = {gate["expr"]: gate["outcome"] for gate in broken.report["gates"]}
    assert judged["lost[before] > 0.1%"] == judged["lost[after] > 0.1%"] == "passed"
    assert all("[" in expr for expr in judged)


def test_a_server_that_was_started_again_is_sampled_again(broken: Finished) -> None:
    """It is another process; the seconds in which it was gone are no doubt."""
    seen = [interval for interval in broken.run.intervals if "server-2" in interval.servers]
    times = [interval.t_s for interval in seen if interval.servers["server-2"].cpu_cores is not None]
    assert not [t_s for t_s in times if 5.5 < t_s < 6]
    assert [t_s for t_s in times if 8 < t_s < 11]
    assert not [note for note in broken.run.notes if note.level == "doubt" and "server-2" in note.text]


def test_the_run_file_has_the_plan_and_what_came_of_it(broken: Finished) -> None:
    header, *lines = broken.lines
    assert [fault["do"] for fault in header["faults"]] == ["kill node-2", "restart backend", "rolling deploy"]
    steps = [(line["fault"], line["step"]) for line in lines if line["kind"] == "fault"]
    assert steps == [(0, "do"), (0, "undo"), (1, "do"), (2, "do")]


def test_a_primary_that_is_started_again_goes_on_with_workers_that_are_known(
    lab_programs: None, start: Callable[..., Any], tmp_path: Path
) -> None:
    """A fault on a worker was under way when its primary was started again: that ended the lab.

    Its workers were then asked for their figures at ports of those before: a doubt.
    """
    file = Path(described(tmp_path, adapter="cluster"))
    faults = ("at=3s for=9s do=throttle server-1 to 50%", "at=5s for=2s do=kill primary")
    given = [text for fault in faults for text in ("--fault", fault)]
    load = (*ROOM, *AT_ONCE, "--transport", "websocket", "--run-time", "18s")
    done = start(f"lab:{file}", *load, *given).finish()
    assert [one["failed"] for one in done.report["faults"]] == ["", ""]
    last = [interval for interval in done.run.intervals if interval.t_s > 13]
    assert all(one.servers["server-2"].connections is not None for one in last)
    assert not [note.text for note in done.run.notes if note.level == "doubt" and "metrics of" in note.text]


def test_the_figures_of_a_store_are_not_missed_while_the_server_that_tells_them_is_killed(
    lab_programs: None, start: Callable[..., Any], tmp_path: Path
) -> None:
    file = Path(described(tmp_path, adapter="redis", store="postgres", balancer="nginx"))
    load = ("--scenario", "backlog", "--set", "leave=1", "--set", "offline=2", *AT_ONCE, "--run-time", "16s")
    done = start(f"lab:{file}", *load, "--fault", "at=5s for=5s do=kill server-1").finish()
    assert done.report["faults"][0]["failed"] == ""
    assert not [note.text for note in done.run.notes if note.level == "doubt" and "postgres" in note.text]
    told = [use.store_bytes for one in done.run.intervals if (use := one.servers.get("postgres")) is not None]
    assert told[-4]
    assert 0 not in told, "the first look after a start told what was known before it"


# ── commands, on a target that is no lab ──────────────────────────────────────────────


def command(name: str, mark: Path) -> str:
    return f"echo {name} >> {mark}"


def words(mark: Path) -> list[str]:
    return mark.read_text().split() if mark.exists() else []


@pytest.fixture(scope="module")
def commanded(
    lasting_start: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Finished, Path]:
    """A run with three faults: one is undone in its time, one fails, and of one the undo fails."""
    mark = tmp_path_factory.mktemp("commands") / "mark"
    faults = (
        f"at=2s for=1s do={command('do', mark)} undo={command('undo', mark)}",
        json.dumps({"at": "5s", "do": "echo no such host >&2; exit 3", "undo": command("after", mark)}),
        "at=6s for=1s do=true undo=false",
    )
    given = [text for fault in faults for text in ("--fault", fault)]
    return lasting_start("demo", *ECHO, "--run-time", "10s", *given).finish(), mark


def test_commands_are_run_and_undone_in_their_time(commanded: tuple[Finished, Path]) -> None:
    done, mark = commanded
    assert words(mark) == ["do", "undo", "after"]
    fault = done.report["faults"][0]
    assert 2.0 <= fault["t_s"] < fault["until_s"] - 0.9
    assert (fault["parts"], fault["failed"]) == ([], "")


def test_a_command_that_fails_is_a_doubt_and_is_undone_all_the_same(commanded: tuple[Finished, Path]) -> None:
    done, _ = commanded
    assert done.code == 5
    assert "exit code 3: no such host" in done.report["faults"][1]["failed"]
    assert any("fault 2 failed" in doubt for doubt in done.report["doubts"])


def test_an_undo_that_fails_is_kept_in_the_report(commanded: tuple[Finished, Path]) -> None:
    done, _ = commanded
    assert done.report["faults"][2]["failed"] == "undo: exit code 1"
    assert any("undo of fault 3 failed" in doubt for doubt in done.report["doubts"])


@pytest.mark.parametrize("how", ["Ctrl-C", "two at once", "killed"])
def test_what_was_done_is_undone_however_the_run_ends(
    how: str, start: Callable[..., Any], until: Callable[..., Any], tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    text = f"at=1s for=50s do={command('do', mark)} undo={command('undo', mark)}"
    test = start("demo", *ECHO, "--run-time", "60s", "--fault", text)
    until(lambda: words(mark) == ["do"], what="the fault is made")
    if how == "killed":
        os.kill(test.process.pid, signal.SIGKILL)
    else:
        test.interrupt()
        if how == "two at once":
            test.interrupt()
    until(lambda: words(mark) == ["do", "undo"], what="it is undone")
    assert test.process.wait(30) == (-signal.SIGKILL if how == "killed" else 130)
    assert words(mark) == ["do", "undo"], "once"


def test_no_byte_of_a_run_holds_a_secret_that_a_command_quotes(start: Callable[..., Any]) -> None:
    """The header of the run file had the command as it was typed, and so had every report."""
    words = "echo s3cr3t-header https://u:s3cr3t-user@h/?key=s3cr3t-query >/dev/null"
    done = start(
        *("demo", *ECHO, "--run-time", "4s", "--header", "X-Key: s3cr3t-header"),
        *("--fault", f"at=1s for=1s do={words} undo={words}"),
    ).finish()
    assert done.report["faults"][0]["do"] == "echo *** https://***@h/?*** >/dev/null"
    files = [path for path in done.folder.rglob("*") if path.is_file()]
    assert len(files) > 2
    assert not [path.name for path in files if "s3cr3t" in path.read_text(errors="replace")]
    assert "s3cr3t" not in done.stdout + done.stderr
