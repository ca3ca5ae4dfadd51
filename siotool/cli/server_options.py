"""Reads the options that name servers to sample; InputError says what is wrong with one."""

import math
import re
from collections.abc import Mapping, Sequence

import msgspec

from siotool import units
from siotool.client.identity_options import is_header
from siotool.errors import InputError
from siotool.measured_servers import SERVER
from siotool.report.gates import Gate
from siotool.swarm.servers.asked_server import AskedServer, AskedServers
from siotool.swarm.servers.secret_url import check_url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_GROUP = "cgroup:"


def read(
    *,
    pids: Sequence[int],
    named: Sequence[str],
    metrics: Sequence[str],
    admin: Sequence[str],
    names: Sequence[str],
    cores: float | None,
    bandwidth: str | None,
    header: str | None,
    embedded: bool,
    restarted_for: Sequence[Gate] = (),
) -> AskedServers:
    """All of them. What has no name is of ``server``, or of ``server-1``, ``server-2``, … by its place.

    ``embedded``: the target's process is sampled when nothing is named. ``restarted_for`` are the gates of
    searches between which the server is started again. Raises InputError.
    """
    servers = _named(named)
    own_pages, pages = _urls(metrics, "--server-metrics")
    own_admins, admins = _urls(admin, "--server-admin")
    if len(admins) > 1:
        raise InputError(
            f"--server-admin is given {len(admins)} times without a name",
            "one admin UI shows all servers of a cluster; else name each: --server-admin a=URL",
        )
    if pids and pages and len(pids) != len(pages):
        raise InputError(
            f"{len(pids)} --server-pid and {len(pages)} --server-metrics: which belong together?",
            "name them: --server a=PID --server-metrics a=URL",
        )
    for number in range(max(len(pids), len(pages))):
        one = AskedServer(
            _unnamed(number, max(len(pids), len(pages)), servers),
            pids=tuple(pids[number : number + 1]),
            metrics=tuple(pages[number : number + 1]),
        )
        servers[one.name] = one
    for name, url in own_pages:
        before = servers.get(name, AskedServer(name))
        servers[name] = msgspec.structs.replace(before, metrics=(*before.metrics, url))
    for name, url in own_admins:
        before = servers.get(name, AskedServer(name))
        if before.admin:
            raise InputError(f"--server-admin is given twice for {name}")
        servers[name] = msgspec.structs.replace(before, admin=url)
    _check_once(list(servers.values()))
    for option, value in (("--server-cores", cores), ("--server-bandwidth", bandwidth)):
        if value is not None and not (servers or admins or embedded):
            raise InputError(f"{option} has no server", "name one with --server-pid or --server")
    if cores is not None and not math.isfinite(cores):
        raise InputError(f"--server-cores {cores}: expected a number of cores", "as --server-cores 4")
    link = None if bandwidth is None else units.parse_byte_rate(bandwidth, "--server-bandwidth")
    if link is not None and not link > 0:
        raise InputError(f"--server-bandwidth {bandwidth}: expected more than 0")
    if header is not None and not is_header(header, ""):
        raise InputError(
            f"--server-header {header!r} is no name of a header", "write it --server-header X-Served-By"
        )
    if not admins:
        _check_restart(list(servers.values()), restarted_for)
    admin_of_all = admins[0] if admins else ""
    return AskedServers(tuple(servers.values()), cores, admin_of_all, tuple(names), link, header or "")


def or_process(asked: AskedServers, pid: int) -> AskedServers:
    """The same; a process where no server was named."""
    return asked if asked.any else msgspec.structs.replace(asked, servers=(AskedServer(SERVER, pids=(pid,)),))


def _check_restart(servers: Sequence[AskedServer], gates: Sequence[Gate]) -> None:
    """Refuse a server that is started again, whose use is judged, and of which only the process is known."""
    judged = next((gate.text for gate in gates if gate.metric.startswith("server_")), None)
    for one in servers if judged is not None else ():
        if one.pids and not (one.cgroup or one.metrics or one.admin):
            raise InputError(
                f"--restart-command starts another process than {one.pids[0]}: --fail-if {judged!r} would "
                "judge nothing after the first restart",
                "name the server by what stays: --server-metrics URL, or --server NAME=cgroup:/PATH",
            )


def _unnamed(number: int, count: int, known: Mapping[str, AskedServer]) -> str:
    name = SERVER if count == 1 and not known else f"{SERVER}-{number + 1}"
    if name in known:
        raise InputError(f"--server {name}: unnamed servers are called so", "choose another name")
    return name


def _named(texts: Sequence[str]) -> dict[str, AskedServer]:
    servers: dict[str, AskedServer] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise InputError(f"--server {text!r} has no name", "write it web=4711, or web=cgroup:/path")
        if name in servers:
            raise InputError(f"--server {name} is given twice", f"write it {name}=PID,PID")
        if value.startswith(_GROUP):
            servers[name] = AskedServer(name, cgroup=value.removeprefix(_GROUP))
            if not servers[name].cgroup.strip("/"):
                raise InputError(f"--server {text}: no control group", f"write it {name}=cgroup:/path")
            continue
        words = [word.strip() for word in value.split(",")]
        if not all(word.isdecimal() for word in words):
            raise InputError(
                f"--server {text}: expected process ids or a control group",
                f"write it {name}=4711,4712 or {name}=cgroup:/path",
            )
        servers[name] = AskedServer(name, pids=tuple(map(int, words)))
    return servers


def _urls(texts: Sequence[str], option: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Those with a name, and those without."""
    named, plain = [], []
    for text in texts:
        found = re.fullmatch(rf"({_NAME.pattern})=(.+)", text, flags=re.DOTALL)
        url = found[2] if found else text
        check_url(url, option)
        if found:
            named.append((found[1], url))
        else:
            plain.append(url)
    return named, plain


def _check_once(servers: Sequence[AskedServer]) -> None:
    pids: set[int] = set()
    urls: set[str] = set()
    for one in servers:
        for pid in one.pids:
            if pid in pids:
                raise InputError(f"process {pid} is named twice", "each process is of one server")
            pids.add(pid)
        for url in one.metrics:
            if url in urls:
                raise InputError("one URL of --server-metrics is given twice", "each is of one server")
            urls.add(url)
