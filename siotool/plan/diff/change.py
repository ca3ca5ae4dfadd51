"""What moved the servers between two plans: ``diff`` over the inputs as they were given.

Inputs are compared as the plan files say them, before published costs and defaults are
filled in: a change of profile is one change, not a dozen. Where only one plan has a figure
that has a default, the other plan has the default. A kind of message that only one plan has
is one input, whatever its figures.
"""

import math
from collections.abc import Mapping

import msgspec

from siotool.plan.diff.diff import PlanDiff, diff
from siotool.plan.growth import counting
from siotool.plan.inputs import compose
from siotool.plan.inputs.fields import dimension, field_of
from siotool.plan.inputs.figure import Figure, Inputs, MessageChoice, Value
from siotool.plan.inputs.planfile import read
from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates, format_figure

_MESSAGES = "workload.messages."

#: The key under which a message's kind and flags are compared.
_CHOICE = "kind"


class _Message(msgspec.Struct, frozen=True):
    """A kind of message that only one plan has."""

    choice: MessageChoice
    figures: Mapping[str, Value]


def compare(before: Inputs, after: Inputs, names: tuple[str, str], *, draws: int, seed: int) -> PlanDiff:
    """Say which inputs moved the plan's servers from ``before`` to ``after``.

    Both as given, without defaults. Ranges are drawn ``draws`` times for every mixture of the
    two plans. Raises InputError where either is no plan at all.
    """
    for inputs in (before, after):
        counting.servers(compose.complete(inputs), draws, seed)

    def evaluate(mixture: Mapping[str, object]) -> float:
        servers = counting.servers(compose.complete(_inputs(mixture)), draws, seed).p95
        return math.inf if servers is None else float(servers)

    return diff(_flat(before, after), _flat(after, before), evaluate, names=names, seed=seed, show=_show)


def _flat(inputs: Inputs, other: Inputs) -> dict[str, object]:
    """One value for each input, and the default of what only the other plan says."""
    shared = {choice.name for choice in inputs.messages} & {choice.name for choice in other.messages}
    found: dict[str, object] = {
        key: figure.value
        for key, figure in inputs.figures.items()
        if not key.startswith(_MESSAGES) or _name(key) in shared
    }
    for key in other.figures:
        if key not in found and (not key.startswith(_MESSAGES) or _name(key) in shared):
            field = field_of(key)
            if field.default is not None:
                found[key] = read(field, field.default, key, Provenance("default")).value
    for choice in inputs.messages:
        if choice.name in shared:
            found[f"{_MESSAGES}{choice.name}.{_CHOICE}"] = choice
        else:
            place = f"{_MESSAGES}{choice.name}."
            figures = {key: f.value for key, f in inputs.figures.items() if key.startswith(place)}
            found[f"{_MESSAGES}{choice.name}"] = _Message(choice, figures)
    return found


def _name(key: str) -> str:
    """The message's name in a key such as workload.messages.chat.size."""
    return key.removeprefix(_MESSAGES).rpartition(".")[0]


def _inputs(mixture: Mapping[str, object]) -> Inputs:
    said = Provenance("typed")
    figures: dict[str, Figure] = {}
    messages = []
    for key, value in mixture.items():
        match value:
            case MessageChoice():
                messages.append(value)
            case _Message():
                messages.append(value.choice)
                figures |= {name: Figure(figure, said) for name, figure in value.figures.items()}
            case float() | Range() | Replicates() | str() | bool():
                figures[key] = Figure(value, said)
    return Inputs(figures, tuple(messages))


def _show(key: str, value: object) -> str:
    match value:
        case MessageChoice():
            flags = [name for name in ("acknowledged", "binary") if getattr(value, name)]
            flags += [] if value.to_sender else ["not to the sender"]
            return ", ".join([value.kind, *flags])
        case _Message():
            figures = [_show(name, figure) for name, figure in value.figures.items()]
            return " ".join([value.choice.kind, *figures])
        case bool():
            return str(value).lower()
        case float() | Range() | Replicates():
            return format_figure(value, dimension(field_of(key).kind).show)
    return str(value)
