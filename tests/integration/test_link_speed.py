"""The speed of the link to a target, as the driver of a real pair of interfaces says it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from uuid import uuid4

import pytest

from siotool.swarm.link_speed import link_speed

pytestmark = pytest.mark.slow


@pytest.fixture
def far_end() -> Iterator[str]:
    """The address of a network namespace behind a virtual cable."""
    name = f"sio{uuid4().hex[:8]}"
    if os.geteuid():
        pytest.xfail("only root may make network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("ip of iproute2 is not installed")
    if subprocess.run(["ip", "netns", "add", name], capture_output=True, check=False).returncode:
        pytest.xfail("this machine lets nobody make network namespaces")
    try:
        for command in (
            f"ip link add {name}a type veth peer name {name}b netns {name}",
            f"ip addr add 198.18.77.1/30 dev {name}a",
            f"ip link set {name}a up",
            f"ip -n {name} addr add 198.18.77.2/30 dev {name}b",
            f"ip -n {name} link set {name}b up",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)
        yield "198.18.77.2"
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)


def test_a_virtual_cable_carries_ten_gigabit(far_end: str) -> None:
    assert link_speed(f"http://{far_end}:3000") == 10e9 / 8


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000", "https://localhost", "http://[::1]:1", "http://no.such.host.invalid"]
)
def test_loopback_and_the_unknown_have_no_speed(url: str) -> None:
    assert link_speed(url) is None
