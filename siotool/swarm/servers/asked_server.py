"""A server whose use is to be sampled, as the options name it."""

import msgspec


class AskedServer(msgspec.Struct, frozen=True):
    """One server and where its figures come from; at least one source.

    ``pids`` are processes on this machine, sampled with their children. ``cgroup`` is the path of a control
    group, or the id of a process in it. ``metrics`` are URLs of Prometheus text, ``admin`` the URL of an
    admin namespace; both may hold secrets. ``beside``: it holds no clients, as a balancer or a backend.
    ``cores`` is how many it can fill at most, None for one for each process.
    """

    name: str
    pids: tuple[int, ...] = ()
    cgroup: str = ""
    metrics: tuple[str, ...] = ()
    admin: str = ""
    beside: bool = False
    cores: float | None = None


class AskedServers(msgspec.Struct, frozen=True):
    """All servers that are to be sampled.

    ``cores`` is how many one of them can fill, None for one per process. ``admin`` is the admin namespace
    that shows all servers of a cluster; ``metric_names`` are ``FIGURE=EXPRESSION``, for metrics whose names
    differ from the usual ones. ``bandwidth_bytes_per_s`` is what the network carries to one of them, one way.
    ``header`` is the response header in which a server says its name; empty: none does.
    """

    servers: tuple[AskedServer, ...] = ()
    cores: float | None = None
    admin: str = ""
    metric_names: tuple[str, ...] = ()
    bandwidth_bytes_per_s: float | None = None
    header: str = ""

    @property
    def urls(self) -> list[str]:
        """All URLs, which may hold secrets."""
        found = [url for one in self.servers for url in (*one.metrics, one.admin)]
        return [url for url in (*found, self.admin) if url]

    @property
    def any(self) -> bool:
        """Whether anything is to be sampled."""
        return bool(self.servers or self.admin)
