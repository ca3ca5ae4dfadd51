"""The figures a plan is made from, each with where it comes from.

Keys are those of the plan file, ``section.key``. A figure is a single value, a range, or
replicates of a measurement; provenance says how far it can be trusted.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal, get_args

import msgspec

from siotool.plan.inputs.provenance import Provenance
from siotool.plan.inputs.ranges import Range, Replicates

#: One figure: known, within a range, or measured with scatter; or a choice by name.
Value = float | Range | Replicates | str | bool


class Figure(msgspec.Struct, frozen=True):
    """A value in SI units, and where it comes from."""

    value: Value
    provenance: Provenance


#: Who sends a message, and who receives it (``plan.demand.fanout``).
Kind = Literal["echo", "emit", "direct", "room", "broadcast", "push", "announce"]
KINDS: tuple[Kind, ...] = get_args(Kind)


class MessageChoice(msgspec.Struct, frozen=True):
    """One kind of message of the workload: its choices; its figures are inputs like any other."""

    name: str
    kind: Kind
    acknowledged: bool = False
    binary: bool = False
    to_sender: bool = True


class Inputs(msgspec.Struct, frozen=True):
    """Everything a plan is made from: figures by key, and the kinds of messages."""

    figures: Mapping[str, Figure] = MappingProxyType({})
    messages: tuple[MessageChoice, ...] = ()

    def __contains__(self, key: str) -> bool:
        """Return whether the plan has a figure."""
        return key in self.figures

    def choice(self, key: str) -> str:
        """Return a figure that is a name, such as the adapter's."""
        return str(self.figures[key].value)

    def flag(self, key: str) -> bool:
        """Return a figure that is yes or no; no by default."""
        return key in self.figures and self.figures[key].value is True

    def uncertain(self) -> list[str]:
        """Return the keys whose figures are not single values."""
        return [key for key, figure in self.figures.items() if isinstance(figure.value, Range | Replicates)]

    def numbers(self) -> Iterator[tuple[str, Figure]]:
        """Yield the figures that are numbers, in the order of the plan file."""
        for key, figure in self.figures.items():
            if not isinstance(figure.value, str | bool):
                yield key, figure

    def same(self) -> dict[str, str]:
        """Return the figures that are another one, by key, with that one's key: both have one value."""
        return {
            key: other
            for key, figure in self.figures.items()
            if (other := figure.provenance.same_as) in self.figures
            and self.figures[other].value == figure.value
        }

    def replaced(self, changes: Mapping[str, Figure]) -> "Inputs":
        """Return these inputs with some figures replaced or added."""
        return Inputs({**self.figures, **changes}, self.messages)
