"""``siotool worker`` ends in order, however it is ended: nothing of a run stays on its machine."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PATIENCE_S = 30.0


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("SIGINT", id="Ctrl-C"),
        pytest.param("SIGTERM", id="a container that is stopped"),
        pytest.param("SIGHUP", id="a terminal that goes"),
    ],
)
def test_no_file_of_a_run_stays_when_a_worker_is_ended(tmp_path: Path, name: str) -> None:
    """Trap: its folder has the scenario, and the private key of the clients."""
    number = getattr(signal, name)
    folder = tmp_path / "temporary"
    folder.mkdir()
    (tmp_path / "token").write_text("correct-horse-battery-staple\n")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "siotool", "worker", "--join", "127.0.0.1:9"),
            *("--token-file", tmp_path / "token"),
        ],
        env=os.environ | {"TMPDIR": str(folder)},
        stderr=subprocess.PIPE,
        start_new_session=True,
        # under nohup it would be ignored
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509 - no other thread
    )
    with process:
        try:
            deadline = time.monotonic() + _PATIENCE_S
            while not list(folder.iterdir()):
                assert process.poll() is None
                assert time.monotonic() < deadline, "it made no folder"
                time.sleep(0.01)
            process.send_signal(number)
            _, said = process.communicate(timeout=_PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, said) == (130, b"")
    assert list(folder.iterdir()) == []


LOST = """
import os, signal, sys, time
from siotool.swarm.ending_signals import interrupted_by_signals

class Tidied:
    def __del__(self):
        os.kill(os.getpid(), getattr(signal, sys.argv[1]))
        time.sleep(0.1)

with interrupted_by_signals():
    try:
        Tidied()
        time.sleep(20)
    except KeyboardInterrupt:
        print("ended")
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_while_python_tidies_up_is_not_lost(name: str) -> None:
    """No exception leaves a __del__: the worker went on, deaf to every other signal."""
    number = getattr(signal, name)
    done = subprocess.run(
        [sys.executable, "-c", LOST, name],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),
    )
    assert (done.stdout, done.stderr) == ("ended\n", "")
