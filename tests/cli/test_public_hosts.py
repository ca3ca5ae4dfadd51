"""A host on the public internet is loaded only when somebody says so. No test connects to one."""

import ipaddress
import os
import pty
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.cli import public_hosts

#: Of networks that are kept for documentation: nobody answers there.
PUBLIC = "http://192.0.2.1"


@pytest.mark.parametrize(
    ("address", "own"),
    [
        pytest.param("127.0.0.1", True, id="loopback"),
        pytest.param("127.255.255.254", True, id="all of loopback"),
        pytest.param("126.255.255.255", False, id="before loopback"),
        pytest.param("0.0.0.0", True, id="any address is this machine"),
        pytest.param("0.0.0.1", False, id="no address of this machine"),
        pytest.param("10.0.0.1", True, id="RFC 1918: 10/8"),
        pytest.param("11.0.0.1", False, id="after 10/8"),
        pytest.param("172.15.255.255", False, id="before 172.16/12"),
        pytest.param("172.16.0.0", True, id="RFC 1918: 172.16/12"),
        pytest.param("172.31.255.255", True, id="the end of 172.16/12"),
        pytest.param("172.32.0.0", False, id="after 172.16/12"),
        pytest.param("192.168.255.1", True, id="RFC 1918: 192.168/16"),
        pytest.param("192.169.0.1", False, id="after 192.168/16"),
        pytest.param("169.254.1.1", True, id="link-local"),
        pytest.param("100.64.0.1", False, id="a provider's network is no private one"),
        pytest.param("192.0.2.1", False, id="documentation"),
        pytest.param("8.8.8.8", False, id="anybody's"),
        pytest.param("::1", True, id="loopback of version 6"),
        pytest.param("::", True, id="any address of version 6"),
        pytest.param("::2", False, id="neither"),
        pytest.param("fc00::1", True, id="RFC 4193"),
        pytest.param("fdff::1", True, id="the end of RFC 4193"),
        pytest.param("fe00::1", False, id="after RFC 4193"),
        pytest.param("fe80::1", True, id="link-local of version 6"),
        pytest.param("fe80::1%eth0", True, id="with its interface"),
        pytest.param("fec0::1", False, id="after link-local"),
        pytest.param("2001:db8::1", False, id="documentation of version 6"),
        pytest.param("::ffff:10.0.0.1", True, id="version 4 in version 6, private"),
        pytest.param("::ffff:8.8.8.8", False, id="version 4 in version 6, public"),
        pytest.param("64:ff9b::a00:1", False, id="a private address behind a translator is not ours"),
    ],
)
def test_which_addresses_are_own(address, own):
    assert public_hosts.is_own(address) is own


@given(st.ip_addresses(v=4))
def test_an_address_is_the_same_in_both_versions(address):
    assert public_hosts.is_own(str(address)) == public_hosts.is_own(f"::ffff:{address}")


@given(st.ip_addresses())
def test_what_is_global_is_never_own(address):
    """By Python's own register of networks."""
    if address.is_global:
        assert not public_hosts.is_own(str(ipaddress.ip_address(address)))


def test_a_name_is_own_only_when_all_its_addresses_are():
    found = {
        "mixed": ["10.0.0.1", "192.0.2.7", "198.51.100.1"],
        "own": ["10.0.0.1", "fd00::1"],
        "192.0.2.1": ["192.0.2.1"],
    }
    assert public_hosts.public_among(found) == {"mixed": "192.0.2.7", "192.0.2.1": "192.0.2.1"}


@pytest.fixture
def loaded(siotool, tmp_path, monkeypatch):
    """Run a load test that ends before Locust is loaded: a scenario of its own that is not there."""

    def run(*arguments, **variables):
        monkeypatch.setitem(sys.modules, "locust", None)
        home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": ""}
        done = siotool("loadtest", *arguments, cwd=tmp_path, **{**home, **variables})
        assert done.stdout == ""
        # where it goes on, it needs Locust
        return None if done.returncode == 1 and "locust" in done.stderr else (done.returncode, done.stderr)

    return run


SAID = (
    "siotool: 192.0.2.1 is on the public internet: load only what is yours, or what its owner lets you load\n"
    "  then give --yes, or list the host in allowed-hosts (docs/configuration.md)\n"
)


@pytest.mark.parametrize("url", [PUBLIC, "https://192.0.2.1:8443", "ws://192.0.2.1/"])
def test_a_public_address_is_refused_in_scripts(loaded, url):
    assert loaded(url) == (2, SAID)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "http://2130706433:1"]
)
def test_an_own_address_runs_as_it_is(loaded, url):
    assert loaded(url) is None


def test_yes_says_that_it_may_be_loaded(loaded):
    assert loaded(PUBLIC, "--yes") is None
    assert loaded(PUBLIC, SIOTOOL_LOADTEST_YES="1") is None


def test_a_load_that_is_only_written_down_says_it_for_where_it_runs(loaded, tmp_path):
    """Nobody can be asked in a container, and the user's own file is not there."""
    (tmp_path / ".config/siotool").mkdir(parents=True)
    (tmp_path / ".config/siotool/config.toml").write_text('allowed-hosts = ["192.0.2.1"]')
    containers = ("--distributed", "--expect-workers", "2", "--manifest", "compose")
    code, said = loaded(PUBLIC, *containers)
    assert (code, said.splitlines()[-1]) == (
        2,
        "  then give --yes or --allowed-hosts, which go with the load",
    )
    assert loaded(PUBLIC, *containers, "--yes") is None
    assert loaded(PUBLIC, *containers, "--allowed-hosts", "192.0.2.1") is None
    # a name of the cluster's is not known here
    assert loaded("http://no-such-host.invalid", *containers) is None


def test_a_name_that_is_not_found_is_unreachable(loaded):
    code, said = loaded("http://no-such-host.invalid")
    assert (code, said.startswith("siotool: cannot find no-such-host.invalid: ")) == (3, True)


@pytest.mark.parametrize("host", ["192.0.2.1", " 192.0.2.1"])
def test_hosts_of_the_config_file_may_be_loaded(loaded, tmp_path, host):
    (tmp_path / "load.toml").write_text(f'allowed-hosts = ["a.example", "{host}"]')
    assert loaded(PUBLIC, "--config", "load.toml") is None
    assert loaded("http://192.0.2.2", "--config", "load.toml")[0] == 2


def test_names_have_no_case_and_may_end_in_a_dot(loaded):
    """The name is not looked up: who lists it has said what is needed."""
    assert loaded("http://No-Such-Host.invalid", "--allowed-hosts", "no-such-host.INVALID.") is None


@pytest.mark.parametrize("folder", [".config", "elsewhere"])
def test_hosts_of_the_users_own_file_may_be_loaded(loaded, tmp_path, folder):
    (tmp_path / folder / "siotool").mkdir(parents=True)
    (tmp_path / folder / "siotool/config.toml").write_text('allowed-hosts = ["192.0.2.1"]')
    where = "" if folder == ".config" else str(tmp_path / folder)
    assert loaded(PUBLIC, XDG_CONFIG_HOME=where) is None
    assert loaded("http://192.0.2.2", XDG_CONFIG_HOME=where)[0] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('alowed-hosts = ["x"]', "line 1: alowed-hosts is not known", id="a misspelt key"),
        pytest.param('allowed-hosts = "x"', "allowed-hosts is text; expected an array", id="no array"),
        pytest.param("allowed-hosts = [", "is not TOML", id="no TOML"),
        pytest.param(
            'allowed-hosts = ["http://x"]', "'http://x' is no host", id="a URL, of which only the host counts"
        ),
    ],
)
def test_a_users_file_that_is_wrong_is_refused(loaded, tmp_path, text, said):
    (tmp_path / ".config/siotool").mkdir(parents=True)
    (tmp_path / ".config/siotool/config.toml").write_text(text)
    code, printed = loaded(PUBLIC)
    assert code == 2
    assert said in printed
    assert ".config/siotool/config.toml" in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(b"n\n", "not confirmed: nothing was connected to", id="no"),
        pytest.param(b"\n", "not confirmed: nothing was connected to", id="nothing is no"),
        pytest.param(b"y\n", "no scenario file none.py", id="yes, and it goes on"),
    ],
)
def test_on_a_terminal_it_is_asked(tmp_path, answer, said):
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "siotool", "loadtest", PUBLIC, "--scenario", "none.py"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"[y/N]" not in shown:
            shown += os.read(ours, 65536)
        assert b"192.0.2.1 is on the public internet" in shown
        os.write(ours, answer)
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:
            pass  # the other end is closed
        process.wait(60)
    os.close(ours)
    assert process.returncode == 2
    assert said in shown.decode()
