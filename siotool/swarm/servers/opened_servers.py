"""From what the options name to servers that can be sampled; all that is wrong with them is said here."""

import os
import socket
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from time import monotonic
from urllib.parse import urlsplit

import msgspec
import psutil

from siotool.client.choices import TlsOptions
from siotool.client.tls import context
from siotool.errors import InputError
from siotool.measured_servers import LOCAL, SERVER, MeasuredServer
from siotool.swarm.lateness import Level
from siotool.swarm.servers.admin_feed import AdminFeed
from siotool.swarm.servers.admin_source import AdminSource
from siotool.swarm.servers.asked_server import AskedServer, AskedServers
from siotool.swarm.servers.control_group import PROCESSES, ROOT, ControlGroup
from siotool.swarm.servers.metric_figures import Expression, overridden
from siotool.swarm.servers.metrics_fetch import MetricsFetch
from siotool.swarm.servers.processes import Processes
from siotool.swarm.servers.sampled_server import SampledServer
from siotool.swarm.servers.secret_url import credentials, shown
from siotool.swarm.servers.server_metrics import ServerMetrics
from siotool.swarm.servers.server_samples import ServerSamples
from siotool.swarm.servers.source import Source, SourceGone
from siotool.workload import Target

#: What is said at the start, and how grave it is.
Remark = tuple[Level, str]

#: Where an admin UI is when its URL names no namespace.
_ADMIN = "/admin"


def check_here(asked: AskedServers) -> None:
    """Raise InputError for a process or a control group that is not on this machine, or may not be read."""
    rooted = _rooted(asked)
    for one in asked.servers:
        _here(one, rooted)


def _rooted(asked: AskedServers) -> frozenset[int]:
    return frozenset(pid for one in asked.servers for pid in one.pids)


def _here(one: AskedServer, rooted: frozenset[int]) -> tuple[Processes | None, ControlGroup | None]:
    """What of a server is on this machine. Raises InputError, also where siotool itself is a part of it."""
    processes = Processes(one.pids, rooted, one.cores) if one.pids else None
    group = ControlGroup(one.cgroup, ROOT, PROCESSES) if one.cgroup else None
    for source in (processes, group):
        if source is not None:
            check_apart(source.what, source.members)
    return processes, group


def check_apart(what: str, members: Collection[int]) -> None:
    """Raise InputError where siotool itself is among the processes of a server."""
    if os.getpid() in members:
        raise InputError(
            f"siotool itself is in {what}: what it uses would be taken for the server's",
            "name the processes of the server alone, or start it in a control group of its own",
        )


def open_servers(
    asked: AskedServers, tls: TlsOptions, path: str, stack: ExitStack
) -> tuple[ServerSamples, list[Remark]]:
    """Return what samples the servers, and what their sources show and do not show.

    ``tls`` are the options of the target's TLS, which hold for https here too; ``path`` is that of Socket.IO
    on a server with an admin UI. ``stack`` closes the connections at the end. Raises InputError.
    """
    names = overridden(asked.metric_names)
    if names and not any(one.metrics for one in asked.servers):
        raise InputError("--metric names metrics, and there are none", "give their URL with --server-metrics")
    remarks: list[Remark] = []
    keepers: list[AdminFeed] = []

    def admin(url: str) -> AdminFeed:
        address, namespace = admin_target(url, path)
        feed = AdminFeed(address, credentials(url), tls, namespace)
        stack.callback(feed.close)
        feed.open()
        keepers.append(feed)
        remarks.extend(_of_feed(feed, url))
        return feed

    servers: list[SampledServer] = []
    rooted = _rooted(asked)
    shared = admin(asked.admin) if asked.admin else None
    unclaimed = dict(shared.servers) if shared is not None else {}
    for one in asked.servers:
        processes, group = _here(one, rooted)
        pages = [_page(url, tls, names, stack) for url in one.metrics]
        own: list[Source] = [source for source in (processes, group, *pages) if source is not None]
        if one.admin:
            own.append(_only_one(admin(one.admin), one))
        elif shared is not None:
            members = {*(processes.members if processes else ()), *(group.members if group else ())}
            mine = [
                key for key, stats in unclaimed.items() if stats.pid in members and _is_here(stats.hostname)
            ]
            if not mine and len(asked.servers) == len(shared.servers) == 1:
                mine = list(unclaimed)
            if mine:
                own.append(AdminSource(shared, mine, shown(asked.admin)))
                unclaimed = {key: stats for key, stats in unclaimed.items() if key not in mine}
        for page in pages:
            remarks += _said(one, page, processes or group)
        servers.append(SampledServer(_described(one, own, processes, group, pages, asked), own))
    if shared is not None:
        servers += list(_others(shared, list(unclaimed), servers, asked))
    return ServerSamples(servers, [feed.keep for feed in keepers]), remarks


def _page(url: str, tls: TlsOptions, names: Mapping[str, Expression], stack: ExitStack) -> ServerMetrics:
    fetch = MetricsFetch(url, context(tls) if url.startswith("https:") else None)
    stack.callback(fetch.close)
    return ServerMetrics(fetch, names)


def admin_target(url: str, path: str) -> tuple[Target, str]:
    """Return the server of an admin UI, and its namespace: the URL's path, or ``/admin``."""
    parts = urlsplit(url)
    namespace = parts.path.rstrip("/") or _ADMIN
    return Target(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", path), namespace


def _only_one(feed: AdminFeed, one: AskedServer) -> AdminSource:
    if len(feed.servers) > 1:
        raise InputError(
            f"the admin UI of {one.name} shows {len(feed.servers)} servers",
            "give --server-admin without a name: each becomes a server",
        )
    return AdminSource(feed, feed.servers, shown(one.admin))


def _others(
    feed: AdminFeed, ids: Sequence[str], known: Sequence[SampledServer], asked: AskedServers
) -> Iterator[SampledServer]:
    """Servers that only the admin UI shows; by their process where that is on this machine."""
    taken = {server.described.name for server in known}
    for number, id in enumerate(ids, 1):
        stats = feed.servers[id]
        name = SERVER if len(ids) == 1 and not known else f"{SERVER}-{len(known) + number}"
        if name in taken:
            name = id
        own: list[Source] = [AdminSource(feed, [id], shown(asked.admin))]
        processes = None
        if _is_here(stats.hostname) and stats.pid:
            with suppress(InputError):  # it may be in a container of its own
                processes = Processes([stats.pid])
                own.insert(0, processes)
        described = _described(AskedServer(name), own, processes, None, [], asked)
        host = LOCAL if processes is not None else stats.hostname or feed.host
        yield SampledServer(msgspec.structs.replace(described, host=host), own)


def _is_here(hostname: str) -> bool:
    return hostname == socket.gethostname()


def _described(
    one: AskedServer,
    sources: Sequence[Source],
    processes: Processes | None,
    group: ControlGroup | None,
    pages: Sequence[ServerMetrics],
    asked: AskedServers,
) -> MeasuredServer:
    """A server as the run file's header has it."""
    here = processes is not None or group is not None
    hosts = [page.host for page in pages]
    host = LOCAL if here or not hosts else hosts[0]
    memory = int(psutil.virtual_memory().total) if host == LOCAL else None
    limits = [page.files_limit for page in pages if page.files_limit is not None]
    can_fill = processes.cores if processes else group.cores if group else float(max(1, len(pages)))
    return MeasuredServer(
        name=one.name,
        pids=list(one.pids),
        source=", ".join(source.what for source in sources),
        cores=can_fill if one.beside else asked.cores or can_fill,
        memory_bytes=(group.memory_limit if group else None) or memory,
        files_limit=processes.files_limit if processes else min(limits, default=None),
        host=host,
        files_at_rest=_files_at_rest(sources),
        bandwidth_bytes_per_s=asked.bandwidth_bytes_per_s,
        beside=one.beside,
    )


def _files_at_rest(sources: Sequence[Source]) -> int | None:
    """Open files before the load, of the first source that shows them."""
    for source in sources:
        with suppress(SourceGone):
            reading = source.read(monotonic)
            if reading is not None and reading.gauges.get("files_open"):
                return round(reading.gauges["files_open"])
    return None


def _said(one: AskedServer, page: ServerMetrics, here: Source | None) -> Iterator[tuple[Level, str]]:
    """What a page shows, and what it does not."""
    lacks = page.lacks
    if here is not None:  # the kernel shows these
        lacks = [words for words in lacks if words not in ("CPU", "memory", "open files")]
    rest = f"; not {', '.join(lacks)}" if lacks else ""
    if page.unreadable:
        rest += f"; {page.unreadable:,} lines cannot be read"
    level: Level = "warning" if "CPU" in lacks else "info"
    yield level, f"{one.name}: {page.what} show {', '.join(page.shows)}{rest}"


def _of_feed(feed: AdminFeed, url: str) -> Iterator[tuple[Level, str]]:
    shows = "1 server" if len(feed.servers) == 1 else f"{len(feed.servers)} servers"
    yield "info", f"the admin UI of {shown(url)} shows {shows}"
    if feed.mirrors:
        yield (
            "warning",
            "the admin UI is in development mode: the server mirrors each event of each client to it, which "
            "costs CPU that is measured here; start it with mode: 'production'",
        )
