"""A server's capacity for the formula: a straight line through the origin, only for one load's messages."""

#: Below this much CPU there is nothing to extrapolate from.
LEAST_CPU_CORES = 0.001


def straight_line(bytes_per_s: float, cpu_cores: float, cores: float) -> float | str:
    """Wire bytes per second of a server that uses all its ``cores``; or why there is no figure.

    ``bytes_per_s`` and ``cpu_cores`` are means over the sampled seconds of the hold phase.
    """
    if not (cpu_cores >= LEAST_CPU_CORES and bytes_per_s > 0):
        return "the server did nothing to extrapolate from"
    return bytes_per_s / cpu_cores * cores
