"""Golden figures of queueing, redundancy and the formula."""

from collections.abc import Iterator

from siotool.formula import Figures, servers_exact
from siotool.plan.adapters.laws import hosting_share
from siotool.plan.redundancy.availability import servers_for, shortfall_probability
from siotool.plan.redundancy.bad_days import survive_zone_loss
from tests.published.check import Check, Table
from tests.published.queues import halfin_whitt_wait, utilization_for, wait_probability

ERLANG = Table("Erlang C", "L. Kleinrock, Queueing Systems, volume 1, 1975")
STAFFING = Table("Square-root staffing", "S. Halfin, W. Whitt, Operations Research 29, 1981")
NETFLIX = Table(
    "Netflix headroom", "https://github.com/Netflix-Skunkworks/service-capacity-modeling (headroom-estimator)"
)
K_OF_N = Table("k of n", "https://reliabilityanalytics.com, 2011-09-02; the rest exact, by scipy's binomial")
FORMULA = Table("The formula", "the article on message push with Socket.IO that siotool is built around")
STATIC = Table(
    "Static stability",
    "https://aws.amazon.com/builders-library/static-stability-using-availability-zones/",
)
ROOMS = Table("Rooms and nodes", "https://github.com/socketio/socket.io/issues/5226")

HOUR_S = 3600.0


def checks() -> Iterator[Check]:
    """Yield every golden figure."""
    yield from queueing()
    yield from redundancy()
    yield from formula()


def queueing() -> Iterator[Check]:
    """How often a task waits."""
    for servers, load, waits in ((2, 1.5, 0.642857), (10, 8.0, 0.409180)):
        yield ERLANG.rounded(f"C({servers}, {load:g})", waits, 1e-6, wait_probability(servers, load))
    for servers, rho, step in (
        (1, 0.300, 1e-3),
        (2, 0.4695, 1e-4),
        (4, 0.610, 1e-3),
        (8, 0.718, 1e-3),
        (16, 0.7978, 1e-4),
        (32, 0.8558, 1e-4),
        (64, 0.8975, 1e-4),
    ):
        exact = utilization_for(servers, 0.30)
        yield ERLANG.rounded(f"{servers} servers, utilisation at which 30 % wait", rho, step, exact)
        fit = 1 - 0.712 / servers**0.448
        yield NETFLIX.between(
            f"{servers} cores, utilisation", f"{fit:.3f}", fit - 0.0125, fit + 0.0125, exact
        )
    for quality, waits in ((2.375, 0.0100), (1.761, 0.0476)):
        yield STAFFING.rounded(f"a + {quality} √a, waits", waits, 1e-4, halfin_whitt_wait(quality))


def redundancy() -> Iterator[Check]:
    """Servers to have so that enough are left."""
    yield K_OF_N.rounded("3 of 4 at 90 %", 0.9477, 1e-4, 1 - shortfall_probability(4, 3, 0.1))
    for needed, fleets in ((15, (17, 18, 19)), (100, (105, 107, 108)), (300, (310, 311, 313))):
        for target, servers in zip((0.999, 0.9999, 0.99999), fleets, strict=True):
            what = f"{needed} needed, up 99 %, {100 * target:g} % of the time"
            yield K_OF_N.rounded(what, servers, 0, servers_for(needed, 0.01, target))
    fleet = survive_zone_loss(100.0, 3)
    yield STATIC.rounded("three zones, % more", 50, 1, fleet - 100)
    yield STATIC.between("three zones, % of the load-tested level", "66", 66, 67, 1e4 / fleet)
    for nodes, printed in ((100, 90.4), (200, 95.1)):
        unheard = 100 * (1 - hosting_share(10.0, float(nodes)))
        yield ROOMS.rounded(f"room of 10 on {nodes} nodes, % that discard", printed, 0.1, unheard)


def formula() -> Iterator[Check]:
    """Downtime of an eight-hour day lowers the formula's servers, where it should raise them."""
    for hours, printed, divided in (
        (0.0, 14.3, 14.3),
        (0.5, 13.4, 15.2),
        (1.0, 12.5, 16.3),
        (2.0, 10.7, 19.0),
        (4.0, 7.1, 28.6),
    ):
        figures = Figures(1000.0, 1.0, hours * HOUR_S, 8 * HOUR_S, 100.0, 0.7)
        yield FORMULA.rounded(f"{hours:g} h of 8 h down, servers", printed, 0.1, servers_exact(figures))
        mean = figures.demand_bytes_per_s / figures.usable_bytes_per_s / figures.availability
        yield FORMULA.rounded(f"{hours:g} h of 8 h down, divided by availability", divided, 0.1, mean)
