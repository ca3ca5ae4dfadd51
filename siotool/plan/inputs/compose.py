"""Put a plan's inputs together: flags over the plan file over measured figures over published costs."""

from collections.abc import Mapping
from types import MappingProxyType

from siotool.errors import InputError
from siotool.plan.inputs import balancers, fields, planfile
from siotool.plan.inputs.costs import priors
from siotool.plan.inputs.figure import Figure, Inputs
from siotool.plan.inputs.middles import middle_of
from siotool.plan.inputs.provenance import Provenance, as_figure
from siotool.plan.inputs.ranges import Range, Replicates
from siotool.units import format_duration

#: The profile of a plan that has messages and does not describe its server.
DEFAULT_PROFILE = "node-ws"
#: A cost that a measurement sees with others in it, which are then measured as 0.
_INSIDE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"server.adapter_cost": ("server.decode_cost", "server.encode_cost")}
)
#: A figure that the user gave → those that say the same another way: measured, they do not count beside it.
_INSTEAD: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"topology.backend_rate": ("topology.backend_publish_cost", "topology.backend_delivery_cost")}
)


def from_flags(flags: Mapping[str, tuple[str, str]]) -> Inputs:
    """Read figures given on the command line: key → (the flag's name, its text)."""
    figures = {}
    for key, (flag, text) in flags.items():
        try:
            field = fields.field_of(key)
        except LookupError:
            place, _, name = key.rpartition(".")
            if place.startswith(fields.MESSAGES) and (name == "kind" or name in fields.MESSAGE_FLAGS):
                raise InputError(
                    f"{flag} is a choice of the plan file", f"write it there, in [{place}]: {name} = …"
                ) from None
            raise planfile.unknown(key, [f.key for f in fields.FIELDS], flag) from None
        figures[key] = planfile.read(field, text, flag, Provenance("typed", flag))
    return Inputs(figures)


def over(first: Inputs, second: Inputs) -> Inputs:
    """Return what ``first`` says, completed by what ``second`` does."""
    return Inputs({**second.figures, **first.figures}, first.messages or second.messages)


def with_measured(inputs: Inputs, measured: Inputs) -> Inputs:
    """Return what the user gave, completed by what runs showed.

    The workload of a session is the runs' own, unless the plan describes its messages. Measured
    figures replace those that ``plan init`` filled in.
    """
    figures = dict(measured.figures)
    if inputs.messages:
        figures = {key: one for key, one in figures.items() if not key.startswith("workload.")}
    given = {key: one for key, one in inputs.figures.items() if one.provenance.kind != "default"}
    said = {same for key in given for same in _INSTEAD.get(key, ())}
    measured = Inputs({key: one for key, one in figures.items() if key not in said}, measured.messages)
    return over(Inputs(given, inputs.messages), over(measured, inputs))


def complete(inputs: Inputs) -> Inputs:
    """Fill in what was not given: the profile's published costs, then the defaults.

    A plan of the formula's figures alone has no profile: bandwidth is all it is about. Raises
    InputError without connections.
    """
    if "workload.connections" not in inputs:
        raise InputError("the plan has no workload.connections", "for example --connections 1M")
    _check_messages(inputs)
    profile = inputs.choice("server.profile") if "server.profile" in inputs else ""
    by_default = not profile and bool(inputs.messages)
    if by_default:
        profile = DEFAULT_PROFILE
        chosen = Figure(profile, Provenance("default", "messages were given and no profile"))
        inputs = inputs.replaced({"server.profile": chosen})
    if profile:
        prior = {key: one.figure() for key, one in priors(profile).items()}
        inputs = over(Inputs(_informed(inputs.figures, prior), inputs.messages), Inputs(prior))
    if "server.capacity" not in inputs and "server.bandwidth_out" in inputs:
        network = inputs.figures["server.bandwidth_out"]
        origin = as_figure("server.bandwidth_out", network.provenance.kind)
        inputs = inputs.replaced({"server.capacity": Figure(network.value, origin)})
    if "topology.balancer" in inputs:
        inputs = over(inputs, Inputs(balancers.published(inputs.choice("topology.balancer"))))
    inputs = planfile.with_defaults(inputs)
    _check_hours(inputs)
    return inputs


def _informed(figures: Mapping[str, Figure], prior: Mapping[str, Figure]) -> dict[str, Figure]:
    """Return the figures without those measured ones that say less than was known before.

    A cost that may be 0, and that may be as large as the published range or larger, was not
    measured: the published one stays. What was measured as a part of it goes with it.
    """

    def blank(key: str, figure: Figure) -> bool:
        seen, known = figure.value, prior.get(key)
        return (
            figure.provenance.kind == "measured"
            and isinstance(seen, Replicates)
            and known is not None
            and isinstance(known.value, Range)
            and seen.low <= 0
            and seen.high >= known.value.high
        )

    left = {key for key, figure in figures.items() if blank(key, figure)}
    parts = {part for key in left for part in _INSIDE.get(key, ()) if part in figures}
    left |= {
        part for part in parts if figures[part].provenance.kind == "measured" and figures[part].value == 0
    }
    return {key: figure for key, figure in figures.items() if key not in left}


def _check_messages(inputs: Inputs) -> None:
    """Refuse a figure of a kind of message that is not in the plan: it would change nothing."""
    known = [message.name for message in inputs.messages]
    for key, figure in inputs.figures.items():
        name = key.removeprefix("workload.messages.").rpartition(".")[0]
        if key.startswith("workload.messages.") and name not in known:
            where = figure.provenance.detail or key
            if not known:
                raise InputError(
                    f"{where}: the plan has no messages", f"add [workload.messages.{name}] to it"
                )
            raise planfile.unknown(name, known, f"{where}:")


def _check_hours(inputs: Inputs) -> None:
    downtime, day = inputs.figures["goals.downtime"].value, middle_of(inputs, "goals.workday")
    longest = downtime.high if isinstance(downtime, Range | Replicates) else downtime
    if not isinstance(longest, str | bool) and longest >= day:
        raise InputError(
            f"downtime {format_duration(longest)} is not shorter than the workday {format_duration(day)}",
            "downtime is the part of the workday in which a server is out of service",
        )
