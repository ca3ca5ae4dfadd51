"""The options for load from several machines: what goes together, and where the token is."""

from pathlib import Path

import pytest

from siotool.cli import machine_options
from siotool.errors import InputError
from siotool.swarm.join_token import SHORTEST


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("10.0.0.5", ("10.0.0.5", 5557), id="Locust's own port"),
        pytest.param("10.0.0.5:99", ("10.0.0.5", 99), id="a port"),
        pytest.param("box.example.org:99", ("box.example.org", 99), id="a name"),
        pytest.param("::1", ("::1", 5557), id="IPv6"),
        pytest.param("[::1]", ("::1", 5557), id="IPv6 in brackets"),
        pytest.param("[::1]:99", ("::1", 99), id="and a port"),
    ],
)
def test_an_address_has_a_host_and_a_port(text: str, found: tuple[str, int]) -> None:
    assert machine_options.address(text, "--join") == found


@pytest.mark.parametrize("text", ["", ":99", "a:b", "a:0", "a:65536", "a:1e3", "[::1]:x", "[]:99"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"--join .* is no address"):
        machine_options.address(text, "--join")


def wanted(tmp_path: Path, **changed):
    asked = {
        "distributed": True,
        "expect_workers": 2,
        "listen": None,
        "token_file": tmp_path / "token",
        "workers_within": None,
        "others": {},
    }
    return machine_options.wanted(**(asked | changed), quiet=False)


def test_a_run_on_one_machine_has_none_of_it(tmp_path: Path) -> None:
    assert wanted(tmp_path, distributed=False, expect_workers=None, token_file=None) is None


def test_it_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    found = wanted(tmp_path)
    assert (found.workers, found.host, found.port, found.within_s) == (2, "127.0.0.1", 5557, 300.0)
    assert wanted(tmp_path, listen="0.0.0.0:99").host == "0.0.0.0"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        pytest.param({"expect_workers": None}, "how many workers", id="no number"),
        pytest.param(
            {"distributed": False}, "--expect-workers is for load from other machines", id="no load"
        ),
        pytest.param(
            {"distributed": False, "expect_workers": None, "token_file": None, "listen": "a"},
            "--listen is for load from other",
            id="an address alone",
        ),
        pytest.param(
            {"others": {"--processes": 4}},
            "--distributed and --processes do not go",
            id="processes of its own",
        ),
        pytest.param({"others": {"--calibrate": True}}, "and --calibrate do not go", id="a calibration"),
        pytest.param({"workers_within": "0s"}, "more than 0s", id="no time to join"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, changed, message: str) -> None:
    with pytest.raises(InputError, match=message):
        wanted(tmp_path, **changed)
    assert not (tmp_path / "token").exists()


def test_a_token_is_made_once_for_its_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "new/token"
    first = machine_options.token(path, make=True)
    assert len(first) >= SHORTEST
    assert path.stat().st_mode & 0o777 == 0o600
    assert machine_options.token(path, make=True) == machine_options.token(path, make=False) == first
    assert machine_options.token(tmp_path / "other", make=True) != first


def test_a_token_is_in_the_users_own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = machine_options.token(None, make=True)
    assert (tmp_path / "siotool/token").read_text() == found + "\n"


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        pytest.param(b"", "holds no token of 20", id="nothing"),
        pytest.param(b"  short  \n", "holds no token of 20", id="what can be guessed"),
        pytest.param(b"two lines that are long\nenough to be one", "holds no token", id="two lines"),
        pytest.param(b"\xff" * 40, "cannot read a token", id="no text"),
    ],
)
def test_what_is_no_token_is_refused(tmp_path: Path, contents: bytes, message: str) -> None:
    (tmp_path / "token").write_bytes(contents)
    with pytest.raises(InputError, match=message):
        machine_options.token(tmp_path / "token", make=True)
    assert (tmp_path / "token").read_bytes() == contents


def test_a_worker_makes_no_token_that_no_run_knows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no token in"):
        machine_options.token(tmp_path / "token", make=False)


def test_a_folder_is_no_token(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read a token"):
        machine_options.token(tmp_path, make=True)
