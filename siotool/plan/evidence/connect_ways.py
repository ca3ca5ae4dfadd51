"""What a connect costs of a calibrated server, by how a plan's clients open their connections.

A connection that begins with long polling and upgrades takes a server several requests, one by WebSocket one.
"""

from collections.abc import Mapping

import msgspec

from siotool.plan.evidence.calibrated import CalibratedProfile
from siotool.plan.inputs import planfile
from siotool.plan.inputs.figure import Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.runs.seconds import Floats
from siotool.units import format_share


def planned_ways(planned: Inputs) -> dict[str, float]:
    """Return the shares of a plan's connections by the way they are opened, defaults included."""
    known = planfile.with_defaults(planned)
    polling = middle_of(known, "transport.polling")
    rest = "upgrade" if known.flag("transport.upgrade") else "websocket"
    return {way: share for way, share in ((rest, 1 - polling), ("polling", polling)) if share > 0}


class ConnectCost(msgspec.Struct, frozen=True):
    """The mean cost of a connect in CPU seconds, and that of the calibration's own transport.

    ``words`` say which ways it is of, where these are not the calibration's own alone.
    """

    mean_s: float
    own_s: float
    words: str = ""

    def drawn(self, own: Floats, at_start: Floats) -> Floats:
        """Return draws around the mean: those of the ``own`` cost, or of a server's starts without one."""
        if self.mean_s == self.own_s:
            return own
        found: Floats = own * (self.mean_s / self.own_s) if self.own_s > 0 else at_start * self.mean_s
        return found


def connect_cost(profile: CalibratedProfile, ways: Mapping[str, float]) -> ConnectCost:
    """Return what a connect costs where so large shares are opened in these ways.

    A way that was not measured is left out of the mean. Where none was, the cost is that of the calibration's
    own transport.
    """
    own = profile.curve.costs.get("connect", 0.0)
    seen: dict[str, list[float]] = {}
    for way in profile.other_ways:
        if way.cost_s > 0:
            seen.setdefault(way.transport, []).append(way.cost_s)
    costs = {way: sum(each) / len(each) for way, each in seen.items()}
    if own > 0:
        costs[profile.transport] = own
    known = {way: share for way, share in ways.items() if way in costs}
    if not known:
        return ConnectCost(own, own, f"connects are those by {profile.transport}")
    whole = sum(known.values())
    mean = sum(share * costs[way] for way, share in known.items()) / whole
    if list(ways) == [profile.transport]:
        return ConnectCost(mean, own)
    each = " and ".join(
        way if len(known) == 1 else f"{way} ({format_share(share / whole)})" for way, share in known.items()
    )
    missing = "".join(f"; by {way} they were not measured" for way in ways if way not in known)
    return ConnectCost(mean, own, f"connects are those by {each}{missing}")
