"""Every option is also a variable and a key of a file: what is read, what is refused, what goes first."""

import os
import re
import tomllib
from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st

from siotool.cli import app as application
from siotool.cli import commands, config_file, environment
from siotool.cli.configured import command_of
from siotool.cli.known_options import Given, KnownOption, known
from siotool.cli.precedence import compose
from siotool.errors import InputError

PATHS = [
    *((name,) for name in commands.COMMANDS),
    *(("plan", name) for name in ("init", "storm", "diff")),
]
#: A value that each kind of option can be given, as TOML and as text.
SAMPLES = {
    "flag": ("true", "true"),
    "whole": ("7", "7"),
    "number": ("0.5", "0.5"),
    "quantity": ('"10k"', "10k"),
    "text": ('"words, and more"', "words, and more"),
    "json": ('{ token = "x y" }', '{"token": "x y"}'),
}


def command(path):
    found = commands.Loaded().get(path[0])
    for name in path[1:]:
        found = found.commands[name]
    return found


def context(path, arguments, cwd=Path(), **variables):
    """The context of a command that has read its arguments, and does not run."""
    top = typer.main.get_command(application.app).make_context("siotool", [path[0]])
    for name in path[:-1]:
        top = command((name,)).make_context(name, ["init"], parent=top)
    plain = {name: text for name, text in os.environ.items() if not name.startswith("SIOTOOL_")}
    with mock.patch.dict(os.environ, plain | variables, clear=True):
        here = os.getcwd()
        os.chdir(cwd)
        try:
            return command(path).make_context(path[-1], list(arguments), parent=top)
        finally:
            os.chdir(here)


def options_of(path):
    found = command(path)
    parent = typer.main.get_command(application.app).make_context("siotool", [path[0]])
    return known(found.get_params(typer.Context(found, parent=parent)))


def samples(option):
    toml, text = SAMPLES[option.kind]
    if option.separator:
        text = f"name{option.separator}value, and more"
        toml = f'"{text}"'
    return (f"[{toml}, {toml}]", [text, text]) if option.repeatable else (toml, [text])


# ── every option of every command ─────────────────────────────────────────────────────


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_every_option_can_be_given_by_a_variable_and_by_a_file(path, tmp_path):
    prefix = "_".join(("SIOTOOL", *path, "")).upper()
    options = options_of(path)
    assert "config" in options
    for option in options.values():
        toml, texts = samples(option)
        by_variable = environment.read(
            {environment.variable(prefix, option.name): "\n".join(texts)}, prefix, options
        )
        assert by_variable[option.name].values == texts
        (tmp_path / "x.toml").write_text(f"# one\n{option.name} = {toml}\n")
        by_file = config_file.read(str(tmp_path / "x.toml"), options)
        assert by_file == {option.name: Given(texts, f"{tmp_path / 'x.toml'}, line 2")}


@pytest.mark.parametrize("path", PATHS, ids=" ".join)
def test_the_names_are_those_of_the_help(path):
    """A key is the option as it is typed, without its dashes: ``set``, not what Python calls it."""
    for option in options_of(path).values():
        assert option.flag in ("", f"--{option.name}")
        assert option.name == option.name.lower()


# ── each kind of option: flag before variable before file ─────────────────────────────

KINDS = [
    # parameter, its flags and value, its variable and value, its file's lines and value
    pytest.param(("users", ["--users", "3"], "3", "USERS", "2k", "2k", 'users = "1M"', "1M"), id="a count"),
    pytest.param(
        ("users", ["-u", "3"], "3", "USERS", "2", "2", "users = 100", "100"), id="a count without unit"
    ),
    pytest.param(
        ("run_time", ["-t", "3s"], "3s", "RUN_TIME", "2min", "2min", 'run-time = "1h"', "1h"), id="a time"
    ),
    pytest.param(
        ("spawn_rate", ["-r", "3"], 3.0, "SPAWN_RATE", "0.2", 0.2, "spawn-rate = 1", 1.0), id="a number"
    ),
    pytest.param(("seed", ["--seed", "3"], 3, "SEED", "2", 2, "seed = 1", 1), id="a whole number"),
    pytest.param(("out", ["--out", "c"], "c", "OUT", "b b", "b b", 'out = "a"', "a"), id="a path"),
    pytest.param(("quiet", ["-q"], True, "QUIET", "no", False, "quiet = true", True), id="true or false"),
    pytest.param(("web", ["--web"], True, "WEB", "1", True, "web = false", False), id="false in the file"),
    pytest.param(
        (
            "no_reconnection",
            ["--no-reconnection"],
            True,
            "NO_RECONNECTION",
            "off",
            False,
            "no-reconnection = true",
            True,
        ),
        id="a flag that says no",
    ),
    pytest.param(
        ("output_format", ["--format", "md"], "md", "FORMAT", "json", "json", 'format = "html"', "html"),
        id="a choice",
    ),
    pytest.param(
        (
            "fail_if",
            ["--fail-if", "lost > 3"],
            ["lost > 3"],
            "FAIL_IF",
            "p99:ack:a b > 1s\n lost > 2 ",
            ["p99:ack:a b > 1s", "lost > 2"],
            'fail-if = ["lost > 1", "lost > 0"]',
            ["lost > 1", "lost > 0"],
        ),
        id="a repeatable one",
    ),
    pytest.param(
        ("tags", ["--tags", "c"], ["c"], "TAGS", '["b, b", "b"]', ["b, b", "b"], 'tags = ["a"]', ["a"]),
        id="as JSON",
    ),
    pytest.param(
        (
            "settings",
            ["--set", "rate=3"],
            ["rate=3"],
            "SET",
            "rate=2",
            ["rate=2"],
            "[set]\nrate = 1.5",
            ["rate=1.5"],
        ),
        id="a table",
    ),
    pytest.param(
        (
            "header",
            ["--header", "X-A: 3"],
            ["X-A: 3"],
            "HEADER",
            "x-a: 2, and: more",
            ["x-a: 2, and: more"],
            'header = ["X-a: 1"]',
            ["X-a: 1"],
        ),
        id="a header, whose name has no case",
    ),
    pytest.param(
        (
            "auth",
            ["--auth", "{}"],
            "{}",
            "AUTH",
            '{"a": 1}',
            '{"a": 1}',
            '[auth]\ntoken = "s é"\nages = [1, 2]',
            '{"token": "s é", "ages": [1, 2]}',
        ),
        id="JSON, as a table",
    ),
]


@pytest.mark.parametrize("row", KINDS)
def test_a_flag_goes_before_a_variable_and_that_before_the_file(tmp_path, row):
    name, typed, first, variable, text, second, lines, third = row
    (tmp_path / "load.toml").write_text(lines)
    variables = {f"SIOTOOL_LOADTEST_{variable}": text}
    config = ["--config", "load.toml"]

    def value(arguments, **given):
        found = context(("loadtest",), ["demo", *arguments], tmp_path, **given).params[name]
        return list(found) if isinstance(found, tuple | list) else found

    assert value([*config, *typed], **variables) == first
    assert value(typed, **variables) == first
    assert value(config, **variables) == second
    assert value([], **variables) == second
    assert value(config) == third
    assert value([], SIOTOOL_LOADTEST_CONFIG="load.toml") == third
    assert value([], **{f"SIOTOOL_LOADTEST_{variable}": ""}) == value([])


def test_names_with_values_are_merged_by_name(tmp_path):
    (tmp_path / "load.toml").write_text('set = { rate = 1, size = "1kB", event = "a" }')
    made = context(
        ("loadtest",),
        ["demo", "--config=load.toml", "--set", "rate=3"],
        tmp_path,
        SIOTOOL_LOADTEST_SET='["size=2kB"]',
    )
    assert list(made.params["settings"]) == ["event=a", "size=2kB", "rate=3"]


def test_the_command_is_known_as_it_could_have_been_typed(tmp_path):
    (tmp_path / "load.toml").write_text('run-time = "2s"\nweb = false\nquiet = true\ntarget = "demo"')
    made = context(("loadtest",), ["--config", "load.toml"], tmp_path, SIOTOOL_LOADTEST_AUTH='{"token": "x"}')
    words = ["--run-time", "2s", "--quiet", "--auth", '{"token": "x"}', "--config", "load.toml", "demo"]
    assert command_of(made) == ["loadtest", *words]
    assert list(made.params["target"]) == ["demo"]


@pytest.mark.parametrize(
    ("typed", "variable", "stages", "users"),
    [
        pytest.param(["--stage", "5s:5"], {}, ["5s:5"], None, id="typed stages set the file's users aside"),
        pytest.param([], {"STAGE": "5s:5"}, ["5s:5"], None, id="so do those of a variable"),
        pytest.param([], {}, [], "100", id="without them the file's are taken"),
    ],
)
def test_a_higher_level_that_decides_the_same_sets_a_lower_one_aside(
    tmp_path, typed, variable, stages, users
):
    (tmp_path / "load.toml").write_text('users = 100\nrun-time = "1h"')
    variables = {f"SIOTOOL_LOADTEST_{name}": text for name, text in variable.items()}
    made = context(("loadtest",), ["demo", "--config", "load.toml", *typed], tmp_path, **variables)
    assert (list(made.params["stage"] or []), made.params["users"]) == (stages, users)


def test_users_that_are_typed_set_the_stages_of_the_file_aside(tmp_path):
    (tmp_path / "load.toml").write_text('stage = ["1h:100"]\nscenario = "chat"')
    made = context(("loadtest",), ["demo", "--config", "load.toml", "--users", "5"], tmp_path).params
    assert (list(made["stage"] or []), made["users"], made["scenario"]) == ([], "5", "chat")


@pytest.mark.parametrize(
    ("lines", "typed", "kept"),
    [
        pytest.param(
            'arrival-rate = "5/s"\narrival-process = "poisson"\nusers = 9\nscenario = "chat"',
            ["--stage", "5s:5"],
            {"scenario"},
            id="stages for arrivals, of which users would be a part",
        ),
        pytest.param(
            'spawn-rate = 5\nusers = 9\nrun-time = "5s"',
            ["--arrival-rate", "5/s"],
            {"users", "run-time"},
            id="arrivals for a ramp: users are then how many may be there",
        ),
        pytest.param(
            'arrival-rate = "5/s"\narrival-process = "poisson"\nusers = 9\nrun-time = "5s"\n'
            'stop-if = ["lost > 1%"]\nstop-after = "5s"\nfault = ["at=2s do=true"]',
            ["--find-capacity"],
            {"users"},
            id="a search for what decides how long there is what load, and breaks or ends it",
        ),
        pytest.param(
            'transport-mix = "upgrade=1"\npath = "/x/"',
            ["--transport", "polling"],
            {"path"},
            id="a transport",
        ),
    ],
)
def test_what_is_typed_sets_aside_what_it_excludes_and_nothing_else(tmp_path, lines, typed, kept):
    (tmp_path / "load.toml").write_text(lines)
    made = context(("loadtest",), ["demo", "--config", "load.toml", *typed], tmp_path)
    taken = {word.removeprefix("--") for word in command_of(made) if word.startswith("--")}
    assert taken - {"config", typed[0].removeprefix("--")} == kept


@pytest.mark.parametrize("variable", ["false", "0", "no"])
def test_a_flag_that_says_false_sets_nothing_aside(tmp_path, variable):
    """Trap: SIOTOOL_LOADTEST_FIND_CAPACITY=false dropped the file's stages, and ten users ran for 30 s."""
    (tmp_path / "load.toml").write_text('stage = ["1h:100"]')
    made = context(
        ("loadtest",),
        ["demo", "--config", "load.toml"],
        tmp_path,
        SIOTOOL_LOADTEST_FIND_CAPACITY=variable,
    )
    assert list(made.params["stage"]) == ["1h:100"]


# ── what is refused ───────────────────────────────────────────────────────────────────

REFUSED = [
    ('run_time = "30s"', ["load.toml, line 1: run_time is not known", "did you mean run-time?"]),
    ('\n\nscenaro = "echo"', ["load.toml, line 3: scenaro is not known", "did you mean scenario?"]),
    ("zzz = 1", ["load.toml, line 1: zzz is not known", "known keys: ", "fail-if"]),
    ('"users\\n" = 1', ["load.toml: users", "is not known"]),
    ('config = "other.toml"', ["load.toml, line 1: config is not known"]),
    ("help = true", ["load.toml, line 1: help is not known"]),
    ("[loadtest]\nusers = 1", ["load.toml, line 1: loadtest is not known"]),
    ("users = true", ["load.toml, line 1: users is true or false; expected text"]),
    ("users = [1]", ["users is an array; expected text"]),
    ("scenario = 5", ["scenario is a number; expected text"]),
    ('processes = "2"', None),
    ('processes = "two"', ["Invalid value for '--processes'", "It is from", "load.toml, line 1."]),
    ("processes = 2.5", ["processes is a number; expected a whole number"]),
    ("processes = 0", ["Invalid value for '--processes'", "load.toml, line 1."]),
    ("processes = true", ["processes is true or false; expected a whole number"]),
    ('quiet = "yes"', ["quiet is text; expected true or false", "write quiet = true"]),
    ("quiet = 1", ["quiet is a number; expected true or false"]),
    ('stage = "5s:5"', ["stage is text; expected an array", 'write stage = ["…"]']),
    ('fail-if = [["lost > 1"]]', ["fail-if is an array; expected text"]),
    ("stage = [5]", ["stage is a number; expected text"]),
    ('set = "rate=1"', ["set is text; expected an array, or a table [set]"]),
    ("[set.rate]\nx = 1", ["set.rate is a table; expected text, a number, true or false"]),
    ("[stage]\na = 1", ["load.toml, line 1: stage is a table; expected an array"]),
    ("[auth]\nday = 2026-01-01", ["auth holds what JSON has no word for"]),
    ("[auth]\nage = nan", ["auth holds what JSON has no word for"]),
    ("auth = 5", ["auth is a number; expected text or a table"]),
    ("out = 2026-01-01", ["out is a date or a time; expected text"]),
    ("users = ?\n", ["load.toml is not TOML", "line 1"]),
    ("users = 1\nusers = 2\n", ["load.toml is not TOML", "line 2"]),
    (
        'users = 5\nstage = ["5s:5"]',
        ["--stage and --users both decide", "load.toml, line 1", "load.toml, line 2"],
    ),
    ('run-time = "5"', ["--run-time: '5' has no unit", "(--run-time is from load.toml, line 1)"]),
    ('format = "pdf"', ["Invalid value for '--format'", "load.toml, line 1."]),
]


@pytest.mark.parametrize(("lines", "said"), [row for row in REFUSED if row[1]])
def test_what_is_wrong_in_a_file_is_refused_with_its_place(siotool, tmp_path, monkeypatch, lines, said):
    monkeypatch.setitem(__import__("sys").modules, "locust", None)  # nothing is started, nothing is loaded
    (tmp_path / "load.toml").write_text(lines)
    done = siotool("loadtest", "demo", "--config", "load.toml", cwd=tmp_path, COLUMNS="200")
    assert (done.returncode, done.stdout) == (2, "")
    for words in said:
        assert words in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["load.toml"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        pytest.param({"QUIET": "maybe"}, "SIOTOOL_LOADTEST_QUIET is neither true nor false", id="a flag"),
        pytest.param({"STAGE": "[5s:5"}, "SIOTOOL_LOADTEST_STAGE begins with [ and is no JSON", id="no JSON"),
        pytest.param({"STAGE": "[5]"}, "SIOTOOL_LOADTEST_STAGE has a value that is no text", id="no text"),
        pytest.param({"SEED": "x"}, "It is from the variable SIOTOOL_LOADTEST_SEED.", id="no number"),
        pytest.param(
            {"USERS": "1.5"}, "(--users is from the variable SIOTOOL_LOADTEST_USERS)", id="half a user"
        ),
        pytest.param(
            {"STAGE": "5s:5", "USERS": "5"}, "--stage and --users both decide", id="a contradiction"
        ),
        pytest.param({"CONFIG": "none.toml"}, "cannot read none.toml: No such file", id="no file"),
    ],
)
def test_what_is_wrong_in_a_variable_is_refused_with_its_name(siotool, tmp_path, variables, said):
    given = {f"SIOTOOL_LOADTEST_{name}": text for name, text in variables.items()}
    done = siotool("loadtest", "demo", cwd=tmp_path, COLUMNS="200", **given)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "beside", "said"),
    [
        pytest.param(
            ["--stop-after", "5s"], {}, "--stop-after is about --stop-if", id="no gate that could stop"
        ),
        pytest.param(["--web-port", "9000"], {}, "--web-port is about --web, which is not given", id="no UI"),
        pytest.param(["--stop-after", "5s"], {"STOP_IF": "lost > 1%"}, "", id="a gate of a variable"),
        pytest.param([], {"STOP_AFTER": "5s"}, "", id="a variable says it for any run"),
    ],
)
def test_what_is_typed_about_an_option_that_is_nowhere_is_refused(tmp_path, typed, beside, said):
    given = {f"SIOTOOL_LOADTEST_{name}": text for name, text in beside.items()}
    refused = pytest.raises(InputError, match=said) if said else nullcontext()
    with refused:
        context(("loadtest",), ["demo", *typed], tmp_path, **given)


def test_an_argument_of_a_file_is_no_option(siotool, tmp_path):
    (tmp_path / "load.toml").write_text('target = "--users"')
    done = siotool("loadtest", "--config", "load.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "load.toml, line 1: target begins with -" in done.stderr


def test_a_file_that_is_no_text_is_refused(siotool, tmp_path):
    (tmp_path / "load.toml").write_bytes(b"\xff\xfe")
    done = siotool("loadtest", "demo", "--config", "load.toml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "siotool: load.toml is not text in UTF-8\n  check the file's name\n",
    )


def test_a_wrong_secret_is_not_repeated(siotool, tmp_path):
    (tmp_path / "load.toml").write_text('auth = ["hunter2"]')
    done = siotool("loadtest", "demo", "--config", "load.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


# ── variables that are nobody's ───────────────────────────────────────────────────────

FORMULA = ("--connections", "1k", "--consumption-rate", "1kB/s", "--capacity", "1MB/s")


def test_a_misspelt_variable_is_named_with_the_nearest_and_the_command_goes_on(siotool):
    done = siotool("plan", *FORMULA, SIOTOOL_PLAN_WORKDYA="8h", SIOTOOL_PLAN_STORM_LOSE="all")
    assert done.returncode == 0
    said = "siotool: SIOTOOL_PLAN_WORKDYA is no option's variable; did you mean SIOTOOL_PLAN_WORKDAY?\n"
    assert done.stderr == said
    assert siotool("plan", *FORMULA, SIOTOOL_PLAN_WORKDYA="8h", SIOTOOL_PLAN_QUIET="1").stderr == ""


def test_a_variable_without_a_nearest_is_named_too(siotool):
    assert siotool("plan", *FORMULA, SIOTOOL_PLAN_XQ="1").stderr.endswith(
        "SIOTOOL_PLAN_XQ is no option's variable\n"
    )


def test_commands_below_a_command_have_variables_of_their_own(siotool, tmp_path):
    given = {"SIOTOOL_PLAN_INIT_CONNECTIONS": "12k", "SIOTOOL_PLAN_CONNECTIONS": "nonsense"}
    done = siotool("plan", "init", "-", cwd=tmp_path, **given)
    assert (done.returncode, done.stderr) == (0, "")
    assert tomllib.loads(done.stdout)["workload"]["connections"] == "12k"


def test_a_file_gives_the_options_of_any_command(siotool, tmp_path):
    (tmp_path / "p.toml").write_text('connections = "1k"\nconsumption-rate = "1kB/s"\nutilization = 0.5\n')
    typed = siotool("plan", *FORMULA, "--utilization", "0.5")
    done = siotool("plan", "--config", "p.toml", "--capacity", "1MB/s", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, typed.stdout)


def test_help_is_shown_beside_a_file_that_is_wrong(siotool, tmp_path):
    done = siotool("loadtest", "--help", cwd=tmp_path, SIOTOOL_LOADTEST_CONFIG="none.toml")
    assert (done.returncode, done.stderr) == (0, "")


def test_debug_is_a_variable_too(siotool):
    done = siotool("plan", "--connections", "x", SIOTOOL_DEBUG="1")
    assert "Traceback" in done.stderr
    assert "Traceback" not in siotool("plan", "--connections", "x", SIOTOOL_DEBUG="0").stderr


# ── any mix of levels ─────────────────────────────────────────────────────────────────

ONE = KnownOption("one", "one", "--one", "", "text", repeatable=False, separator="")
MANY = KnownOption("many", "many", "--many", "", "text", repeatable=True, separator="")
PAIRS = KnownOption("pairs", "pairs", "--pairs", "", "text", repeatable=True, separator="=")
OPTIONS = {option.name: option for option in (ONE, MANY, PAIRS)}
TEXT = st.text(st.characters(exclude_characters="="), max_size=5)
LEVEL = st.fixed_dictionaries(
    {},
    optional={
        "one": st.lists(TEXT, min_size=1, max_size=1),
        "many": st.lists(TEXT, min_size=1, max_size=3),
        "pairs": st.lists(st.tuples(st.sampled_from("abc"), TEXT).map("=".join), min_size=1, max_size=3),
    },
)


def read_back(words):
    found = {}
    for flag, value in zip(words[::2], words[1::2], strict=True):
        found.setdefault(flag.removeprefix("--"), []).append(value)
    return found


@given(LEVEL, LEVEL, LEVEL)
def test_whatever_the_levels_give_the_first_that_has_an_option_wins(typed, first, second):
    arguments = [word for name, values in typed.items() for text in values for word in (f"--{name}", text)]
    levels = [{name: Given(values, "there") for name, values in level.items()} for level in (first, second)]
    made = read_back(compose(arguments, typed, levels, OPTIONS).arguments)
    given = (typed, first, second)
    assert set(made) == {name for level in given for name in level}
    for name in ("one", "many"):
        if name in made:
            assert made[name] == next(level[name] for level in given if name in level)
    wanted = {}
    for level in given:
        names = {text[0]: [] for text in level.get("pairs", [])}
        for text in level.get("pairs", []):
            names[text[0]].append(text)
        wanted = names | wanted
    for name, texts in wanted.items():
        assert [text for text in made["pairs"] if text[0] == name] == texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1))
def test_a_json_array_carries_any_values(values):
    import json

    text = json.dumps(values)
    assert environment.read({"P_MANY": text}, "P_", OPTIONS)["many"].values == values


def test_a_place_is_found_for_keys_however_they_are_written():
    text = '# users = 1\n\n  "users"   = 5\n[set]\nrate = 1\n[ auth ]\n[header.x]'
    places = {key: config_file.place("f", text, key) for key in ("users", "set", "auth", "header", "out")}
    lines = {"users": "f, line 3", "set": "f, line 4", "auth": "f, line 6", "header": "f, line 7", "out": "f"}
    assert places == lines


def test_a_wrong_type_never_shows_its_value(tmp_path):
    (tmp_path / "x.toml").write_text("header = 'Cookie: s3cret'")
    with pytest.raises(InputError) as caught:
        config_file.read(str(tmp_path / "x.toml"), options_of(("loadtest",)))
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_the_file_and_the_variables_of_the_documentation_are_read(tmp_path):
    page = (Path(__file__).parents[2] / "docs/configuration.md").read_text(encoding="utf-8")
    (file,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "load.toml").write_text(file)
    made = context(("loadtest",), ["--config", "load.toml"], tmp_path).params
    assert (made["scenario"], list(made["settings"])) == ("chat", ["rate=0.2", "size=100B"])
    exports = dict(re.findall(r"export (\w+)=\$?'(.*?)'\n", page))
    given = {name: text.replace(r"\n", "\n") for name, text in exports.items()}
    made = context(("loadtest",), ["demo"], **given).params
    assert list(made["fail_if"]) == ["p99:ack:echo > 500ms", "connect_errors > 1%"]
    assert list(made["stage"]) == ["30s:100", "5min:100"]
