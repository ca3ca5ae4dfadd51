"""What ``siotool plan --from`` says of a fleet that its profile does not know.

The profile is read from its file, and a plan is made of it, as the command does. The plan's messages are
those that the users of one phase sent. Two figures are taken from it: how busy so many processes are, by the
function that the plan solves for their number, and how full their messages make the backend. A plan is for
busy servers: it counts all the turns of a server's loop, also where a light load makes fewer of them. How
full it is says nothing of the turns of a backend that is not; those are the profile's, of the same
replicates that the plan has its costs from.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from siotool.cli import plan_evidence
from siotool.cli.options import SEED
from siotool.cli.profile_file import read_adapter
from siotool.plan.adapters.laws import adapter_named
from siotool.plan.constraints.adapter import ADAPTER
from siotool.plan.constraints.event_loop import occupied
from siotool.plan.evaluation.evaluate import evaluate
from siotool.plan.evidence.adapter_fit import TERMS
from siotool.plan.evidence.adapter_profile import TURNS, AdapterProfile
from siotool.plan.evidence.fleet_phases import FleetPhase, expected_work
from siotool.plan.inputs import compose, planfile
from siotool.plan.inputs.middles import middles

#: A lab's servers are in one place, share the load evenly and end no TLS.
_PLAN = """[workload]
connections = "{users}"
[workload.messages.say]
kind = "{kind}"
rate = "{rate}/s"
size = "{size}B"
room_size = "{audience}"
[topology]
imbalance = "1"
[transport]
tls = "none"
"""
_KINDS = {"room": "room", "all": "broadcast"}


class PlannedFleet(msgspec.Struct, frozen=True, kw_only=True):
    """CPU in cores of one process, and of the backend: as planned, and as measured; None without a backend.

    Means over the phases in which messages were published.
    """

    servers: int
    planned: float
    measured: float
    backend_planned: float | None
    backend_measured: float | None

    def errors(self) -> dict[str, float]:
        """What was planned over what was measured, less one: of a server, and of the backend."""
        found = {"server": self.planned / self.measured - 1}
        if self.backend_planned is not None and self.backend_measured:
            found["backend"] = self.backend_planned / self.backend_measured - 1
        return found


def planned_fleet(profile: Path, phases: Sequence[FleetPhase]) -> PlannedFleet:
    """Plan the loads of one fleet's phases from a profile's file, and put beside it what was measured."""
    loaded = [one for one in phases if one.published_per_s > 0]
    figures = [planned_cores(profile, one) for one in loaded]
    behind = [backend for _, backend in figures if backend is not None]
    seen = [one.backend_cores for one in loaded if one.backend_cores is not None]
    return PlannedFleet(
        servers=loaded[0].servers,
        planned=float(np.mean([server for server, _ in figures])),
        measured=float(np.mean([one.cores / one.servers for one in loaded])),
        backend_planned=float(np.mean(behind)) if behind else None,
        backend_measured=float(np.mean(seen)) if seen else None,
    )


def planned_cores(profile: Path, phase: FleetPhase) -> tuple[float, float | None]:
    """Cores of one process and of the backend for the load of one phase, by the plan made from a profile."""
    text = _PLAN.format(
        users=phase.users,
        kind=_KINDS[phase.kind],
        rate=phase.published_per_s / phase.users,
        size=phase.size,
        audience=phase.audience,
    )
    typed = planfile.decode(text, "phase.toml")
    learnt = plan_evidence.learn([str(profile)], planned=typed, accept_suspect=False, seed=SEED)
    inputs = compose.complete(compose.with_measured(typed, learnt.inputs))
    world = evaluate(inputs, middles(inputs)).world
    server = occupied(world)(float(phase.servers)) * world["server.process_cores"]
    limit = ADAPTER.limit(msgspec.structs.replace(world, servers=float(phase.servers)))
    if limit is None or not world.has("topology.backend_delivery_cost"):
        return server, None
    full = limit.demand / limit.capacity_per_server * world["server.utilization"]
    return server, _backend_cores(read_adapter(profile), phase, full)


def _backend_cores(profile: AdapterProfile, phase: FleetPhase, full: float) -> float:
    """Cores of a backend whose messages take this share of a full one.

    A full one has for them what remains of a core beside itself at rest and all turns of a busy loop.
    """
    assert profile.backend is not None
    rows = zip(profile.backend.names, profile.backend.replicates, strict=True)
    known = {name: float(np.median(row)) for name, row in rows}
    beside = [one for one in TERMS["backend"] if one.name in ("base", *TURNS) and one.name in known]
    work, most = expected_work(adapter_named(profile.adapter), phase), profile.backend.turns_most
    rest = sum(known[one.name] * one.of(work, most) for one in beside)
    busy = known["base"] + most * sum(known.get(name, 0.0) for name in TURNS)
    return rest + full * (1 - busy)
