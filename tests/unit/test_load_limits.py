"""Does a load fit into a machine: each limit by itself, at its edge, and what would mend it."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siotool.swarm import own_limits
from siotool.swarm.load_limits import (
    FILES_RESERVED,
    LEAST_CONNECTION_BYTES,
    LEAST_WORKER_BYTES,
    MachineLimits,
    WantedLoad,
    checks,
    most_that_fit,
    shortage,
)
from siotool.swarm.own_limits import read_limits


@pytest.mark.parametrize(
    ("wanted", "limits", "enough"),
    [
        pytest.param(
            WantedLoad(970, 1), MachineLimits(files=1000), True, id="a file for each user, and a few"
        ),
        pytest.param(WantedLoad(971, 1), MachineLimits(files=1000), False, id="one user more"),
        pytest.param(
            WantedLoad(1940, 2), MachineLimits(files=1000), True, id="two processes have twice as many"
        ),
        pytest.param(WantedLoad(1941, 2), MachineLimits(files=1000), False, id="the larger half counts"),
        pytest.param(
            WantedLoad(940, 2), MachineLimits(files_left=1000), True, id="files of the whole machine"
        ),
        pytest.param(WantedLoad(941, 2), MachineLimits(files_left=1000), False, id="and one more"),
        pytest.param(WantedLoad(28_232, 1), MachineLimits(ports=28_232), True, id="a port for each user"),
        pytest.param(WantedLoad(28_233, 1), MachineLimits(ports=28_232), False, id="and none for the next"),
        pytest.param(
            WantedLoad(485, 1, sockets=2.0),
            MachineLimits(files=1000),
            True,
            id="two files for each user that polls",
        ),
        pytest.param(
            WantedLoad(486, 1, sockets=2.0), MachineLimits(files=1000), False, id="and one user more"
        ),
        pytest.param(WantedLoad(100, 1, sockets=1.1), MachineLimits(ports=110), True, id="ports of a mix"),
        pytest.param(WantedLoad(100, 1, sockets=1.1), MachineLimits(ports=109), False, id="one port less"),
        pytest.param(
            WantedLoad(51, 1, sockets=2.0),
            MachineLimits(tracked_left=100),
            False,
            id="the filter follows both",
        ),
        pytest.param(
            WantedLoad(486, 1, sockets=2.0),
            MachineLimits(files_left=1000),
            False,
            id="the machine opens both",
        ),
        pytest.param(
            WantedLoad(56_464, 1, sources=2),
            MachineLimits(ports=28_232),
            True,
            id="each source has its ports",
        ),
        pytest.param(
            WantedLoad(56_464, 1, places=2),
            MachineLimits(ports=28_232),
            True,
            id="to each address of the target",
        ),
        pytest.param(
            WantedLoad(100, 1), MachineLimits(tracked_left=100), True, id="the packet filter's table"
        ),
        pytest.param(WantedLoad(101, 1), MachineLimits(tracked_left=100), False, id="is full"),
        pytest.param(
            WantedLoad(100, 2),
            MachineLimits(memory_bytes=100 * LEAST_CONNECTION_BYTES + 2 * LEAST_WORKER_BYTES),
            True,
            id="memory of users and workers",
        ),
        pytest.param(
            WantedLoad(101, 2),
            MachineLimits(memory_bytes=100 * LEAST_CONNECTION_BYTES + 2 * LEAST_WORKER_BYTES),
            False,
            id="and of one user more",
        ),
        pytest.param(WantedLoad(10**7, 1), MachineLimits(), True, id="no limit is known"),
        pytest.param(WantedLoad(0, 1), MachineLimits(files=100, ports=0), True, id="nobody needs nothing"),
    ],
)
def test_a_load_fits_up_to_each_limit(wanted: WantedLoad, limits: MachineLimits, enough: bool) -> None:
    assert all(one.enough for one in checks(wanted, limits)) == enough
    assert (shortage(wanted, limits) is None) == enough
    assert all(bool(one.remedies) != one.enough for one in checks(wanted, limits))


@pytest.mark.parametrize(
    ("wanted", "limits", "remedies"),
    [
        pytest.param(
            WantedLoad(2000, 1),
            MachineLimits(files=1000, files_most=10_000),
            ["ulimit -n 2030", "--processes 3"],
            id="a process's files",
        ),
        pytest.param(
            WantedLoad(2000, 1),
            MachineLimits(files=1000, files_most=1000),
            ["sysctl -w fs.nr_open=2030", "ulimit -n 2030", "--processes 3"],
            id="beyond what any process may have",
        ),
        pytest.param(
            WantedLoad(10, 1),
            MachineLimits(files=20, files_most=100),
            ["ulimit -n 40"],
            id="no number of processes helps",
        ),
        pytest.param(
            WantedLoad(90_000, 1),
            MachineLimits(ports=28_232),
            [
                'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
                "--source-ip, 4 addresses (any of 127.0.0.0/8 for a target on loopback)",
            ],
            id="ports",
        ),
        pytest.param(
            WantedLoad(90, 1),
            MachineLimits(tracked_left=50),
            [
                "sysctl -w net.netfilter.nf_conntrack_max="
                "$(($(sysctl -n net.netfilter.nf_conntrack_max) + 40))"
            ],
            id="the packet filter",
        ),
    ],
)
def test_what_is_short_is_told_with_the_commands_that_mend_it(wanted, limits, remedies) -> None:
    (found,) = [one for one in checks(wanted, limits) if not one.enough]
    assert found.remedies == remedies


def test_all_that_is_short_is_told_at_once() -> None:
    found = shortage(WantedLoad(50_000, 2), MachineLimits(files=1000, ports=28_232))
    assert found is not None
    assert found[0] == (
        "50,000 users do not fit into 2 generator processes. "
        "open files of a process: 25,030 needed, 1,000 here; "
        "local ports to the target: 50,000 needed, 28,232 here"
    )


@given(
    st.integers(0, 10**6),
    st.integers(1, 64),
    st.integers(1, 100),
    st.integers(100, 10**6),
    st.integers(0, 65535),
    st.floats(1, 2),
)
def test_what_the_remedies_say_is_enough(users, processes, sources, files, ports, sockets) -> None:
    wanted = WantedLoad(users, processes, sources, sockets=sockets)
    for one in checks(wanted, MachineLimits(files=files, ports=ports)):
        for remedy in one.remedies:
            better, limits = wanted, MachineLimits(files=files, ports=ports)
            match remedy.split():
                case ["ulimit", "-n", number]:
                    limits = MachineLimits(files=int(number))
                case ["--processes", number]:
                    better = WantedLoad(users, int(number), sockets=sockets)
                    limits = MachineLimits(files=files)
                case ["--source-ip,", number, *_]:
                    better = WantedLoad(users, processes, int(number.replace(",", "")), sockets=sockets)
                    limits = MachineLimits(ports=ports)
                case _:
                    continue
            assert all(check.enough for check in checks(better, limits)), remedy


@given(
    st.integers(1, 64),
    st.integers(1, 9),
    st.sampled_from([1.0, 1.25, 2.0]),
    st.integers(31, 10**6),
    st.integers(1, 65535),
    st.integers(5 * 10**9, 10**12),
)
def test_the_most_users_that_fit_do_and_one_more_does_not(
    processes, sources, sockets, files, ports, memory
) -> None:
    wanted = WantedLoad(0, processes, sources, sockets=sockets)
    limits = MachineLimits(files=files, ports=ports, memory_bytes=memory)
    most = most_that_fit(wanted, limits)
    assert most is not None
    assert shortage(msgspec.structs.replace(wanted, users=most), limits) is None
    assert shortage(msgspec.structs.replace(wanted, users=most + 1), limits) is not None


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Write what Linux would show."""

    def write(files: dict[str, str]) -> None:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(own_limits, "_PROC", tmp_path)

    return write


def test_limits_are_read_as_linux_shows_them(proc) -> None:
    proc(
        {
            "fs/file-nr": "1026\t0\t5000\n",
            "fs/nr_open": "1048576\n",
            "net/ipv4/ip_local_port_range": "32768\t60999\n",
            "net/ipv4/ip_local_reserved_ports": "8080,40000-40099,60990-61050\n",
            "net/netfilter/nf_conntrack_max": "65536\n",
            "net/netfilter/nf_conntrack_count": "36\n",
            "net/ipv4/tcp_tw_reuse": "2\n",
        }
    )
    found = read_limits()
    assert (found.files_left, found.files_most) == (5000 - 1026, 1048576)
    assert found.ports == 28_232 - 100 - 10
    assert found.tracked_left == 65_500
    assert found.reuse == 2
    assert found.memory_bytes is not None


def test_a_packet_filter_that_follows_no_connection_has_no_limit(proc) -> None:
    """Trap: its table is there as soon as its module is loaded, also where no rule needs it."""
    proc({"net/netfilter/nf_conntrack_max": "100\n", "net/netfilter/nf_conntrack_count": "0\n"})
    assert read_limits().tracked_left is None


def test_what_a_system_does_not_show_is_no_limit(proc) -> None:
    proc({"net/ipv4/ip_local_port_range": "no numbers"})
    found = read_limits()
    assert (found.files_left, found.ports, found.tracked_left, found.files_most) == (None, None, None, None)


def test_this_machine_has_limits() -> None:
    found = read_limits()
    assert found.files is None or found.files > FILES_RESERVED
    assert found.ports is None or found.ports > 0
