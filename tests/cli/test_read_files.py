"""No command writes over a file that it reads, wherever the two were named."""

import pytest

READ = "this file is read, and would be lost"
NOT_ADDED = "this file is read, and nothing is added to it"


@pytest.mark.parametrize(
    ("command", "place", "said"),
    [
        pytest.param("loadtest demo --scenario ./x -o x", "x", READ, id="a scenario"),
        pytest.param("loadtest demo --users-file x -o x", "x", READ, id="rows"),
        pytest.param("loadtest lab:x -o x", "x", READ, id="a lab"),
        pytest.param("loadtest demo --config x -o x", "x", READ, id="options"),
        pytest.param("loadtest demo --auth @x --comment x", "x", READ, id="a secret"),
        pytest.param("loadtest demo --client-key x --summary x", "x", NOT_ADDED, id="a key"),
        pytest.param("loadtest demo --config x --history x", "x", NOT_ADDED, id="a history of options"),
        pytest.param("history add x --file x", "x", NOT_ADDED, id="a history of a run"),
        pytest.param("loadtest demo --plan d/report.json --out d", "d/report.json", "--out d", id="a folder"),
        pytest.param("report --plan d/x.svg --charts d", "d/x.svg", "--charts d", id="charts"),
        pytest.param("probe http://127.0.0.1:9 --ca-file x -o x", "x", READ, id="a certificate"),
        pytest.param("lab doctor x -o x", "x", READ, id="a lab's needs"),
        pytest.param("lab measure x -o x", "x", READ, id="a lab's measurement"),
        pytest.param("preflight demo --config x -o x", "x", READ, id="options of another command"),
        pytest.param("plan --config x -o x", "x", READ, id="options of a plan"),
        pytest.param("plan --prices x -o x", "x", READ, id="prices"),
    ],
)
def test_a_file_that_is_read_is_not_written_over(siotool, tmp_path, monkeypatch, command, place, said):
    """Trap: only runs, plans, profiles and histories were safe; a report replaced the scenario."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / place).write_text("")
    done = siotool(*command.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert (tmp_path / place).read_text() == ""
    assert sorted(one.name for one in tmp_path.rglob("*")) == sorted({"d", place.rpartition("/")[2]})


@pytest.mark.parametrize(
    ("variables", "options"),
    [
        pytest.param({"CONFIG": "load.toml", "OUTPUT": "load.toml"}, "", id="the file of options"),
        pytest.param({"USERS_FILE": "load.toml", "OUTPUT": "load.toml"}, "", id="variables alone"),
        pytest.param({"CONFIG": "load.toml"}, 'output = "rows"\nusers-file = "./rows"\n', id="options alone"),
        pytest.param({"CONFIG": "load.toml", "OUTPUT": "rows"}, 'scenario = "./rows"\n', id="both"),
    ],
)
def test_files_of_variables_and_options_are_safe_too(siotool, tmp_path, monkeypatch, variables, options):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows").write_text("")
    (tmp_path / "load.toml").write_text(options)
    done = siotool("loadtest", "demo", **{f"SIOTOOL_LOADTEST_{key}": one for key, one in variables.items()})
    assert done.returncode == 2
    assert READ in done.stderr
    assert "(--output is from " in done.stderr, "it is told by -o"
    assert ((tmp_path / "rows").read_text(), (tmp_path / "load.toml").read_text()) == ("", options)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("loadtest --scenario chat -o chat", id="a scenario's name"),
        pytest.param("loadtest --users-file chat -o chat --dry-run", id="nothing is written"),
        pytest.param("loadtest --users-file chat -o other", id="another file"),
        pytest.param("loadtest --label chat -o chat", id="a label"),
        pytest.param("preflight chat -o chat", id="a host's name"),
        pytest.param("loadtest --auth chat -o chat", id="no file without @"),
        pytest.param("loadtest --history chat --baseline chat", id="a baseline that is the history"),
    ],
)
def test_what_is_not_read_may_be_written_over(siotool, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "chat").write_text("")
    done = siotool(*command.split())
    assert "is read" not in done.stderr


def test_a_folder_may_hold_what_is_read_under_a_name_that_nothing_there_gets(siotool, tmp_path, monkeypatch):
    """Trap: report.toml and adapter.toml were taken for a report that would be written over."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "d").mkdir()
    (tmp_path / "d/report.toml").write_text("no plan")
    done = siotool("loadtest", "demo", "--plan", "d/report.toml", "--out", "d")
    assert done.returncode == 2
    assert "is read" not in done.stderr
