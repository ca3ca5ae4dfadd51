"""Loads a lab with each number of servers, one after the other, for ``siotool lab measure``."""

import contextlib
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from random import Random

import msgspec

from siotool.calibration.adapter_design import USERS, adapter_phases
from siotool.calibration.phase import Phase, encode
from siotool.errors import RunFileError, TargetError
from siotool.lab.lab import ACCEPT_QUEUE, Lab
from siotool.lab.needs import of_lab
from siotool.lab.packages import INSTALL
from siotool.lab.running_program import end_with
from siotool.plan.evidence.fleet_phases import fleet_words
from siotool.runfile import FILE_NAME, Run
from siotool.runs import reading

#: A load starts and stops a lab within so long, beside its phases.
_BESIDE_S = 150.0
#: How long it has to stop its lab after Ctrl-C.
_END_S = 30.0
#: The package by which an adapter reaches its backend.
_CLIENTS = {"redis": "redis", "postgres": "pg", "mongo": "mongodb", "cluster": "@socket.io/sticky"}


class FleetLoad(msgspec.Struct, frozen=True):
    """One load to come: the lab, its number of servers among it, its round from 0 on, what its users do."""

    lab: Lab
    number: int
    phases: tuple[Phase, ...]

    @property
    def name(self) -> str:
        """What its folder is called: ``3-servers-1``."""
        return f"{self.lab.servers}-servers-{self.number + 1}"

    @property
    def seconds(self) -> float:
        """How long its phases take."""
        return sum(phase.duration_s for phase in self.phases)


def fleet_loads(lab: Lab, nodes: Sequence[int], rate: float, rounds: int, seed: int) -> list[FleetLoad]:
    """Return the loads of one measurement, each with its phases in an order of its own.

    Each round starts all fleets anew, so that one start which is cheap or dear does not decide. Every other
    round goes from many servers to few, so that a machine whose pace drifts favours none.
    """
    return [
        FleetLoad(
            msgspec.structs.replace(lab, servers=servers),
            number,
            adapter_phases(rate, number, Random(f"{seed}/{servers}/{number}").shuffle),
        )
        for number in range(rounds)
        for servers in (reversed(nodes) if number % 2 else nodes)
    ]


def load_fleet(load: FleetLoad, folder: Path) -> Run:
    """Start the lab, load it by ``siotool loadtest``, stop it; the run is in ``folder``.

    Raises TargetError, with the words of the load test, when it did not come to its end.
    """
    file = folder.with_suffix(".toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_written(load.lab), encoding="utf-8")
    command = [
        *(sys.executable, "-P", "-m", "siotool", "loadtest", f"lab:{file}", "--calibrate", "--quiet"),
        *("--users", str(USERS), "--transport", "websocket", "--set", f"phases={encode(load.phases)}"),
        *("--out", str(folder), "--output", str(folder.with_suffix(".txt"))),
    ]
    words = _run(command, load.seconds + _BESIDE_S)
    path = folder / FILE_NAME
    try:
        run = reading.read(path) if path.is_file() else None
    except RunFileError as error:
        run, words = None, f"{words}\n{error.message}"
    if run is None or run.end is None or run.end.reason != "finished":
        raise TargetError(
            f"the load of {fleet_words(load.lab.servers)} did not come to its end: {words}".rstrip(": "),
            "siotool lab doctor says what is missing; the lab's files are in the folder of --out",
        )
    return run


def versions_of(lab: Lab) -> dict[str, str]:
    """The versions of the programs and packages that a lab runs on, by name."""
    if lab.runtime == "python":
        own = {"python": platform.python_version(), "python-socketio": version("python-socketio")}
        return own | {one.name: one.version for one in of_lab(lab) if one.version}
    adapter = lab.adapter.removesuffix("-sharded")
    wanted = {"socket.io", f"@socket.io/{adapter}-adapter", _CLIENTS.get(adapter.partition("-")[0], "")}
    return {
        one.name: one.version
        for one in of_lab(lab)
        if one.version and (one.get != INSTALL or one.name in wanted)
    }


def _run(command: Sequence[str], timeout_s: float) -> str:
    """Run a load test to its end, and return its last words; a Ctrl-C lets it stop its lab first."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=end_with(os.getpid(), signal.SIGTERM),  # noqa: PLW1509 - this process has no threads
    )
    try:
        _, said = process.communicate(timeout=timeout_s)
    except KeyboardInterrupt:  # the load test has it too
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
        raise
    except subprocess.TimeoutExpired:
        raise TargetError(f"the load did not end within {timeout_s:.0f} s", "is the machine busy?") from None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_END_S)
            process.kill()
    return " ".join(said.split())[-500:]


def _written(lab: Lab) -> str:
    lines = ["[lab]", f"servers = {lab.servers}", f'adapter = "{lab.adapter}"', f'runtime = "{lab.runtime}"']
    if lab.recovery_s:
        lines.append(f'recovery = "{lab.recovery_s:g}s"')
    return "\n".join([*lines, ""])


def measurable(lab: Lab) -> Lab:
    """The lab as it is measured: servers alone, with nothing in front of them."""
    return Lab(runtime=lab.runtime, adapter=lab.adapter, recovery_s=lab.recovery_s)


def left_out(lab: Lab) -> list[str]:
    """What of a lab is not measured with its adapter, in words."""
    given = {
        f"balancer {lab.balancer}": lab.balancer != "none",
        "tls": lab.tls,
        f"store {lab.store}": lab.store != "none",
        "replica": lab.replica,
        "toxics": lab.toxics,
        "witness": lab.witness,
        "behind": bool(lab.behind),
        "tick-rate": bool(lab.tick_rate),
        "accept-queue": lab.accept_queue != ACCEPT_QUEUE,
    }
    return [words for words, there in given.items() if there]
