"""What an experienced colleague would say on reading the plan, whatever its number of servers."""

from siotool.plan.evaluate import Evaluation
from siotool.plan.world import World
from siotool.units import format_duration, format_share

#: Engine.IO's pingTimeout: a connection without a pong for so long is dead.
PING_TIMEOUT_S = 20.0

#: A measured or typed consumption rate further than this from what the messages make is a slip.
_DISAGREE = 0.25


def lint(evaluation: Evaluation) -> list[str]:
    """Return warnings about the configuration, each a sentence."""
    world = evaluation.world
    return [sentence for rule in (_no_adapter, _two_rates, _sticky) for sentence in rule(world, evaluation)]


def _processes(world: World, evaluation: Evaluation) -> float:
    return float(evaluation.fleet * world["server.processes"])


def _no_adapter(world: World, evaluation: Evaluation) -> list[str]:
    publishes = any(stream.traffic.publishes_per_s > 0 for stream in world.demand.streams)
    if world.inputs.choice("topology.adapter") != "none" or not publishes:
        return []
    if _processes(world, evaluation) <= 1:
        return []
    return [
        "there is more than one process and no adapter: what is sent to other sessions reaches only those "
        "of the same process. Set topology.adapter"
    ]


def _two_rates(world: World, evaluation: Evaluation) -> list[str]:
    typed, demand = world.get("workload.consumption_rate"), world.demand
    if not typed or demand.tcp_to_client_bytes_per_s is None or not demand.connections:
        return []
    both = (demand.tcp_to_client_bytes_per_s + demand.tcp_to_server_bytes_per_s) / demand.connections
    if abs(both / typed - 1) <= _DISAGREE:
        return []
    return [
        f"the messages make {both:,.0f} bytes/s a session, the consumption rate says {typed:,.0f}: "
        "the formula goes by the latter"
    ]


def _sticky(world: World, evaluation: Evaluation) -> list[str]:
    several = _processes(world, evaluation) > 1
    polls = world["transport.polling"] > 0 or world.inputs.flag("transport.upgrade")
    if not (several and polls and world.inputs.choice("topology.balancer") != "none"):
        return []
    share = world["transport.polling"]
    who = f"{format_share(share)} of sessions poll" if share else "clients open with polling"
    patience = world["transport.ping_interval"] + PING_TIMEOUT_S
    return [
        f"{who}: the balancer must send all requests of a session to one process (sticky sessions), and "
        f"keep an idle connection for more than {format_duration(patience)}"
    ]
