"""What a lab's process does when its keeper is gone: real processes, and a keeper that keeps just one."""

import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from siotool.child_process import ChildProcess
from siotool.errors import TargetError
from siotool.lab.keeper_lines import AskedAction, DoneAction
from siotool.lab.lab import Lab
from siotool.lab.lab_action import LabAction
from siotool.lab.lab_process import LabProcess

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that ends them")

#: A keeper whose one program ends with it, as far as the kernel sees to that; asked, it starts another one.
KEEPER = """
import json, os, signal, subprocess, sys
from siotool.lab.running_program import end_with

def member():
    end = end_with(os.getpid(), signal.SIGTERM)
    part = subprocess.Popen(["sleep", "1000"], start_new_session=True, preexec_fn=end)
    rest = {"port": 1, "metrics_url": "", "command": [], "log": ""}
    return {"name": "server-1", "role": "server", "pid": part.pid, **rest}

said = {"version": 1, "urls": [], "folder": "", "ca_file": "", "members": [member()]}
print(json.dumps(said), flush=True)
for line in sys.stdin:
    said = {"kind": "done", "number": 1, "error": "", "moved": [member()], "down": []}
    print(json.dumps(said), flush=True)
"""


def done(lab: LabProcess) -> DoneAction:
    while True:
        for one in lab.news(20.0):
            assert isinstance(one, DoneAction)
            return one


def lasts(process: psutil.Process) -> bool:
    """Whether it still runs after it had time to end."""
    deadline = time.monotonic() + 10
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("noticed", [True, False], ids=["between", "at its end"])
def test_stopped_parts_end_although_their_keeper_was_killed(noticed: bool, tmp_path: Path) -> None:
    """The kernel's signal waits for a stopped process to go on: it lived for ever."""
    lab = LabProcess(Lab(), tmp_path / "lab")
    lab._child = ChildProcess([sys.executable, "-c", KEEPER], "the lab", "")
    parts: list[psutil.Process] = []
    try:
        with lab:
            parts.append(psutil.Process(lab.running.members[0].pid))
            lab.ask(AskedAction(1, LabAction(verb="start", parts=("server-1",))))
            parts.append(psutil.Process(done(lab).moved[0].pid))
            for part in parts:
                part.suspend()
            (keeper,) = (one for one in psutil.Process().children() if KEEPER in one.cmdline())
            keeper.send_signal(signal.SIGKILL)
            keeper.wait(10)
            assert all(part.is_running() for part in parts)
            if noticed:
                with pytest.raises(TargetError, match="the lab has ended"):
                    lab.news(0.0)
                assert not any(map(lasts, parts))
        assert not any(map(lasts, parts))
    finally:
        for part in parts:
            if part.is_running():
                part.kill()


def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path) -> None:
    """Everybody could read the password of Redis."""
    folder = tmp_path / "lab"
    folder.mkdir(mode=0o755)
    lab = LabProcess(Lab(), folder)
    lab._child = ChildProcess([sys.executable, "-c", KEEPER], "the lab", "")
    with lab:
        assert folder.stat().st_mode & 0o777 == 0o700
