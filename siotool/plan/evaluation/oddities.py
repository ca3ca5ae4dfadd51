"""Demands that are possible but probably a slip: of the keyboard, of units or of a script."""

from siotool.plan.demand.world import World
from siotool.units import format_count, format_rate, format_share

#: More sessions than this are more than there are people.
_PEOPLE = 8.2e9
#: A service that grows tenfold a year.
_TENFOLD = 9.0
#: A busiest hour, or an event, so many times the mean.
_SPIKE = 50.0
#: One session that sends more often than this is a program, not a person.
_OFTEN_PER_S = 1000.0


def odd(world: World[float]) -> list[str]:
    """Return a question for each figure of the workload that is probably a slip."""
    said = []
    growth = world["workload.growth"]
    if world.demand.connections > _PEOPLE:
        said.append(
            f"{format_count(world.demand.connections)} sessions at once are more than there are people: "
            "check workload.connections and its factors"
        )
    if growth > _TENFOLD:
        said.append(
            f"workload.growth of {format_share(growth)} makes {1 + growth:,.0f} sessions of one in a year: "
            "is that meant? 50 % a year is written 50% or 0.5"
        )
    spike = world["workload.peak_factor"] * world["workload.event_factor"]
    if spike > _SPIKE:
        said.append(
            f"the peak is {spike:,.0f} times the mean (workload.peak_factor × workload.event_factor): "
            "is that meant?"
        )
    for stream in world.demand.streams:
        message = stream.message
        place = f"workload.messages.{message.name}"
        if message.kind == "room" and message.room_size > world.demand.connections > 0:
            said.append(
                f"{place}.room_size is {format_count(message.room_size)}, and the whole service has "
                f"{format_count(world.demand.connections)} connections: the room counts as all of them"
            )
        if message.kind != "announce" and message.rate_per_s > _OFTEN_PER_S:
            said.append(
                f"{place}.rate is {format_rate(message.rate_per_s)} of every session: is that meant? It is "
                "per session, not of the whole service"
            )
    return said
