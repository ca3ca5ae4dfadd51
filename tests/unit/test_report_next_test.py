"""The next test is a command that runs as printed, for the target and the scenario of the run."""

import shlex

import msgspec
import pytest

from siotool.faults.planned_fault import PlannedFault
from siotool.report.next_test import ShownSoFar, next_test

COMMAND = [
    *("loadtest", "demo", "--scenario", "chat", "--set", "rate=0.5", "--users", "200", "-r", "50"),
    *("--run-time=30s", "--fail-if", "lost > 0", "-o", "x.html", "-q", "--processes", "2"),
]
KEPT = "siotool loadtest demo --scenario chat --set rate=0.5 --fail-if 'lost > 0'"


def header(make_run, command=COMMAND):
    return msgspec.structs.replace(make_run().header, command=command)


@pytest.mark.parametrize(
    ("known", "more", "why"),
    [
        pytest.param(
            ShownSoFar(count=(5, 9)), "--find-capacity", "may be 5 to 9 servers", id="a run of one load"
        ),
        pytest.param(ShownSoFar(overloaded=True), "--find-capacity", "beyond the server", id="too much load"),
        pytest.param(
            ShownSoFar(searched=True, by_generator=True),
            "--find-capacity --processes 2",
            "twice as many processes",
            id="the generator was the limit",
        ),
        pytest.param(
            ShownSoFar(searched=True, at_least=True, unsampled=True, peak=700),
            "--find-capacity",
            "sample what stays",
            id="a gate on the server had no samples",
        ),
        pytest.param(
            ShownSoFar(searched=True, at_least=True, peak=700),
            "--find-capacity --max-users 7000",
            "no load failed",
            id="no load failed",
        ),
        pytest.param(
            ShownSoFar(searched=True, at_least=True, out_of_time=True, peak=700),
            "--find-capacity --users 700",
            "begins with 700 connections",
            id="its time was over",
        ),
        pytest.param(ShownSoFar(searched=True), "--find-capacity", "once more", id="a search that ended"),
    ],
)
def test_the_command_keeps_what_was_asked_and_says_the_load_anew(make_run, known, more, why):
    found = next_test(header(make_run), known)
    assert found.command == f"{KEPT} {more}"
    assert why in found.why


def test_a_run_without_a_command_is_described_by_its_target_and_settings(make_run):
    found = next_test(header(make_run, []), ShownSoFar())
    assert shlex.split(found.command) == [
        *("siotool", "loadtest", "http://127.0.0.1:3000", "--scenario", "echo", "--set", "rate=1.0"),
        "--find-capacity",
    ]


def test_a_secret_is_not_printed_and_its_place_is_said(make_run):
    found = next_test(header(make_run, ["loadtest", "demo", "--auth", "***"]), ShownSoFar())
    assert "put what the run was given in the place of ***" in found.why


def test_a_search_breaks_nothing_on_purpose(make_run):
    """Trap: the command that was suggested after a run with faults was refused: a search takes no --fault."""
    asked = [
        "loadtest",
        "demo",
        "--fault",
        "at=8s for=4s do=true undo=true",
        "--fault=at=9s do=true",
        "--yes",
    ]
    found = next_test(header(make_run, asked), ShownSoFar())
    assert found.command == "siotool loadtest demo --yes --find-capacity"


def test_a_search_on_a_lab_makes_none_of_the_faults_of_its_file(make_run):
    """Trap: the file's own faults are no option of the command, and a search refuses them all the same."""
    of_lab = msgspec.structs.replace(
        header(make_run, ["loadtest", "lab:chat.toml", "--users", "9"]),
        lab="chat",
        faults=[PlannedFault(at_s=8.0, do="kill server-2")],
    )
    assert (
        next_test(of_lab, ShownSoFar()).command
        == "siotool loadtest lab:chat.toml --no-faults --find-capacity"
    )
    unbroken = msgspec.structs.replace(of_lab, faults=[])
    assert "--no-faults" not in next_test(unbroken, ShownSoFar()).command


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        pytest.param(["--arrival-rate", "5/s", "--arrival-process", "poisson"], "", id="arrivals"),
        pytest.param(["--stop-if", "p99:ack > 2s", "--stop-after=5s"], "", id="what ended it early"),
        pytest.param(["-u50", "-r5", "-t", "30s", "-q"], "", id="short options with their values"),
        pytest.param(
            ["--fail-if", "rate:ack < 100/s", "--fail-if=errors:ack[stage=2] > 1%", "--fail-if", "lost > 1%"],
            "--fail-if 'lost > 1%' ",
            id="gates without a limit to find",
        ),
        pytest.param(
            ["--no-default-gates", "--fail-if", "back_all > 10s"], "", id="no gate is left: the default ones"
        ),
        pytest.param(["--fail-if", "server_cpu > 80%"], "", id="a gate on a server that was not sampled"),
    ],
)
def test_what_a_search_refuses_is_left_out(make_run, asked, kept):
    """Trap: the command that was suggested after such a run was refused."""
    one = msgspec.structs.replace(header(make_run, ["loadtest", "demo", *asked, "--yes"]), servers=[])
    found = next_test(one, ShownSoFar())
    assert found.command == f"siotool loadtest demo {kept}--yes --find-capacity"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        pytest.param("URL --tick-rate 5 --yes", "URL --yes", id="ticks of a server of somebody else"),
        pytest.param("URL --tick-rate=5 --yes", "URL --yes", id="the same in one word"),
        pytest.param("demo --tick-rate 5", "demo --tick-rate 5", id="ticks of its own"),
        pytest.param("lab:a.toml --tick-rate 5", "lab:a.toml --tick-rate 5", id="ticks of a lab"),
        pytest.param("URL --fail-if 'errors:phase > 1%'", "URL", id="phases that fail are not counted"),
        pytest.param("URL --no-default-gates --fail-if errors:phase>1", "URL", id="and no gate is left"),
        pytest.param("URL#part@3 URL/b#part@2", "URL@3 URL/b@2", id="a fragment was never sent"),
        pytest.param("URL --label URL#5", "URL --label 'URL#5'", id="a label is no target"),
        pytest.param("URL --web-port 8090", "URL", id="a port of nothing"),
        pytest.param("URL --web-port 8090 --web", "URL --web-port 8090 --web", id="a port of a page"),
        pytest.param("URL --server-cores nan", "URL", id="no number"),
        pytest.param("URL --server-cores 2", "URL --server-cores 2", id="a number"),
        pytest.param(
            "URL --transport-mix polling=5,upgrade=80,polling=20",
            "URL --transport-mix polling=20,upgrade=80",
            id="a transport named twice",
        ),
        pytest.param("--config a.toml URL --yes", "URL --yes", id="what it gave stands there already"),
        pytest.param(
            "URL --server-pid 7 --restart-command 'systemctl restart x' --fail-if 'server_cpu > 80%'",
            "URL --server-pid 7 --fail-if 'server_cpu > 80%'",
            id="a process that is another one after a restart",
        ),
        pytest.param(
            "URL --server-pid 7 --restart-command 'systemctl restart x' --fail-if 'lost > 1%'",
            "URL --server-pid 7 --restart-command 'systemctl restart x' --fail-if 'lost > 1%'",
            id="a restart that spoils no gate",
        ),
    ],
)
def test_what_an_older_command_took_is_suggested_as_today_takes_it(make_run, asked, kept):
    """Trap: the command that was suggested for an older run was refused."""
    url = "http://127.0.0.1:3000"
    words = shlex.split(asked.replace("URL", url))
    one = header(make_run, ["loadtest", *words])
    assert one.servers
    one = msgspec.structs.replace(one, embedded="demo" in words, lab="a lab" * ("lab:a.toml" in words))
    found = next_test(one, ShownSoFar())
    assert found.command == f"siotool loadtest {kept.replace('URL', url)} --find-capacity"


@pytest.mark.parametrize(
    ("axis", "known", "expected"),
    [
        pytest.param("rate", ShownSoFar(searched=True), "-u 30 --search rate --max-load 9/s", id="again"),
        pytest.param("rate", ShownSoFar(searched=True, at_least=True), "-u 30 --search rate", id="further"),
        pytest.param("users", ShownSoFar(searched=True), "--search rate --max-load 9/s", id="users"),
    ],
)
def test_a_search_is_made_again_along_its_axis(make_run, axis, known, expected):
    one = header(
        make_run, ["loadtest", "demo", "-u", "30", "--search", "rate", "--max-load", "9/s", "--find-capacity"]
    )
    one = msgspec.structs.replace(one, workload=msgspec.structs.replace(one.workload, search=axis))
    assert next_test(one, known).command == f"siotool loadtest demo {expected} --find-capacity"


SHORT = ShownSoFar(searched=True, at_least=True, out_of_time=True, peak=50)


@pytest.mark.parametrize(
    ("axis", "low", "begin", "why"),
    [
        pytest.param("rate", 1234.5, "--set rate=1234", "begins with 1,234 operations/s", id="rate"),
        pytest.param("rate", 12.34, "--set rate=12.3", "begins with 12.3 operations/s", id="a low rate"),
        pytest.param("size", 70_000.9, "--set size=70000", "begins with messages of 70", id="size"),
        pytest.param("size", 64.9, "--set size=64", "begins with messages of 64 B", id="a small size"),
        pytest.param("users", 320.7, "--users 320", "begins with 320 connections", id="users"),
        pytest.param("connects", 70.0, "", "gates that allow more", id="it begins where it began"),
        pytest.param("rate", 0.0, "", "gates that allow more", id="nothing passed"),
    ],
)
def test_a_search_out_of_time_begins_with_the_load_that_passed(make_run, axis, low, begin, why):
    """The same search was advised, as one without a bound."""
    bound = ["--max-users", "4000"] if axis == "users" else ["--max-load", "4000"]
    asked = ["loadtest", "demo", "--search", axis, *bound, "--find-capacity"]
    one = header(make_run, asked)
    settings = {"rate": 1.0, "size": 64}
    workload = msgspec.structs.replace(one.workload, search=axis, settings=settings)
    one = msgspec.structs.replace(one, workload=workload)
    found = next_test(one, msgspec.structs.replace(SHORT, low=low))
    assert found.command == " ".join(["siotool", *asked, begin]).strip()
    assert why in found.why
    assert "time was over before it was known" in found.why
    assert "without its own bound" not in found.why


@pytest.mark.parametrize(
    ("low", "more"),
    [
        pytest.param(12.34, " --set rate=12", id="it was refused: not a whole number"),
        pytest.param(0.7, "", id="no whole number is below it"),
    ],
)
def test_a_search_out_of_time_sets_a_whole_number_where_the_scenario_takes_no_other(make_run, low, more):
    one = header(make_run, ["loadtest", "demo", "--search", "rate", "--find-capacity"])
    workload = msgspec.structs.replace(one.workload, search="rate", settings={"rate": 5})
    one = msgspec.structs.replace(one, workload=workload)
    found = next_test(one, msgspec.structs.replace(SHORT, low=low))
    assert found.command == f"siotool loadtest demo --search rate --find-capacity{more}"


def test_a_search_out_of_time_names_no_setting_that_the_scenario_has_not(make_run):
    one = header(make_run, ["loadtest", "demo", "--search", "rate", "--find-capacity"])
    workload = msgspec.structs.replace(one.workload, search="rate", settings={"room": 5})
    found = next_test(
        msgspec.structs.replace(one, workload=workload), msgspec.structs.replace(SHORT, low=9.0)
    )
    assert "--set" not in found.command


def test_several_machines_take_workers_and_no_processes(make_run):
    command = ["loadtest", "demo", "--distributed", "--expect-workers", "2"]
    found = next_test(header(make_run, command), ShownSoFar(searched=True, by_generator=True))
    processes = make_run().header.workload.processes
    assert found.command == (
        f"siotool loadtest demo --distributed --max-users 10 --find-capacity --expect-workers {2 * processes}"
    )
    # trap: only other machines know what they can do, so that a search without a bound was refused
    again = next_test(header(make_run, command), ShownSoFar(peak=7)).command
    assert again == (
        f"siotool loadtest demo --distributed --expect-workers {processes} --max-users 70 --find-capacity"
    )


def test_a_search_without_samples_keeps_its_bound(make_run):
    command = ["loadtest", "demo", "--find-capacity", "--max-users", "200"]
    run = header(make_run, command)
    searched = msgspec.structs.replace(run, workload=msgspec.structs.replace(run.workload, search="users"))
    known = ShownSoFar(searched=True, at_least=True, unsampled=True)
    assert next_test(searched, known).command == "siotool loadtest demo --max-users 200 --find-capacity"


def test_a_search_of_a_lab_without_its_faults_is_made_again_without_them(make_run):
    """The faults of the lab's file came back, beside which no search is made."""
    command = ["loadtest", "lab:chat.toml", "--no-faults", "--find-capacity"]
    again = next_test(header(make_run, command), ShownSoFar(searched=True)).command
    assert again == "siotool loadtest lab:chat.toml --no-faults --find-capacity"
