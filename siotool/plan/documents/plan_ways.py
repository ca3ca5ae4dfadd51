"""How a plan's figures were obtained: for each section the ways in which, and what each way is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from siotool.document.document import Chart, Section, Table, Way

#: Each way's text, in the order of the section.
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "formula": (
            "The published formula alone, rounded up: servers = connections × consumption rate × "
            "(1 − downtime / workday) / (capacity × utilization)."
        ),
        "availability": (
            "The smallest fleet of which enough servers are up for the share of the time asked for "
            "(binomial): each server out of service independently for its share of the workday."
        ),
        "constraints": (
            "Each resource that can run out: the demand of the whole service over what one server may give "
            "of it. The largest number of servers decides."
        ),
        "bad days": (
            "The fleet that still suffices when servers, a zone or a deploy take some of it out of service."
        ),
        "draws": (
            "Inputs that are ranges are drawn at random, all at once, and the whole model is evaluated for "
            "each draw (Monte Carlo). P95 is the fleet that suffices in 95 % of the draws."
        ),
        "responses": (
            "The model with one input moved over its range, and the others at their medians. The share of "
            "the variance is that of the draws."
        ),
        "simulation": "Clients that lose their server are simulated one by one, with the official backoff.",
        "prices": "The price file's prices, times the servers to have.",
        "growth": "Connections grow by the rate given, with its range, from the first day on.",
        "storage": "Messages of users that are offline, times their size in the store, replicas included.",
        "fit": (
            "A least-squares fit of the server's CPU, and slopes of its memory, over the measured seconds. "
            "The intervals are by bootstrap over blocks of seconds."
        ),
        "inputs": (
            "Where each figure comes from stands beside it: measured in runs, published (with its source), "
            "typed, or a default. docs/planning.md has the sources."
        ),
    }
)
_OF_SECTION: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "constraints": ["constraints", "draws"],
        "counts": ["formula", "availability"],
        "bad-days": ["bad days", "availability"],
        "sure": ["draws"],
        "what-if": ["responses"],
        "storm": ["simulation"],
        "cost": ["prices"],
        "shapes": ["prices", "constraints"],
        "forecast": ["growth", "draws"],
        "storage": ["storage"],
        "evidence": ["fit"],
        "formula": ["formula", "inputs"],
        "inputs": ["inputs"],
    }
)


def explained(sections: Sequence[Section]) -> list[Section]:
    """Return the sections with the ways of their tables and charts, and one about these ways."""
    made = [_obtained(section) for section in sections]
    used = {way for section in made for way in _OF_SECTION.get(section.key, ())}
    ways = [Way(name, text) for name, text in _TEXTS.items() if name in used]
    return [*made, Section("method", "How the figures were obtained", ways)]


def _obtained(section: Section) -> Section:
    how = _OF_SECTION.get(section.key, ())
    blocks = [
        msgspec.structs.replace(block, how=how) if isinstance(block, Table | Chart) else block
        for block in section.blocks
    ]
    return msgspec.structs.replace(section, blocks=blocks)
