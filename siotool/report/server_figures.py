"""What a report says of the servers: all of them together, and each."""

from typing import Literal

import msgspec


class ServerFigures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The use of one server, or of all together: means over the hold phase, maxima over the run.

    ``cpu_share_mean`` is of all ``cores``. ``share_of_limit_mean`` is how much of what it has was in use:
    of its event loops' time where a source shows that, else of the CPU of its cores (``limit``).
    ``rss_*`` and ``files_*`` per connection and ``*_base`` (of the idle server) come from a line fitted to
    the ramp where it allows one; ``*_how`` says so. ``connections_*`` are those it held itself, as
    ``connections_how`` says. ``wire_bytes_per_s`` is the traffic of these connections. ``elsewhere`` says
    that other processes hold connections too; then nothing is given per connection or for all traffic.
    ``imbalance`` is what the busiest of several servers held, of the mean of all. ``missed_s`` are seconds
    without a sample. ``beside``: a balancer or a backend, which is no part of all servers together.
    """

    name: str
    cpu_cores_mean: float | None
    cpu_cores_max: float | None
    cpu_share_mean: float | None
    cores: float
    limit: Literal["event loop", "cpu"] | None
    share_of_limit_mean: float | None
    loop_utilization_mean: float | None
    loop_utilization_max: float | None
    loop_lag_max_s: float | None
    rss_bytes_max: int | None
    rss_bytes_base: float | None
    rss_bytes_per_connection: float | None
    rss_how: str
    memory_bytes: int | None
    files_open_max: int | None
    files_base: float | None
    files_per_connection: float | None
    files_how: str
    files_limit: int | None
    processes_max: int | None
    connections_mean: float | None
    connections_max: int | None
    connections_share: float | None
    connections_how: str
    polling_max: int | None
    events_received_per_s: float | None
    events_sent_per_s: float | None
    wire_bytes_per_s: float | None
    elsewhere: str
    imbalance: float | None
    missed_s: float
    source: str
    beside: bool
