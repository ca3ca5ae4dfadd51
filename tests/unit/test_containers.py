"""``--manifest``: which options go into containers, and how."""

from pathlib import Path

import pytest
import typer
import yaml

from siotool.cli import containers
from siotool.cli.commands import Loaded
from siotool.cli.load_targets import read
from siotool.errors import InputError
from siotool.swarm.machines.distributed import Distributed
from siotool.swarm.scenario_paths import find

FAR = Distributed(4, "10.0.0.5", 5557, "t" * 40, 300.0, False)


@pytest.fixture
def written(capsys, tmp_path: Path):
    """The manifest for Kubernetes of ``siotool loadtest`` with arguments, as the run's container sees it."""

    def write(
        *arguments: str,
        urls=("http://chat:3000",),
        scenario=Path("chat.py"),
        far=FAR,
        users=8000,
        kind="kubernetes",
    ):
        with pytest.raises(typer.Exit):
            containers.instead(
                kind,
                None,
                Loaded().get("loadtest"),
                [*urls, "--distributed", "--expect-workers=4", "--manifest", kind, *arguments],
                read(urls),
                far,
                scenario,
                users,
            )
        resources = [*yaml.safe_load_all(capsys.readouterr().out)]
        if kind == "compose":
            return resources[0]["services"]["run"]
        run = next(one for one in resources if one["kind"] == "Job")["spec"]["template"]["spec"]
        secrets = [one for one in resources if one["kind"] == "Secret"]
        return run["containers"][0]["args"], secrets[0]["stringData"], secrets[1:]

    return write


def test_options_are_those_that_were_given_with_the_containers_own_places(written):
    arguments, _, files = written(
        "-u", "8k", "--set", "rate=2", "--set=size=64", "--insecure", "--out", "here"
    )
    assert arguments == [
        *(
            "loadtest",
            "http://chat:3000",
            "--set",
            "rate=2",
            "--set",
            "size=64",
            "--users",
            "8k",
            "--insecure",
        ),
        *("--distributed", "--expect-workers", "4", "--listen", "0.0.0.0:5557"),
        *("--token-file", "/run/siotool/token"),
    ]
    assert files == []


def test_what_may_be_secret_goes_into_variables(written):
    arguments, secrets, _ = written(
        *("--auth", '{"token":"sesame"}', "--header", "X-Key: a", "--header", "X-Other: b"),
        urls=("http://chat:3000?key=sesame",),
    )
    assert "sesame" not in " ".join(arguments)
    assert "X-Key" not in " ".join(arguments)
    del secrets["token"]
    assert secrets == {
        "SIOTOOL_LOADTEST_TARGET": '["http://chat:3000?key=sesame"]',
        "SIOTOOL_LOADTEST_AUTH": '{"token":"sesame"}',
        "SIOTOOL_LOADTEST_HEADER": '["X-Key: a", "X-Other: b"]',
    }


def test_a_scenario_goes_along_with_what_it_imports(written, tmp_path: Path):
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "words.py").write_text("WORDS = 1\n")
    (tmp_path / "lib" / "__init__.py").write_text("")
    scenario = tmp_path / "chat.py"
    scenario.write_text("def later():\n    from lib.words import WORDS\n")
    arguments, _, [files] = written("--scenario", str(scenario), scenario=scenario)
    assert arguments[3] == "/load/scenario/chat.py"
    assert len(files["data"]) == 3


def test_a_scenario_of_siotool_is_in_the_image(written):
    arguments, _, files = written("--scenario", "rooms", scenario=find("rooms"))
    assert arguments[2:4] == ["--scenario", "rooms"]
    assert files == []


def test_files_of_options_go_along(written, tmp_path: Path):
    rows = tmp_path / "rows.csv"
    rows.write_text("name\nada\n")
    arguments, _, [files] = written("--users-file", str(rows))
    assert arguments[arguments.index("--users-file") + 1] == "/load/users-file.csv"
    assert files["data"] == {"file-1": "bmFtZQphZGEK"}


def test_a_login_in_a_file_goes_along(written, tmp_path):
    """The container was told of a file of this machine, and ended while all its workers waited."""
    login = tmp_path / "auth.json"
    login.write_text('{"token":"sesame"}\n')
    _, secrets, _ = written("--auth", f"@{login}")
    assert secrets["SIOTOOL_LOADTEST_AUTH"] == '{"token":"sesame"}'


@pytest.mark.parametrize(
    ("arguments", "changed", "message"),
    [
        pytest.param([], {"far": None}, "several machines", id="a load of one machine"),
        pytest.param([], {"urls": ("demo",)}, "another place in each container", id="the embedded target"),
        pytest.param([], {"urls": ("lab:a.toml",)}, "another place in each container", id="a lab"),
        pytest.param([], {"urls": ("http://localhost:3000",)}, "another place", id="a target on loopback"),
        pytest.param([], {"urls": ("http://127.3.0.1:3000",)}, "another place", id="another one"),
        pytest.param(
            ["--server-pid", "1"], {}, "--manifest and --server-pid", id="a process of this machine"
        ),
        pytest.param(["--baseline", "run"], {}, "--manifest and --baseline", id="a run that is here"),
        pytest.param(["--fault", "at=1s do=x"], {}, "--manifest and --fault", id="a command of this machine"),
        pytest.param(["--auth", "@none.json"], {}, "cannot read none.json", id="no such login"),
        pytest.param(["--comment", "comment.md"], {}, "--manifest and --comment", id="a file that is lost"),
        pytest.param(["--web"], {}, "--manifest and --web", id="Locust's UI"),
        pytest.param(["-o", "job.yaml"], {}, "written to stdout", id="a place for the report"),
        pytest.param(["--users-file", "none.csv"], {}, "cannot read none.csv", id="a file that is not there"),
    ],
)
def test_what_no_container_has_is_refused(written, arguments, changed, message):
    with pytest.raises(InputError, match=message):
        written(*arguments, **changed)


def test_an_image_alone_is_refused():
    with pytest.raises(InputError, match="--image is named by a manifest"):
        containers.instead(None, "siotool", None, [], read(["demo"]), None, Path("chat.py"), 1)


@pytest.mark.parametrize(("users", "megabytes"), [(8000, "160M"), (0, None)])
def test_workers_ask_for_memory_by_the_number_of_users_where_that_is_known(capsys, users, megabytes):
    with pytest.raises(typer.Exit):
        containers.instead(
            "kubernetes",
            None,
            Loaded().get("loadtest"),
            ["http://chat:3000", "--manifest", "kubernetes"],
            read(["http://chat:3000"]),
            FAR,
            Path("chat.py"),
            users,
        )
    jobs = [one for one in yaml.safe_load_all(capsys.readouterr().out) if one["kind"] == "Job"]
    container = jobs[1]["spec"]["template"]["spec"]["containers"][0]
    assert container["resources"]["requests"].get("memory") == megabytes


def test_a_file_that_its_owner_alone_may_read_is_no_file_for_compose(written, tmp_path: Path):
    """It is mounted as it is, and the image has a user of its own: the run ended while all workers waited."""
    rows = tmp_path / "rows.csv"
    rows.write_text("name\nada\n")
    rows.chmod(0o640)
    with pytest.raises(InputError, match="may not be read by others") as error:
        written("--users-file", str(rows), kind="compose")
    assert f"chmod o+r {rows}" in error.value.hint
    assert written("--users-file", str(rows))
    rows.chmod(0o644)
    run = written("--users-file", str(rows), kind="compose")
    assert run["volumes"][-1]["source"] == str(rows)
