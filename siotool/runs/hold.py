"""Which seconds count as the hold phase: the part of a run in which the load stood still.

Rates, bandwidth per connection and the server's CPU mean nothing over a ramp: half of it is
spent below the load that the run was made for. A second belongs to the hold phase when at
least 95 % of the run's peak of connections were open at its begin and at its end. That
leaves out the ramp, the second in which the ramp ends, drops, and the ramp down. What came
after the last stage, while the run waited for what was under way, belongs to no hold phase.
"""

import msgspec
import pandas as pd

from siotool.runs import slope
from siotool.runs.steady import Steady
from siotool.units import format_share

SHARE_OF_PEAK = 0.95
#: Fewer seconds than this are no steady state.
SHORTEST_S = 3.0


class Hold(msgspec.Struct, frozen=True):
    """``rows`` marks the interval table's rows that count; ``steady`` says how they were found."""

    rows: "pd.Series[bool]"
    steady: Steady


def hold_phase(table: pd.DataFrame) -> Hold:
    """Find the hold phase of each run; when a run has none, use all seconds with connections."""
    peak = table.groupby("run")["open"].transform("max") if len(table) else table["open"]
    before = table.groupby("run")["open"].shift(fill_value=0.0)
    enough = SHARE_OF_PEAK * peak
    loaded = table["draining"] == 0
    rows = loaded & (peak > 0) & (table["open"] >= enough) & (before >= enough)
    found = bool(table.loc[rows, "duration_s"].sum() >= SHORTEST_S)
    if not found:
        rows = loaded & (table["mean_open"] > 0)
    held = table[rows]
    duration = float(held["duration_s"].sum())
    how = (
        f"the {duration:.0f} s in which at least {format_share(SHARE_OF_PEAK)} of the peak were connected"
        if found
        else f"all {duration:.0f} s with open connections; the load never stood still for {SHORTEST_S:g} s"
    )
    return Hold(
        rows=rows,
        steady=Steady(
            found=found,
            duration_s=duration,
            connections_mean=weighted_mean(held, "mean_open"),
            how=how if duration else "no second with open connections",
        ),
    )


def weighted_mean(table: pd.DataFrame, column: str) -> float | None:
    """Mean of a column over time, leaving out what was not sampled; None when nothing is left."""
    known = table[table[column].notna()]
    time = known["duration_s"].sum()
    return float((known[column] * known["duration_s"]).sum() / time) if time > 0 else None


def per_second(table: pd.DataFrame, column: str) -> float | None:
    """Sum of a column divided by the time it was counted over; None when there is none."""
    time = table["duration_s"].sum()
    return float(table[column].sum() / time) if time > 0 else None


def per_connection_second(table: pd.DataFrame, column: str) -> float | None:
    """Sum of a column per open connection and second; None when none was open."""
    connected = (table["mean_open"] * table["duration_s"]).sum()
    return float(table[column].sum() / connected) if connected > 0 else None


class Slope(msgspec.Struct, frozen=True):
    """What one more connection costs, what the idle server costs, and how both were found."""

    base: float | None
    per_connection: float | None
    how: str


def cost_per_connection(table: pd.DataFrame, rows: "pd.Series[bool]", column: str, own: float = 0.0) -> Slope:
    """Cost of one connection in a gauge of the server, such as its memory, by ``siotool.runs.slope``.

    ``own`` is what the gauge may rise by without any.
    Over the seconds until the end of the hold phase: memory is seldom given back when clients
    leave, so the ramp down would bend the line.
    """
    last = table[rows].groupby("run")["t_s"].max()
    until = table["t_s"] <= table["run"].map(last)
    known = table[until & table[column].notna()]
    runs = [(part["open"].to_numpy(float), part[column].to_numpy(float)) for _, part in known.groupby("run")]
    found = slope.fit(runs, own)
    if isinstance(found, str):
        return Slope(base=None, per_connection=None, how=found)
    return Slope(base=found.base, per_connection=found.slope, how=found.how)
