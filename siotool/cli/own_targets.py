"""Targets that a load test starts itself: the embedded server, or a lab; each with its processes sampled."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from siotool.cli import lab_options, server_options
from siotool.cli.fault_options import names_toxic
from siotool.cli.load_targets import Aimed
from siotool.cli.streams import say
from siotool.client.choices import TlsOptions
from siotool.errors import InputError
from siotool.lab.lab import SERVED_BY, Lab
from siotool.lab.lab_process import LabProcess
from siotool.lab.needs import check_folder, check_machine
from siotool.lab.running_lab import LabMember
from siotool.swarm.servers.asked_server import AskedServer, AskedServers
from siotool.target.process import TargetProcess
from siotool.target.ticks import check_ticks


class BegunTarget(NamedTuple):
    """A target that is there: its URLs and their weights, the servers to sample, and whom clients trust.

    ``lab`` says which lab it is, where it is one, and ``process`` keeps it.
    """

    urls: list[str]
    weights: list[int]
    servers: AskedServers
    tls: TlsOptions
    lab: str = ""
    process: LabProcess | None = None


def lab_of(aimed: Aimed, faults: Sequence[str]) -> Lab | None:
    """Return the lab that is aimed at, None where it is none; ``faults`` are those that it is to have.

    One of which a fault names a toxic has Toxiproxy. Raises InputError for what its file says, and for what
    this machine lacks.
    """
    if not aimed.lab_file:
        return None
    lab = lab_options.read(aimed.lab_file, {})
    if any(names_toxic(text) for text in faults):
        lab = lab_options.with_toxics(lab)
    check_machine(lab)
    return lab


def faults_of(aimed: Aimed) -> list[str]:
    """Return the faults of the lab's file that is aimed at, as ``--fault`` has them. Raises InputError."""
    return lab_options.faults_of(aimed.lab_file) if aimed.lab_file else []


def server_count(aimed: Aimed, lab: Lab | None, asked: AskedServers) -> int:
    """How many servers a load goes to, as far as the options say it."""
    named = sum(not one.beside for one in asked.servers)
    return max(named, len(aimed.urls), lab.servers if lab is not None else 1)


def ticks_of(aimed: Aimed, lab: Lab | None, tick_rate: float | None, scenario: str) -> float:
    """``tick`` events per second of what siotool starts; a lab's file says them where nobody types them.

    Where neither does, there is one for those who listen. Raises InputError for a rate that a server of
    somebody else would never hear of.
    """
    if tick_rate is None:
        return (lab.tick_rate if lab is not None else 0.0) or float(scenario == "listen")
    if not aimed.own and tick_rate:
        raise InputError(
            f"--tick-rate has {aimed.urls[0]} send nothing: its events are its own",
            "it is for demo and for labs; leave it out, or say 0",
        )
    check_ticks(tick_rate)
    return tick_rate


def begin(
    aimed: Aimed,
    lab: Lab | None,
    ticks: float,
    asked: AskedServers,
    tls: TlsOptions,
    run: Path | None,
    stack: ExitStack,
) -> BegunTarget:
    """Start what is siotool's own; ``stack`` stops it. A target of somebody else is taken as it is.

    It sends so many ``ticks`` per second. A lab's files go to the folder ``run``/lab; without a run they are
    kept nowhere.
    """
    if lab is not None:
        own = Path(stack.enter_context(TemporaryDirectory())) if run is None else run
        return _begin_lab(msgspec.structs.replace(lab, tick_rate=ticks), asked, tls, own / "lab", stack)
    if aimed.demo:
        embedded = stack.enter_context(TargetProcess(tick_rate=ticks))
        return BegunTarget([embedded.url], aimed.weights, server_options.or_process(asked, embedded.pid), tls)
    return BegunTarget(aimed.urls, aimed.weights, asked, tls)


def _begin_lab(lab: Lab, asked: AskedServers, tls: TlsOptions, folder: Path, stack: ExitStack) -> BegunTarget:
    check_folder(folder)
    for words in lab_options.remarks(lab):
        say(words)
    process = stack.enter_context(LabProcess(lab, folder))
    running = process.running
    if running.ca_file and not (tls.ca_file or tls.insecure):
        tls = msgspec.structs.replace(tls, ca_file=running.ca_file)
    if not asked.header:
        asked = msgspec.structs.replace(asked, header=SERVED_BY)
    if not asked.any:
        asked = msgspec.structs.replace(asked, servers=tuple(map(_sampled, running.members)))
    return BegunTarget(running.urls, [1] * len(running.urls), asked, tls, lab.words, process)


def _sampled(member: LabMember) -> AskedServer:
    return AskedServer(
        member.name,
        pids=(member.pid,),
        metrics=(member.metrics_url,) if member.metrics_url else (),
        beside=member.role != "server",
        cores=member.cores,
    )
