"""What a reconnect storm costs at the least: arithmetic on Numbers, without a simulation.

Lost clients come back no faster than the servers left take them in. The official client
adds its own waits (``siotool.protocol.backoff``): one that was sent away from a full line waits
up to ``reconnectionDelayMax`` more, while servers may stand idle between two waves.
``siotool.plan.storm.simulator`` follows that client by client.
"""

from typing import Generic, Literal

import msgspec

from siotool.errors import InputError
from siotool.plan.numbers import N, divide, maximum, minimum, sqrt, where, whole
from siotool.protocol.backoff import OFFICIAL

#: What fails at once: one server, all servers of one zone, or the whole fleet.
Lost = Literal["server", "zone", "all"]


class FleetLoss(msgspec.Struct, Generic[N], frozen=True):
    """What is lost and what is left: connections, and servers to take them in (may be a fraction).

    ``imbalance``: the fullest survivor takes in so many times its even share.
    """

    lost: N
    survivors: N
    imbalance: N = 1.0

    @property
    def even(self) -> N:
        """Survivors that would take as long if each took in the same."""
        return self.survivors / self.imbalance


def failure(connections: N, servers: N, lost: Lost, zones: N = 1, imbalance: N = 1.0) -> FleetLoss[N]:
    """Return what a failure takes from a fleet whose fullest server holds ``imbalance`` times the mean.

    ``connections`` is the whole fleet's. The server that is lost is the fullest. ``zones``
    counts only when a zone is lost; zones are equal, and its servers are ``servers / zones``,
    whole or not. After the loss of all, all come back.
    """
    if lost == "server":
        gone = minimum(divide(connections * imbalance, servers), connections)
        return FleetLoss(gone, maximum(servers - 1, 0), imbalance)
    if lost == "zone":
        left = maximum(servers - divide(servers, zones), 0)
        return FleetLoss(divide(connections, zones), left, imbalance)
    if lost == "all":
        return FleetLoss(connections, servers, imbalance)
    raise InputError(f"a storm cannot lose '{lost}'", "say server, zone or all")


def recovery_at_least_s(lost: N, survivors: N, accept_per_s: N, outage_s: N = 0.0) -> N:
    """Return the seconds until 99 % of the lost connections are back if no server is ever idle.

    ``accept_per_s`` is handshakes per second of one server. No storm is over sooner.
    """
    return outage_s + divide(0.99 * lost, survivors * accept_per_s)


def fewest_servers_for_storm(
    connections: N,
    accept_per_s: N,
    goal_s: N,
    lost: Lost,
    zones: N = 1,
    imbalance: N = 1.0,
) -> N:
    """Return the smallest whole number of servers with which all are back within the goal.

    That takes the work, and the last client's last wait (``reconnectionDelayMax``). Waves can leave
    servers idle in between: where the line at a server holds half a second of its work, a
    simulated storm takes up to a quarter longer; where it holds two and more, about as long.
    ``accept_per_s`` is the same for every fleet: servers that carry a load leave less the fewer
    they are (``constraints.storm``). Infinite where the last wait alone takes longer than
    the goal, or no zone is left. With N servers one lost server leaves connections/N to N - 1,
    so N (N - 1) decides; a lost zone of Z leaves connections/Z to N (Z - 1)/Z, where N is a
    multiple of Z, as zones are equal; after the loss of all, N take all.
    """
    need = divide(connections * imbalance, accept_per_s * (goal_s - OFFICIAL.delay_max_s))
    if lost == "server":
        # (1 + √(1 + 4·n)) / 2, written so that an n near 0 keeps its digits
        squared = need * imbalance
        fullest = 1 + divide(2 * squared, 1 + sqrt(1 + 4 * minimum(squared, 1e300)))
        # one server never holds more than all connections
        return where(need > 0, maximum(_whole(minimum(fullest, 1 + need)), 2.0), 0.0)
    if lost == "zone":
        return zones * _whole(divide(need, zones * (zones - 1)))
    if lost == "all":
        return _whole(need)
    raise InputError(f"a storm cannot lose '{lost}'", "say server, zone or all")


def _whole(exact: N) -> N:
    """``whole``, where infinity among draws stays infinity."""
    return where(exact >= 1e300, exact, whole(minimum(exact, 1e300)))
