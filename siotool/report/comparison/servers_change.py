"""The difference of two sides in servers: the planner asked again with costs changed back by the effects."""

from collections.abc import Callable, Sequence

import msgspec

from siotool.errors import InputError
from siotool.report.comparison_figures import MetricChange, ServersChange


class Factors(msgspec.Struct, frozen=True):
    """By what to multiply the measured costs of a server, to have those of the baseline."""

    cpu: float
    memory: float
    bytes: float


#: The whole servers that the measured costs make after such a change; None where no number is enough.
Count = Callable[[Factors], int | None]


def servers_change(metrics: Sequence[MetricChange], count: Count | str) -> ServersChange:
    """The servers of the runs, less those that the baseline's costs would make of the same service."""
    nothing = ServersChange(None, None, None, None, None, "", None, None, None, "")
    known = {one.name.partition("_per_")[0]: one for one in metrics if "_per_" in one.name}
    known.setdefault("rss", next((one for one in metrics if one.name == "rss"), None))  # type: ignore[arg-type]
    if "cpu" not in known:
        return msgspec.structs.replace(nothing, how="the server was not sampled on both sides (--server-pid)")
    if isinstance(count, str):
        return msgspec.structs.replace(nothing, how=count)

    def with_costs(of: Callable[[MetricChange], float | None]) -> int | None:
        parts = (known.get(name) for name in ("cpu", "rss", "bytes"))
        return count(Factors(*(1 / (1 + (of(one) or 0.0)) if one is not None else 1.0 for one in parts)))

    try:
        after = count(Factors(1.0, 1.0, 1.0))
        middle = with_costs(lambda one: one.relative)
        fewest, most = with_costs(lambda one: one.relative_high), with_costs(lambda one: one.relative_low)
    except InputError as error:
        return msgspec.structs.replace(nothing, how=error.message)
    if after is None or middle is None or fewest is None or most is None:
        return msgspec.structs.replace(nothing, how="no number of servers is enough")
    return msgspec.structs.replace(
        nothing,
        baseline=middle,
        measured=after,
        effect=after - middle,
        low=after - most,
        high=after - fewest,
        how="by the planner: with the costs of these runs, as far as they go, and with these changed back",
    )
