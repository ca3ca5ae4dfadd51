"""The published formula, which plan shows and report computes from measurements.

    servers = connections × consumption rate × (1 − downtime / workday) / (capacity × utilization)

Source: the article on message push with Socket.IO that siotool is built around. Its units
are read the only way in which the result is a count of servers.
"""

import math

import msgspec

from siotool.errors import InputError
from siotool.units import format_byte_rate, format_count, format_duration


class Figures(msgspec.Struct, frozen=True):
    """The six variables of the formula, in SI units.

    ``connections`` concurrent sessions over the whole service; ``consumption_rate`` bytes
    per second of one session; ``downtime`` and ``workday`` in seconds; ``capacity`` bytes
    per second that one server can process; ``utilization`` the share of it one will use.
    """

    connections: float
    consumption_rate_bytes_per_s: float
    downtime_s: float
    workday_s: float
    capacity_bytes_per_s: float
    utilization: float

    def __post_init__(self) -> None:
        """Refuse figures for which the formula means nothing."""
        for name, value, text in (
            ("connections", self.connections, format_count(self.connections)),
            (
                "consumption rate",
                self.consumption_rate_bytes_per_s,
                format_byte_rate(self.consumption_rate_bytes_per_s),
            ),
            ("downtime", self.downtime_s, format_duration(self.downtime_s)),
        ):
            if not math.isfinite(value) or value < 0:
                raise InputError(f"{name} is {text}; expected 0 or more, and finite")
        if not math.isfinite(self.workday_s) or self.workday_s <= 0:
            raise InputError(f"workday is {format_duration(self.workday_s)}; expected more than 0")
        if self.downtime_s >= self.workday_s:
            raise InputError(
                f"downtime {format_duration(self.downtime_s)} is not shorter than the workday "
                f"{format_duration(self.workday_s)}",
                "downtime is the part of the workday in which a server is out of service",
            )
        if not math.isfinite(self.capacity_bytes_per_s) or self.capacity_bytes_per_s <= 0:
            raise InputError(
                f"capacity is {format_byte_rate(self.capacity_bytes_per_s)}; expected more than 0",
                "capacity is the bandwidth one server can process, such as 100MB/s",
            )
        if not 0 < self.utilization <= 1:
            raise InputError(
                f"utilization is {self.utilization:g}; expected more than 0 and at most 1 (100%)",
                "utilization is the share of a server's capacity you are willing to use",
            )

    @property
    def demand_bytes_per_s(self) -> float:
        """Bandwidth of all sessions together."""
        return self.connections * self.consumption_rate_bytes_per_s

    @property
    def availability(self) -> float:
        """Share of the workday in which a server is in service."""
        return 1 - self.downtime_s / self.workday_s

    @property
    def usable_bytes_per_s(self) -> float:
        """Bandwidth one server may be given: capacity × utilization."""
        return self.capacity_bytes_per_s * self.utilization


def servers_exact(figures: Figures) -> float:
    """Return the formula's quotient, a fraction of servers."""
    return figures.demand_bytes_per_s * figures.availability / figures.usable_bytes_per_s


def whole_servers(exact: float) -> int:
    """Round up to whole servers; a quotient within a part in 1e9 of a whole number is that number.

    Without the tolerance, rounding noise of a few ulps would buy a server. Any demand at
    all needs one.
    """
    return max(0, math.ceil(exact - 1e-9 * exact))
