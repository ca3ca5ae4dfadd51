"""``siotool loadtest`` as a user and a script see it: what it refuses, and what goes where."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from siotool.cli import app
from siotool.cli.beside_load import beside_load
from siotool.errors import InputError

# each starts a process that loads Locust
pytestmark = pytest.mark.slow

QUICK = ("demo", "--users", "2", "--spawn-rate", "100", "--run-time", "2s", "--processes", "1")


def siotool(*arguments, cwd=None, **variables):
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    return subprocess.run(
        [sys.executable, "-m", "siotool", "loadtest", *map(str, arguments)],
        cwd=cwd,
        env=plain | variables,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Run a command that must end before Locust is loaded, in this process; returns what it said."""

    def run(*arguments):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["siotool", "loadtest", *arguments])
        monkeypatch.setitem(sys.modules, "locust", None)
        with pytest.raises(SystemExit) as end:
            app.main()
        out, err = capsys.readouterr()
        assert (end.value.code, out) == (2, "")
        assert list(tmp_path.iterdir()) == []
        return err

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param([], "no target", id="no target"),
        pytest.param(["localhost:3000"], "did you mean http://localhost:3000?", id="no scheme"),
        pytest.param(["ftp://localhost"], "use http, https, ws or wss", id="a scheme of something else"),
        pytest.param(["http://"], "is not the URL of a Socket.IO server", id="no host"),
        pytest.param(["http://localhost:99999"], "is not a URL", id="a port that does not exist"),
        pytest.param(["http://localhost:0"], "has the port 0", id="no port of a server"),
        pytest.param(["http://localhost/chat"], "and the rest with --path and --namespace", id="a path"),
        pytest.param(["demo", "--path", "/io?x=1"], "has a query in it", id="a query in the path"),
        pytest.param(
            ["demo", "--path", "/a\r\nX: 1"], "write it /a%0D%0AX%3A%201", id="a line break in the path"
        ),
        pytest.param(["demo", "--path", "/größe"], "write it /gr%C3%B6%C3%9Fe", id="a path beyond ASCII"),
        pytest.param(
            ["demo", "--server-cores", "nan"], "expected a number of cores", id="no number of cores"
        ),
        pytest.param(["demo", "--query", "x"], "no value", id="a query without value"),
        pytest.param(["demo", "--query", "EIO=3"], "Engine.IO itself uses it", id="a query of Engine.IO's"),
        pytest.param(["demo", "--transport", "sse"], "is no transport", id="an unknown transport"),
        pytest.param(["demo", "--transport-mix", "sse=1"], "is no transport", id="one in a mix"),
        pytest.param(["demo", "--transport-mix", "polling"], "has no share", id="a mix without shares"),
        pytest.param(["demo", "--transport-mix", "polling=0"], "more than 0", id="a share of nothing"),
        pytest.param(
            ["demo", "--transport-mix", "polling=8,websocket=1,polling=2"], "twice", id="a share given twice"
        ),
        pytest.param(
            ["demo", "--transport", "polling", "--transport-mix", "polling=1"],
            "contradict each other",
            id="a transport and a mix",
        ),
        pytest.param(
            ["demo", "--transport", "jsonp", "--eio", "4"], "is of Engine.IO 3", id="JSONP of Engine.IO 4"
        ),
        pytest.param(
            ["demo", "--client", "reference", "--eio", "3"],
            "reference does not speak Engine.IO 3",
            id="Engine.IO 3 of the reference client",
        ),
        pytest.param(
            ["demo", "--client", "reference", "--transport-mix", "upgrade=1,jsonp=1"],
            "reference has no transport jsonp",
            id="JSONP of the reference client",
        ),
        pytest.param(
            ["demo", "--client", "reference", "--server-name", "x"],
            "reference cannot ask for another --server-name",
            id="another server name of the reference client",
        ),
        pytest.param(["demo", "--client", "java"], "'java' is not one of", id="an unknown client"),
        pytest.param(["demo", "--eio", "3", "--auth", "{}"], "not of Engine.IO 3", id="auth of Engine.IO 3"),
        pytest.param(
            ["demo", "--namespace", "/a", "--namespace", "/a?b=c"],
            "one namespace twice",
            id="a namespace twice",
        ),
        pytest.param(
            ["demo", "--insecure", "--ca-file", "x"], "contradict each other", id="trust in all and in some"
        ),
        pytest.param(["demo", "--client-key", "x"], "has no certificate", id="a key without certificate"),
        pytest.param(["http://bob:hunter2@localhost"], "has credentials in it", id="credentials"),
        pytest.param(["demo", "--users", "0"], "--users 0: expected 1 or more", id="nobody"),
        pytest.param(["demo", "--users", "1.5"], "expected a whole number of users", id="half a user"),
        pytest.param(["demo", "--users", "many"], "--users: 'many' is not a quantity", id="no number"),
        pytest.param(["demo", "--users", "1e30"], "expected at most 10,000,000 users", id="too many users"),
        pytest.param(["demo", "--run-time", "30"], "--run-time: '30' has no unit", id="no unit"),
        pytest.param(["demo", "--run-time", "30MB"], "--run-time: '30MB' has the unit 'MB'", id="wrong unit"),
        pytest.param(["demo", "--run-time", "0.5s"], "expected 1s or more", id="half a second"),
        pytest.param(["demo", "--spawn-rate", "0"], "expected more than 0 users per second", id="no rate"),
        pytest.param(["demo", "--spawn-rate", "nan"], "expected more than 0", id="a rate that is no number"),
        pytest.param(["demo", "--spawn-rate", "inf"], "expected more than 0", id="an endless rate"),
        pytest.param(["demo", "--arrival-rate", "5"], "'5' has no unit", id="arrivals of no unit"),
        pytest.param(["demo", "--arrival-rate", "0/s"], "fewer than one user arrives", id="no arrivals"),
        pytest.param(["demo", "--arrival-rate", "-1/s"], "fewer than one user arrives", id="less than none"),
        pytest.param(["demo", "--arrival-rate", "1/min"], "arrives in 30 s", id="arrivals after the end"),
        pytest.param(
            ["demo", "--arrival-rate", "5/s", "--stage", "5s:5"],
            "--arrival-rate and --stage both decide",
            id="arrivals and stages",
        ),
        pytest.param(
            ["demo", "--arrival-rate", "5/s", "--spawn-rate", "5"],
            "--arrival-rate and --spawn-rate both decide",
            id="arrivals and a ramp",
        ),
        pytest.param(["demo", "--arrival-process", "poisson"], "needs an --arrival-rate", id="no rate of it"),
        pytest.param(
            ["demo", "--arrival-rate", "5/s", "--users", "0"], "expected 1 or more", id="no place at all"
        ),
        pytest.param(["demo", "--stage", "30s"], "--stage '30s' has no users", id="a stage without users"),
        pytest.param(["demo", "--stage", "x:5"], "--stage x:5: 'x' is not", id="a stage without a time"),
        pytest.param(["demo", "--stage", "0.1s:5"], "expected a time of 1s or more", id="a short stage"),
        pytest.param(["demo", "--stage", "5s:-1"], "0 or more users", id="fewer than no users"),
        pytest.param(["demo", "--stage", "5s:0"], "no --stage has any users", id="a profile of nobody"),
        pytest.param(["demo", "--auth", "{"], "--auth is not JSON", id="auth that is no JSON"),
        pytest.param(["demo", "--auth", "[1]"], "--auth is not a JSON object", id="auth that is a list"),
        pytest.param(["demo", "--auth", "@none.json"], "cannot read none.json", id="auth from no file"),
        pytest.param(["demo", "--header", "Key"], "is not a header", id="a header without value"),
        pytest.param(["demo", "--header", "My Key: x"], "is not a header", id="a header name with a space"),
        pytest.param(["demo", "--header", "Key: a\nB: c"], "is not a header", id="two headers in one"),
        pytest.param(["demo", "--namespace", "chat"], "begins with /", id="a namespace without slash"),
        pytest.param(["demo", "--ack-timeout", "0s"], "expected more than 0s", id="no patience"),
        pytest.param(["demo", "--connect-timeout", "-1s"], "expected more than 0s", id="negative patience"),
        pytest.param(["demo", "--plan", "none.json"], "cannot read the plan none.json", id="no plan file"),
        pytest.param(["demo", "--fail-if", "p99:ack > 200"], "p99:ack > 200", id="a gate without unit"),
        pytest.param(["demo", "--fail-if", "p42:ack > 1s"], "p42", id="a gate on nothing"),
        pytest.param(["demo", "--processes", "0"], "--processes", id="no processes"),
        pytest.param(["demo", "--format", "pdf"], "--format", id="a format that is not there"),
        pytest.param(["demo", "-o", "x.pdf"], ".pdf is not a known format", id="a name of no format"),
        pytest.param(["demo", "--no-such-option"], "No such option", id="an unknown option"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_starts(refused, arguments, said):
    assert said in refused(*arguments)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("http://bob:hunter2@localhost", "--header", id="a user"),
        pytest.param("http://bob:hunter2@10.0.0.5", "--header", id="at an address, which is no weight"),
        pytest.param("bob:hunter2@localhost:3000", "did you mean http://***@localhost:3000?", id="no scheme"),
        pytest.param("https://h.example/socket.io/?token=hunter2", "socket.io/?***' has a path", id="a path"),
        pytest.param("ftp://h.example/?token=hunter2", "'ftp://h.example/?***' is not the URL", id="ftp"),
        pytest.param("http://h.example:x/?token=hunter2", "?***' is not a URL", id="no URL at all"),
    ],
)
def test_credentials_in_a_url_are_not_even_repeated(refused, url, told):
    said = refused(url)
    assert "hunter2" not in said
    assert told in said


@pytest.mark.parametrize("option", ["-o", "--summary", "--comment"])
def test_a_report_over_the_run_itself_is_refused_before_the_load(refused, option):
    said = refused("demo", "--out", "kept", option, "kept/run.jsonl", "--format", "json")
    assert f"{option} kept/run.jsonl: nothing can be written there: it is the run's own" in said


@pytest.mark.parametrize("option", ["-o", "--summary", "--comment"])
def test_a_report_that_nothing_can_be_written_to_is_refused_before_the_load(refused, option):
    """Trap: it was refused after the load, as wrong usage, and the verdict was lost."""
    said = refused("demo", option, "nowhere/results.xml")
    assert f"{option} nowhere/results.xml: nothing can be written there: No such file or directory" in said


def test_a_folder_is_no_file_for_a_report(tmp_path):
    (tmp_path / "here").mkdir()
    done = siotool("demo", "-o", "here", "--format", "md", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "-o here: nothing can be written there: is a folder" in done.stderr


def test_a_history_that_nothing_can_be_added_to_is_refused_before_the_load(tmp_path):
    (tmp_path / "notes.txt").write_text("precious\n")
    done = siotool("demo", "--history", "notes.txt", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "notes.txt is no siotool history" in done.stderr
    assert (tmp_path / "notes.txt").read_text() == "precious\n"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("named", "compared"), [([], True), (["history:main"], True), (["none"], False)])
def test_a_load_is_compared_with_the_history_that_it_is_added_to(tmp_path, named, compared):
    file = tmp_path / "past.sqlite"
    _, baseline, kept_in = beside_load(None, named, file, None, {}, None, same_target=False, kept=True)
    assert (baseline is not None and baseline.history == file) is compared
    assert kept_in is not None
    assert kept_in.path == file


def test_a_history_is_looked_at_only_where_a_run_will_be_added(tmp_path):
    """A history of another format made --dry-run fail, and every calibration of siotool lab measure."""
    notes = tmp_path / "notes.txt"
    notes.write_text("precious\n")
    asked = beside_load(None, [], notes, None, {}, None, same_target=False, kept=False)
    assert asked[1] is None
    with pytest.raises(InputError, match="no siotool history"):
        beside_load(None, [], notes, None, {}, None, same_target=False, kept=True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--scenario", "ecko"], "did you mean echo?", id="a misspelt scenario"),
        pytest.param(["--scenario", "none.py"], "no scenario file none.py", id="no scenario file"),
        pytest.param(["--set", "speed=5"], "scenario echo has no setting 'speed'", id="an unknown setting"),
        pytest.param(["--set", "rat=5"], "did you mean rate?", id="a misspelt setting"),
        pytest.param(["--set", "rate"], "--set 'rate' has no value", id="a setting without value"),
        pytest.param(["--set", "rate=fast"], "--set rate", id="a setting of another type"),
        pytest.param(["--set", "arrival=poison"], "did you mean poisson?", id="an unknown kind of arrivals"),
        pytest.param(["--set", "rate=0"], "--set rate: 0 is out of range", id="a setting out of range"),
        pytest.param(["--set", "size=1.5B"], "--set size", id="a size that is not whole"),
        pytest.param(["--server-pid", "999999999"], "no process has the id 999999999", id="no such process"),
        pytest.param(["--web", "--web-port", "99999"], "--web-port", id="a web port that does not exist"),
    ],
)
def test_what_does_not_fit_the_scenario_or_machine_is_refused(arguments, said, tmp_path):
    done = siotool("http://127.0.0.1:1", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("from locust import task\n\ndef oops(:\n", "bad.py:3: SyntaxError", id="a syntax error"),
        pytest.param("\n\nimport no_such_module\n", "bad.py:3: ModuleNotFoundError", id="a missing module"),
        pytest.param("x = 1\ny = x / 0\n", "bad.py:2: ZeroDivisionError", id="an error while it loads"),
        pytest.param("x = 1\n", "bad.py has no user class", id="nobody in it"),
        pytest.param("import sys\nsys.exit(0)\n", "bad.py:2: SystemExit", id="an end while it loads"),
        pytest.param(
            "import gevent\nraise gevent.Timeout(1)\n", "bad.py:2: Timeout", id="what is no Exception"
        ),
        pytest.param(
            "from locust import LoadTestShape\nfrom siotool.swarm.user import SocketIOUser, task\n"
            "class Shape(LoadTestShape):\n    def __init__(self):\n        raise BaseException('odd')\n"
            "    tick = None\n"
            "class Calls(SocketIOUser):\n    @task\n    def act(self):\n        pass\n",
            "bad.py:5: BaseException: odd",
            id="a load shape that raises what is no Exception",
        ),
    ],
)
def test_an_unreadable_scenario_is_named_with_its_line(text, said, tmp_path):
    (tmp_path / "bad.py").write_text(text)
    done = siotool("demo", "--scenario", "bad.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "reports").exists()


def test_a_scenario_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "bad.py").write_bytes(b"\xff\xfe\x00binary")
    done = siotool("demo", "--scenario", "bad.py", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.py" in done.stderr


def test_the_list_names_every_scenario_with_its_settings():
    done = siotool("--list")
    assert (done.returncode, done.stderr) == (0, "")
    names = re.findall(r"^(\w+)  \S", done.stdout, re.MULTILINE)
    assert names == ["backlog", "chat", "echo", "idle", "listen", "rooms", "slow", "storm"]
    assert "rate=0.1" in done.stdout
    assert "size=64" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


# ── places to write ───────────────────────────────────────────────────────────────────


def test_a_folder_that_holds_a_run_is_left_alone(tmp_path):
    run = tmp_path / "run.jsonl"
    run.write_text("precious\n")
    done = siotool(*QUICK, "--out", tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "already holds a run" in done.stderr
    assert (run.read_text(), len(list(tmp_path.iterdir()))) == ("precious\n", 1)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("/proc/siotool", id="a folder that cannot be made"),
        pytest.param("file", id="a file in place of a folder"),
        pytest.param("file/below", id="a folder below a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_any_load(place, tmp_path):
    (tmp_path / "file").write_text("precious\n")
    done = siotool(*QUICK, "--out", place, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    message, hint = done.stderr.splitlines()
    assert message.startswith(f"siotool: cannot write a run to {place}: ")
    assert "--out" in hint
    assert (tmp_path / "file").read_text() == "precious\n"


CONFIG = """
users = 2
spawn-rate = 100
run-time = "2s"
header = ["X-Api-Key: hunter2"]
quiet = false
"""


@pytest.fixture(scope="module")
def landed(tmp_path_factory):
    """A run whose options come from a file and from variables: its folder, and what it said."""
    place = tmp_path_factory.mktemp("landed")
    (place / "load.toml").write_text(CONFIG)
    done = siotool(
        *("demo", "--config", "load.toml", "--processes", "1", "-o", "result.md"),
        cwd=place,
        SIOTOOL_LOADTEST_AUTH='{"token": "tr0ub4dor"}',
        SIOTOOL_LOADTEST_SET="rate=7\nsize=9",
    )
    return place, done


def test_runs_land_in_reports_by_default_and_a_report_where_it_is_asked_for(landed):
    place, done = landed
    # a busy machine may make so short a run suspect; this is about where it lands
    assert done.returncode in (0, 5), done.stderr
    assert done.stdout == ""
    (folder,) = (place / "reports").iterdir()
    assert re.fullmatch(r"\d{8}T\d{6}Z-echo", folder.name)
    assert (place / "result.md").read_text() == (folder / "report.md").read_text()
    assert f"run and reports in reports/{folder.name}/" in done.stderr
    # and they are what siotool report finds
    again = subprocess.run(
        [sys.executable, "-m", "siotool", "report", "--format", "md"],
        cwd=place,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert again.stdout == (place / "result.md").read_text()


def test_what_a_file_and_variables_give_is_what_runs(landed):
    place, _ = landed
    (folder,) = (place / "reports").iterdir()
    header = json.loads((folder / "run.jsonl").read_text().partition("\n")[0])
    settings = header["workload"]["settings"]
    assert (settings["rate"], settings["size"], settings["event"]) == (7.0, 9, "echo")
    assert sum(stage["duration_s"] for stage in header["workload"]["stages"]) == 2
    assert header["workload"]["stages"][-1]["users"] == 2


def test_secrets_of_a_file_and_a_variable_are_starred_as_those_typed(landed):
    place, done = landed
    (folder,) = (place / "reports").iterdir()
    kept = [path for path in place.rglob("*") if path.is_file() and path.name != "load.toml"]
    for path in kept:
        assert b"tr0ub4dor" not in path.read_bytes(), path
        assert b"hunter2" not in path.read_bytes(), path
    assert not re.search("tr0ub4dor|hunter2", done.stdout + done.stderr)
    command = json.loads((folder / "run.jsonl").read_text().partition("\n")[0])["command"]
    assert command[command.index("--auth") + 1] == "***"
    assert command[command.index("--header") + 1] == "***"
    assert command[:3] == ["loadtest", "--users", "2"]


# ── streams ───────────────────────────────────────────────────────────────────────────


def test_a_reader_that_left_changes_neither_the_run_nor_its_verdict(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [sys.executable, "-m", "siotool", "loadtest", *QUICK, "--fail-if", "rate:ack < 1M/s"],
        cwd=tmp_path,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writer)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "Traceback" not in err
    assert "Broken pipe" not in err
    (folder,) = (tmp_path / "reports").iterdir()
    assert json.loads((folder / "report.json").read_text())["gates"][0]["outcome"] == "failed"


def terminal():
    """Both ends of a terminal of 100 columns and 40 rows."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    return ours, theirs


def watched(tmp_path, **variables):
    """Run with stderr on a terminal; returns the exit code, stdout and what the terminal got."""
    ours, theirs = terminal()
    plain = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
    with (
        (tmp_path / "stdout").open("wb") as stdout,
        subprocess.Popen(
            [sys.executable, "-m", "siotool", "loadtest", *QUICK, "--format", "json"],
            cwd=tmp_path,
            env=plain | {"TERM": "xterm-256color"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=theirs,
        ) as process,
    ):
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:
            pass  # the other end is closed
        process.wait(60)
    os.close(ours)
    return process.returncode, (tmp_path / "stdout").read_text(), shown.decode()


def test_a_terminal_gets_a_live_view_without_colour_if_so_asked_and_stdout_none_of_it(tmp_path):
    code, stdout, shown = watched(tmp_path, NO_COLOR="1")
    assert code == 0
    json.loads(stdout)
    assert "ack" in shown
    assert "\x1b[?25l" in shown, "repainted in place"
    assert shown.rindex("\x1b[?25h") > shown.rindex("\x1b[?25l"), "the cursor is given back"
    assert not re.search(r"\x1b\[[\d;]*[34]\d(;|m)", shown), "no colour"
