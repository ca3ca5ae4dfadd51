"""What a plan rests on: what a server is, what was not given, and what was not considered."""

from siotool.plan.evaluation.evaluate import Evaluation
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.inputs.planfile import FILLED_IN
from siotool.units import format_count

#: A constraint → what it is about, and what a plan needs to consider it; in the order it is said.
_LIMITS = (
    ("event loop", "CPU", "server.profile, or messages"),
    ("network out", "the network of each direction", "messages and server.bandwidth_out"),
    ("memory", "memory", "server.memory"),
    ("open files", "open files", "server.open_files"),
    ("reconnect storm", "reconnect storms", "goals.reconnect_time"),
    ("broadcast time", "how long a broadcast takes", "goals.delivery_time"),
    ("balancer ports", "the load balancer", "topology.balancer"),
)


def rests_on(evaluation: Evaluation[float]) -> list[str]:
    """Return sentences on the server assumed, the figures filled in, and what was not considered.

    Nothing on the server and its limits where bandwidth is the only constraint: its section says so.
    """
    inputs = evaluation.world.inputs
    considered = {bound.constraint.name for bound in evaluation.bounds}
    said = []
    if considered != {"bandwidth"}:
        said.append(_server(inputs))
        missing = [f"{what} ({key})" for name, what, key in _LIMITS if name not in considered]
        missing += _bad_days(inputs)
        if missing:
            said.append(f"Not considered (in brackets, what to set for it): {'; '.join(missing)}.")
    filled = [key for key, one in inputs.figures.items() if one.provenance.detail == FILLED_IN]
    if filled:
        said.append(f"Filled in by plan init, not given: {', '.join(filled)}.")
    return said


def server_words(inputs: Inputs) -> str:
    """Return what one server is: ``one process of one core``, ``4 processes of 0.5 of a core``."""
    count, cores = (middle_of(inputs, f"server.{name}") for name in ("processes", "process_cores"))
    of = "one core" if cores == 1 else f"{format_count(cores)} of a core"
    return f"{format_count(count)} processes of {of}" if count > 1 else f"one process of {of}"


def _server(inputs: Inputs) -> str:
    kind = inputs.figures["server.processes"].provenance.kind
    sentence = f"A server is {server_words(inputs)} ({kind})"
    profile = inputs.figures.get("server.profile")
    if profile is None:
        return f"{sentence}; no server profile, its costs are those given."
    left = [key for key, one in inputs.figures.items() if key.startswith("server.") and _replaces(key, one)]
    other = f", except {', '.join(left)}" if left else ""
    return f"{sentence} at the costs of the profile {profile.value} ({profile.provenance.kind}){other}."


def _replaces(key: str, figure: Figure) -> bool:
    """True for a cost that was typed or measured in the place of the profile's."""
    return figure.provenance.kind in ("typed", "measured") and (key.endswith("_cost") or "memory_" in key)


def _bad_days(inputs: Inputs) -> list[str]:
    found = []
    if inputs.figures["goals.downtime"].value == 0:
        found.append("servers out of service (goals.downtime)")
    if not inputs.flag("goals.survive_zone"):
        found.append("the loss of a zone (goals.survive_zone)")
    return found
