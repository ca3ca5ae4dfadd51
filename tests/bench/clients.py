"""The clients that are compared: for each, a command that connects users, and what it counted."""

import json
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Protocol

from siotool import runfile

HERE = Path(__file__).parent
NODE_TARGET = HERE.parent / "targets/node"
#: Longer than any measurement; the harness interrupts the client when it is done.
RUN_TIME_S = 900


@dataclass(frozen=True)
class Load:
    """What a client does: ``idle`` connections, ``listen`` to ``message``, or ``echo``.

    ``rate`` is calls per second and user; ``spawn_rate`` connects per second; ``transport`` is that of
    siotool: ``websocket``, ``upgrade`` or ``polling``.
    """

    scenario: str
    users: int
    rate: float = 0.0
    spawn_rate: float = 200
    transport: str = "websocket"


@dataclass(frozen=True)
class Counts:
    """What the client itself counted, from start to end."""

    received: int
    acked: int


class Client(Protocol):
    """A load generator as the harness sees it.

    ``command`` starts it; it connects its users to ``url`` by websocket and stays until it gets
    the signal ``stop``, after which ``counts`` reads what it left in ``folder``. ``missing``
    says why it cannot run here, or is empty. ``only_calls``: nothing else
    is to be measured of it. ``transports``: those that its connects are measured by.
    """

    name: str
    only_calls: bool
    transports: tuple[str, ...]
    stop: signal.Signals

    def missing(self) -> str: ...
    def version(self) -> str: ...
    def command(self, load: Load, url: str, folder: Path) -> list[str]: ...
    def counts(self, folder: Path) -> Counts: ...


class Siotool:
    """``siotool loadtest`` as a user runs it: parent, worker process, run file and all.

    ``checkout`` is another working tree of siotool to measure instead of the installed one.
    """

    name = "siotool"
    only_calls = False
    transports: tuple[str, ...] = ("websocket", "upgrade", "polling")
    stop = signal.SIGINT
    echo_settings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    def __init__(self, checkout: Path | None = None) -> None:
        self._whose = ["env", f"PYTHONPATH={checkout}"] if checkout else []
        if checkout:
            self.name = f"{self.name} of {checkout.name}"

    def missing(self) -> str:
        command = [sys.executable, "-m", "siotool", "loadtest", "--help"]
        found = subprocess.run(command, capture_output=True, check=False).returncode == 0
        return "" if found else "this siotool has no loadtest command"

    def version(self) -> str:
        return version("siotool")

    def command(self, load: Load, url: str, folder: Path) -> list[str]:
        settings = {
            "listen": ["--set", "event=message"],
            "echo": ["--set", f"rate={load.rate:g}", *self.echo_settings],
        }
        return [
            *(*self._whose, sys.executable, "-m", "siotool", "loadtest", url, "--scenario", load.scenario),
            *(*settings.get(load.scenario, []), "--transport", load.transport),
            *("--users", str(load.users), "--spawn-rate", f"{load.spawn_rate:g}"),
            *(
                "--run-time",
                f"{RUN_TIME_S}s",
                "--processes",
                "1",
                "--out",
                str(folder / "run"),
                "--quiet",
                *self.options,
            ),
        ]

    def counts(self, folder: Path) -> Counts:
        # line by line, so that a checkout with another version of the format can be measured beside
        lines = map(json.loads, next(folder.rglob(runfile.FILE_NAME)).read_text().splitlines())
        operations = [each for line in lines if line["kind"] == "interval" for each in line["operations"]]
        return Counts(
            received=sum(each["count"] for each in operations if each["op"] == "deliver"),
            acked=sum(each["count"] for each in operations if each["op"] == "ack"),
        )


class SiotoolAwaiting(Siotool):
    """The same, but users await each answer before their next call, as their own scenario may."""

    name = "siotool, awaiting answers"
    only_calls = True
    transports = ()
    echo_settings = ("--set", "wait_for_ack=yes")


class SiotoolReference(Siotool):
    """The same with python-socketio's client."""

    name = "siotool, reference client"
    transports = ("websocket",)
    options = ("--client", "reference")


class SocketIoClient:
    """socket.io-client on Node.js: what the peers that drive real JavaScript clients cost."""

    name = "socket.io-client"
    only_calls = False
    transports = ("websocket", "upgrade", "polling")
    stop = signal.SIGTERM

    def missing(self) -> str:
        if shutil.which("node") is None:
            return "node is not installed"
        if not (NODE_TARGET / "node_modules").is_dir():
            return "tests/targets/node is not installed: run make node"
        return ""

    def version(self) -> str:
        package = json.loads((NODE_TARGET / "node_modules/socket.io-client/package.json").read_text())
        node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
        return f"{package['version']}, Node.js {node.strip()}"

    def command(self, load: Load, url: str, folder: Path) -> list[str]:
        script = str(NODE_TARGET / "bench_client.mjs")
        asked = {"url": url, "result": str(folder / "counts.json"), **vars(load)}
        return ["node", "--expose-gc", script, json.dumps(asked)]

    def counts(self, folder: Path) -> Counts:
        return Counts(**json.loads((folder / "counts.json").read_text()))


class LocustContrib:
    """SocketIOUser of locust.contrib.socketio: python-socketio on gevent, one process."""

    name = "locust.contrib.socketio"
    only_calls = False
    transports = ("websocket",)
    stop = signal.SIGTERM  # a SIGINT is raised within whatever greenlet runs, and may lose the counts

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return f"locust {version('locust')}, python-socketio {version('python-socketio')}"

    def command(self, load: Load, url: str, folder: Path) -> list[str]:
        asked = {"result": str(folder / "counts.json"), "scenario": load.scenario, "rate": load.rate}
        return [
            *("env", f"BENCH={json.dumps(asked)}", sys.executable, "-m", "locust"),
            *("-f", str(HERE / "contrib_locustfile.py"), "--headless", "--host", url),
            *("--users", str(load.users), "--spawn-rate", f"{load.spawn_rate:g}"),
            *("--run-time", f"{RUN_TIME_S}s", "--only-summary", "--loglevel", "ERROR"),
        ]

    def counts(self, folder: Path) -> Counts:
        return Counts(**json.loads((folder / "counts.json").read_text()))


class BareSockets:
    """No Socket.IO client at all: the least that a call or a connect costs on this machine."""

    name = "bare sockets"
    only_calls = True
    transports = ("websocket",)
    stop = signal.SIGTERM

    def missing(self) -> str:
        return ""

    def version(self) -> str:
        return "epoll and prepared frames, no protocol"

    def command(self, load: Load, url: str, folder: Path) -> list[str]:
        port = int(url.rpartition(":")[2])
        asked = {"port": port, "result": str(folder / "counts.json"), **vars(load)}
        return [sys.executable, str(HERE / "bare_client.py"), json.dumps(asked)]

    def counts(self, folder: Path) -> Counts:
        return Counts(**json.loads((folder / "counts.json").read_text()))


def every_client(beside: Path | None = None) -> list[Client]:
    """The clients in the order of the table; first siotool of another checkout, where one is named."""
    others = [Siotool(beside), SiotoolAwaiting(beside)] if beside else []
    ours = [Siotool(), SiotoolAwaiting(), SiotoolReference()]
    return [*others, *ours, SocketIoClient(), LocustContrib(), BareSockets()]
